"""Allocate Order, Add Order Tracking and Submit Invoice."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.crux_timp.client import Network, Placed

UNKNOWN = str(uuid.uuid4())
units = st.integers(0, 3)


def allocated(network: Network, order_uuid: str) -> list[Any]:
    return [entry["detail"] for entry in network.control.get("ledger", order_id=order_uuid)["entries"]]


def test_an_allocation_answers_a_word_a_line(network: Network, placed: Placed) -> None:
    answer = network.supplier.allocate(
        placed.uuid, {placed.a: (0, 0, 2), placed.b: ("0", "1", "0"), UNKNOWN: (1, 0, 0)}
    )
    words = [{placed.a: "Backordered"}, {placed.b: "Rejected"}, {UNKNOWN: "Item Not Found"}]
    assert (answer.status, answer.json) == (200, words)
    assert network.designations(placed.uuid) == ["Backordered", "Rejected"]


def test_a_backorder_has_a_date(network: Network, placed: Placed) -> None:
    def sent(date: object) -> int:
        allocation = {"quantity_accepted": 1, "quantity_rejected": 0, "quantity_backordered": 1, "backorder_date": date}
        rows = [{"line_item_uuid": placed.a, "allocation": allocation}]
        return network.supplier.call("PUT", f"/timp/orders/allocation/{placed.uuid}/", {"line_items": rows}).status

    assert [sent(date) for date in ("2026-13-01", "20260101", "2026-W01-1", 1)] == [400] * 4
    assert sent("2027-01-31") == 200
    assert network.supplier.lines(placed.uuid)[placed.a]["allocation"]["backorder_date"] == "2027-01-31"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(accepted=units, rejected=units, backordered=units)
def test_quantities_have_to_add_up_to_what_was_ordered(
    network: Network, placed: Placed, accepted: int, rejected: int, backordered: int
) -> None:
    before = network.truth(placed.uuid)
    answer = network.supplier.allocate(placed.uuid, {placed.a: (accepted, rejected, backordered)})
    fits = accepted + rejected + backordered == 2
    assert answer.status == (200 if fits else 400)
    after = network.truth(placed.uuid)
    if fits:
        line = after["lines"][0]
        assert (line["quantity_accepted"], line["quantity_rejected"]) == (accepted, rejected)
    else:
        assert after == before


def test_an_allocation_is_had_whole_or_not_at_all(network: Network, placed: Placed) -> None:
    assert network.supplier.allocate(placed.uuid, {placed.a: (2, 0, 0), placed.b: (7, 0, 0)}).status == 400
    assert network.designations(placed.uuid) == [None, None]


def test_the_same_allocation_again_has_no_effect(network: Network, placed: Placed) -> None:
    network.supplier.allocate(placed.uuid, {placed.a: (2, 0, 0)})
    network.supplier.allocate(placed.uuid, {placed.a: (2, 0, 0)})
    network.supplier.allocate(placed.uuid, {placed.a: (2, 0, 0), placed.b: (1, 0, 0)})
    assert [list(detail) for detail in allocated(network, placed.uuid)] == [[placed.a], [placed.b]]
    assert allocated(network, placed.uuid)[0][placed.a] == {
        "quantity_accepted": 2,
        "quantity_rejected": 0,
        "quantity_backordered": 0,
    }


def test_an_allocation_is_replaced_until_something_ships(network: Network, placed: Placed) -> None:
    assert network.supplier.allocate(placed.uuid, {placed.a: (0, 0, 2)}).status == 200
    assert network.supplier.allocate(placed.uuid, {placed.a: (2, 0, 0)}).status == 200
    network.supplier.ship(placed.uuid, {placed.a: 1})
    assert network.supplier.allocate(placed.uuid, {placed.a: (1, 1, 0)}).status == 422
    assert network.supplier.allocate(placed.uuid, {placed.a: (2, 0, 0)}).status == 200


def test_a_cancelled_line_is_left_as_it_is(network: Network, placed: Placed) -> None:
    network.retailer.ask_line(placed.a)
    network.supplier.decide_line("confirm", placed.a)
    before, effects = network.truth(placed.uuid), network.effects(placed.uuid)
    assert network.supplier.allocate(placed.uuid, {placed.a: (2, 0, 0)}).json == [{placed.a: "Cancelled"}]
    assert network.supplier.ship(placed.uuid, {placed.a: 1}).status == 422
    invoice = {"invoice_number": "1", "line_items": [{"line_item_uuid": placed.a}]}
    assert network.supplier.call("POST", f"/timp/orders/{placed.uuid}/invoices/", invoice).status == 422
    assert (network.truth(placed.uuid), network.effects(placed.uuid)) == (before, effects)


@pytest.mark.parametrize(
    "rows",
    [
        None,
        [],
        {},
        [1],
        [{}],
        [{"line_item_uuid": "x"}],
        [{"line_item_uuid": "x", "allocation": {"quantity_accepted": 1, "quantity_rejected": 0}}],
        [{"line_item_uuid": "x", "allocation": {"quantity_accepted": -1, "quantity_rejected": 0}}],
        [{"line_item_uuid": "x", "allocation": {"quantity_accepted": "1.0", "quantity_rejected": 0}}],
        [{"line_item_uuid": "x", "allocation": {"quantity_accepted": True, "quantity_rejected": 0}}],
    ],
)
def test_an_allocation_names_lines_and_three_quantities(network: Network, placed: Placed, rows: Any) -> None:
    path = f"/timp/orders/allocation/{placed.uuid}/"
    assert network.supplier.call("PUT", path, {"line_items": rows}).status == 400


def test_a_package_shows_on_its_lines(network: Network, placed: Placed) -> None:
    network.supplier.allocate(placed.uuid, {placed.a: (2, 0, 0), placed.b: (1, 0, 0)})
    body = {
        "tracking_number": "1Z9",
        "supplier_provided_carrier": "UPS",
        "package_weight": 3.4,
        "package_ship_date": "2026-11-20",
        "line_items": [{"line_item_uuid": placed.a, "quantity_shipped": "2", "supplier_provided_sku_cost": 6}],
        "package_attributes": [{"attribute_name": "box", "attribute_value": "M"}],
    }
    answer = network.supplier.call("POST", f"/timp/orders/tracking/{placed.uuid}/", body)
    assert (answer.status, list(answer.json)) == (201, ["package_uuid"])
    line, other = network.supplier.lines(placed.uuid).values()
    assert (line["line_item_designation"], other["line_item_designation"]) == ("HasTracking", "NeedsTracking")
    [shown] = line["tracking"]
    assert len(shown.pop("created_date")) == 27
    assert shown == {
        "tracking_number": "1Z9",
        "shipping_carrier": "UPS",
        "shipping_method": None,
        "shipping_weight": 3.4,
        "shipping_cost": None,
        "shipping_date": "2026-11-20",
        "quantity": 2,
        "package_attributes": [{"attribute_name": "box", "attribute_value": "M"}],
    }
    [entry] = network.control.get("ledger", effect="package.shipped")["entries"]
    assert entry["package_id"] == answer.json["package_uuid"]


def test_no_more_ships_than_was_accepted(network: Network, placed: Placed) -> None:
    assert network.supplier.ship(placed.uuid, {placed.a: 1}).status == 422
    network.supplier.allocate(placed.uuid, {placed.a: (1, 0, 1)})
    assert network.supplier.ship(placed.uuid, {placed.a: 2}).status == 422
    assert network.supplier.ship(placed.uuid, {placed.a: 1}).status == 201
    assert network.supplier.ship(placed.uuid, {placed.a: 1}, "1Z2").status == 422


def test_a_tracking_number_is_used_once_an_order(network: Network, placed: Placed) -> None:
    network.supplier.allocate(placed.uuid, {placed.a: (2, 0, 0)})
    assert network.supplier.ship(placed.uuid, {placed.a: 1}).status == 201
    assert network.supplier.ship(placed.uuid, {placed.a: 1}).status == 422
    assert network.supplier.ship(placed.uuid, {placed.a: 1}, "1Z2").status == 201


def test_nobody_ships_or_invoices_what_is_not_his(network: Network, shared: Placed) -> None:
    assert network.supplier.ship(shared.uuid, {shared.b: 1}).status == 422
    assert network.supplier.ship(shared.uuid, {UNKNOWN: 1}).status == 422
    assert network.supplier.allocate(shared.uuid, {shared.b: (1, 0, 0)}).json == [{shared.b: "Item Not Found"}]
    assert network.supplier.allocate(UNKNOWN, {shared.a: (2, 0, 0)}).status == 422
    assert network.effects(shared.uuid) == []


def test_an_invoice_shows_in_list_detail_and_invoices(network: Network, shared: Placed) -> None:
    body = {
        "invoice_number": "MB-1",
        "line_items": [{"line_item_uuid": shared.a, "quantity_invoiced": 2, "supplier_provided_sku_cost": 6.1}],
        "invoice_attributes": [{"attribute_name": "terms", "attribute_value": "NET30"}],
    }
    path = f"/timp/orders/{shared.uuid}/invoices/"
    answer = network.supplier.call("POST", path, body)
    assert (answer.status, list(answer.json)) == (201, ["invoice_uuid"])
    assert network.supplier.call("POST", path, body).status == 422
    [shown] = network.supplier.call("GET", path).json["invoices"]
    assert shown == {
        "invoice_number": "MB-1",
        "invoice_items": [
            {
                "sku_id": "MUG12-SAG",
                "quantity_ordered": 2,
                "quantity_invoiced": 2,
                "supplier_order_number": None,
                "invoice_item_attributes": [],
            }
        ],
        "invoice_attributes": [{"attribute_name": "terms", "attribute_value": "NET30"}],
    }
    assert network.supplier.order(shared.uuid)["invoices"] == [shown]
    assert network.other_supplier.order(shared.uuid)["invoices"] == [{"invoice_items": None}]
    assert network.effects(shared.uuid) == ["invoice.submitted"]


@pytest.mark.parametrize("verb", ["allocate", "ship"])
def test_a_request_does_not_stop_the_supplier(network: Network, placed: Placed, verb: str) -> None:
    network.retailer.ask_order(placed.uuid)
    assert network.supplier.allocate(placed.uuid, {placed.a: (2, 0, 0)}).status == 200
    if verb == "ship":
        assert network.supplier.ship(placed.uuid, {placed.a: 2}).status == 201
    assert [each["state"] for each in network.truth(placed.uuid)["pending"]] == ["pending"]
