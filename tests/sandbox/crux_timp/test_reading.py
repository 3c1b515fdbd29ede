"""Get Orders and Get Order Detail: two shapes, filters, sorting, paging, and who sees what."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.sandbox.crux_timp.client import Network, Placed, User

WRITTEN = {
    "retailer_provided_order_notes",
    "supplier_provided_order_notes",
    "retailer_provided_order_attributes",
    "supplier_provided_order_attributes",
}
LINE = {
    "line_item_uuid",
    "status",
    "line_item_designation",
    "item_uuid",
    "item_name",
    "sku_uuid",
    "sku_id",
    "sku_name",
    "sku_title_variants",
    "product_codes",
    "supplier_item_notes",
    "retailer_item_notes",
    "retailer_provided_sku_cost",
    "supplier",
    "supplier_provided_item_attributes",
    "retailer_provided_item_attributes",
    "tracking",
    "allocation",
}


def listed(user: User, uuid: str) -> dict[str, Any]:
    return next(order for order in user.orders(limit=1000).json["orders"] if order["uuid"] == uuid)


def test_the_list_has_its_own_names_and_no_others(supplier: User, placed: Placed) -> None:
    order = listed(supplier, placed.uuid)
    assert set(order) == WRITTEN | {
        "uuid",
        "is_allocated",
        "purchase_order_id",
        "created_date",
        "fees",
        "retailer",
        "address",
        "requested_shipping",
        "invoices",
        "line_items",
    }
    assert order["invoices"] == [{"invoice_items": None}]
    assert set(order["retailer"]) == {"name", "uuid", "user"}
    line = order["line_items"][0]
    assert set(line) == LINE
    assert line["allocation"] == {
        "quantity_ordered": 2,
        "quantity_allocated": 0,
        "quantity_backordered": 0,
        "quantity_rejected": 0,
        "backorder_date": None,
    }
    assert (line["status"], line["line_item_designation"], line["tracking"]) == ("Unallocated", None, [])


def test_the_detail_has_its_own_names_and_no_others(supplier: User, placed: Placed) -> None:
    order = supplier.order(placed.uuid)
    assert set(order) == WRITTEN | {
        "order_uuid",
        "po_number",
        "created_date",
        "address",
        "sent_to_supplier",
        "retailer",
        "retailer_provided_fees",
        "invoices",
        "line_items",
    }
    assert set(order["retailer"]) == {"uuid", "organization_name", "order_submitted_by"}
    assert set(order["retailer_provided_fees"]) == {"order_fee", "order_tax", "shipping_cost", "dropship_fee"}
    line = order["line_items"][0]
    assert set(line) == LINE | {"quantity_ordered"}
    assert (line["quantity_ordered"], line["allocation"]) == (2, None)
    supplier.allocate(placed.uuid, {placed.a: (1, 0, 1)})
    assert supplier.lines(placed.uuid)[placed.a]["allocation"] == {
        "quantity_ordered": 2,
        "quantity_accepted": 1,
        "quantity_backordered": 1,
        "quantity_rejected": 0,
        "backorder_date": None,
    }


def test_a_created_date_has_microseconds_and_a_z(supplier: User, placed: Placed) -> None:
    text = supplier.order(placed.uuid)["created_date"]
    datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: DTZ007
    assert len(text) == len("2018-08-23T16:07:35.864274Z")


def test_a_supplier_sees_its_own_lines_of_its_own_orders(network: Network, placed: Placed, shared: Placed) -> None:
    assert list(network.supplier.lines(shared.uuid)) == [shared.a]
    assert list(network.other_supplier.lines(shared.uuid)) == [shared.b]
    assert list(network.retailer.lines(shared.uuid)) == [shared.a, shared.b]
    assert placed.uuid not in network.other_supplier.found()
    for stranger in (network.other_supplier, network.other_retailer):
        assert stranger.call("GET", f"/timp/orders/{placed.uuid}/").status == 404


def test_an_order_is_allocated_once_all_that_one_sees_of_it_is(network: Network, shared: Placed) -> None:
    network.supplier.allocate(shared.uuid, {shared.a: (2, 0, 0)})
    assert listed(network.supplier, shared.uuid)["is_allocated"] is True
    assert listed(network.retailer, shared.uuid)["is_allocated"] is False


def test_without_a_limit_there_are_twenty_five_newest_first(network: Network) -> None:
    uuids = [network.place(*[(network.supplier, "CAN8-CED", 1)] * 2).uuid for _ in range(26)]
    answer = network.supplier.orders().json
    assert [order["uuid"] for order in answer["orders"]] == uuids[:0:-1]
    assert answer["total_results"] > 26


def test_a_limit_counts_from_the_start(supplier: User) -> None:
    everything = supplier.found()
    part = supplier.orders(start=4, limit=3).json
    assert [order["uuid"] for order in part["orders"]] == everything[4:7]
    assert part["total_results"] == len(everything)
    assert supplier.orders(start=1000).json["orders"] == []


@pytest.mark.parametrize("key", ["date", "status", "sku_id"])
def test_sorting_goes_both_ways(supplier: User, key: str) -> None:
    up = supplier.found(sort={"key": key, "dir": "asc"})
    for word in ("desc", "des"):
        assert supplier.found(sort={"key": key, "dir": word}) == up[::-1]
    assert supplier.found(sort={"key": key, "value": "asc"}) == up[::-1]


def test_dates_are_inclusive_in_both_forms(supplier: User, placed: Placed) -> None:
    created = datetime.fromisoformat(supplier.order(placed.uuid)["created_date"])
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.000Z"):
        since, until = created.strftime(form), (created + timedelta(seconds=1)).strftime(form)
        assert placed.uuid in supplier.found(start_date=since, end_date=until)
        assert placed.uuid not in supplier.found(start_date=until)
        assert placed.uuid not in supplier.found(end_date=since)


def test_orders_are_found_by_what_is_said_about_lines(network: Network, placed: Placed) -> None:
    supplier = network.supplier
    assert placed.uuid in supplier.found(line_item_allocation_statuses=["Unallocated"])
    supplier.allocate(placed.uuid, {placed.a: (2, 0, 0), placed.b: (0, 0, 1)})
    assert placed.uuid not in supplier.found(line_item_allocation_statuses=["Unallocated", "Partial"])
    assert placed.uuid in supplier.found(line_item_designation="Backordered", term="candle")
    assert placed.uuid not in supplier.found(line_item_designation="Backordered", term="mug")
    network.retailer.ask_line(placed.b)
    assert placed.uuid not in supplier.found(line_item_designation="Cancelled")
    supplier.decide_line("confirm", placed.b)
    assert placed.uuid in supplier.found(line_item_designation="Cancelled")


def test_orders_are_found_by_their_number_parties_and_sending(network: Network, placed: Placed) -> None:
    supplier = network.supplier
    assert supplier.found(po_number="FL-1") == [placed.uuid]
    assert placed.uuid in supplier.found(org_uuids=[network.retailer.org_uuid])
    assert placed.uuid not in supplier.found(org_uuids=[network.other_retailer.org_uuid])
    assert placed.uuid in supplier.found(org_uuids=[], line_item_allocation_statuses=[], term="")
    sent, unsent = set(supplier.found(sent_to_supplier=True)), set(supplier.found(sent_to_supplier=False))
    assert placed.uuid in sent
    assert unsent and sent | unsent == set(supplier.found())


@pytest.mark.parametrize(
    "search",
    [
        {"start": -1},
        {"start": "1"},
        {"limit": True},
        {"limit": 1.5},
        {"sort": "date"},
        {"sort": {"key": "colour"}},
        {"sort": {"key": "date", "dir": "up"}},
        {"line_item_allocation_statuses": ["Nearly"]},
        {"line_item_allocation_statuses": "Allocated"},
        {"line_item_designation": ["Cancelled"]},
        {"line_item_designation": "cancelled"},
        {"start_date": "2019-03-01"},
        {"start_date": "2019-3-1 0:00:00000"},
        {"end_date": ""},
        {"end_date": "2019-02-30 00:00:00"},
        {"start_date": 1551398400},
        {"sent_to_supplier": "true"},
        {"org_uuids": "x"},
        {"term": 1},
    ],
)
def test_a_search_that_makes_no_sense_is_refused(supplier: User, search: dict[str, Any]) -> None:
    assert supplier.orders(**search).status == 400


def test_a_field_nobody_knows_and_a_null_are_ignored(supplier: User) -> None:
    assert supplier.orders(colour="red", start=None, sort=None).status == 200
