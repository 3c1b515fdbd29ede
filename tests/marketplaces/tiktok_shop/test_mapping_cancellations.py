"""TikTok Shop's cancellations as records."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplaces.records import CancellationRecord, CancellationState, Money
from marketplaces.tiktok_shop import mapper
from marketplaces.tiktok_shop.known import CANCELLATION_FIELDS, CANCELLATION_KINDS, CANCELLATION_STATES
from tests.marketplaces.tiktok_shop.samples import cancellation, refund, without
from tests.marketplaces.tiktok_shop.test_mapping_orders import json_values


def mapped(raw: dict[str, Any]) -> CancellationRecord:
    return mapper.cancellation(raw, {})


def test_a_request_keeps_what_the_marketplace_said() -> None:
    page = mapper.cancellation_page({"cancellations": [cancellation()], "total_count": 1})
    (record,) = page.records
    assert (record.marketplace_id, record.order_id) == ("4035318504086604100", "577087614418520388")
    assert (record.state, record.needs_answer, record.initiator) == (CancellationState.WAITING, True, "buyer")
    assert record.deadline == datetime.fromtimestamp(1701180100, UTC)
    assert record.refund is not None
    assert record.refund.total == Money(Decimal("26.98"), "MYR")
    (item,) = record.lines
    assert (item.line_item_id, item.quantity) == ("577087614418716990", 1)
    assert item.image_url == "https://img.example.test/bag"
    assert (page.drift, record.extra) == ([], {})


@pytest.mark.parametrize("word", ["CANCELLATION_REQUEST_CANCEL", "CANCELLATION_REQUEST_CANCELLED"])
def test_both_spellings_of_closed_are_one_state(word: str) -> None:
    record = mapped(cancellation(cancel_status=word))
    assert (record.state, record.status, record.needs_answer) == (CancellationState.CLOSED, word, False)


@pytest.mark.parametrize(
    ("kind", "status", "action", "needed"),
    [
        ("BUYER_CANCEL", "CANCELLATION_REQUEST_PENDING", True, True),
        ("BUYER_CANCEL", "CANCELLATION_REQUEST_PENDING", False, True),
        ("BUYER_CANCEL", "CANCELLATION_REQUEST_SUCCESS", True, False),
        ("BUYER_CANCEL", "CANCELLATION_REQUEST_NEW_WORD", True, False),
        ("CANCEL", "CANCELLATION_REQUEST_PENDING", False, False),
        ("REQUEST_CANCEL_REFUND", "CANCELLATION_REQUEST_PENDING", True, True),
        ("REQUEST_CANCEL_REFUND", "CANCELLATION_REQUEST_PENDING", False, False),
    ],
)
def test_an_answer_is_needed_where_a_buyers_request_waits(kind: str, status: str, action: bool, needed: bool) -> None:
    raw = cancellation(cancel_type=kind, cancel_status=status)
    assert mapped(raw if action else without(raw, "seller_next_action_response")).needs_answer is needed


@pytest.mark.parametrize("actions", [None, [], [{"action": "SELLER_RESPOND_CANCEL"}]])
def test_a_request_may_come_without_a_deadline(actions: Any) -> None:
    record = mapped(cancellation(seller_next_action_response=actions))
    assert (record.deadline, record.needs_answer) == (None, True)


def test_the_deadline_of_another_action_does_not_count() -> None:
    drift: dict[str, None] = {}
    actions = [{"action": "SELLER_DANCE", "deadline": 1}, {"action": "SELLER_RESPOND_CANCEL", "deadline": 9}]
    record = mapper.cancellation(cancellation(seller_next_action_response=actions), drift)
    assert record.deadline == datetime.fromtimestamp(9, UTC)
    assert list(drift) == ["cancellation.seller_next_action_response.action: SELLER_DANCE"]


def test_the_fees_of_markets_are_added_up() -> None:
    amounts = refund(retail_delivery_fee="0.28", buyer_service_fee="1000.10")
    record = mapped(cancellation(refund_amount=amounts))
    assert record.refund is not None
    assert record.refund.fees == Money(Decimal("1000.38"), "MYR")


@pytest.mark.parametrize("amounts", [None, {}])
def test_a_refund_may_be_missing(amounts: Any) -> None:
    assert mapped(cancellation(refund_amount=amounts)).refund is None


@pytest.mark.parametrize(
    "name", sorted(set(cancellation()) - {"cancel_id", "order_id", "cancel_status", "create_time", "update_time"})
)
def test_an_optional_field_may_be_missing(name: str) -> None:
    assert mapped(without(cancellation(), name)).marketplace_id == cancellation()["cancel_id"]


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"cancel_id": 4035318504086604100}, "cancel_id"),
        ({"order_id": None}, "order_id"),
        ({"cancel_status": ""}, "cancel_status"),
        ({"update_time": "1701007301"}, "update_time"),
        ({"refund_amount": {"currency": "MYR"}}, "refund_amount.refund_total"),
        ({"refund_amount": refund(refund_tax="-")}, "refund_amount.refund_tax"),
        ({"seller_next_action_response": {}}, "seller_next_action_response"),
        (
            {"seller_next_action_response": [{"action": 5}]},
            "seller_next_action_response[0].action",
        ),
        ({"cancel_line_items": [{"cancel_line_item_id": "1"}]}, "cancel_line_items[0].order_line_item_id"),
        (
            {"cancel_line_items": [cancellation()["cancel_line_items"][0] | {"product_image": {"url": 1}}]},
            "cancel_line_items[0].product_image.url",
        ),
    ],
)
def test_a_bad_request_is_set_aside_with_the_path_and_the_rest_goes_on(changes: dict[str, Any], where: str) -> None:
    page = mapper.cancellation_page({"cancellations": [cancellation(**changes), cancellation()]})
    assert len(page.records) == 1
    assert page.set_aside[0].problem.startswith(f"{where}: ")


@given(st.text(min_size=1, max_size=100), st.text(max_size=100))
def test_no_word_whatever_stops_a_request(status: str, kind: str) -> None:
    page = mapper.cancellation_page({"cancellations": [cancellation(cancel_status=status, cancel_type=kind)]})
    (record,) = page.records
    assert (record.status, record.kind) == (status, kind)
    if status not in CANCELLATION_STATES:
        assert record.state is CancellationState.UNKNOWN
        assert f"cancellation.cancel_status: {status}" in page.drift
    assert (f"cancellation.cancel_type: {kind}" in page.drift) == (kind not in CANCELLATION_KINDS)


@given(st.dictionaries(st.sampled_from(sorted(CANCELLATION_FIELDS)) | st.text(max_size=8), json_values, max_size=6))
def test_no_value_whatever_stops_the_page(changes: dict[str, Any]) -> None:
    page = mapper.cancellation_page({"cancellations": [{**cancellation(), **changes}, cancellation()]})
    assert len(page.records) + len(page.set_aside) == 2
    assert page.records[-1].marketplace_id == cancellation()["cancel_id"]
