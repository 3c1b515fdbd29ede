"""Time passes on the simulator's clock: deadlines decide, refunds arrive, orders move on."""

from __future__ import annotations

import time

from tests.sandbox.client import Control, Shop

HOUR = 3600
DAY = 24 * HOUR


def test_silence_approves_at_the_deadline_to_the_second(control: Control, gb: Shop) -> None:
    asked = control.post("buyer", action="request", shop_id=gb.id)
    control.shift(48 * HOUR - 30)
    assert gb.cancellation(asked["cancel_id"])["cancel_status"] == "CANCELLATION_REQUEST_PENDING"
    control.shift(5 * 60)
    record = gb.cancellation(asked["cancel_id"])
    assert (record["cancel_status"], record["update_time"]) == ("CANCELLATION_REQUEST_SUCCESS", asked["deadline"])
    order = gb.order(asked["order_id"])
    assert (order["status"], order["cancel_time"]) == ("CANCELLED", asked["deadline"])
    [entry] = control.effects("cancellation.auto_approved", cancel_id=asked["cancel_id"])
    assert (entry["actor"], entry["at"]) == ("system", asked["deadline"])
    assert gb.approve(asked["cancel_id"]).code == 25011012


def test_the_refund_arrives_ten_minutes_after_the_approval(control: Control, gb: Shop) -> None:
    asked = control.post("buyer", action="request", shop_id=gb.id)
    gb.approve(asked["cancel_id"])
    control.shift(9 * 60)
    assert gb.cancellation(asked["cancel_id"])["cancel_status"] == "CANCELLATION_REQUEST_SUCCESS"
    control.shift(120)
    assert gb.cancellation(asked["cancel_id"])["cancel_status"] == "CANCELLATION_REQUEST_COMPLETE"
    assert len(control.effects("cancellation.completed", cancel_id=asked["cancel_id"])) == 1


def test_a_decided_request_is_left_alone_by_its_deadline(control: Control, gb: Shop) -> None:
    asked = control.post("buyer", action="request", shop_id=gb.id)
    gb.reject(asked["cancel_id"], gb.reject_reasons(asked["cancel_id"])[0])
    control.shift(49 * HOUR)
    assert gb.cancellation(asked["cancel_id"])["cancel_status"] == "CANCELLATION_REQUEST_CANCELLED"
    assert control.effects("cancellation.auto_approved", cancel_id=asked["cancel_id"]) == []


def test_the_deadline_can_be_another(control: Control, gb: Shop) -> None:
    control.post("switches", deadline_hours=24)
    asked = control.post("buyer", action="request", shop_id=gb.id)
    record = gb.cancellation(asked["cancel_id"])
    assert record["seller_next_action_response"][0]["deadline"] == record["create_time"] + 24 * HOUR


def test_orders_move_on_by_themselves(control: Control) -> None:
    shop, held = next(
        (each, order)
        for each in control.shops()
        if each.region != "US"
        for order in each.orders(order_status="ON_HOLD", shipping_type="TIKTOK").data["orders"]
    )
    unpaid = [order["id"] for order in shop.orders(order_status="UNPAID").data["orders"]]
    control.shift(HOUR)
    assert shop.order(held["id"])["status"] == "AWAITING_SHIPMENT"
    ship = f"/fulfillment/202309/packages/{held['packages'][0]['id']}/ship"
    assert shop.call("POST", ship, None, {}).code == 0
    for hours, status in ((1, "AWAITING_COLLECTION"), (20, "IN_TRANSIT"), (60, "DELIVERED"), (15 * 24, "COMPLETED")):
        control.shift(hours * HOUR)
        assert control.get(f"orders/{held['id']}")["order"]["status"] == status
    for order_id in unpaid:
        assert control.get(f"orders/{order_id}")["order"]["status"] == "CANCELLED"


def test_an_order_nobody_ships_is_cancelled_by_the_platform(control: Control, th: Shop) -> None:
    order = th.orders(order_status="AWAITING_SHIPMENT", is_buyer_request_cancel=False).data["orders"][0]
    control.post("clock", set=order["shipping_due_time"] + 1)
    after = th.order(order["id"])
    assert (after["status"], after["cancellation_initiator"]) == ("CANCELLED", "SYSTEM")
    record = th.search(order_ids=[order["id"]], cancel_types=["CANCEL"]).data["cancellations"][-1]
    assert (record["role"], record["cancel_reason"]) == ("SYSTEM", "system_cancel_order_reason_shipping_timeout")


def test_the_clock_can_be_read_shifted_and_set(control: Control) -> None:
    assert abs(control.get("clock")["now"] - time.time()) < 3
    control.post("clock", shift=100)
    assert control.get("clock")["shift"] == 100
    control.post("clock", set=1_900_000_000)
    assert abs(control.get("clock")["now"] - 1_900_000_000) < 3


def test_a_buyer_within_the_hour_of_remorse_needs_no_answer(control: Control, us: Shop, gb: Shop) -> None:
    shop = next(each for each in control.shops() if each.orders(order_status="ON_HOLD").data["orders"])
    order_id = shop.orders(order_status="ON_HOLD").data["orders"][0]["id"]
    answer = control.post("buyer", action="request", order_id=order_id)
    assert answer["status"] == "CANCELLATION_REQUEST_SUCCESS"
    record = shop.cancellation(answer["cancel_id"])
    assert (record["cancel_type"], record["role"]) == ("CANCEL", "BUYER")
    assert shop.order(order_id)["status"] == "CANCELLED"
