"""TikTok Shop's orders as records."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplaces.errors import BadRecord
from marketplaces.records import Money, OrderRecord
from marketplaces.tiktok_shop import mapper
from marketplaces.tiktok_shop.known import LINE_FIELDS, ORDER_FIELDS, ORDER_STATUSES
from tests.marketplaces.tiktok_shop.samples import line, order, without

OPTIONAL = sorted(set(order()) - {"id", "status", "create_time", "update_time", "payment"})
OPTIONAL_OF_LINE = sorted(set(line()) - {"id"})

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def mapped(raw: dict[str, Any]) -> OrderRecord:
    return mapper.order(raw, {})


def test_an_order_keeps_what_the_marketplace_said() -> None:
    page = mapper.order_page({"orders": [order()], "next_page_token": "b2Zm+/c2V0PTE=", "total_count": 7})
    (record,) = page.records
    assert (page.next_cursor, page.total, page.set_aside, page.drift) == ("b2Zm+/c2V0PTE=", 7, [], [])
    assert record.marketplace_id == "577087614418520388"
    assert record.created_at == datetime(2023, 11, 26, 12, 0, tzinfo=UTC)
    assert record.ship_by == datetime.fromtimestamp(1701345600, UTC)
    assert record.total == Money(Decimal("26.98"), "MYR")
    assert record.package_ids == ("1153132168123859123",)
    assert (record.is_cancel_requested, record.recipient_region) == (True, "MY")
    assert [one.quantity for one in record.lines] == [1, 1]
    assert record.lines[0].price == Money(Decimal("12.00"), "MYR")
    assert record.extra == {}


def test_an_order_says_how_far_its_parcel_is_and_how_long_that_may_take() -> None:
    record = mapped(order(rts_time=1701100000, collection_time=1701110000, collection_due_time=1701200000))
    assert record.shipped_at == datetime.fromtimestamp(1701100000, UTC)
    assert record.collected_at == datetime.fromtimestamp(1701110000, UTC)
    assert record.hand_over_by == datetime.fromtimestamp(1701200000, UTC)
    assert record.delivered_at is None
    assert mapped(order(delivery_time=1701300000)).delivered_at == datetime.fromtimestamp(1701300000, UTC)


@pytest.mark.parametrize(
    ("status", "cancelled", "shipped"), [("AWAITING_SHIPMENT", 0, 0), ("CANCELLED", 1, 0), ("IN_TRANSIT", 0, 1)]
)
def test_a_line_is_one_unit_that_is_cancelled_or_shipped_as_a_whole(status: str, cancelled: int, shipped: int) -> None:
    (one,) = mapped(order(line_items=[line(display_status=status)])).lines
    assert (one.quantity, one.cancelled_quantity, one.shipped_quantity) == (1, cancelled, shipped)
    assert (one.is_cancelled, one.is_shipped) == (bool(cancelled), bool(shipped))


def test_an_order_says_itself_when_it_changed() -> None:
    assert mapped(order()).fingerprint == ""


def test_an_empty_page_may_leave_everything_out() -> None:
    page = mapper.order_page({})
    assert (list(page.records), page.next_cursor, page.total) == ([], "", None)


def test_a_page_that_is_none_is_an_error() -> None:
    with pytest.raises(BadRecord, match="orders: must be a list"):
        mapper.order_page({"orders": {"id": "1"}})


@pytest.mark.parametrize("name", OPTIONAL)
@pytest.mark.parametrize("null", [True, False], ids=["null", "absent"])
def test_an_optional_field_may_be_missing(name: str, null: bool) -> None:
    raw = order(**{name: None}) if null else without(order(), name)
    assert mapped(raw).marketplace_id == order()["id"]


@pytest.mark.parametrize("name", OPTIONAL_OF_LINE)
def test_an_optional_field_of_a_line_item_may_be_missing(name: str) -> None:
    record = mapped(order(line_items=[without(line(), name)]))
    assert record.lines[0].price.currency == "MYR"


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"id": 577087614418520388}, "id"),
        ({"id": ""}, "id"),
        ({"status": None}, "status"),
        ({"create_time": "1701000000"}, "create_time"),
        ({"create_time": 1701000000000}, "create_time"),
        ({"update_time": None}, "update_time"),
        ({"paid_time": True}, "paid_time"),
        ({"is_cod": "false"}, "is_cod"),
        ({"buyer_message": 5}, "buyer_message"),
        ({"payment": None}, "payment.currency"),
        ({"payment": {"currency": "MYR"}}, "payment.total_amount"),
        ({"payment": {"currency": "MYR", "total_amount": 26.98}}, "payment.total_amount"),
        ({"payment": {"currency": "MYR", "total_amount": "1", "tax": "NaN"}}, "payment.tax"),
        ({"recipient_address": {"name": 1}}, "recipient_address.name"),
        ({"line_items": [line(0), line(1, id=5)]}, "line_items[1].id"),
        ({"line_items": [line(0, sale_price="1e3")]}, "line_items[0].sale_price"),
        ({"line_items": "none"}, "line_items"),
        ({"line_items": ["none"]}, "line_items[0]"),
        ({"packages": [{"id": 1}]}, "packages.id"),
    ],
)
def test_a_bad_order_is_set_aside_with_the_path_and_the_rest_goes_on(changes: dict[str, Any], where: str) -> None:
    bad = order(id="577087614418520389") | changes
    page = mapper.order_page({"orders": [order(), bad, order(id="577087614418520390")]})
    assert [record.marketplace_id for record in page.records] == ["577087614418520388", "577087614418520390"]
    (aside,) = page.set_aside
    assert aside.problem.startswith(f"{where}: ")
    assert aside.marketplace_id == (bad["id"] if isinstance(bad["id"], str) else "")


def test_something_that_is_no_object_is_set_aside_without_an_id() -> None:
    page = mapper.order_page({"orders": [5]})
    assert [aside.marketplace_id for aside in page.set_aside] == [""]


def test_a_complaint_never_quotes_a_value() -> None:
    page = mapper.order_page({"orders": [order(buyer_message=["a secret"])]})
    assert "secret" not in page.set_aside[0].problem


def test_unknown_fields_are_kept_and_reported_once() -> None:
    raw = order(new_field={"a": 1}, line_items=[line(0, gift_wrap="yes"), line(1, gift_wrap="no")])
    raw["payment"] = raw["payment"] | {"moon_tax": "1"}
    page = mapper.order_page({"orders": [raw, raw]})
    record = page.records[0]
    assert record.extra == {"new_field": {"a": 1}, "payment": {"moon_tax": "1"}}
    assert record.lines[0].extra == {"gift_wrap": "yes"}
    assert page.drift == ["order.new_field", "order.payment.moon_tax", "order.line_items.gift_wrap"]


def test_unknown_words_are_kept_as_they_came_and_reported() -> None:
    raw = order(
        status="TELEPORTED",
        fulfillment_type="BY_DRONE",
        line_items=[line(display_status="FLYING", package_status="LANDED")],
    )
    page = mapper.order_page({"orders": [raw]})
    record = page.records[0]
    assert (record.status, record.fulfillment_type, record.lines[0].status) == ("TELEPORTED", "BY_DRONE", "FLYING")
    assert page.drift == [
        "order.status: TELEPORTED",
        "order.fulfillment_type: BY_DRONE",
        "order.line_items.display_status: FLYING",
        "order.line_items.package_status: LANDED",
    ]


@given(st.text(min_size=1, max_size=100), st.text(max_size=100), st.text(max_size=100))
def test_no_word_whatever_stops_an_order(status: str, fulfillment: str, display: str) -> None:
    page = mapper.order_page(
        {"orders": [order(status=status, fulfillment_type=fulfillment, line_items=[line(display_status=display)])]}
    )
    assert [record.status for record in page.records] == [status]
    assert (f"order.status: {status}" in page.drift) == (status not in ORDER_STATUSES)


def test_a_very_long_word_is_told_in_part() -> None:
    page = mapper.order_page({"orders": [order(status="W" * 5000), {"id": "9" * 5000}]})
    assert page.records[0].status == "W" * 5000
    assert [len(word) for word in page.drift] == [200]
    assert page.set_aside[0].marketplace_id == "9" * 200


@pytest.mark.parametrize("total", [-1, 2**31, 10**300])
def test_a_count_that_is_none_does_not_stop_the_page(total: int) -> None:
    page = mapper.order_page({"orders": [order()], "total_count": total})
    assert (len(page.records), page.total) == (1, None)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"id": "9" * 201}, "id: is longer than 200 characters"),
        ({"tracking_number": "9" * 201}, "tracking_number: is longer than 200 characters"),
        ({"line_items": [line(sku_id="9" * 201)]}, "line_items[0].sku_id: is longer than 200 characters"),
        ({"line_items": [line(currency="EURO")]}, "line_items[0].currency: must be three capital letters"),
        ({"payment": {"currency": "EURO", "total_amount": "1"}}, "payment.currency: must be three capital letters"),
        ({"create_time": 253_402_300_799}, "create_time: is no time in seconds"),
    ],
)
def test_what_the_database_would_refuse_is_set_aside_before(changes: dict[str, Any], problem: str) -> None:
    page = mapper.order_page({"orders": [order(**changes), order()]})
    assert len(page.records) == 1
    assert [one.problem for one in page.set_aside] == [problem]


@given(st.dictionaries(st.text(max_size=10).filter(lambda name: name not in ORDER_FIELDS), json_values, max_size=4))
def test_no_unknown_field_whatever_stops_an_order(more: dict[str, Any]) -> None:
    page = mapper.order_page({"orders": [{**order(), **more}]})
    assert page.records[0].extra.keys() == more.keys()  # what is kept of them: test_personal_fields
    assert set(page.drift) == {f"order.{name}" for name in more}


@given(st.dictionaries(st.sampled_from(sorted(ORDER_FIELDS)), json_values, max_size=6))
def test_no_value_whatever_of_a_known_field_stops_the_page(changes: dict[str, Any]) -> None:
    page = mapper.order_page({"orders": [{**order(), **changes}, order()]})
    assert len(page.records) + len(page.set_aside) == 2
    assert page.records[-1].marketplace_id == order()["id"]


@given(st.dictionaries(st.sampled_from(sorted(LINE_FIELDS)), json_values, max_size=6))
def test_no_value_whatever_of_a_line_item_stops_the_page(changes: dict[str, Any]) -> None:
    page = mapper.order_page({"orders": [order(line_items=[{**line(), **changes}])]})
    assert len(page.records) + len(page.set_aside) == 1


@pytest.mark.parametrize(
    ("status", "lines", "shipped", "cancelled"),
    [
        ("AWAITING_SHIPMENT", ["AWAITING_SHIPMENT", "AWAITING_SHIPMENT"], False, False),
        ("PARTIALLY_SHIPPING", ["AWAITING_COLLECTION", "AWAITING_SHIPMENT"], False, False),
        ("PARTIALLY_SHIPPING", ["AWAITING_COLLECTION", "CANCELLED"], True, False),
        ("AWAITING_COLLECTION", ["AWAITING_COLLECTION", "AWAITING_COLLECTION"], True, False),
        ("IN_TRANSIT", ["", ""], True, False),
        ("DELIVERED", ["DELIVERED", "DELIVERED"], True, False),
        ("AWAITING_SHIPMENT", ["CANCELLED", "AWAITING_SHIPMENT"], False, False),
        ("CANCELLED", ["CANCELLED", "CANCELLED"], False, True),
        ("CANCELLED", [], False, True),
        ("ON_HOLD", [], False, False),
    ],
)
def test_shipped_and_cancelled_are_told_from_the_words(
    status: str, lines: list[str], shipped: bool, cancelled: bool
) -> None:
    record = mapped(order(status=status, line_items=[line(display_status=word) for word in lines]))
    assert (record.is_shipped, record.is_cancelled) == (shipped, cancelled)


def test_only_the_status_says_that_an_order_is_on_hold() -> None:
    assert not mapped(order(is_on_hold_order=True)).is_on_hold
    assert mapped(order(status="ON_HOLD")).is_on_hold


def test_packages_are_taken_from_line_items_where_the_order_names_none() -> None:
    record = mapped(without(order(line_items=[line(0), line(1), line(2, package_id="9")]), "packages"))
    assert record.package_ids == ("1153132168123859123", "9")


def test_the_older_deadline_counts_where_the_newer_one_is_missing() -> None:
    record = mapped(without(order(), "shipping_due_time"))
    assert record.ship_by == datetime.fromtimestamp(1701345700, UTC)


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        ("FULFILLMENT_BY_SELLER", "seller"),
        ("FULFILLMENT_BY_TIKTOK", "marketplace"),
        ("FULFILLMENT_BY_DILAYANI_TOKOPEDIA", "marketplace"),
        ("", ""),
    ],
)
def test_who_ships_is_said_in_our_words(word: str, ours: str) -> None:
    assert mapped(order(fulfillment_type=word)).fulfillment_type == ours
