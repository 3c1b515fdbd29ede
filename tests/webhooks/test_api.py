"""Endpoints, deliveries and the ledger over the API."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Scope, User
from accounts.tokens import make_token
from orders.models import CancelledLine
from shops.models import Membership, OutgoingEvent, Role, Shop
from tests.factories import LineItemFactory, OrderFactory, ShopFactory, member
from tests.webhooks.conftest import happened
from tests.webhooks.receiver import Receiver
from webhooks.delivery import deliver
from webhooks.models import Delivery, Endpoint
from webhooks.relay import relay

pytestmark = pytest.mark.django_db
ALL = "/api/v1/endpoints/"
BODY = {"name": "ERP", "url": "https://erp.example/hooks"}


def bearing(person: User, scope: Scope = Scope.ADMIN, shops: Any = None) -> Client:
    return Client(headers={"Authorization": f"Token {make_token(person, scope, 1, shops=shops)[1]}"})


def send(client: Client, address: str, body: Any = None, method: str = "post") -> Any:
    return getattr(client, method)(address, body or {}, content_type="application/json")


@pytest.fixture
def client(owner: User) -> Client:
    return bearing(owner)


def addresses(endpoint: Endpoint, delivery: Delivery) -> dict[str, tuple[str, ...]]:
    """Every address about one person's endpoints."""
    one, sent = f"{ALL}{endpoint.pk}/", f"/api/v1/deliveries/{delivery.pk}/"
    return {
        ALL: ("get", "post"),
        one: ("get", "patch", "delete"),
        **dict.fromkeys(
            [f"{one}{deed}/" for deed in ("rotate", "pause", "resume", "test", "replay-failed")], ("post",)
        ),
        "/api/v1/deliveries/": ("get",),
        sent: ("get",),
        f"{sent}replay/": ("post",),
    }


def test_one_is_made_and_its_secret_told_once(client: Client, shop: Shop) -> None:
    answer = send(client, ALL, {**BODY, "types": ["stock.released"], "shops": [shop.pk]})
    assert answer.status_code == 201
    made = Endpoint.objects.get()
    assert answer.json()["secret"] == made.secret
    assert answer["Cache-Control"] == "no-store"
    shown = client.get(f"{ALL}{made.pk}/").json()
    assert (shown["types"], shown["shops"], shown["state"]) == (["stock.released"], [shop.pk], "active")
    for address in (ALL, f"{ALL}{made.pk}/"):
        assert "whsec_" not in client.get(address).content.decode()


