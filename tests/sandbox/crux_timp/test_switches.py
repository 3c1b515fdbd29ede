"""Switches that turn what a request and its answer do into other plausible readings."""

from __future__ import annotations

import uuid

import pytest

from tests.sandbox.crux_timp.client import Network, Placed


def test_a_pending_request_may_be_visible(network: Network, placed: Placed) -> None:
    network.switch(pending_visible=True)
    network.retailer.ask_line(placed.b)
    assert network.designations(placed.uuid) == [None, "Cancelled"]
    assert placed.uuid in network.supplier.found(line_item_designation="Cancelled")
    network.supplier.decide_line("reject", placed.b)
    assert network.designations(placed.uuid) == [None, None]


def test_a_confirmed_line_may_say_so_in_its_status(network: Network, placed: Placed) -> None:
    network.switch(confirmed_in_status=True)
    network.retailer.ask_line(placed.a)
    network.supplier.decide_line("confirm", placed.a)
    line = network.supplier.lines(placed.uuid)[placed.a]
    assert (line["status"], line["line_item_designation"]) == ("Cancelled", "Cancelled")


@pytest.mark.parametrize(
    ("value", "status", "text"),
    [("200_empty_object", 200, "{}"), ("200_message", 200, '{"message":"success"}'), ("204", 204, "")],
)
def test_a_decision_may_answer_otherwise(network: Network, placed: Placed, value: str, status: int, text: str) -> None:
    network.switch(decision_answer=value)
    network.retailer.ask_order(placed.uuid)
    answer = network.supplier.decide_order("confirm", placed.uuid)
    assert (answer.status, answer.text) == (status, text)


def test_a_decision_may_need_a_content_type(network: Network, placed: Placed) -> None:
    network.switch(decision_content_type="required")
    network.retailer.ask_order(placed.uuid)
    assert network.supplier.decide_order("reject", placed.uuid).status == 415
    assert network.supplier.decide_order("reject", placed.uuid, body={}).status == 204


@pytest.mark.parametrize("value", ["allocate_order", "none"])
def test_a_decision_may_need_another_permission_or_none(network: Network, placed: Placed, value: str) -> None:
    network.switch(decision_permission=value)
    network.retailer.ask_order(placed.uuid)
    assert network.packer.decide_order("reject", placed.uuid).status == 204


def test_an_items_catalogue_uuid_may_name_its_line(network: Network, placed: Placed) -> None:
    network.switch(accepts_item_uuid=True)
    item_uuid = network.supplier.lines(placed.uuid)[placed.a]["item_uuid"]
    network.retailer.ask_line(placed.a)
    assert network.supplier.decide_line("confirm", item_uuid).status == 204
    assert network.designations(placed.uuid) == ["Cancelled", None]
    assert network.supplier.decide_line("confirm", str(uuid.uuid4())).status == 422


def test_the_same_decision_may_be_repeated(network: Network, placed: Placed) -> None:
    network.switch(repeat=204)
    network.retailer.ask_line(placed.a)
    assert [network.supplier.decide_line("confirm", placed.a).status for _ in range(2)] == [204, 204]
    assert network.supplier.decide_line("reject", placed.a).status == 422
    assert network.supplier.decide_line("confirm", placed.b).status == 422
    assert network.effects(placed.uuid).count("cancellation.approved") == 1


def test_the_same_request_may_be_repeated(network: Network, placed: Placed) -> None:
    network.switch(repeat_request=204)
    assert [network.retailer.ask_order(placed.uuid).status for _ in range(2)] == [204, 204]
    assert network.effects(placed.uuid) == ["cancellation.requested"]


def test_requests_may_end_with_the_allocation(network: Network, placed: Placed) -> None:
    network.switch(request_while="unallocated")
    network.supplier.allocate(placed.uuid, {placed.a: (2, 0, 0)})
    assert network.retailer.ask_line(placed.b).status == 204
    assert network.retailer.ask_line(placed.a).status == 422


def test_a_retailer_may_have_to_take_no_for_an_answer(network: Network, placed: Placed) -> None:
    network.switch(request_again=False)
    network.retailer.ask_line(placed.a)
    network.supplier.decide_line("reject", placed.a)
    assert network.retailer.ask_line(placed.a).status == 422
    assert network.retailer.ask_line(placed.b).status == 204


def test_an_orders_decision_may_settle_its_lines(network: Network, placed: Placed) -> None:
    network.switch(order_settles_items=True)
    network.retailer.ask_line(placed.a)
    assert network.supplier.decide_order("confirm", placed.uuid).status == 204
    assert network.designations(placed.uuid) == ["Cancelled", None]


def test_the_first_decision_may_win_for_all_suppliers(network: Network, shared: Placed) -> None:
    network.switch(first_decision_wins=True)
    network.retailer.ask_order(shared.uuid)
    network.supplier.decide_order("confirm", shared.uuid)
    assert network.designations(shared.uuid) == ["Cancelled", "Cancelled"]
    assert network.other_supplier.decide_order("reject", shared.uuid).status == 422


def test_a_request_may_block_the_supplier(network: Network, placed: Placed) -> None:
    network.switch(while_pending="blocked")
    network.retailer.ask_line(placed.b)
    assert network.supplier.allocate(placed.uuid, {placed.a: (2, 0, 0)}).status == 422


def test_shipping_may_reject_a_request(network: Network, placed: Placed) -> None:
    network.switch(while_pending="shipping_rejects")
    network.retailer.ask_line(placed.a)
    network.supplier.allocate(placed.uuid, {placed.a: (2, 0, 0)})
    network.supplier.ship(placed.uuid, {placed.a: 1})
    assert network.effects(placed.uuid)[-2:] == ["cancellation.rejected", "package.shipped"]
    assert network.truth(placed.uuid)["pending"] == []


@pytest.mark.parametrize(("value", "state"), [("confirms", "confirmed"), ("expires", "expired")])
def test_silence_may_decide(network: Network, placed: Placed, value: str, state: str) -> None:
    network.switch(silence=value, silence_hours=2)
    network.retailer.ask_line(placed.a)
    network.control.shift(2 * 3600 - 60)
    assert len(network.truth(placed.uuid)["pending"]) == 1
    network.control.shift(60)
    assert network.truth(placed.uuid)["requests"][0]["state"] == state
    [entry] = network.control.get("ledger", order_id=placed.uuid, actor="system")["entries"]
    assert entry["effect"] == {"confirmed": "cancellation.approved", "expired": "cancellation.expired"}[state]
