import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from shops.models import Connection, Role, Shop, SyncRun
from tests.factories import ShopFactory, UserFactory, member

pytestmark = pytest.mark.django_db


def client_of(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_a_shop_tells_its_link_and_what_you_may_do_in_it() -> None:
    shop = ShopFactory(connection__state=Connection.State.RECONNECT, connection__problem="The seller has left.")
    told = client_of(member(Role.AGENT, shop)).get(f"/api/v1/shops/{shop.pk}/").json()
    assert told["connection_state"] == "reconnect"
    assert told["connection_problem"] == "The seller has left."
    assert told["role"] == "agent"
    assert told["marketplace_id"] == shop.marketplace_id
    assert not {"cipher", "connection", "app_secret"} & set(told)


def test_a_superuser_has_every_role() -> None:
    shop = ShopFactory()
    client = client_of(UserFactory(is_superuser=True))
    assert client.get(f"/api/v1/shops/{shop.pk}/").json()["role"] == "manager"


def test_the_rules_of_the_us_say_that_shipping_rejects_and_since_when_reject_is_over() -> None:
    shop = ShopFactory(region="US", time_zone="America/Los_Angeles")
    client = client_of(member(Role.VIEWER, shop))
    rules = client.get(client.get(f"/api/v1/shops/{shop.pk}/").json()["rules"]).json()
    assert rules["can_reject"] is False
    assert rules["shipping_rejects"] is True
    assert rules["reject_until"] == "2024-03-31"
    assert "2024" in rules["reject_notice"]["text"]
    assert rules["reject_notice"]["url"].startswith("https://")


def test_the_rules_of_another_day_are_those_that_held_then() -> None:
    shop = ShopFactory(region="US", time_zone="America/Los_Angeles")
    client = client_of(member(Role.VIEWER, shop))
    before = client.get(f"/api/v1/shops/{shop.pk}/rules/?on=2024-03-30").json()
    assert (before["day"], before["can_reject"]) == ("2024-03-30", True)
    assert client.get(f"/api/v1/shops/{shop.pk}/rules/?on=2024-03-31").json()["can_reject"] is False
    assert list(client.get(f"/api/v1/shops/{shop.pk}/rules/?on=soon").json()["errors"]) == ["on"]


def test_the_rules_tell_the_states_of_an_order_and_what_counts_against_the_shop() -> None:
    shop = ShopFactory()
    rules = client_of(member(Role.VIEWER, shop)).get(f"/api/v1/shops/{shop.pk}/rules/").json()
    by_name = {status["name"]: status for status in rules["order_statuses"]}
    assert by_name["AWAITING_SHIPMENT"]["can_be_cancelled"] is True
    assert by_name["AWAITING_SHIPMENT"]["label"] != "AWAITING_SHIPMENT"
    assert all(notice["text"] for notice in rules["standing"].values())
    assert all(notice["text"] for hints in rules["evidence_hints"].values() for notice in hints)


def test_the_rules_elsewhere_allow_reject() -> None:
    shop = ShopFactory(region="DE")
    rules = client_of(member(Role.VIEWER, shop)).get(f"/api/v1/shops/{shop.pk}/rules/").json()
    assert (rules["can_reject"], rules["shipping_rejects"], rules["reject_until"]) == (True, False, None)
    assert rules["max_images"] == 9
    assert (rules["shows_requests"], rules["takes_cancel_reason"], rules["requests_notice"]) == (True, True, None)


def test_the_rules_say_where_requests_are_not_shown_and_what_is_not_taken() -> None:
    shop = ShopFactory(marketplace="crux_timp", region="US")
    rules = client_of(member(Role.VIEWER, shop)).get(f"/api/v1/shops/{shop.pk}/rules/").json()
    assert (rules["shows_requests"], rules["announces_requests"], rules["silence"]) == (False, True, "nothing")
    taken = {rules[f"takes_{what}"] for what in ("reject_reason", "comment", "images", "cancel_reason")}
    assert taken == {False}
    assert "record" in rules["requests_notice"]["text"]
    assert rules["approve_notice"] and rules["items_notice"]


@pytest.mark.parametrize("full", [False, True])
def test_a_manager_has_a_shop_pulled(full: bool) -> None:
    later = timezone.now() + timedelta(hours=1)
    shop = ShopFactory(next_pull_at=later)
    client = client_of(member(Role.MANAGER, shop))
    answer = client.post(f"/api/v1/shops/{shop.pk}/sync/", json.dumps({"full": full}), "application/json")
    assert answer.status_code == 202
    assert answer.json()["full"] is full
    assert client.get(answer.json()["sync_runs"]).json()["results"] == []
    shop.refresh_from_db()
    assert shop.next_pull_at <= timezone.now()
    assert shop.wants_full_pull is full


@pytest.mark.parametrize("state", ["inactive", "reconnect"])
def test_a_shop_that_is_not_synced_says_so(state: str) -> None:
    shop = ShopFactory(is_active=state != "inactive")
    Connection.objects.update(state="reconnect" if state == "reconnect" else "connected")
    answer = client_of(member(Role.MANAGER, shop)).post(f"/api/v1/shops/{shop.pk}/sync/")
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/not-allowed")


def test_a_wrong_wish_is_told_at_its_field() -> None:
    shop = ShopFactory()
    client = client_of(member(Role.MANAGER, shop))
    for body, field in (({"full": "perhaps"}, "full"), ({"everything": True}, "everything")):
        answer = client.post(f"/api/v1/shops/{shop.pk}/sync/", json.dumps(body), "application/json")
        assert answer.status_code == 400
        assert list(answer.json()["errors"]) == [field]


def test_runs_tell_what_they_saw_what_they_left_and_how_they_ended() -> None:
    shop = ShopFactory()
    SyncRun.objects.create(shop=shop, kind="orders", state="succeeded", seen=4, drift=["order.status: NEW"])
    SyncRun.objects.create(
        shop=shop, kind="cancellations", state="failed", error="busy", error_code="36009003", request_id="R1",
        set_aside=[{"id": "1", "problem": "no currency"}],
    )  # fmt: skip
    SyncRun.objects.create(shop=ShopFactory(), kind="orders")
    client = client_of(member(Role.VIEWER, shop))
    runs = client.get(f"/api/v1/shops/{shop.pk}/sync-runs/").json()["results"]
    assert [run["kind"] for run in runs] == ["cancellations", "orders"]
    assert runs[0]["set_aside"] == [{"id": "1", "problem": "no currency"}]
    assert (runs[0]["error_code"], runs[0]["request_id"], runs[0]["percent"]) == ("36009003", "R1", None)
    assert (runs[1]["drift"], runs[1]["percent"]) == (["order.status: NEW"], 100)
    narrowed = client.get(f"/api/v1/shops/{shop.pk}/sync-runs/?kind=orders").json()["results"]
    assert [run["kind"] for run in narrowed] == ["orders"]


def test_shops_are_narrowed_by_market() -> None:
    gb, us = ShopFactory(region="GB"), ShopFactory(region="US")
    client = client_of(member(Role.VIEWER, *Shop.objects.all()))
    for region, shop in (("GB", gb), ("US", us)):
        assert [row["id"] for row in client.get(f"/api/v1/shops/?region={region}").json()["results"]] == [shop.pk]
