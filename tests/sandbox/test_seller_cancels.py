"""A seller cancels orders and lines on his own initiative, within the market's rules."""

from __future__ import annotations

import pytest

from tests.sandbox.client import Control, Json, Shop

SUCCESS = "CANCELLATION_REQUEST_SUCCESS"


def open_order(shop: Shop, lines: int = 1, status: str = "AWAITING_SHIPMENT") -> Json:
    """An order without a request and without cancelled lines."""
    return next(
        order
        for order in shop.orders(order_status=status, is_buyer_request_cancel=False).data["orders"]
        if len(order["line_items"]) >= lines
        and all(line["display_status"] != "CANCELLED" for line in order["line_items"])
    )


def test_a_whole_order_is_cancelled_once(control: Control, us: Shop) -> None:
    order = open_order(us)
    answer = us.cancel_order(order["id"], "seller_cancel_reason_out_of_stock")
    assert answer.data["cancel_status"] == SUCCESS
    record = us.cancellation(answer.data["cancel_id"])
    assert (record["cancel_type"], record["role"]) == ("CANCEL", "SELLER")
    after = us.order(order["id"])
    assert (after["status"], after["cancellation_initiator"], after["cancel_reason"]) == (
        "CANCELLED",
        "SELLER",
        "Out of stock",
    )
    assert us.cancel_order(order["id"], "seller_cancel_reason_out_of_stock").code == 25001011
    [entry] = control.effects("order.cancelled", order_id=order["id"])
    assert sorted(entry["line_item_ids"]) == sorted(line["id"] for line in order["line_items"])


@pytest.mark.parametrize(
    ("region", "reason"), [("US", "seller_cancel_reason_out_of_stock"), ("GB", "seller_cancel_reason_out_of_stock_uk")]
)
def test_single_lines_are_cancelled_where_that_is_allowed(control: Control, region: str, reason: str) -> None:
    shop = control.shop(region)
    order = open_order(shop, lines=2)
    first, *others = [line["id"] for line in order["line_items"]]
    assert shop.cancel_order(order["id"], reason, order_line_item_ids=[first]).code == 0
    after = shop.order(order["id"])
    assert after["status"] == "AWAITING_SHIPMENT"
    assert [line["id"] for line in after["line_items"] if line["display_status"] == "CANCELLED"] == [first]
    assert shop.cancel_order(order["id"], reason, order_line_item_ids=[first]).code == 25005011
    assert shop.cancel_order(order["id"], reason, order_line_item_ids=others).code == 0
    assert shop.order(order["id"])["status"] == "CANCELLED"


def test_lines_are_cancelled_by_sku_and_quantity(us: Shop) -> None:
    order = open_order(us, lines=2)
    sku_id = order["line_items"][0]["sku_id"]
    have = sum(line["sku_id"] == sku_id for line in order["line_items"])
    reason = "seller_cancel_reason_out_of_stock"
    too_many = [{"sku_id": sku_id, "quantity": have + 1}]
    assert us.cancel_order(order["id"], reason, skus=too_many).code == 25005011
    assert us.cancel_order(order["id"], reason, skus=[{"sku_id": sku_id, "quantity": 1}]).code == 0
    gone = [line for line in us.order(order["id"])["line_items"] if line["display_status"] == "CANCELLED"]
    assert [line["sku_id"] for line in gone] == [sku_id]


@pytest.mark.parametrize("region", ["DE", "TH", "ID"])
def test_elsewhere_lines_cannot_be_cancelled_alone(control: Control, region: str) -> None:
    shop = control.shop(region)
    order = open_order(shop, lines=2)
    answer = shop.cancel_order(
        order["id"], "seller_cancel_reason_out_of_stock", order_line_item_ids=[order["line_items"][0]["id"]]
    )
    assert answer.code == 25005010


def test_lines_go_for_no_other_reason_than_being_out_of_stock(us: Shop) -> None:
    order = open_order(us, lines=2)
    answer = us.cancel_order(
        order["id"], "seller_cancel_reason_wrong_price", order_line_item_ids=[order["line_items"][0]["id"]]
    )
    assert answer.code == 25005010


@pytest.mark.parametrize(
    ("region", "reason", "code"),
    [
        ("US", "no_such_reason", 25001014),
        ("US", "ecom_order_to_ship_canceled_reason_better_price", 25001015),
        ("US", "seller_cancel_reason_out_of_stock_uk", 25001015),
        ("US", "seller_cancel_unpaid_reason_out_of_stock", 25001021),
        ("GB", "seller_cancel_reason_out_of_stock", 25001015),
        ("TH", "seller_cancel_paid_reason_address_not_deliver", 25001020),
        ("TH", "seller_cancel_paid_reason_buyer_requested_cancellation", 25001015),
        ("DE", "seller_cancel_paid_reason_address_not_deliver", 0),
    ],
)
def test_a_cancel_reason_has_to_fit_market_and_status(control: Control, region: str, reason: str, code: int) -> None:
    shop = control.shop(region)
    assert shop.cancel_order(open_order(shop)["id"], reason).code == code


