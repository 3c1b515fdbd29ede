"""What the lines of an order tell about a request that the marketplace does not show."""

import pytest

from cancellations.models import CancellationRequest, Decision, DecisionLine, Verdict
from cancellations.outcome import Shows, lines_are_cancelled, shown
from orders.models import LineItem
from tests.factories import CancellationFactory, DecisionFactory, LineItemFactory, OrderFactory, at

pytestmark = pytest.mark.django_db


def request_about(*lines: dict[str, object], line: int | None = None) -> CancellationRequest:
    """A recorded request about an order with these lines, or about one of them."""
    order = OrderFactory()
    made: list[LineItem] = [LineItemFactory(order=order, **columns) for columns in lines]
    return CancellationFactory(
        order=order, line_item=made[line] if line is not None else None, recorded_at=at("2026-01-01"), status=""
    )


def seen(request: CancellationRequest, verdict: Verdict) -> Shows:
    decision: Decision = DecisionFactory(cancellation=request, verdict=verdict)
    return shown(decision)


OPEN: dict[str, object] = {"quantity": 2}
CANCELLED: dict[str, object] = {"quantity": 2, "is_cancelled": True, "cancelled_quantity": 2}
SHIPPED: dict[str, object] = {"quantity": 2, "is_shipped": True, "shipped_quantity": 2}


@pytest.mark.parametrize(
    ("lines", "approved", "rejected"),
    [
        ([OPEN, OPEN], Shows.NOT_DONE, Shows.SILENT),
        ([CANCELLED, CANCELLED], Shows.DONE, Shows.SOMETHING_ELSE),
        ([CANCELLED, SHIPPED], Shows.DONE, Shows.SOMETHING_ELSE),  # what has left cannot be cancelled
        ([CANCELLED, OPEN], Shows.NOT_DONE, Shows.SILENT),  # that line was cancelled by itself
        ([SHIPPED, SHIPPED], Shows.SOMETHING_ELSE, Shows.SILENT),
        ([], Shows.CANNOT_TELL, Shows.CANNOT_TELL),
    ],
)
def test_of_a_whole_order(lines: list[dict[str, object]], approved: Shows, rejected: Shows) -> None:
    assert seen(request_about(*lines), Verdict.APPROVE) == approved
    assert seen(request_about(*lines), Verdict.REJECT) == rejected


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
