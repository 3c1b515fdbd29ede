"""The world is the same for the same seed, looks like real shops, and holds requests in every state."""

from __future__ import annotations

import json
import time
from collections import Counter

import pytest

from sandbox.clock import Clock
from sandbox.faults import Faults
from sandbox.ledger import Ledger
from sandbox.options import Options
from sandbox.scenarios import SCENARIOS
from sandbox.schedule import Schedule
from sandbox.tiktok_shop.marketplace import TikTokShop
from sandbox.tiktok_shop.switches import TikTokShopSwitches
from tests.sandbox.client import Control

START = 1_795_230_000


def world(seed: int = 1, orders: int | None = None, start: int | None = START) -> TikTokShop:
    options = Options(seed=seed, orders=orders, start=start)
    return TikTokShop(
        options, clock=Clock(), schedule=Schedule(), ledger=Ledger(), faults=Faults(1), switches=TikTokShopSwitches()
    )


def everything(tiktok: TikTokShop) -> str:
    held = tiktok.world
    return json.dumps(
        [
            tiktok.credentials(),
            [held.encoder.order_json(order) for order in held.orders.values()],
            [held.encoder.cancellation_json(each, "en-US") for each in held.cancellations.values()],
        ]
    )


def test_the_same_seed_gives_the_same_world_and_another_another() -> None:
    assert everything(world(seed=3)) == everything(world(seed=3))
    assert everything(world(seed=3)) != everything(world(seed=4))


def test_a_world_moves_with_its_start() -> None:
    early, late = world(), world(start=START + 3600)
    assert list(early.world.orders) == list(late.world.orders)
    for order_id, order in early.world.orders.items():
        assert late.world.orders[order_id].create_time == order.create_time + 3600


def test_there_are_shops_of_several_markets_and_kinds() -> None:
    shops = world().world.shops.values()
    assert Counter(shop.region for shop in shops) == {"US": 2, "GB": 1, "DE": 1, "TH": 1, "ID": 1}
    assert {shop.seller_type for shop in shops} == {"LOCAL", "CROSS_BORDER"}
    assert all(len({sku.product_id for sku in shop.skus}) == 24 for shop in shops)


def test_the_default_world_has_sixty_waiting_requests_and_settled_ones_of_every_kind() -> None:
    held = world().world
    assert len(held.orders) == 240
    kinds = Counter((each.kind, each.status, each.role) for each in held.cancellations.values())
    assert kinds["BUYER_CANCEL", "CANCELLATION_REQUEST_PENDING", "BUYER"] == 60
    for kind in (
        ("BUYER_CANCEL", "CANCELLATION_REQUEST_SUCCESS", "BUYER"),
        ("BUYER_CANCEL", "CANCELLATION_REQUEST_CANCELLED", "BUYER"),
        ("BUYER_CANCEL", "CANCELLATION_REQUEST_COMPLETE", "BUYER"),
        ("CANCEL", "CANCELLATION_REQUEST_COMPLETE", "SELLER"),
        ("CANCEL", "CANCELLATION_REQUEST_COMPLETE", "SYSTEM"),
        ("CANCEL", "CANCELLATION_REQUEST_COMPLETE", "BUYER"),
    ):
        assert kinds[kind] >= 1
    assert {order.status for order in held.orders.values()} >= {
        "UNPAID",
        "ON_HOLD",
        "AWAITING_SHIPMENT",
        "AWAITING_COLLECTION",
        "IN_TRANSIT",
        "DELIVERED",
        "COMPLETED",
        "CANCELLED",
    }


def test_deadlines_lie_between_twenty_minutes_and_two_days_ahead() -> None:
    deadlines = [each.deadline for each in world().world.cancellations.values() if each.deadline is not None]
    assert min(deadlines) == START + 25 * 60
    assert max(deadlines) == START + 47 * 3600


def test_nothing_happened_in_the_future() -> None:
    held = world(orders=2000).world
    for order in held.orders.values():
        moments = [
            order.create_time,
            order.paid_time,
            order.rts_time,
            order.collection_time,
            order.delivery_time,
            order.update_time,
            order.cancel_time,
            order.request_cancel_time,
        ]
        known = [moment for moment in moments if moment is not None]
        assert max(known) <= START
        assert min(known) == order.create_time
    assert all(each.create_time <= each.update_time <= START for each in held.cancellations.values())


def test_a_new_world_is_at_rest() -> None:
    tiktok = world(start=None, orders=2000)
    told: list[str] = []
    tiktok.world.publish = lambda shop, event_type, data, at: told.append(event_type)
    tiktok.world.settle()
    assert told == []


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_can_be_played(control: Control, name: str) -> None:
    assert control.post("reset", scenario=name)["scenario"] == name
    for shop in control.shops():
        assert shop.orders().code == 0
        assert shop.search().code == 0


def test_scenarios_differ_in_what_they_are_for(control: Control) -> None:
    control.post("reset", scenario="empty", orders=0)
    assert [shop.orders().data["total_count"] for shop in control.shops()] == [0] * 6
    control.post("reset", scenario="us_only", orders=40)
    assert {shop.region for shop in control.shops()} == {"US"}
    control.post("reset", scenario="many_shops", orders=200)
    assert len({shop.cipher for shop in control.shops()}) == 54
    assert sum(shop.orders().data["total_count"] > 0 for shop in control.shops()) > 40
    control.post("reset", scenario="drift", orders=40)
    order = control.shop("US").orders().data["orders"][0]
    assert "buyer_mood" in order
    control.post("reset", scenario="legacy_answers", orders=40)
    us = control.shop("US")
    assert us.approve(us.pending()[0]["cancel_id"]).data["success"] is True
    control.post("reset", scenario="busy", orders=100)
    due = [
        record["seller_next_action_response"][0]["deadline"] for shop in control.shops() for record in shop.pending()
    ]
    assert len(due) == 70
    assert max(due) < time.time() + 8 * 3600


def test_a_reset_brings_the_same_world_back(control: Control) -> None:
    before = control.get("credentials")
    gb = control.shop("GB")
    gb.approve(gb.pending()[0]["cancel_id"])
    control.shift(99_999)
    control.post("faults", kind="slow")
    control.post("reset")
    assert control.get("credentials") == before
    assert control.get("ledger") == {"entries": [], "last": 0}
    assert control.get("faults") == {"faults": []}
    assert control.get("clock")["shift"] == 0
    assert len(gb.pending()) == 11
