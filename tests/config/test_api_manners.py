"""What every view of the API has in common: names of answers, fields that are asked for, nothing ignored."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver
from rest_framework.views import APIView

from accounts.models import Scope
from accounts.tokens import make_token
from cancellations.models import CancellationRequest
from config import api_urls
from config.api.manners import Manners
from config.api.problems import NowhereView
from shops.models import Role, Shop
from tests.config.test_api import addresses, cancellation, signed_in  # noqa: F401 - the row with everything on it
from tests.factories import CancellationFactory, OrderFactory, member

pytestmark = pytest.mark.django_db
LIVE = ("reject-reasons/", "shipping-options/", "eligibility/")


@pytest.fixture
def manager(cancellation: CancellationRequest) -> Client:  # noqa: F811
    return signed_in(member(Role.MANAGER, cancellation.shop))


def readable(row: CancellationRequest) -> list[str]:
    """Every address that is read, but for those that ask a marketplace, and a colleague's batch."""
    found = [where for where, methods in addresses(row).items() if "get" in methods and not where.endswith(LIVE)]
    return [where for where in found if not where.startswith("/api/v1/batches/") or where.endswith("batches/")]


def views(patterns: Any = api_urls.urlpatterns) -> Iterator[type[APIView]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from views(pattern.url_patterns)
        elif isinstance(pattern, URLPattern) and (view := getattr(pattern.callback, "cls", None)):
            yield view


def test_every_view_has_manners() -> None:
    found = {view for view in views() if "drf_spectacular" not in view.__module__} - {NowhereView}
    assert len(found) >= 19
    assert not {view.__name__ for view in found if not issubclass(view, Manners)}


# --- nothing is ignored ---------------------------------------------------------------------------------------------


def test_a_parameter_that_nobody_knows_is_refused_everywhere(
    cancellation: CancellationRequest,  # noqa: F811
    manager: Client,
) -> None:
    for address, methods in addresses(cancellation).items():
        for method in methods:
            more = "&" if "?" in address else "?"
            answer = manager.generic(method.upper(), f"{address}{more}shopp=7&q", "{}", "application/json")
            assert answer.status_code == 400, f"{method} {address}"
            assert answer.json()["errors"]["shopp"] == ["There is no such parameter here."]


def test_every_parameter_that_is_documented_is_known(
    cancellation: CancellationRequest,  # noqa: F811
    manager: Client,
) -> None:
    from drf_spectacular.generators import SchemaGenerator

    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    tried = 0
    for address in readable(cancellation):
        path = next(path for path in paths if is_at(path, address))
        for parameter in paths[path]["get"].get("parameters", []):
            if parameter["in"] == "query":
                told = manager.get(address, {parameter["name"]: "?"}).json()
                words = told.get("errors", {}).get(parameter["name"], []) if "errors" in told else []
                assert "There is no such parameter here." not in words, (address, parameter["name"])
                tried += 1
    assert tried > 30


def is_at(path: str, address: str) -> bool:
    parts, found = path.split("/"), address.partition("?")[0].split("/")
    pairs = zip(parts, found, strict=False)
    return len(parts) == len(found) and all(
        part == here or (part[:1] == "{" and here.isdigit()) for part, here in pairs
    )


def test_filters_of_a_list_are_not_known_to_its_rows(
    cancellation: CancellationRequest,  # noqa: F811
    manager: Client,
) -> None:
    assert manager.get("/api/v1/cancellations/?state=waiting&page_size=5&ordering=time_left").status_code == 200
    assert manager.get(f"/api/v1/cancellations/{cancellation.pk}/?state=waiting").status_code == 400


# --- the fields that are asked for ----------------------------------------------------------------------------------


def test_lists_and_rows_can_be_narrowed_to_some_fields(
    cancellation: CancellationRequest,  # noqa: F811
    manager: Client,
) -> None:
    (row,) = manager.get("/api/v1/cancellations/?fields=id,state").json()["results"]
    assert row == {"id": cancellation.pk, "state": cancellation.state}
    (row,) = manager.get("/api/v1/decisions/?fields=id,made_by.name,verdict").json()["results"]
    decision = cancellation.decisions.get()
    assert row == {"id": decision.pk, "verdict": decision.verdict, "made_by": {"name": str(decision.made_by)}}
    whole = manager.get(f"/api/v1/orders/{cancellation.order_id}/?fields=lines.quantity,lines,id").json()
    assert set(whole) == {"id", "lines"}
    assert "product_name" in whole["lines"][0]


def test_pages_stay_as_narrow_as_the_first(cancellation: CancellationRequest, manager: Client) -> None:  # noqa: F811
    CancellationFactory(order=OrderFactory(shop=cancellation.shop))
    first = manager.get("/api/v1/cancellations/?fields=id&page_size=1").json()
    assert [set(row) for row in manager.get(first["next"]).json()["results"]] == [{"id"}]


@pytest.mark.parametrize(
    ("asked", "known"), [("colour", "id, "), ("", "id, "), ("id,made_by.email", "made_by.name"), ("id.x", "id")]
)
def test_a_field_that_is_not_there_is_a_400_that_names_those_that_are(
    cancellation: CancellationRequest,  # noqa: F811
    manager: Client,
    asked: str,
    known: str,
) -> None:
    for address in ("/api/v1/decisions/", f"/api/v1/decisions/{cancellation.decisions.get().pk}/"):
        answer = manager.get(address, {"fields": asked})
        assert answer.status_code == 400
        assert known in answer.json()["errors"]["fields"][0]


def test_what_is_not_asked_for_is_not_computed(
    cancellation: CancellationRequest,  # noqa: F811
    manager: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from cancellations.serializers import going_out

    def offers_to(*_: Any) -> Any:
        raise AssertionError("computed")

    monkeypatch.setattr(going_out, "offers_to", offers_to)
    assert manager.get(f"/api/v1/cancellations/{cancellation.pk}/?fields=id,lines").status_code == 200


# --- answers have names ---------------------------------------------------------------------------------------------


def test_whoever_has_an_answer_is_not_sent_it_again(
    cancellation: CancellationRequest,  # noqa: F811
    manager: Client,
) -> None:
    for address in (
        "/api/v1/orders/",
        f"/api/v1/orders/{cancellation.order_id}/",
        f"/api/v1/shops/{cancellation.shop_id}/rules/",
    ):
        first = manager.get(address)
        for sent in (first.headers["ETag"], f'"other", {first.headers["ETag"]}', first.headers["ETag"][2:], "*"):
            again = manager.get(address, headers={"If-None-Match": sent})
            assert (again.status_code, again.content) == (304, b""), address
            assert again.headers["ETag"] == first.headers["ETag"]
        assert manager.get(address, headers={"If-None-Match": '"other"'}).content == first.content


def test_a_change_gives_an_answer_another_name(cancellation: CancellationRequest, manager: Client) -> None:  # noqa: F811
    address = f"/api/v1/shops/{cancellation.shop_id}/"
    first = manager.get(address)
    Shop.objects.update(name="Another name")
    again = manager.get(address, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.json()["name"]) == (200, "Another name")


def test_every_answer_that_is_read_has_a_name(cancellation: CancellationRequest, manager: Client) -> None:  # noqa: F811
    for address in readable(cancellation):
        assert manager.get(address).headers["ETag"].startswith('W/"'), address
    assert "ETag" not in manager.get("/api/v1/orders/999999/").headers


def test_a_system_may_keep_an_answer_and_ask_and_a_browser_keeps_none(
    cancellation: CancellationRequest,  # noqa: F811
    manager: Client,
) -> None:
    _row, token = make_token(member(Role.VIEWER, cancellation.shop), Scope.READ, 1)
    kept = Client().get("/api/v1/shops/", headers={"Authorization": f"Token {token}"})
    assert kept.headers["Cache-Control"] == "private, no-cache"
    assert {"Authorization", "Cookie"} <= set(kept.headers["Vary"].split(", "))
    assert "no-store" in manager.get("/api/v1/shops/").headers["Cache-Control"]
    posted = manager.post("/api/v1/decisions/", json.dumps({}), "application/json")
    assert "no-store" in posted.headers["Cache-Control"]
