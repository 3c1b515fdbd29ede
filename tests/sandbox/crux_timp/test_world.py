"""Crux Connect's world is the same for the same seed and holds orders and requests in every state."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from sandbox.clock import Clock
from sandbox.crux_timp import cancelling, inspection
from sandbox.crux_timp.marketplace import CruxTimp
from sandbox.crux_timp.switches import CruxTimpSwitches
from sandbox.faults import Faults
from sandbox.ledger import Ledger
from sandbox.options import Options
from sandbox.scenarios import SCENARIOS
from sandbox.schedule import Schedule
from tests.sandbox.client import Control

START = 1_795_230_000


def crux(seed: int = 1, orders: int | None = None, scenario: str = "default") -> CruxTimp:
    return CruxTimp(
        Options(seed=seed, orders=orders, start=START, scenario=scenario),
        clock=Clock(),
        schedule=Schedule(),
        ledger=Ledger(),
        faults=Faults(1),
        switches=CruxTimpSwitches(),
    )


def everything(made: CruxTimp) -> str:
    return json.dumps([made.credentials(), [inspection.order(made.world, uuid) for uuid in made.world.orders]])


def test_the_same_seed_gives_the_same_network_and_another_another() -> None:
    assert everything(crux(seed=3)) == everything(crux(seed=3)) != everything(crux(seed=4))


def test_the_default_network_has_sixty_orders_of_every_kind() -> None:
    world = crux().world
    assert len(world.orders) == 60
    assert len({order.po_number for order in world.orders.values()}) == 60
    waiting = [order for order in world.orders.values() if cancelling.pending(order)]
    assert len(waiting) == 15
    scopes = Counter(request.line is None for order in waiting for request in cancelling.pending(order))
    assert scopes[True] > 5 and scopes[False] > 1
    assert {request.state for request in world.requests()} == {"pending", "confirmed", "rejected"}
    rows = [inspection.order(world, uuid) or {} for uuid in world.orders]
    designations = {line["designation"] for row in rows for line in row["lines"]}
    assert designations == {None, "NeedsTracking", "HasTracking", "Backordered", "Rejected", "Cancelled"}
    assert {len(order.suppliers) for order in world.orders.values()} == {1, 2}
    assert {order.sent_to_supplier for order in world.orders.values()} == {True, False}
    assert all(1 <= line.quantity <= 6 for line in world.lines.values())


def test_waiting_requests_are_notified_and_something_is_open_in_them() -> None:
    world = crux().world
    for request in world.requests():
        if request.state == "pending":
            assert any(line.is_open for line in request.lines)
        told = [each.created for user in world.users_of(request.supplier) for each in user.notifications]
        assert request.asked in told


@pytest.mark.parametrize("orders", [None, 8, 2000])
def test_nothing_happened_in_the_future(orders: int | None) -> None:
    world = crux(orders=orders).world
    now = datetime.fromtimestamp(START, UTC)
    for order in world.orders.values():
        moments = [order.created, *(each.created for each in order.packages), *(each.asked for each in order.requests)]
        moments += [each.settled for each in order.requests if each.settled]
        assert max(moments) <= now
        assert min(moments) == order.created


@pytest.mark.parametrize(
    ("scenario", "orders", "waiting"),
    [("default", 60, 15), ("empty", 0, 0), ("busy", 100, 70), ("us_only", 60, 15), ("drift", 60, 15)],
)
def test_scenarios_are_for_all_marketplaces(scenario: str, orders: int, waiting: int) -> None:
    world = crux(scenario=scenario).world
    assert len(world.orders) == orders
    assert sum(bool(cancelling.pending(order)) for order in world.orders.values()) == waiting
    assert len(world.suppliers) == 2
    assert scenario in SCENARIOS


def test_a_reset_brings_the_same_network_back(control: Control) -> None:
    before = control.get("crux/orders")
    control.post("retailer", action="request")
    assert control.get("crux/orders") != before
    told = control.post("reset")
    assert told["crux_orders"] == len(before["orders"])
    after = control.get("crux/orders")
    assert [order["order_uuid"] for order in after["orders"]] == [order["order_uuid"] for order in before["orders"]]