def test_what_is_not_sent_stays_as_it_is(client: Client, shop: Shop) -> None:
    address = f"{ALL}{send(client, ALL, {**BODY, 'shops': [shop.pk]}).json()['id']}/"
    assert send(client, address, {"name": "WMS"}, "patch").json()["name"] == "WMS"
    told = client.get(address).json()
    assert (told["url"], told["shops"]) == (BODY["url"], [shop.pk])
    assert send(client, address, {"shops": None}, "patch").json()["shops"] is None


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"url": "http://erp.example/"}, "url"), ({"types": ["no.such"]}, "types[0]"), ({"shops": []}, "shops"),
        ({"shops": [999_999]}, "shops"), ({"more": 1}, "more"), ({"name": ""}, "name"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_field(client: Client, wrong: Any, field: str) -> None:
    answer = send(client, ALL, {**BODY, **wrong})
    assert answer.status_code == 400
    assert field in answer.json()["errors"] or field.partition("[")[0] in str(answer.json()["errors"])
    assert not Endpoint.objects.exists()


@pytest.mark.parametrize("scope", [Scope.READ, Scope.DECIDE])
def test_a_lesser_token_reads_and_changes_nothing(owner: User, endpoint: Endpoint, shop: Shop, scope: Scope) -> None:
    happened(shop, "decision:1")
    relay()
    for address, methods in addresses(endpoint, Delivery.objects.get()).items():
        for method in methods:
            answer = (
                bearing(owner, scope).get(address) if method == "get"
                else send(bearing(owner, scope), address, BODY, method)
            )  # fmt: skip
            assert answer.status_code == (200 if method == "get" else 403), f"{method} {address}"
    assert Endpoint.objects.get().state == "active"


def test_nobody_else_finds_them(endpoint: Endpoint, shop: Shop) -> None:
    happened(shop, "decision:1")
    relay()
    colleague = bearing(member(Role.MANAGER, shop))
    for address, methods in addresses(endpoint, Delivery.objects.get()).items():
        for method in methods:
            answer = colleague.get(address) if method == "get" else send(colleague, address, None, method)
            if any(part.isdigit() for part in address.split("/")):
                assert answer.status_code == 404, f"{method} {address}"
            elif method == "get":
                assert answer.json()["results"] == []
            assert Client().get(address).status_code == 401


def test_a_token_for_some_shops_makes_and_sees_endpoints_for_those_alone(owner: User, endpoint: Endpoint) -> None:
    other = ShopFactory()
    Membership.objects.create(user=owner, shop=other, role=Role.MANAGER)
    limited = bearing(owner, shops=[other])
    assert limited.get(ALL).json()["results"] == []
    made = send(limited, ALL, BODY).json()
    assert made["shops"] == [other.pk]
    assert send(limited, f"{ALL}{made['id']}/", {"shops": None}, "patch").json()["shops"] == [other.pk]
    assert [one["id"] for one in limited.get(ALL).json()["results"]] == [made["id"]]
    assert limited.get(f"{ALL}{endpoint.pk}/").status_code == 404


def test_from_the_test_to_the_replay(client: Client, endpoint: Endpoint, receiver: Receiver) -> None:
    one = f"{ALL}{endpoint.pk}/"
    sent = send(client, f"{one}test/").json()
    deliver(endpoint.pk)
    shown = client.get(f"/api/v1/deliveries/{sent['id']}/").json()
    assert (shown["state"], shown["status"], shown["type"]) == ("delivered", 204, "endpoint.test")
    assert shown["event"] == receiver.taken[0][0]
    assert send(client, f"/api/v1/deliveries/{sent['id']}/replay/").status_code == 202
    deliver(endpoint.pk)
    assert len(receiver.taken) == 2
    assert send(client, f"{one}pause/").json()["state"] == "paused"
    assert send(client, f"{one}test/").json()["type"] == "/problems/not-allowed"
    assert send(client, f"{one}resume/").json()["state"] == "active"
    assert send(client, f"{one}replay-failed/", {"since": timezone.now().isoformat()}).json() == {"replayed": 0}
    assert send(client, f"{one}rotate/").json()["secret"] != endpoint.secret
    assert client.delete(one).status_code == 204
    assert not Delivery.objects.exists()


def test_deliveries_are_narrowed_and_paged(client: Client, endpoint: Endpoint, shop: Shop) -> None:
    happened(shop, "decision:1", count=3)
    happened(shop, "shop:1", kind="shop.connected")
    relay()
    first = client.get("/api/v1/deliveries/", {"page_size": 3, "endpoint": endpoint.pk}).json()
    assert len(first["results"]) == 3
    assert len(client.get(first["next"]).json()["results"]) == 1
    assert len(client.get("/api/v1/deliveries/", {"type": "shop.connected"}).json()["results"]) == 1
    assert client.get("/api/v1/deliveries/", {"state": "nonsense"}).status_code == 400


class TestTheLedger:
    def test_it_says_what_was_told_and_of_what_was_not_that_it_was_not(self, client: Client, shop: Shop) -> None:
        order = OrderFactory(shop=shop)
        for told in (True, False):
            CancelledLine.objects.create(
                shop=shop, order=order, line_item=LineItemFactory(order=order), quantity=2, cancelled_in_all=2,
                currency="GBP", amount="24", was_shipped=False, was_paid=True, is_told=told,
                cancelled_at=timezone.now(),
            )  # fmt: skip
        elsewhere = OrderFactory()
        CancelledLine.objects.create(
            shop=elsewhere.shop, order=elsewhere, line_item=LineItemFactory(order=elsewhere), quantity=1,
            cancelled_in_all=1, currency="GBP", amount="1", was_shipped=False, was_paid=True, is_told=True,
            cancelled_at=timezone.now(),
        )  # fmt: skip
        one, other = client.get("/api/v1/cancelled-lines/").json()["results"]
        row = CancelledLine.objects.get(pk=one["id"])
        assert (one["stock_event"], one["money_event"]) == (f"stock_{row.key.hex}", f"money_{row.key.hex}")
        assert (other["stock_event"], other["money_event"]) == (None, None)
        assert one["amount"] == {"amount": "24.00", "currency": "GBP"}
        later = {"since": (timezone.now() + timedelta(days=1)).isoformat()}
        for narrowed, count in (({"order": order.pk}, 2), ({"shop": shop.pk}, 2), (later, 0), ({"order": 10**18}, 0)):
            assert len(client.get("/api/v1/cancelled-lines/", narrowed).json()["results"]) == count, narrowed
        for wrong in ({"order": "x"}, {"since": "x"}, {"shop": elsewhere.shop.pk}, {"order": 10**30}):
            assert client.get("/api/v1/cancelled-lines/", wrong).status_code == 400, wrong
        assert not OutgoingEvent.objects.exists()
