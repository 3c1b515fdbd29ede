"""Crux Connect's orders, in both shapes, as records."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplaces.crux_timp.known import LINE_FIELDS, LINE_STATUSES, ORDER_FIELDS
from marketplaces.crux_timp.mapper import Reader
from marketplaces.crux_timp.readings import Readings
from marketplaces.errors import BadRecord
from marketplaces.records import LineItemRecord, Money, OrderRecord
from tests.marketplaces.crux_timp.samples import (
    LINE,
    OTHER,
    SECOND,
    US,
    allocation,
    an_id,
    as_listed,
    line,
    order,
    parcel,
)

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)


def mapped(raw: dict[str, Any], drift: dict[str, None] | None = None, **options: str) -> OrderRecord:
    return Reader(Readings(**options), US).order(raw, NOW, {} if drift is None else drift)


def mapped_line(**changes: Any) -> LineItemRecord:
    return mapped(order(line_items=[line(**changes)])).lines[0]


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


def test_an_order_keeps_what_the_marketplace_said() -> None:
    drift: dict[str, None] = {}
    record = mapped(order(), drift)
    assert not drift
    assert (record.marketplace_id, record.number, record.status) == (order()["order_uuid"], "BT-20781", "Unallocated")
    assert record.created_at == datetime(2026, 3, 2, 9, 14, 55, 120034, tzinfo=UTC)
    assert record.updated_at == NOW
    assert (record.recipient_name, record.recipient_region) == ("Iris Novak", "MN")
    assert record.recipient_address == "12 Mill Lane, Duluth, MN 55802"
    assert (record.buyer_id, record.buyer_name, record.buyer_message) == (an_id(9), "Corner Goods", "Ring twice")
    assert (record.fulfillment_type, record.shipping_type) == ("seller", "seller")
    assert record.extra == {"order_tax": 1.99, "sent_to_supplier": True}
    (one,) = record.lines
    assert (one.marketplace_id, one.product_id, one.sku_id, one.seller_sku) == (LINE, an_id(1), an_id(2), "MUG-BLU")
    assert (one.product_name, one.sku_name, one.quantity) == ("Enamel mug", "blue", 3)
    assert one.price == one.original_price == usd("7.25")


def test_the_total_is_goods_shipping_and_fees_and_tax_is_not_said() -> None:
    record = mapped(order())
    assert (record.subtotal, record.shipping_fee, record.fees) == (usd("21.75"), usd("6.40"), usd("1.50"))
    assert record.total == usd("29.65")
    assert record.tax is None


def test_the_currency_is_the_connections() -> None:
    assert mapped(order(), currency="CAD").total.currency == "CAD"


cents = st.integers(0, 10**9).map(lambda amount: amount / 100)


@st.composite
def lines(draw: st.DrawFn) -> dict[str, Any]:
    ordered = draw(st.integers(1, 12))
    rejected = draw(st.integers(0, ordered))
    backordered = draw(st.integers(0, ordered - rejected))
    accepted = draw(st.integers(0, ordered - rejected - backordered))
    is_allocated = bool(rejected or backordered or accepted)
    told = allocation(
        quantity_ordered=ordered,
        quantity_accepted=accepted,
        quantity_backordered=backordered,
        quantity_rejected=rejected,
    )
    units = [draw(st.integers(1, 3)) for _ in range(draw(st.integers(0, 3)))]
    return line(
        line_item_uuid=draw(st.uuids().map(str)),
        quantity_ordered=ordered,
        allocation=told if is_allocated else None,
        tracking=[parcel(each, f"9400{index}") for index, each in enumerate(units)],
        status=draw(st.sampled_from(["Unallocated", "Partial", "Allocated"])),
        line_item_designation=draw(st.sampled_from([None, "", [], *sorted(LINE_STATUSES - {""})])),
        retailer_provided_sku_cost=draw(cents),
    )


@st.composite
def orders(draw: st.DrawFn) -> dict[str, Any]:
    fees = {name: draw(cents) for name in ("order_fee", "order_tax", "shipping_cost", "dropship_fee")}
    return order(line_items=draw(st.lists(lines(), min_size=1, max_size=4)), retailer_provided_fees=fees)


@given(orders())
def test_both_shapes_of_an_order_give_the_same_record(detail: dict[str, Any]) -> None:
    from_detail, from_list = mapped(detail), mapped(as_listed(detail))
    assert replace(from_detail, extra={}) == replace(from_list, extra={})
    assert from_detail.fingerprint == from_list.fingerprint


@given(orders())
def test_quantities_and_sums_are_always_right(detail: dict[str, Any]) -> None:
    record = mapped(detail)
    for one in record.lines:
        assert 0 <= one.cancelled_quantity <= one.quantity
        assert 0 <= one.shipped_quantity <= one.quantity
        assert one.cancelled_quantity + one.shipped_quantity <= one.quantity
    assert record.fees
    assert record.total.amount == record.subtotal.amount + record.shipping_fee.amount + record.fees.amount
    assert record.subtotal.amount == sum(one.price.amount * one.quantity for one in record.lines)
    assert record.is_cancelled == all(one.is_cancelled for one in record.lines)


def test_the_fingerprint_changes_with_the_order_and_not_with_the_moment_of_reading() -> None:
    reader = Reader(Readings(), US)
    once, later = reader.order(order(), NOW, {}), reader.order(order(), NOW + timedelta(hours=1), {})
    assert once.fingerprint == later.fingerprint
    assert mapped(order(po_number="other")).fingerprint != once.fingerprint
    assert mapped(order(line_items=[line(status="Allocated")])).fingerprint != once.fingerprint
    assert mapped(order(new_field=1)).fingerprint != once.fingerprint


@pytest.mark.parametrize(
    ("changes", "status", "cancelled", "shipped", "flags"),
    [
        ({}, "Unallocated", 0, 0, (False, False)),
        ({"line_item_designation": "NeedsTracking", "status": "Allocated"}, "NeedsTracking", 0, 0, (False, False)),
        ({"allocation": allocation(quantity_accepted=2, quantity_rejected=1)}, "Unallocated", 1, 0, (False, False)),
        ({"allocation": allocation(quantity_rejected=3)}, "Unallocated", 3, 0, (True, False)),
        ({"line_item_designation": "Rejected"}, "Rejected", 3, 0, (True, False)),
        ({"line_item_designation": "Cancelled"}, "Cancelled", 3, 0, (True, False)),
        ({"status": "Cancelled"}, "Cancelled", 3, 0, (True, False)),
        ({"line_item_designation": "Cancelled", "tracking": [parcel(1)]}, "Cancelled", 2, 1, (False, True)),
        (
            {"line_item_designation": "ID: 1 Name: HasTracking", "tracking": [parcel(3)]},
            "HasTracking",
            0,
            3,
            (False, True),
        ),
        ({"line_item_designation": ["HasTracking"], "tracking": [parcel(1)]}, "HasTracking", 0, 1, (False, False)),
        ({"line_item_designation": ["Backordered", "HasTracking"]}, "HasTracking", 0, 0, (False, False)),
    ],
)
def test_a_line_says_what_is_cancelled_and_what_left(
    changes: dict[str, Any], status: str, cancelled: int, shipped: int, flags: tuple[bool, bool]
) -> None:
    one = mapped_line(**changes)
    assert (one.status, one.cancelled_quantity, one.shipped_quantity) == (status, cancelled, shipped)
    assert (one.is_cancelled, one.is_shipped) == flags


def test_who_cancelled_is_told_apart() -> None:
    assert mapped_line(line_item_designation="Cancelled").cancelled_by == "retailer"
    assert mapped_line(allocation=allocation(quantity_rejected=3)).cancelled_by == "seller"
    assert mapped_line(allocation=allocation(quantity_rejected=1)).cancelled_by == "seller"
    assert mapped_line().cancelled_by == ""


def test_cancelled_may_mean_that_it_is_asked_for() -> None:
    raw = order(line_items=[line(line_item_designation="Cancelled"), line(line_item_uuid=SECOND)])
    record = mapped(raw, cancelled_word="requested")
    assert (record.is_cancel_requested, record.is_cancelled, record.status) == (True, False, "Unallocated")
    assert [one.cancelled_quantity for one in record.lines] == [0, 0]
    assert not mapped(raw).is_cancel_requested


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ([{}, {"line_item_designation": "HasTracking", "tracking": [parcel(3)]}], "Unallocated"),
        ([{"status": "Partial"}, {}], "Unallocated"),
        ([{"status": "Partial"}, {"status": "Allocated"}], "Partial"),
        ([{"line_item_designation": "Backordered"}, {"line_item_designation": "NeedsTracking"}], "Backordered"),
        ([{"line_item_designation": "Cancelled"}, {"line_item_designation": "NeedsTracking"}], "NeedsTracking"),
        ([{"line_item_designation": "HasTracking", "tracking": [parcel(3)]}] * 2, "HasTracking"),
        ([{"line_item_designation": "HasTracking", "tracking": [parcel(1)]}] * 2, "NeedsTracking"),
        ([{"line_item_designation": "Cancelled"}, {"line_item_designation": "Rejected"}], "Cancelled"),
        ([{"line_item_designation": "Rejected"}] * 2, "Rejected"),
        ([{"status": "SomethingNew"}, {"status": "Allocated"}], "Allocated"),
        ([{"status": "SomethingNew"}], "SomethingNew"),
    ],
)
def test_an_order_is_as_far_as_its_line_that_is_least_far(told: list[dict[str, Any]], status: str) -> None:
    found = [line(line_item_uuid=an_id(index), **each) for index, each in enumerate(told)]
    assert mapped(order(line_items=found)).status == status


def test_packages_are_known_by_their_tracking_numbers() -> None:
    sent = {"line_item_designation": "HasTracking", "tracking": [parcel(1, "A"), parcel(2, "B")]}
    record = mapped(order(line_items=[line(**sent), line(line_item_uuid=SECOND, **sent)]))
    assert (record.package_ids, record.tracking_number, record.shipping_provider) == (("A", "B"), "A", "USPS")
    assert record.shipped_at == datetime(2026, 3, 4, 16, 20, 11, 417, tzinfo=UTC)
    assert record.is_shipped


def test_only_our_own_lines_are_ours() -> None:
    theirs = line(line_item_uuid=SECOND, supplier={"uuid": OTHER, "organization_name": "Others"})
    raw = order(line_items=[line(), theirs])
    assert [one.marketplace_id for one in mapped(raw).lines] == [LINE]
    assert mapped(raw).subtotal == usd("21.75")
    assert len(mapped(raw, own_lines="all").lines) == 2
    assert len(Reader(Readings()).order(raw, NOW, {}).lines) == 2
    with pytest.raises(BadRecord, match="line_items: none of them is this supplier's"):
        mapped(order(line_items=[theirs]))


def test_names_of_fields_that_only_the_field_lists_know_are_understood() -> None:
    raw = line(quantity_ordered="3", tracking_numbers=[parcel(1)], supplier_uuid=US)
    raw |= {"uuid": raw.pop("line_item_uuid"), "cost": raw.pop("retailer_provided_sku_cost")}
    del raw["tracking"], raw["supplier"]
    one = mapped(order(line_items=[raw])).lines[0]
    assert (one.marketplace_id, one.price, one.quantity, one.shipped_quantity) == (LINE, usd("7.25"), 3, 1)


@pytest.mark.parametrize("name", sorted(set(order()) - {"order_uuid", "created_date", "line_items"}))
def test_an_optional_field_may_be_missing(name: str) -> None:
    raw = order()
    del raw[name]
    assert mapped(raw).marketplace_id == order()["order_uuid"]
    assert mapped(order(**{name: None})).marketplace_id == order()["order_uuid"]


@pytest.mark.parametrize("name", sorted(set(line()) - {"line_item_uuid", "quantity_ordered"}))
def test_an_optional_field_of_a_line_may_be_missing(name: str) -> None:
    raw = line()
    del raw[name]
    assert mapped(order(line_items=[raw])).lines[0].quantity == 3


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        (order(order_uuid=None), "order_uuid: must be a non-empty text"),
        (order(created_date=None), "created_date: is missing"),
        (order(line_items=[]), "line_items: none of them"),
        (order(line_items=[line(line_item_uuid=5)]), r"line_items\[0\].line_item_uuid: must be"),
        (order(line_items=[line(quantity_ordered=None)]), r"line_items\[0\].quantity_ordered: is told nowhere"),
        (
            order(line_items=[line(allocation={"quantity_rejected": -1})]),
            r"line_items\[0\].allocation.quantity_rejected",
        ),
        (order(retailer_provided_fees={"order_fee": "free"}), "retailer_provided_fees.order_fee: must be an amount"),
        (order(address={"city": 5}), "address.city: must be text"),
        (order(retailer={"uuid": 5}), "retailer.uuid: must be text"),
    ],
)
def test_what_cannot_be_understood_is_named(raw: dict[str, Any], where: str) -> None:
    with pytest.raises(BadRecord, match=f"^{where}"):
        mapped(raw)


def test_fields_and_words_that_nobody_knows_are_kept_and_reported() -> None:
    drift: dict[str, None] = {}
    strange = line(priority="high", status="Waiting", line_item_designation="OnHold")
    record = mapped(order(line_items=[strange], channel="web"), drift)
    assert record.extra["channel"] == "web"
    assert record.lines[0].extra == {"priority": "high"}
    assert list(drift) == [
        "order.line_items.status: Waiting",
        "order.line_items.line_item_designation: OnHold",
        "order.line_items.priority",
        "order.channel",
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(ORDER_FIELDS)), st.sampled_from(sorted(LINE_FIELDS)), json_values, json_values)
def test_no_json_breaks_more_than_its_own_record(name: str, of_line: str, value: Any, other: Any) -> None:
    for raw in (order(**{name: value}), order(line_items=[line(**{of_line: other})])):
        try:
            mapped(raw)
        except BadRecord as problem:
            assert problem.where  # noqa: PT017 - either is fine