def test_orders_that_cannot_be_cancelled_say_why(us: Shop, gb: Shop, de: Shop) -> None:
    reason = "seller_cancel_reason_out_of_stock"
    assert us.cancel_order("570000000000000000", reason).code == 25007006
    assert us.cancel_order(open_order(de)["id"], reason).code == 25020005
    assert us.cancel_order(us.pending()[0]["order_id"], reason).code == 25001011
    for status, code in (
        ("IN_TRANSIT", 25001045),
        ("DELIVERED", 25001045),
        ("COMPLETED", 25001051),
        ("CANCELLED", 25001011),
    ):
        order = us.orders(order_status=status).data["orders"][0]
        assert us.cancel_order(order["id"], reason).code == code


def test_after_ready_to_ship_only_us_sellers_may_cancel(us: Shop, gb: Shop) -> None:
    ready = us.orders(order_status="AWAITING_COLLECTION").data["orders"][0]["id"]
    assert us.cancel_order(ready, "seller_cancel_reason_out_of_stock").code == 0
    ready = gb.orders(order_status="AWAITING_COLLECTION").data["orders"][0]["id"]
    assert gb.cancel_order(ready, "seller_cancel_reason_out_of_stock_uk").code == 25001045


def test_ill_formed_wishes_are_refused(us: Shop) -> None:
    order = open_order(us)
    line, reason = order["line_items"][0], "seller_cancel_reason_out_of_stock"
    sku = {"sku_id": line["sku_id"], "quantity": 1}
    for body in (
        {"skus": [{"sku_id": line["sku_id"]}]},
        {"skus": [{**sku, "quantity": "1"}]},
        {"skus": [{**sku, "quantity": 0}]},
        {"order_line_item_ids": ["1"]},
        {"order_line_item_ids": line["id"]},
        {"skus": [sku], "order_line_item_ids": [line["id"]]},
        {"skus": [{"sku_id": "1", "quantity": 1}]},
    ):
        assert us.cancel_order(order["id"], reason, **body).code == 25001001
    assert (
        us.call(
            "POST",
            "/return_refund/202309/cancellations",
            {"idempotency_key": "k"},
            {"order_id": order["id"], "cancel_reason": reason},
        ).code
        == 36009004
    )
    assert us.order(order["id"])["status"] == "AWAITING_SHIPMENT"


def test_eligibility_says_by_sku_what_may_be_asked_for(us: Shop) -> None:
    def eligibility(order_id: str, **query: str) -> dict[str, Json]:
        data = us.call("GET", f"/return_refund/202309/orders/{order_id}/aftersale_eligibility", query).data
        return {row["request_type"]: row for row in data["sku_eligibility"][0]["line_item_eligibility"]}

    order = open_order(us, lines=2)
    assert eligibility(order["id"])["CANCEL"]["eligible"] is True
    assert eligibility(order["id"])["RETURN_AND_REFUND"]["ineligible_code"] == 25001003
    waiting = us.pending()[0]["order_id"]
    assert eligibility(waiting, initiate_aftersale_user="BUYER")["CANCEL"]["ineligible_code"] == 25001011
    delivered = us.orders(order_status="DELIVERED").data["orders"][0]["id"]
    assert eligibility(delivered)["RETURN"]["eligible"] is True


def test_a_refund_is_calculated_for_lines_and_for_the_whole(us: Shop) -> None:
    def refund(**body: object) -> Json:
        answer = us.call(
            "POST",
            "/return_refund/202309/refunds/calculate",
            None,
            {
                "order_id": order["id"],
                "request_type": "CANCEL",
                "reason_name": "seller_cancel_reason_out_of_stock",
                **body,
            },
        )
        assert answer.code == 0
        return dict(answer.data["order_refund_amount"])

    order = open_order(us, lines=2)
    whole = refund()
    assert whole["refund_total"] == order["payment"]["total_amount"]
    parts = [refund(order_line_item_ids=[line["id"]]) for line in order["line_items"]]
    for name in ("refund_total", "refund_subtotal", "refund_shipping_fee", "refund_tax"):
        assert round(sum(float(part[name]) for part in parts), 2) == float(whole[name])
