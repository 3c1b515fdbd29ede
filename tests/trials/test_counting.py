"""Zero is only worth something from a counter that finds what is there."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from trials.counting import Figures, Row, Told, count

READ = 1_700_000_000  # until then
REQUEST = ("request", "4035")
ITEMS = ("items", "5765")


def entry(effect: str, actor: str = "seller", **more: Any) -> dict[str, Any]:
    return {
        "effect": effect, "actor": actor, "cancel_id": "4035", "order_id": "5765", "package_id": None,
        "line_item_ids": [], "detail": {}, "at": READ - 1, **more,
    }  # fmt: skip


APPROVED, REJECTED = entry("cancellation.approved"), entry("cancellation.rejected")
CANCELLED = entry("order.cancelled")
ONE = Told(REQUEST, "approve", 1)
DONE = Row(1, REQUEST, "approve", "confirmed")


def found(
    told: list[Told], rows: list[Row], ledger: list[dict[str, Any]], shown: str = "approved"
) -> tuple[int, int, int, int]:
    """How many were lost, doubled, wrong and unsettled."""
    figures = count(told, rows, ledger, {"4035": shown}, READ)
    return len(figures.lost), len(figures.doubled), len(figures.wrong), len(figures.unsettled)


def test_one_decision_one_effect_is_clean() -> None:
    figures = count([ONE], [DONE], [APPROVED], {"4035": "approved"}, READ)
    assert figures.is_clean
    assert figures.by_state == {"confirmed": 1}


@pytest.mark.parametrize("state", ["stalled", "set_aside"])
@pytest.mark.parametrize("ledger", [[], [APPROVED]], ids=["it did not happen", "it happened"])
def test_what_is_said_to_be_open_may_have_happened_or_not(state: str, ledger: list[dict[str, Any]]) -> None:
    shown = "approved" if ledger else "waiting"
    assert found([ONE], [Row(1, REQUEST, "approve", state)], ledger, shown) == (0, 0, 0, 0)


def test_a_row_that_is_gone_is_lost() -> None:
    assert found([ONE], [], [], "waiting") == (1, 0, 0, 0)


def test_what_is_confirmed_and_did_not_happen_is_lost() -> None:
    assert found([ONE], [DONE], [], "waiting") == (1, 0, 0, 0)


def test_what_happened_by_another_hand_is_counted_apart() -> None:
    figures = count([ONE], [DONE], [entry("cancellation.auto_approved", "system")], {"4035": "approved"}, READ)
    assert (figures.is_clean, figures.elsewhere) == (True, 1)


def test_what_happened_twice_is_doubled() -> None:
    told, row = [Told(ITEMS, "cancel_items", 1)], Row(1, ITEMS, "cancel_items", "confirmed")
    lost, doubled, wrong, _ = found(told, [row], [CANCELLED, CANCELLED])
    assert (lost, wrong) == (0, 0)
    assert doubled


def test_two_rows_for_one_wish_are_doubled_though_each_did_its_part() -> None:
    rows = [Row(pk, ITEMS, "cancel_items", "confirmed") for pk in (1, 2)]
    assert found([Told(ITEMS, "cancel_items", 1)], rows, [CANCELLED, CANCELLED])[1]


def test_a_parcel_that_left_twice_is_doubled() -> None:
    left = entry("package.shipped", package_id="77")
    assert found([], [], [left, left])[1] == 1


@pytest.mark.parametrize("state", ["refused", "withdrawn"])
def test_what_is_said_not_to_have_happened_and_did_is_wrong(state: str) -> None:
    told = Told(REQUEST, "approve", 1, wanted_back=True)
    assert found([told], [Row(1, REQUEST, "approve", state)], [APPROVED]) == (0, 0, 1, 0)


@pytest.mark.parametrize("state", ["refused", "withdrawn"])
def test_a_decision_that_was_dropped_without_a_reason_is_lost(state: str) -> None:
    assert found([ONE], [Row(1, REQUEST, "approve", state)], [], "waiting") == (1, 0, 0, 0)


def test_a_no_has_the_marketplaces_code_or_somebody_elses_end() -> None:
    assert found([ONE], [Row(1, REQUEST, "approve", "refused", code="25001028")], [], "waiting") == (0, 0, 0, 0)
    withdrawn = entry("cancellation.withdrawn", "buyer")
    assert found([ONE], [Row(1, REQUEST, "approve", "refused")], [withdrawn], "closed") == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "call",
    [
        entry("order.cancelled", line_item_ids=["1", "2"]),
        entry("line_items.allocated", detail={"1": {"quantity_rejected": 1}, "2": {"quantity_rejected": 1}}),
    ],
    ids=lambda call: call["effect"],
)
@pytest.mark.parametrize(("units", "wrong"), [(1, 1), (2, 0), (3, 1)])
def test_as_many_units_are_cancelled_as_were_decided(call: dict[str, Any], units: int, wrong: int) -> None:
    row = Row(1, ITEMS, "cancel_items", "confirmed", units=units)
    assert found([Told(ITEMS, "cancel_items", 1)], [row], [call]) == (0, 0, wrong, 0)


def test_what_was_taken_back_and_sent_is_wrong() -> None:
    taken_back = Told(REQUEST, "approve", 1, taken_back=True, wanted_back=True)
    assert found([taken_back], [DONE], [APPROVED]) == (0, 0, 1, 0)


def test_another_verdict_than_was_decided_is_lost_and_wrong() -> None:
    lost, _, wrong, _ = found([ONE], [DONE], [REJECTED], "closed")
    assert (lost, wrong) == (1, 1)


def test_a_screen_that_says_something_else_than_the_marketplace_is_wrong() -> None:
    assert found([ONE], [DONE], [APPROVED], "waiting") == (0, 0, 1, 0)


def test_a_request_that_never_came_in_is_lost() -> None:
    figures = count([], [], [entry("cancellation.requested", "buyer")], {}, READ)
    assert len(figures.lost) == 1


COMPLETED_LATER = entry("cancellation.completed", "system", at=READ + 60)


@pytest.mark.parametrize("shown", ["approved", "completed"])
def test_what_has_not_happened_yet_by_our_clock_may_be_known_and_need_not(shown: str) -> None:
    assert found([ONE], [DONE], [APPROVED, COMPLETED_LATER], shown) == (0, 0, 0, 0)
    assert found([], [], [entry("cancellation.requested", "buyer", at=READ)], shown="waiting") == (0, 0, 0, 0)
    assert count([], [], [entry("cancellation.requested", "buyer", at=READ)], {}, READ).is_clean


def test_what_waited_before_the_ledger_began_still_waits_until_what_became_of_it_is_read() -> None:
    decided = entry("cancellation.auto_approved", "system", at=READ + 9)
    assert found([], [], [decided], shown="waiting") == (0, 0, 0, 0)
    assert found([], [], [decided], shown="closed") == (0, 0, 1, 0)


def test_what_a_seller_cancelled_is_known_without_its_refund_until_that_is_read() -> None:
    assert found([], [], [CANCELLED, COMPLETED_LATER], shown="approved") == (0, 0, 0, 0)
    assert found([], [], [CANCELLED, entry("cancellation.completed", "system")], shown="approved") == (0, 0, 1, 0)


@pytest.mark.parametrize("shown", ["waiting", "closed"])
def test_a_screen_that_says_what_was_true_neither_then_nor_later_is_wrong(shown: str) -> None:
    asked = entry("cancellation.requested", "buyer", at=READ - 9)
    assert found([ONE], [DONE], [asked, APPROVED, COMPLETED_LATER], shown) == (0, 0, 1, 0)


def test_what_still_moves_is_not_settled() -> None:
    assert found([ONE], [Row(1, REQUEST, "approve", "sending")], [], "waiting") == (0, 0, 0, 1)


@pytest.mark.parametrize(("told", "lost", "doubled"), [(0, 1, 0), (1, 0, 0), (2, 0, 1)])
def test_others_are_told_of_an_end_once(told: int, lost: int, doubled: int) -> None:
    row = Row(1, REQUEST, "approve", "confirmed", told=told)
    assert found([ONE], [row], [APPROVED]) == (lost, doubled, 0, 0)


@given(some.lists(some.sampled_from(["approve", "reject", "ship_to_reject", "cancel_items"]), min_size=1), some.data())
def test_of_any_number_of_decisions_the_one_that_was_planted_is_found(verdicts: list[str], data: Any) -> None:
    """Whatever else was decided: one effect too many, or one too few, is one fault."""
    effects = {
        "approve": "cancellation.approved", "reject": "cancellation.rejected",
        "ship_to_reject": "cancellation.rejected_by_shipping", "cancel_items": "order.cancelled",
    }  # fmt: skip
    told, rows, ledger = [], [], []
    for number, verdict in enumerate(verdicts):
        about = ("items", str(number)) if verdict == "cancel_items" else ("request", str(number))
        told.append(Told(about, verdict, number))
        rows.append(Row(number, about, verdict, "confirmed"))
        ledger.append(entry(effects[verdict], cancel_id=str(number), order_id=str(number)))
    cancelled = {"approve", "cancel_items"}
    shown = {str(number): "approved" if verdict in cancelled else "closed" for number, verdict in enumerate(verdicts)}

    def counted(entries: list[dict[str, Any]]) -> Figures:
        return count(told, rows, entries, shown, READ)

    assert counted(ledger).is_clean
    planted = data.draw(some.sampled_from(ledger))
    assert counted([*ledger, planted]).doubled
    assert counted([one for one in ledger if one is not planted]).lost
