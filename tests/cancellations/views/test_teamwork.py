import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from cancellations import teamwork
from cancellations.models import CancellationRequest, Claim
from shops.models import Role
from tests.factories import CancellationFactory, CancellationLineFactory, DecisionFactory, member

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def found() -> CancellationRequest:
    line = CancellationLineFactory()
    return line.cancellation


@pytest.fixture
def mina(found: CancellationRequest) -> User:
    return member(Role.MANAGER, found.shop, first_name="Mina", last_name="Manager")


@pytest.fixture
def alex(client: Client, found: CancellationRequest) -> User:
    person = member(Role.AGENT, found.shop, first_name="Alex", last_name="Agent")
    client.force_login(person)
    return person


def post(client: Client, name: str, found: CancellationRequest, **how: object) -> str:
    address = reverse(f"cancellations:{name}", args=[found.pk])
    return client.post(address, how, headers=HTMX).content.decode()


def page(client: Client, address: str) -> str:
    return client.get(address).content.decode()


def test_an_open_page_shows_the_queue_who_is_on_it(client: Client, alex: User, found: CancellationRequest) -> None:
    post(client, "claim", found)
    assert Claim.objects.get().user == alex
    assert "on it: <b>Alex Agent</b>" in page(client, "/")


def test_an_open_page_may_say_so_because_it_holds_a_token(alex: User, found: CancellationRequest) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alex)
    shown = strict.get(found.get_absolute_url()).content.decode()
    form = shown[shown.index('<form id="on-it"') :]
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form[: form.index("</form>")])
    assert token
    address = reverse("cancellations:claim", args=[found.pk])
    assert strict.post(address, {"csrfmiddlewaretoken": token[1]}, headers=HTMX).status_code == 200
    assert strict.post(address, headers=HTMX).status_code == 403


def test_somebody_else_is_told_and_may_take_over(
    client: Client, alex: User, mina: User, found: CancellationRequest
) -> None:
    teamwork.claim(found, mina)
    assert "<b>Mina Manager</b> is on it" in page(client, found.get_absolute_url())
    assert "<b>Mina Manager</b> is on it" in post(client, "claim", found)
    assert "is on it" not in post(client, "take_over", found)
    assert Claim.objects.get().user == alex


def test_a_form_that_stands_open_says_who_is_on_it_too(
    client: Client, alex: User, mina: User, found: CancellationRequest
) -> None:
    address = reverse("cancellations:approve", args=[found.pk])
    assert 'hx-trigger="load, still-here from:body"' in page(client, address)
    teamwork.claim(found, mina)
    assert "<b>Mina Manager</b> is on it" in page(client, address)


def test_nobody_is_on_what_has_been_decided(client: Client, alex: User, mina: User, found: CancellationRequest) -> None:
    teamwork.claim(found, mina)
    DecisionFactory(cancellation=found, made_by=mina)
    for shown in (page(client, found.get_absolute_url()), post(client, "claim", found)):
        assert 'id="on-it"' in shown
        assert "is on it" not in shown
        assert "still-here" not in shown


def test_leaving_lets_go(client: Client, alex: User, found: CancellationRequest) -> None:
    post(client, "claim", found)
    post(client, "let_go", found)
    assert not Claim.objects.exists()


def test_a_settled_request_needs_nobody(client: Client, alex: User, found: CancellationRequest) -> None:
    CancellationRequest.objects.update(needs_answer=False, state="completed")
    post(client, "claim", found)
    assert not Claim.objects.exists()


def test_a_request_is_assigned_and_found_by_whose_it_is(
    client: Client, alex: User, mina: User, found: CancellationRequest
) -> None:
    CancellationFactory(order__shop=found.shop)
    assert 'aria-invalid="true"' not in post(client, "assign", found, to=mina.pk)
    address = found.get_absolute_url()
    for whose, is_there in (("others", True), ("me", False), ("nobody", False)):
        assert (f'href="{address}"' in page(client, f"/?whose={whose}")) == is_there
    post(client, "assign", found, to=alex.pk)
    assert f'href="{address}"' in page(client, "/?whose=me")
    assert "Assigned" in page(client, address)


def test_a_stranger_is_not_on_offer(client: Client, alex: User, found: CancellationRequest) -> None:
    stranger = member(Role.AGENT, first_name="Stranger")
    told = post(client, "assign", found, to=stranger.pk)
    assert "may not decide in this shop" in told and "Stranger" not in told


def test_notes_are_shown_newest_first_and_escaped(client: Client, alex: User, found: CancellationRequest) -> None:
    post(client, "note", found, text="first")
    told = post(client, "note", found, text="<b>second</b>")
    assert told.index("&lt;b&gt;second") < told.index("first")


def test_an_empty_note_is_an_error_at_its_field(client: Client, alex: User, found: CancellationRequest) -> None:
    assert "Write something." in post(client, "note", found, text=" ")


def test_without_scripts_each_is_a_plain_form(client: Client, alex: User, found: CancellationRequest) -> None:
    address = reverse("cancellations:note", args=[found.pk])
    assert client.post(address, {"text": "Hello"})["Location"] == f"{found.get_absolute_url()}#colleagues"
    refused = client.post(address, {"text": ""})
    assert refused.status_code == 422
    assert "Write something." in refused.content.decode()
