# ruff: noqa: F811 - a fixture that is imported is asked for by its name
"""Every form and every address of the screens and of the admin, with what nobody should send: never a 500.

What is sent is a fixed list that each field meets another part of, and `hypothesis` on top of it, which begins at the
same place each time. What an answer stores is undone before the next question.
"""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from cancellations.models import CancellationRequest, Decision
from shops.models import Role
from tests.config.nasty import BODIES, HEADERS, VALUES, Form, encoded, forms_of
from tests.config.test_admin import everything, pages  # noqa: F401
from tests.config.test_api import cancellation  # noqa: F401
from tests.config.test_strangers import PERSONAL, addresses  # noqa: F401
from tests.factories import UserFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """What is logged of thousands of requests takes longer than to answer them."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


FORM = "application/x-www-form-urlencoded"
LIST_PARAMETERS = (
    "q", "page", "shop", "market", "state", "needs_answer", "left", "verdict", "decision", "reason", "age", "whose",
    "status", "is_cancel_requested", "person", "action", "order", "request_id", "since", "until", "seen", "full",
)  # fmt: skip


class Asking:
    """A browser of somebody; notes what breaks."""

    def __init__(self, person: User) -> None:
        self.client = Client(raise_request_exception=False)
        self.client.force_login(person)
        self.broken: list[str] = []

    def ask(self, method: str, address: str, body: bytes = b"", kind: str = FORM, **headers: str) -> Any:
        try:
            with transaction.atomic():
                answer: Any = self.client.generic(method, address, body, content_type=kind, **headers)  # type: ignore[arg-type]
                for close in answer._resource_closers:  # not `close` itself, which would end the test's own connection
                    close()
                transaction.set_rollback(True)
        except Exception as error:  # of a middleware, or of what undoes it
            self.broken.append(f"{method} {address[:200]} {body[:200]!r} {kind} {headers}: {error!r}")
            return None
        if answer.status_code >= 500:
            why = repr((answer.exc_info or [None, None])[1])[:200]
            self.broken.append(f"{why}: {method} {address[:200]} {body[:200]!r} {kind} {headers}")
        return answer

    def page(self, address: str) -> str:
        answer = self.ask("GET", address)
        is_page = (
            answer is not None and answer.status_code == 200 and answer.get("Content-Type", "").startswith("text/html")
        )
        return answer.content.decode() if is_page else ""


@pytest.fixture
def manager(addresses: dict[str, str]) -> Asking:
    shop = Decision.objects.get().shop
    return Asking(member(Role.MANAGER, shop))


@pytest.fixture
def root() -> Asking:
    return Asking(UserFactory(is_staff=True, is_superuser=True))


def screens(addresses: dict[str, str]) -> list[str]:
    names = ("account_login", "account_change_password", "account_reset_password", "account_logout")
    return [*addresses.values(), *map(reverse, [*sorted(PERSONAL), *names])]


def forms_on(asking: Asking, pages: list[str]) -> Iterator[tuple[str, Form]]:
    """(address, form): those that POST, each once."""
    seen = set()
    for page in pages:
        for form in forms_of(asking.page(page)):
            address = form.action or page
            if form.method == "post" and (address, *form.fields) not in seen:
                seen.add((address, *form.fields))
                yield address, form


def test_every_field_of_every_form_of_the_screens(manager: Asking, addresses: dict[str, str]) -> None:
    fields = 0
    for turn, (address, form) in enumerate(list(forms_on(manager, screens(addresses)))):
        for name, value in form.each_field(turn, 4):
            manager.ask("POST", address, form.body(**{name: value}))
            fields += 1
    assert manager.broken == []
    assert fields > 100


def test_every_field_at_once_at_every_address_of_the_screens(manager: Asking, addresses: dict[str, str]) -> None:
    names = {name for _address, form in forms_on(manager, screens(addresses)) for name in form.fields}
    for turn, address in enumerate(screens(addresses)):
        for step in range(4):
            value = VALUES[(turn * 4 + step) % len(VALUES)]
            together = Form(address, "post", dict.fromkeys([*names, "image", "images"], value))
            manager.ask("POST", address, together.body())
    assert manager.broken == []


def test_every_list_with_odd_questions(manager: Asking, addresses: dict[str, str]) -> None:
    for turn, address in enumerate(screens(addresses)):
        name, text = LIST_PARAMETERS[turn % len(LIST_PARAMETERS)], encoded(VALUES[turn % len(VALUES)][:4000])
        manager.ask("GET", f"{address}?{name}={text}&{name}={text}&%ff=%fe&=&%00&a[b]=c")
    for turn, name in enumerate(LIST_PARAMETERS):
        for page in ("/", "/orders/", "/audit/"):
            for value in VALUES[turn % 15 :: 15]:
                manager.ask("GET", f"{page}?{name}={encoded(value[:4000])}")
    assert manager.broken == []


def test_bodies_and_headers_that_are_not_what_they_say(manager: Asking, addresses: dict[str, str]) -> None:
    every = screens(addresses)
    for turn, (kind, body) in enumerate(BODIES):
        for address in every[turn % 5 :: 5]:
            manager.ask("POST", address, body, kind)
    for turn, headers in enumerate(HEADERS):
        for address in every[turn % 8 :: 8]:
            manager.ask("GET", address, b"", FORM, **headers)
    for turn, method in enumerate(("HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "NONSENSE")):
        for address in every[turn % 3 :: 3]:
            manager.ask(method, address)
    assert manager.broken == []


def test_ids_that_are_none(manager: Asking, root: Asking, addresses: dict[str, str]) -> None:
    ids = ("0", "9" * 25, "-1", "%00", "..%2f..", "١", "1%0a", "1;2", "%ff")
    for turn, address in enumerate(addresses.values()):
        pk = next((part for part in address.split("/") if part.isdecimal()), "")
        for odd in ("9" * 25, ids[turn % len(ids)]) if pk else ():
            changed = address.replace(f"/{pk}/", f"/{odd}/")
            assert manager.ask("GET", changed).status_code in (302, 404, 405, 400), changed
            root.ask("POST", changed)
    assert [*manager.broken, *root.broken] == []


def test_every_field_of_every_form_of_the_admin(everything: CancellationRequest, root: Asking) -> None:
    places = [page for page in pages() if "?" not in page and "history" not in page]
    fields = 0
    for turn, (address, form) in enumerate(list(forms_on(root, places))):
        if "logout" in address:
            continue
        for name, value in form.each_field(turn, 2):
            root.ask("POST", address, form.body(**{name: value}))
            fields += 1
    assert root.broken == []
    assert fields > 100


def test_every_list_of_the_admin_with_odd_questions(everything: CancellationRequest, root: Asking) -> None:
    for turn, (model, model_admin) in enumerate(admin.site._registry.items()):
        filters = [getattr(one, "parameter_name", one) for one in model_admin.list_filter]
        names = ["q", "o", "p", "e", "_popup", "_to_field", *filters, *(f"{name}__exact" for name in filters)]
        names += ["pk__in", "id__gt", "user__password__startswith", "cipher__startswith"]
        for step, name in enumerate(names):
            value = VALUES[(turn * 11 + step * 3) % len(VALUES)][:3000]
            root.ask("GET", f"{list_of(model)}?{name}={encoded(value)}")
    assert root.broken == []


def test_every_action_of_the_admin_with_forged_choices(everything: CancellationRequest, root: Asking) -> None:
    for turn, (model, model_admin) in enumerate(admin.site._registry.items()):
        for step, action in enumerate(("delete_selected", "nonsense", *(model_admin.actions or ()))):
            name = action if isinstance(action, str) else action.__name__
            for value in (b"a", VALUES[(turn * 3 + step) % len(VALUES)]):
                form = {"action": name.encode(), ACTION_CHECKBOX_NAME: value, "index": b"0"}
                root.ask("POST", list_of(model), Form("", "post", form).body())
            root.ask("POST", list_of(model), f"action={name}&index=x".encode())
    assert root.broken == []


def test_rows_of_the_admin_that_are_none(everything: CancellationRequest, root: Asking) -> None:
    for turn, model in enumerate(admin.site._registry):
        for step, kind in enumerate(("change", "delete", "history")):
            odd = encoded(VALUES[(turn * 3 + step) % len(VALUES)][:500])
            root.ask("GET", f"{list_of(model)}{odd}/{kind}/")
            root.ask("POST", f"{list_of(model)}{odd}/{kind}/", b"post=yes")
    assert root.broken == []


def list_of(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


@settings(
    max_examples=40, derandomize=True, deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(data=st.data())
def test_whatever_else_comes_to_mind(manager: Asking, addresses: dict[str, str], data: st.DataObject) -> None:
    address = data.draw(st.sampled_from(screens(addresses)))
    names = st.one_of(st.sampled_from(LIST_PARAMETERS), st.text(st.characters(codec="utf-8"), max_size=5))
    sent = data.draw(st.dictionaries(names, st.one_of(st.binary(max_size=40), st.sampled_from(VALUES)), max_size=6))
    manager.ask("POST", address, Form(address, "post", sent).body())
    manager.ask("GET", address + "?" + Form(address, "get", sent).body().decode()[:6000])
    assert manager.broken == []
