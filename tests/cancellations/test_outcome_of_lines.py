"""What the lines of an order tell about a request that the marketplace does not show."""

import pytest

from cancellations.models import CancellationRequest, Decision, DecisionLine, Verdict
from cancellations.outcome import Shows, lines_are_cancelled, shown
from orders.models import LineItem
from tests.factories import (
    CancellationFactory,
    CancellationLineFactory,
    DecisionFactory,
    LineItemFactory,
    OrderFactory,
    at,
)

pytestmark = pytest.mark.django_db


def request_about(*lines: dict[str, object], line: int | None = None) -> CancellationRequest:
    """A recorded request about an order with these lines, or about one of them."""
    order = OrderFactory(is_cancel_requested=False)
    made: list[LineItem] = [LineItemFactory(order=order, **columns) for columns in lines]
    asked = [made[line]] if line is not None else made
    request: CancellationRequest = CancellationFactory(
        order=order, line_item=asked[0] if line is not None else None, recorded_at=at("2026-01-01"), status=""
    )
    for one in asked:
        CancellationLineFactory(cancellation=request, line_item_marketplace_id=one.marketplace_id)
    return request


def seen(request: CancellationRequest, verdict: Verdict, **columns: object) -> Shows:
    decision: Decision = DecisionFactory(cancellation=request, verdict=verdict, **columns)
    return shown(decision)


OPEN: dict[str, object] = {"quantity": 2}
CANCELLED: dict[str, object] = {"quantity": 2, "is_cancelled": True, "cancelled_quantity": 2}
OURS: dict[str, object] = {**CANCELLED, "cancelled_by": "seller"}
# A part had left when the rest was cancelled.
PARTED: dict[str, object] = {
    "quantity": 2, "is_shipped": True, "shipped_quantity": 1, "cancelled_quantity": 1, "cancelled_by": "retailer",
}  # fmt: skip
SHIPPED: dict[str, object] = {"quantity": 2, "is_shipped": True, "shipped_quantity": 2}


@pytest.mark.parametrize(
    ("lines", "approved", "rejected"),
    [
        ([OPEN, OPEN], Shows.NOT_DONE, Shows.SILENT),
        ([CANCELLED, CANCELLED], Shows.DONE, Shows.SOMETHING_ELSE),
        ([CANCELLED, SHIPPED], Shows.CANNOT_TELL, Shows.SILENT),  # by this answer, or by another one
        ([OURS, OURS], Shows.SOMETHING_ELSE, Shows.SILENT),  # what a seller cancels answers nobody
        ([OURS, CANCELLED], Shows.CANNOT_TELL, Shows.SILENT),
        ([PARTED, PARTED], Shows.DONE, Shows.SOMETHING_ELSE),
        ([CANCELLED, OPEN], Shows.NOT_DONE, Shows.SILENT),  # that line was cancelled by itself
        ([SHIPPED, SHIPPED], Shows.SOMETHING_ELSE, Shows.SILENT),
        ([], Shows.CANNOT_TELL, Shows.CANNOT_TELL),
    ],
)
def test_of_a_whole_order(lines: list[dict[str, object]], approved: Shows, rejected: Shows) -> None:
    assert seen(request_about(*lines), Verdict.APPROVE) == approved
    assert seen(request_about(*lines), Verdict.REJECT) == rejected


def test_once_it_was_accepted_what_is_gone_went_by_it() -> None:
    assert seen(request_about(CANCELLED, SHIPPED), Verdict.APPROVE, accepted_at=at("2026-01-01")) == Shows.DONE


def test_lines_that_were_gone_before_anybody_asked_say_nothing() -> None:
    request = request_about(CANCELLED, SHIPPED)
    request.lines.first().delete()  # type: ignore[union-attr]
    assert seen(request, Verdict.APPROVE) == Shows.SOMETHING_ELSE
    assert not lines_are_cancelled(request)


def test_where_one_word_serves_for_asked_and_for_done_an_approval_leaves_no_trace() -> None:
    request = request_about(OPEN)
    request.order.is_cancel_requested = True  # type: ignore[union-attr]
    assert seen(request, Verdict.APPROVE) == Shows.SILENT


def test_of_one_line_the_others_say_nothing() -> None:
    assert seen(request_about(OPEN, CANCELLED, line=0), Verdict.APPROVE) == Shows.NOT_DONE
    assert seen(request_about(OPEN, CANCELLED, line=1), Verdict.APPROVE) == Shows.DONE


def test_a_line_of_which_a_part_has_left_counts_as_open() -> None:
    request = request_about({"quantity": 3, "shipped_quantity": 1})
    assert not lines_are_cancelled(request)
    assert seen(request, Verdict.APPROVE) == Shows.NOT_DONE


@pytest.mark.parametrize(
    ("before", "now", "shows"),
    [(0, 0, Shows.NOT_DONE), (0, 2, Shows.DONE), (1, 1, Shows.NOT_DONE), (1, 3, Shows.DONE), (0, 1, Shows.CANNOT_TELL)],
)
def test_quantities_count_from_what_was_cancelled_before(before: int, now: int, shows: Shows) -> None:
    line: LineItem = LineItemFactory(quantity=5, cancelled_quantity=now)
    decision: Decision = DecisionFactory(
        cancellation=None, order=line.order, shop=line.order.shop, verdict="cancel_items"
    )
    DecisionLine.objects.create(decision=decision, line_item=line, quantity=2, cancelled_before=before)
    assert shown(decision) == shows
