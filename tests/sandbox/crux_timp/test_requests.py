"""The retailer's side of a cancelation, and what a request is settled by."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.sandbox.crux_timp.client import Network, Placed


def states(network: Network, order_uuid: str) -> list[str]:
    return [request["state"] for request in network.truth(order_uuid)["requests"]]


def test_a_request_shows_in_no_answer_but_the_notifications(network: Network, placed: Placed) -> None:
    before = network.supplier.order(placed.uuid), network.supplier.orders(po_number="FL-1").json
    network.supplier.call("GET", "/timp/notifications/")
    network.retailer.ask_order(placed.uuid)
    assert (network.supplier.order(placed.uuid), network.supplier.orders(po_number="FL-1").json) == before
    [told] = network.supplier.call("GET", "/timp/notifications/").json
    assert set(told) == {"uuid", "title", "created_at", "type"}
    assert (told["title"], told["type"]) == ("Order Cancelled", "Dashboard")


def test_an_order_is_asked_for_once_at_a_time(network: Network, placed: Placed) -> None:
    assert network.retailer.ask_order(placed.uuid).status == 204
    assert network.retailer.ask_order(placed.uuid).status == 422
    assert network.retailer.ask_line(placed.a).status == 422
    assert network.effects(placed.uuid) == ["cancellation.requested"]


def test_a_line_may_be_asked_for_before_its_order(network: Network, placed: Placed) -> None:
    assert network.retailer.ask_line(placed.a).status == 204
    assert network.retailer.ask_line(placed.a).status == 422
    assert network.retailer.ask_order(placed.uuid).status == 204


def test_confirming_the_order_settles_its_lines_and_rejecting_does_not(network: Network, placed: Placed) -> None:
    network.retailer.ask_line(placed.a)
    network.retailer.ask_order(placed.uuid)
    network.supplier.decide_order("reject", placed.uuid)
    assert states(network, placed.uuid) == ["pending", "rejected"]
    network.retailer.ask_order(placed.uuid)
    network.supplier.decide_order("confirm", placed.uuid)
    assert states(network, placed.uuid) == ["confirmed", "rejected", "confirmed"]
    assert network.supplier.decide_line("reject", placed.a).status == 422
    [line, _, order] = network.truth(placed.uuid)["requests"]
    assert line["settled_with"] == order["cancel_id"]
    assert network.effects(placed.uuid).count("cancellation.approved") == 1


def test_an_order_is_asked_of_every_supplier_with_something_open(network: Network, shared: Placed) -> None:
    network.retailer.ask_line(shared.a)
    network.supplier.decide_line("confirm", shared.a)
    network.retailer.ask_order(shared.uuid)
    assert network.supplier.decide_order("confirm", shared.uuid).status == 422
    assert network.other_supplier.decide_order("confirm", shared.uuid).status == 204


def test_what_is_cancelled_shipped_or_refused_cannot_be_asked_for(network: Network, placed: Placed) -> None:
    network.supplier.allocate(placed.uuid, {placed.a: (1, 1, 0), placed.b: (0, 1, 0)})
    assert network.retailer.ask_line(placed.b).status == 422
    network.supplier.ship(placed.uuid, {placed.a: 1})
    assert network.retailer.ask_line(placed.a).status == 422
    assert network.retailer.ask_order(placed.uuid).status == 422


def test_a_line_shipped_in_part_is_cancelled_whole_and_keeps_its_numbers(network: Network, placed: Placed) -> None:
    network.supplier.allocate(placed.uuid, {placed.a: (2, 0, 0)})
    network.supplier.ship(placed.uuid, {placed.a: 1})
    network.retailer.ask_line(placed.a)
    before = network.supplier.lines(placed.uuid)[placed.a]
    assert network.supplier.decide_line("confirm", placed.a).status == 204
    after = network.supplier.lines(placed.uuid)[placed.a]
    assert after == before | {"line_item_designation": "Cancelled"}


def test_only_the_orders_own_retailer_asks(network: Network, placed: Placed) -> None:
    assert network.other_retailer.ask_order(placed.uuid).status == 422
    assert network.other_retailer.ask_line(placed.a).status == 422
    assert network.retailer.ask_order(str(uuid.uuid4())).status == 422
    assert network.retailer.ask_order(placed.a).status == 422


@pytest.mark.parametrize("body", [{}, {"order_uuid": ""}, {"order_uuid": None}, {"order_uuid": 1}])
def test_a_request_names_an_order(network: Network, body: dict[str, Any]) -> None:
    assert network.retailer.call("PATCH", "/timp/orders/cancel/", body).status == 400


def test_the_ledger_says_who_asked_and_who_decided(network: Network, shared: Placed) -> None:
    network.retailer.ask_order(shared.uuid)
    network.supplier.decide_order("confirm", shared.uuid)
    network.other_supplier.decide_order("reject", shared.uuid)
    entries = network.control.get("ledger", order_id=shared.uuid)["entries"]
    assert [(entry["effect"], entry["actor"], entry["shop_id"], entry["line_item_ids"]) for entry in entries] == [
        ("cancellation.requested", "buyer", network.supplier.org_uuid, [shared.a]),
        ("cancellation.requested", "buyer", network.other_supplier.org_uuid, [shared.b]),
        ("cancellation.approved", "seller", network.supplier.org_uuid, [shared.a]),
        ("cancellation.rejected", "seller", network.other_supplier.org_uuid, [shared.b]),
    ]
    assert entries[0]["cancel_id"] == entries[2]["cancel_id"]


@pytest.mark.parametrize(
    "change",
    [
        {"skus": []},
        {"skus": [{"sku_id": "CAN8-CED", "quantity": 0}]},
        {"skus": [{"quantity": 1}]},
        {"skus": [{"sku_id": "NOTHING", "quantity": 1}]},
        {"address": None},
        {"po_number": ""},
        {"retailer_provided_tax": "1"},
    ],
)
def test_an_order_is_created_whole_or_not_at_all(network: Network, change: dict[str, Any]) -> None:
    sku = {"sku_id": "CAN8-CED", "quantity": "2", "supplier_org_uuid": network.supplier.org_uuid}
    body: dict[str, Any] = {"skus": [sku], "address": {"name": "Priya Shah"}, "po_number": "FL-9"}
    assert network.retailer.call("POST", "/timp/orders/create/", body).json["messages"] == []
    for row in change.get("skus", []):
        row.setdefault("supplier_org_uuid", network.supplier.org_uuid)
    assert network.retailer.call("POST", "/timp/orders/create/", body | change).status == 400
    assert len(network.supplier.found(po_number="FL-9")) == 1
