"""Fees, attributes, exports and notifications."""

from __future__ import annotations

import csv
import io
import uuid
from typing import Any

import pytest
import requests

from tests.sandbox.crux_timp.client import Network, Placed, User

SETTINGS = "/timp/notifications/notification-settings/"


def test_each_side_writes_its_own_fees(network: Network, shared: Placed) -> None:
    path = f"/timp/orders/{shared.uuid}/fees/"
    sent = {
        "supplier_provided_drop_ship_fee": 0.86,
        "supplier_po_number": "SG-1",
        "supplier_provided_tax": 1,
        "retailer_provided_tax": 99,
    }
    assert network.supplier.call("POST", path, sent).status == 204
    assert network.retailer.call("POST", path, {"retailer_provided_drop_ship_fee": 0.7}).status == 204
    assert network.supplier.call("GET", path).json == {
        "retailer_provided_tax": 0,
        "retailer_provided_order_fee": 0,
        "retailer_provided_shipping_cost": 0,
        "retailer_provided_dropship_fee": 0.7,
        "supplier_provided_dropship_fee": 0.86,
        "supplier_provided_order_fee": None,
        "supplier_provided_tax": 1,
        "supplier_provided_po_number": "SG-1",
        "supplier_provided_order_total": None,
        "line_items": [{"line_item_uuid": shared.a, "supplier_provided_sku_cost": None}],
    }
    assert network.other_supplier.call("GET", path).json["supplier_provided_po_number"] is None
    assert network.supplier.call("POST", path, {"supplier_provided_tax": "1"}).status == 400


def test_each_side_writes_its_own_attributes(network: Network, shared: Placed) -> None:
    path = f"/timp/orders/{shared.uuid}/attributes/"
    pair = [{"attribute_name": "lot", "attribute_value": "L-19"}]
    sent = {
        "supplier_provided_notes": "Ships from Reno",
        "retailer_provided_notes": "not mine to write",
        "supplier_provided_order_attributes": pair,
        "line_items": [{"line_item_uuid": shared.a, "supplier_provided_item_attributes": pair}],
    }
    assert network.supplier.call("POST", path, sent).status == 204
    told = network.supplier.call("GET", path).json
    assert (told["supplier_provided_notes"], told["retailer_provided_notes"]) == ("Ships from Reno", None)
    order = network.supplier.order(shared.uuid)
    assert order["supplier_provided_order_attributes"] == pair
    assert order["line_items"][0]["supplier_provided_item_attributes"] == pair
    assert network.other_supplier.order(shared.uuid)["supplier_provided_order_notes"] is None


@pytest.mark.parametrize(
    ("row", "status"),
    [({"line_item_uuid": str(uuid.uuid4())}, 422), ({}, 400), ({"line_item_uuid": "{other}"}, 422)],
)
def test_attributes_of_a_line_need_a_line_of_ones_own(
    network: Network, shared: Placed, row: dict[str, Any], status: int
) -> None:
    named = {name: value.format(other=shared.b) for name, value in row.items()}
    sent = {"supplier_provided_notes": "x", "line_items": [named]}
    assert network.supplier.call("POST", f"/timp/orders/{shared.uuid}/attributes/", sent).status == status
    assert network.supplier.order(shared.uuid)["supplier_provided_order_notes"] is None


@pytest.mark.parametrize("part", ["fees", "attributes", "invoices"])
def test_papers_of_an_unknown_order_are_not_there(supplier: User, part: str) -> None:
    path = f"/timp/orders/{uuid.uuid4()}/{part}/"
    assert supplier.call("GET", path).status == 404
    assert supplier.call("POST", path, {"invoice_number": "1"}).status == 422


