"""Switches that turn what calls refuse, show and answer into other plausible readings."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.crux_timp.switches import CruxTimpSwitches
from tests.sandbox.crux_timp.client import Network, Placed

ROOT = Path(__file__).parents[3]


def first_line(network: Network, placed: Placed) -> dict[str, Any]:
    """The order's first line as the list shows it."""
    orders = network.supplier.orders(po_number="FL-1").json["orders"]
    return dict(next(order for order in orders if order["uuid"] == placed.uuid)["line_items"][0])


def test_an_unknown_uuid_may_be_not_found(network: Network, shared: Placed) -> None:
    network.switch(unknown_uuid=404)
    network.retailer.ask_order(shared.uuid)
    assert network.supplier.decide_order("confirm", str(uuid.uuid4())).status == 404
    assert network.supplier.decide_line("confirm", shared.b).status == 404
    assert network.other_retailer.ask_order(shared.uuid).status == 404
    assert network.supplier.decide_line("confirm", shared.a).status == 422


@pytest.mark.parametrize("value", [400, 422])
def test_a_malformed_uuid_may_be_no_matter_of_the_path(network: Network, value: int) -> None:
    network.switch(malformed_uuid=value)
    assert network.supplier.decide_order("confirm", "not-a-uuid").status == value
    assert network.packer.decide_order("confirm", "not-a-uuid").status == 403


def test_a_missing_slash_may_be_redirected(network: Network, placed: Placed) -> None:
    network.switch(missing_slash=301)
    answer = network.supplier.call("GET", f"/timp/orders/{placed.uuid}")
    assert (answer.status, answer.headers["Location"]) == (301, f"/crux/timp/orders/{placed.uuid}/")
    assert network.supplier.call("GET", "/timp/nothing").status == 404


@pytest.mark.parametrize(
    ("value", "packers", "retailers"),
    [("permission_type_media", 415, 409), ("type_media_permission", 415, 409), ("type_permission_media", 403, 409)],
)
def test_the_checks_may_come_in_another_order(
    network: Network, placed: Placed, value: str, packers: int, retailers: int
) -> None:
    network.switch(check_order=value)
    bad = {"raw": b"x", "content_type": "text/plain"}
    expected = 403 if value == "permission_type_media" else packers
    assert network.packer.decide_order("confirm", placed.uuid, **bad).status == expected
    assert network.retailer.decide_order("confirm", placed.uuid, **bad).status == retailers
    path = f"/timp/orders/allocation/{placed.uuid}/"
    first = network.retailer.call("PUT", path, {}).status
    assert first == (403 if value == "permission_type_media" else 409)


@pytest.mark.parametrize(("value", "start"), [("message", '{"message":'), ("empty", ""), ("html", "<html>")])
def test_an_error_may_have_another_body(network: Network, value: str, start: str) -> None:
    network.switch(error_body=value)
    answer = network.supplier.decide_order("confirm", str(uuid.uuid4()))
    assert answer.status == 422
    assert answer.text.startswith(start) and bool(answer.text) is bool(start)


def test_a_login_may_end_the_token_before(network: Network) -> None:
    network.switch(one_token_per_user=True)
    first = network.supplier.login()["auth_token"]
    second = network.supplier.login()["auth_token"]
    assert network.supplier.call("POST", "/timp/orders/", {}, token=first).status == 401
    assert network.supplier.call("POST", "/timp/orders/", {}, token=second).status == 200


def test_a_token_may_live_on_by_being_used(network: Network) -> None:
    network.switch(sliding_token=True)
    for _ in range(3):
        assert network.supplier.orders().status == 200
        network.control.shift(3600)
    network.control.shift(3700)
    assert network.supplier.orders().status == 401


def test_a_supplier_may_see_all_lines(network: Network, shared: Placed) -> None:
    network.switch(sees_all_lines=True)
    network.retailer.ask_line(shared.b)
    assert list(network.supplier.lines(shared.uuid)) == [shared.a, shared.b]
    assert network.supplier.decide_line("confirm", shared.b).status == 422


def test_orders_may_be_hidden_until_they_are_sent(network: Network) -> None:
    [unsent] = network.supplier.found(sent_to_supplier=False)[:1]
    network.switch(hides_unsent=True)
    assert network.supplier.found(sent_to_supplier=False) == []
    assert network.supplier.call("GET", f"/timp/orders/{unsent}/").status == 404


def test_a_line_of_the_list_may_have_another_key(network: Network, placed: Placed) -> None:
    network.switch(list_line_key="uuid")
    line = first_line(network, placed)
    assert (line["uuid"], "line_item_uuid" in line) == (placed.a, False)
    assert placed.a in network.supplier.lines(placed.uuid)


@pytest.mark.parametrize(
    ("value", "nothing", "cancelled"), [("id_name", None, "ID: 5 Name: Cancelled"), ("list", [], ["Cancelled"])]
)
def test_a_designation_may_be_written_otherwise(
    network: Network, placed: Placed, value: str, nothing: Any, cancelled: Any
) -> None:
    network.switch(designation_form=value)
    network.retailer.ask_line(placed.b)
    network.supplier.decide_line("confirm", placed.b)
    assert network.designations(placed.uuid) == [nothing, cancelled]
    assert placed.uuid in network.supplier.found(line_item_designation="Cancelled")


def test_the_ordered_quantity_may_be_nowhere(network: Network, placed: Placed) -> None:
    network.switch(quantity_ordered=False)
    assert "quantity_ordered" not in first_line(network, placed)["allocation"]
    assert "quantity_ordered" not in network.supplier.lines(placed.uuid)[placed.a]


