"""Buyers' requests are found, approved, rejected and refused as TikTok does it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.client import Control, Json, Shop
from tests.sandbox.test_images import png

PENDING, SUCCESS, CLOSED = (f"CANCELLATION_REQUEST_{word}" for word in ("PENDING", "SUCCESS", "CANCELLED"))
PACKED = "seller_reject_apply_product_has_been_packed"


def ask(control: Control, shop: Shop, **wish: Any) -> Json:
    return control.post("buyer", action="request", shop_id=shop.id, **wish)


def test_a_request_waits_with_deadline_reason_and_refund(control: Control, gb: Shop) -> None:
    asked = ask(control, gb)
    record = gb.cancellation(asked["cancel_id"])
    assert (record["cancel_status"], record["cancel_type"], record["role"]) == (PENDING, "BUYER_CANCEL", "BUYER")
    [action] = record["seller_next_action_response"]
    assert action == {"action": "SELLER_RESPOND_CANCEL", "deadline": record["create_time"] + 48 * 3600}
    assert record["cancel_reason"].endswith("_uk")
    assert record["cancel_reason_text"] == "No longer needed"
    total = sum(float(line["refund_amount"]["refund_total"]) for line in record["cancel_line_items"])
    assert round(total, 2) == float(record["refund_amount"]["refund_total"])
    order = gb.order(record["order_id"])
    assert (order["status"], order["is_buyer_request_cancel"]) == ("AWAITING_SHIPMENT", True)
    assert order["request_cancel_time"] == order["update_time"] == record["create_time"]


def test_the_search_filters_and_pages_oldest_first(gb: Shop) -> None:
    everything = gb.search({"page_size": 50}).data
    times = [record["create_time"] for record in everything["cancellations"]]
    assert times == sorted(times)
    assert everything["total_count"] == len(times) > 10
    assert len(gb.search().data["cancellations"]) == 10
    paged = gb.search({"page_size": 4}).data
    found = paged["cancellations"]
    while paged["next_page_token"]:
        paged = gb.search({"page_size": 4, "page_token": paged["next_page_token"]}).data
        found += paged["cancellations"]
    assert found == everything["cancellations"]
    one = found[3]
    assert gb.search(order_ids=[one["order_id"]]).data["total_count"] >= 1
    closed = gb.search({"page_size": 50}, cancel_status=["CANCELLATION_REQUEST_CANCEL"]).data["cancellations"]
    assert {record["cancel_status"] for record in closed} == {CLOSED}
    direct = gb.search({"page_size": 50}, cancel_types=["CANCEL"]).data["cancellations"]
    assert {record["cancel_type"] for record in direct} == {"CANCEL"}
    assert "seller_next_action_response" not in direct[0]


def test_reasons_are_told_in_the_language_asked_for(control: Control, de: Shop) -> None:
    asked = ask(control, de)
    german = de.search(cancel_ids=[asked["cancel_id"]], locale="de-DE").data["cancellations"][0]
    assert german["cancel_reason_text"] == "Falsche Lieferadresse"
    assert de.cancellation(asked["cancel_id"])["cancel_reason_text"] == "Wrong delivery information"


def test_approving_cancels_order_and_lines_and_says_nothing_more(control: Control, gb: Shop) -> None:
    asked = ask(control, gb)
    answer = gb.approve(asked["cancel_id"], "key-1")
    assert (answer.code, answer.json["data"]) == (0, {})
    order = gb.order(asked["order_id"])
    assert (order["status"], order["cancellation_initiator"], order["is_buyer_request_cancel"]) == (
        "CANCELLED",
        "BUYER",
        False,
    )
    assert {(line["display_status"], line["cancel_user"]) for line in order["line_items"]} == {("CANCELLED", "BUYER")}
    record = gb.cancellation(asked["cancel_id"])
    assert record["cancel_status"] == SUCCESS
    assert "seller_next_action_response" not in record
    [entry] = control.effects("cancellation.approved", cancel_id=asked["cancel_id"])
    assert (entry["actor"], entry["idempotency_key"], entry["request_id"]) == (
        "seller",
        "key-1",
        answer.json["request_id"],
    )


def test_rejecting_closes_the_request_and_keeps_what_was_said(control: Control, th: Shop) -> None:
    asked = ask(control, th)
    image = th.upload(png()).data["uri"]
    reason = th.reject_reasons(asked["cancel_id"])[0]
    images = [{"image_id": image, "mime_type": "image/png", "height": 200, "width": 200}]
    assert th.reject(asked["cancel_id"], reason, comment="แพ็กแล้ว 📦", images=images).json["data"] == {}
    assert th.cancellation(asked["cancel_id"])["cancel_status"] == CLOSED
    assert th.order(asked["order_id"])["is_buyer_request_cancel"] is False
    [entry] = control.effects("cancellation.rejected")
    assert entry["detail"] == {"reject_reason": reason, "comment": "แพ็กแล้ว 📦", "images": images}


def test_a_rejected_buyer_may_ask_again(control: Control, gb: Shop) -> None:
    asked = ask(control, gb)
    gb.reject(asked["cancel_id"], gb.reject_reasons(asked["cancel_id"])[0])
    again = ask(control, gb, order_id=asked["order_id"])
    assert again["cancel_id"] != asked["cancel_id"]
    assert gb.approve(again["cancel_id"]).code == 0


@pytest.mark.parametrize(
    ("first", "approve", "reject"),
    [("approve", 25011012, 25020010), ("reject", 25020009, 25011011), ("withdraw", 25020009, 25011011)],
)
def test_a_settled_request_is_settled(control: Control, gb: Shop, first: str, approve: int, reject: int) -> None:
    cancel_id = ask(control, gb)["cancel_id"]
    reason = gb.reject_reasons(cancel_id)[0]
    if first == "approve":
        gb.approve(cancel_id)
    elif first == "reject":
        gb.reject(cancel_id, reason)
    else:
        control.post("buyer", action="withdraw", cancel_id=cancel_id)
    assert gb.approve(cancel_id).code == approve
    assert gb.reject(cancel_id, reason).code == reject
    settled = [
        entry
        for entry in control.get("ledger", cancel_id=cancel_id)["entries"]
        if entry["effect"] in ("cancellation.approved", "cancellation.rejected", "cancellation.withdrawn")
    ]
    assert len(settled) == 1


def test_unknown_foreign_and_direct_records_cannot_be_answered(gb: Shop, de: Shop) -> None:
    assert gb.approve("4030000000000000000").code == 25007006
    assert gb.reject("nonsense", PACKED).code == 25007006
    theirs = de.pending()[0]["cancel_id"]
    assert (gb.approve(theirs).code, gb.reject(theirs, PACKED).code) == (25020005, 25020005)
    direct = gb.search(cancel_types=["CANCEL"]).data["cancellations"][0]["cancel_id"]
    assert (gb.approve(direct).code, gb.reject(direct, PACKED).code) == (25020004, 25020004)


@pytest.mark.parametrize(
    ("region", "reason", "code"),
    [
        ("GB", "no_such_reason", 25001014),
        ("GB", "seller_cancel_reason_out_of_stock_uk", 25001057),
        ("GB", "ecom_order_to_ship_canceled_reason_better_price_uk", 25001057),
        ("GB", "order_manage_list_action_respond_popup_reject_reason_delivered", 25001016),
        ("GB", "order_manage_list_action_respond_popup_reject_reason_delivered_uk", 0),
        ("DE", PACKED, 25001016),
        ("DE", "ecom_reverse_reject_cancel_reason_product_packed", 0),
        ("ID", "system_cancel_failed_due_to_tts", 0),
        ("TH", "system_cancel_failed_due_to_tts", 25001016),
        ("US", "order_manage_list_action_respond_popup_reject_reason_buyer_agree", 0),
        ("US", "ecom_reverse_reject_cancel_reason_product_packed", 25001016),
    ],
)
def test_a_reject_reason_has_to_fit_the_market(control: Control, region: str, reason: str, code: int) -> None:
    shop = control.shop(region)
    assert shop.reject(shop.pending()[0]["cancel_id"], reason).code == code


def test_reject_reasons_are_those_of_the_market(control: Control) -> None:
    counts = {}
    for shop in control.shops():
        cancel_id = shop.pending()[0]["cancel_id"]
        counts[shop.region] = len(shop.reject_reasons(cancel_id))
        for reason in shop.reject_reasons(cancel_id):
            assert shop.reject(cancel_id, reason, comment="x" * 501).code == 25001001
    assert counts == {"US": 4, "GB": 4, "DE": 2, "TH": 4, "ID": 5}


def test_the_other_us_list_can_be_switched_on(control: Control, us: Shop) -> None:
    control.post("switches", us_reject_reasons="B")
    cancel_id = us.pending()[0]["cancel_id"]
    assert us.reject_reasons(cancel_id)[0] == "ecom_reverse_reject_refund_request_package_delivery_multiple_boxes"
    assert us.reject(cancel_id, PACKED).code == 25001016


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reject_reason": ""},
        {"reject_reason": 5},
        {"reject_reason": PACKED, "comment": 5},
        {"reject_reason": PACKED, "comment": "x" * 501},
        {"reject_reason": PACKED, "images": "one"},
        {"reject_reason": PACKED, "images": [{"mime_type": "image/png"}]},
        {"reject_reason": PACKED, "images": [{"image_id": "tos-never-uploaded"}]},
        {"reject_reason": PACKED, "colour": "red"},
    ],
)
def test_an_ill_formed_rejection_is_refused_and_changes_nothing(gb: Shop, body: Json) -> None:
    cancel_id = gb.pending()[0]["cancel_id"]
    assert gb.call("POST", f"/return_refund/202309/cancellations/{cancel_id}/reject", None, body).code == 25001001
    assert gb.cancellation(cancel_id)["cancel_status"] == PENDING


def test_one_key_has_one_effect(control: Control, gb: Shop) -> None:
    cancel_id = ask(control, gb)["cancel_id"]
    first, second = gb.approve(cancel_id, "khóa-第1-🔑"), gb.approve(cancel_id, "khóa-第1-🔑")
    assert (first.code, second.code) == (0, 0)
    assert second.json["data"] == first.json["data"]
    assert len(control.effects("cancellation.approved", cancel_id=cancel_id)) == 1
    assert gb.approve(cancel_id, "another").code == 25011012


def test_a_key_used_for_something_else_is_refused(control: Control, gb: Shop) -> None:
    one, two = ask(control, gb)["cancel_id"], ask(control, gb)["cancel_id"]
    reasons = gb.reject_reasons(one)
    assert gb.reject(one, reasons[0], "key").code == 0
    assert gb.reject(one, reasons[0], "key").code == 0
    assert gb.reject(one, reasons[1], "key").code == 25001001
    assert gb.reject(two, reasons[0], "key").code == 25001001
    assert gb.approve(two, "key").code == 25001001
    assert gb.cancellation(two)["cancel_status"] == PENDING


def test_a_key_whose_request_failed_may_be_used_again(control: Control, gb: Shop) -> None:
    cancel_id = ask(control, gb)["cancel_id"]
    control.post("faults", endpoint="approve-cancellation", kind="business_error", code=25001028)
    assert gb.approve(cancel_id, "key").code == 25001028
    assert gb.approve(cancel_id, "key").code == 0


def test_a_key_is_forgotten_after_a_day(control: Control, gb: Shop) -> None:
    cancel_id = ask(control, gb)["cancel_id"]
    gb.approve(cancel_id, "key")
    control.shift(24 * 3600)
    assert gb.approve(cancel_id, "key").code == 25011012


@pytest.mark.parametrize(("key", "code"), [("x" * 255, 0), ("x" * 256, 36009004)])
def test_a_key_has_at_most_255_characters(control: Control, gb: Shop, key: str, code: int) -> None:
    assert gb.approve(ask(control, gb)["cancel_id"], key).code == code


def test_the_search_can_be_made_to_take_either_word_for_closed(control: Control, gb: Shop) -> None:
    assert gb.search(cancel_status=[CLOSED]).code == 25001001
    control.post("switches", accept_both_closed_words=True)
    both = [gb.search(cancel_status=[word]).data["total_count"] for word in (CLOSED, "CANCELLATION_REQUEST_CANCEL")]
    assert both[0] == both[1] > 0


def test_the_older_shape_of_answers_can_be_asked_for(control: Control, gb: Shop) -> None:
    control.post("switches", legacy_answers=True)
    answer = gb.approve(ask(control, gb)["cancel_id"]).data
    assert answer == {"success": True, "status": "CANCELLATION_APPROVED", "cancel_status": SUCCESS}
    cancel_id = ask(control, gb)["cancel_id"]
    answer = gb.reject(cancel_id, gb.reject_reasons(cancel_id)[0]).data
    assert answer == {"success": True, "status": "CANCELLATION_REJECTED", "cancel_status": CLOSED}


def test_an_order_that_was_shipped_meanwhile_cannot_be_called_back(control: Control, us: Shop) -> None:
    """In the US shipping settles the request, so an approval finds it closed."""
    waiting = next(record for record in us.pending() if us.order(record["order_id"])["shipping_type"] == "TIKTOK")
    package = us.order(waiting["order_id"])["packages"][0]["id"]
    assert us.call("POST", f"/fulfillment/202309/packages/{package}/ship", None, {}).code == 0
    assert us.approve(waiting["cancel_id"]).code == 25020009
