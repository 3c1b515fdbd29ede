"""Cancelling by allocation: every unit of a line is somewhere, whatever is cancelled of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplaces.crux_timp.allocation import allocations, changes, left_out
from marketplaces.crux_timp.lines import Line, read_line
from marketplaces.crux_timp.readings import Readings
from marketplaces.errors import BadRecord, Refused
from tests.marketplaces.crux_timp.samples import LINE, SECOND, allocation, an_id, line, parcel
from tests.marketplaces.crux_timp.test_mapping import lines as any_lines


def read(*raw: dict[str, Any]) -> list[Line]:
    return [read_line(one, Readings(), {}) for one in raw]


def rows_for(lines: list[Line], totals: dict[str, int], *, all_lines: bool = False) -> list[dict[str, Any]]:
    changed = changes(lines, totals)
    return allocations(lines, changed, all_lines=all_lines) if changed else []


def numbers(row: dict[str, Any]) -> tuple[int, int, int]:
    told = row["allocation"]
    return told["quantity_accepted"], told["quantity_rejected"], told["quantity_backordered"]


@given(any_lines(), st.integers(0, 15))
def test_the_sum_is_always_what_was_ordered(raw: dict[str, Any], total: int) -> None:
    (one,) = read(raw)
    try:
        rows = rows_for([one], {one.record.marketplace_id: total})
    except Refused:
        assert total < one.record.cancelled_quantity or total > one.ordered - one.shipped
        return
    if not rows:
        assert total == one.record.cancelled_quantity
        return
    accepted, rejected, backordered = numbers(rows[0])
    assert accepted + rejected + backordered == one.ordered
    assert rejected == total
    assert min(accepted, rejected, backordered) >= 0
    assert accepted >= one.shipped or one.accepted < one.shipped
    assert backordered <= max(one.backordered, one.ordered - one.accepted)


@pytest.mark.parametrize(
    ("told", "total", "expected"),
    [
        (None, 1, (2, 1, 0)),
        (None, 3, (0, 3, 0)),
        (allocation(quantity_accepted=3), 1, (2, 1, 0)),
        (allocation(quantity_accepted=1, quantity_backordered=2), 1, (1, 1, 1)),
        (allocation(quantity_accepted=1, quantity_backordered=2), 2, (1, 2, 0)),
        (allocation(quantity_accepted=1, quantity_backordered=1, quantity_rejected=1), 3, (0, 3, 0)),
        (allocation(quantity_accepted=1), 1, (2, 1, 0)),
        (allocation(quantity_accepted=3, quantity_backordered=1), 1, (2, 1, 0)),
    ],
)
def test_what_waits_for_stock_goes_first(told: Any, total: int, expected: tuple[int, int, int]) -> None:
    (row,) = rows_for(read(line(allocation=told)), {LINE: total})
    assert (row["line_item_uuid"], numbers(row)) == (LINE, expected)


def test_the_day_of_a_backorder_stays_with_what_still_waits() -> None:
    told = allocation(quantity_accepted=1, quantity_backordered=2, backorder_date="2026-04-01")
    (row,) = rows_for(read(line(allocation=told)), {LINE: 1})
    assert row["allocation"]["backorder_date"] == "2026-04-01"
    (row,) = rows_for(read(line(allocation=told)), {LINE: 2})
    assert "backorder_date" not in row["allocation"]


def test_only_the_lines_concerned_are_named_unless_all_have_to_be() -> None:
    three = read(line(), line(line_item_uuid=SECOND), line(line_item_uuid=an_id(3), line_item_designation="Cancelled"))
    assert [row["line_item_uuid"] for row in rows_for(three, {LINE: 1})] == [LINE]
    rows = rows_for(three, {LINE: 1}, all_lines=True)
    assert [numbers(row) for row in rows] == [(2, 1, 0), (3, 0, 0), (3, 0, 0)]


def test_no_totals_mean_all_that_is_left() -> None:
    some = read(line(tracking=[parcel(1)], allocation=allocation(quantity_accepted=3)), line(line_item_uuid=SECOND))
    assert [numbers(row) for row in rows_for(some, {})] == [(1, 2, 0), (0, 3, 0)]
    assert rows_for(read(line(line_item_designation="Cancelled")), {}) == []
    with pytest.raises(Refused, match="Everything has shipped") as refusal:
        rows_for(read(line(tracking=[parcel(3)])), {})
    assert refusal.value.already_processed


def test_totals_that_are_shown_already_need_nothing() -> None:
    some = read(line(allocation=allocation(quantity_accepted=1, quantity_rejected=2)), line(line_item_uuid=SECOND))
    assert rows_for(some, {LINE: 2}) == []
    assert [row["line_item_uuid"] for row in rows_for(some, {LINE: 2, SECOND: 1})] == [SECOND]


def test_more_cancelled_than_wanted_was_somebody_else() -> None:
    with pytest.raises(Refused, match="2 of MUG-BLU are cancelled already") as refusal:
        rows_for(read(line(allocation=allocation(quantity_accepted=1, quantity_rejected=2))), {LINE: 1})
    assert refusal.value.already_processed


def test_what_shipped_cannot_be_cancelled() -> None:
    with pytest.raises(Refused, match="Of MUG-BLU only 2 can be cancelled: 3 ordered, 1 shipped") as refusal:
        rows_for(read(line(tracking=[parcel(1)])), {LINE: 3})
    assert not refusal.value.already_processed


def test_a_strangers_line_is_refused() -> None:
    with pytest.raises(Refused, match="no line of ours"):
        rows_for(read(line()), {SECOND: 1})


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ([{LINE: "Allocated"}, {SECOND: "Rejected"}], {}),
        ([{LINE: "Cancelled"}, {SECOND: "Item Not Found"}], {LINE: "Cancelled", SECOND: "Item Not Found"}),
        ([{LINE: "Allocated", SECOND: "Cancelled"}], {SECOND: "Cancelled"}),
        ([], {}),
        ({"line_items": []}, {}),
        ({"line_items": [{"line_item_uuid": LINE, "line_item_status": "Cancelled"}]}, {LINE: "Cancelled"}),
        (
            {
                "line_items": [
                    {"line_item_uuid": LINE, "line_item_status": "Allocated", "line_item_designation": "Cancelled"}
                ]
            },
            {LINE: "Cancelled"},
        ),
        ([{an_id(4): "Cancelled"}], {}),
    ],
)
def test_both_forms_of_the_reply_say_which_lines_were_passed_over(reply: Any, expected: dict[str, str]) -> None:
    assert left_out(reply, [LINE, SECOND]) == expected


@pytest.mark.parametrize("reply", [None, "ok", 5, {}, {"line_items": {}}, ["x"], [{LINE: 5}], {"line_items": [5]}])
def test_a_reply_that_is_none_is_not_believed(reply: Any) -> None:
    with pytest.raises(BadRecord):
        left_out(reply, [LINE])