@pytest.mark.parametrize(("value", "end"), [("end_exclusive", 8), ("end_inclusive", 9)])
def test_a_limit_may_be_where_the_results_end(network: Network, value: str, end: int) -> None:
    everything = network.supplier.found()
    network.switch(limit=value)
    part = network.supplier.orders(start=4, limit=8).json["orders"]
    assert [order["uuid"] for order in part] == everything[4:end]


def test_the_oldest_order_may_come_first(network: Network) -> None:
    newest_first = network.supplier.found()
    network.switch(newest_first=False)
    assert network.supplier.found() == newest_first[::-1]


def test_dates_may_be_local(network: Network, placed: Placed) -> None:
    created = network.supplier.order(placed.uuid)["created_date"][:19].replace("T", " ")
    assert placed.uuid in network.supplier.found(start_date=created)
    network.switch(date_zone_hours=-7)
    assert placed.uuid not in network.supplier.found(start_date=created)


def test_an_allocation_may_answer_with_line_items(network: Network, placed: Placed) -> None:
    network.switch(allocation_answer="line_items")
    unknown = str(uuid.uuid4())
    answer = network.supplier.allocate(placed.uuid, {placed.a: (2, 0, 0), unknown: (1, 0, 0)})
    keys = ("line_item_uuid", "line_item_status", "line_item_designation")
    rows = [(placed.a, "Allocated", "NeedsTracking"), (unknown, "Item Not Found", None)]
    assert answer.json == {"line_items": [dict(zip(keys, row, strict=True)) for row in rows]}


def test_quantities_may_add_up_to_anything(network: Network, placed: Placed) -> None:
    network.switch(allocation_sum=False)
    assert network.supplier.allocate(placed.uuid, {placed.a: (1, 0, 0), placed.b: (5, 0, 1)}).status == 200
    assert [line["status"] for line in network.supplier.lines(placed.uuid).values()] == ["Partial", "Allocated"]


def test_an_allocation_may_need_every_line(network: Network, placed: Placed) -> None:
    network.switch(allocation_all_lines=True)
    assert network.supplier.allocate(placed.uuid, {placed.a: (2, 0, 0)}).status == 400
    assert network.supplier.allocate(placed.uuid, {placed.a: (2, 0, 0), placed.b: (1, 0, 0)}).status == 200


@pytest.mark.parametrize("value", [200, 204])
def test_tracking_may_answer_otherwise_and_check_nothing(network: Network, placed: Placed, value: int) -> None:
    network.switch(tracking_status=value, tracking_limits=False)
    answer = network.supplier.ship(placed.uuid, {placed.a: 9})
    assert (answer.status, bool(answer.text)) == (value, value == 200)


def test_an_invoice_may_replace_another_of_its_number(network: Network, placed: Placed) -> None:
    network.switch(invoice_status=200, invoice_again="replaces")
    path = f"/timp/orders/{placed.uuid}/invoices/"
    answers = [network.supplier.call("POST", path, {"invoice_number": "1"}) for _ in range(2)]
    assert answers[0].status == answers[1].status == 200
    assert answers[0].json == answers[1].json
    assert len(network.supplier.order(placed.uuid)["invoices"]) == 1


@pytest.mark.parametrize("value", [200, 201])
def test_updates_and_exports_may_answer_otherwise(network: Network, placed: Placed, value: int) -> None:
    network.switch(update_status=value, export_status=value, export_seconds=0)
    answer = network.supplier.call("POST", f"/timp/orders/{placed.uuid}/fees/", {})
    assert (answer.status, answer.json) == (value, {})
    answer = network.supplier.call("POST", "/timp/orders/export/", {"uuids": [placed.uuid]})
    assert answer.status == value
    assert network.supplier.call("GET", f"/timp/data/export/{answer.json['uuid']}/").json["status"] == "COMPLETED"


def test_notifications_may_stay(network: Network, placed: Placed) -> None:
    network.switch(notifications_seen_once=False)
    first = network.supplier.call("GET", "/timp/notifications/").json
    assert first and network.supplier.call("GET", "/timp/notifications/").json == first


def test_what_is_unpublished_may_be_there(network: Network, placed: Placed) -> None:
    [unsent] = network.supplier.found(sent_to_supplier=False)[:1]
    network.switch(unpublished=True)
    assert [order["order_uuid"] for order in network.supplier.call("GET", "/timp/orders/po/FL-1/").json] == [
        placed.uuid
    ]
    assert network.supplier.call("GET", "/timp/orders/po/XX-1/").json == []
    body = {"uuids": [{"order_uuid": unsent}]}
    assert network.supplier.call("PUT", "/timp/orders/acknowledge/", body).status == 204
    assert network.supplier.order(unsent)["sent_to_supplier"] is True
    assert network.supplier.call("PUT", "/timp/orders/acknowledge/", {"uuids": [{"order_uuid": "x"}]}).status == 422


@pytest.mark.parametrize(
    ("name", "value"), [("crux_repeat", 400), ("crux_limit", "all"), ("crux_unpublished", "maybe")]
)
def test_a_switch_has_only_its_positions(network: Network, name: str, value: object) -> None:
    answer = requests.post(f"{network.control.base_url}/__sandbox__/switches", json={name: value}, timeout=10)
    assert answer.status_code == 400


@pytest.mark.parametrize("name", CruxTimpSwitches.names())
def test_every_switch_is_listed_with_its_default_and_described(network: Network, name: str) -> None:
    assert network.control.get("switches")[name] == CruxTimpSwitches().as_json()[name]
    assert f"| `{name}` |" in (ROOT / "docs" / "sandbox.md").read_text()