def test_an_export_is_pending_for_a_while_and_then_a_file_of_ones_lines(network: Network, shared: Placed) -> None:
    answer = network.supplier.call("POST", "/timp/orders/export/", {"uuids": [shared.uuid]})
    assert (answer.status, list(answer.json)) == (200, ["uuid"])
    path = f"/timp/data/export/{answer.json['uuid']}/"
    assert network.supplier.call("GET", path).json == {**answer.json, "status": "PENDING", "url": None}
    assert network.other_supplier.call("GET", path).status == 404
    network.control.shift(5)
    told = network.supplier.call("GET", path).json
    assert told["status"] == "COMPLETED"
    content = requests.get(told["url"], timeout=10).content
    assert content.startswith(b"\xef\xbb\xbf")
    [row] = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
    assert (row["retailer_po_number"], row["line_item_uuid"], row["quantity"]) == ("FL-1", shared.a, "2")
    assert len(row) == 27


def test_an_export_by_search_takes_designations_as_a_list_and_terms_as_numbers(network: Network) -> None:
    supplier = network.supplier

    def rows(**search: Any) -> int:
        answer = supplier.call("POST", "/timp/orders/search/export/", {"limit": 1000, **search})
        assert answer.status == 200, answer.text
        network.control.shift(5)
        url = supplier.call("GET", f"/timp/data/export/{answer.json['uuid']}/").json["url"]
        return len(requests.get(url, timeout=10).text.splitlines()) - 1

    first = supplier.orders(limit=1).json["orders"][0]
    assert rows(term=first["uuid"]) == rows(term=first["purchase_order_id"]) == len(first["line_items"])
    assert 0 < rows(line_item_designation=["Cancelled", "HasTracking"]) < rows()
    assert supplier.call("POST", "/timp/orders/search/export/", {"line_item_designation": "Cancelled"}).status == 400


@pytest.mark.parametrize(("body", "status"), [({}, 400), ({"uuids": [1]}, 400), ({"uuids": ["x"]}, 422)])
def test_an_export_names_orders_one_sees(supplier: User, body: dict[str, Any], status: int) -> None:
    assert supplier.call("POST", "/timp/orders/export/", body).status == status


def test_reading_notifications_uses_them_up_for_each_user(network: Network, placed: Placed) -> None:
    for user in (network.supplier, network.packer):
        user.call("GET", "/timp/notifications/")
    network.retailer.ask_line(placed.a)
    assert len(network.supplier.call("GET", "/timp/notifications/").json) == 1
    assert network.supplier.call("GET", "/timp/notifications/").json == []
    assert len(network.packer.call("GET", "/timp/notifications/").json) == 1


def test_a_user_who_wants_no_notifications_gets_none(network: Network, placed: Placed) -> None:
    supplier = network.supplier
    supplier.call("GET", "/timp/notifications/")
    settings = supplier.call("GET", SETTINGS).json
    assert set(settings[0]) == {
        "uuid",
        "notification_display_name",
        "notification_name",
        "notification_domain",
        "notification_type",
        "org_user",
    }
    cancelled = next(each for each in settings if each["notification_name"] == "orders/cancelled")
    change = {"uuid": cancelled["uuid"], "notification_via": "Dashboard", "enabled": "False"}
    assert supplier.call("PUT", SETTINGS, change).status == 204
    network.retailer.ask_line(placed.a)
    assert supplier.call("GET", "/timp/notifications/").json == []


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"notification_via": "email"}, 400),
        ({"uuid": "x", "notification_via": "pigeon"}, 400),
        ({"uuid": "x", "notification_via": "email", "enabled": 1}, 400),
        ({"uuid": "x", "notification_via": "email", "enabled": "yes"}, 400),
        ({"uuid": "x", "notification_via": "email", "notification_frequency": "Never"}, 400),
        ({"uuid": "x", "notification_via": "email", "enabled": True}, 422),
    ],
)
def test_a_notification_setting_is_one_of_ones_own(supplier: User, change: dict[str, Any], status: int) -> None:
    assert supplier.call("PUT", SETTINGS, change).status == status
