"""What of a page does not agree: rows, what the marketplace showed, and what others were told. Writes nothing."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cancellations import delivery, journal, outcome
from cancellations.models import CancellationRequest, Decision, Verdict
from cancellations.models.words import Words
from cancellations.outcome import Shows
from marketplaces.records import Money
from orders.models import CancelledLine, LineItem, Order
from truth import sent
from truth.found import Found, of_decision, of_request
from truth.models import Disagreement
from truth.reading import Seen, cancelled_of
from truth.told import Told

Kind = Disagreement.Kind
State = Decision.State
RequestState = CancellationRequest.State
NOT_DONE = (State.REFUSED, State.WITHDRAWN, State.SET_ASIDE)
DONE = (RequestState.APPROVED, RequestState.COMPLETED)
# What still moves is no disagreement; what has moved for so long does not.
MOVING_TOO_LONG = timedelta(minutes=30)
STALLED_TOO_LONG = timedelta(hours=1)


@dataclass
class Page:
    """Rows as they are after the marketplace was read again, with all that is asked of them."""

    decisions: Sequence[Decision]
    requests: Sequence[CancellationRequest]  # those of the decisions too
    orders: Mapping[int, Order]
    steps: Sequence[CancelledLine]  # of the ledger, of these orders
    others: Mapping[int, Sequence[Decision]] = field(default_factory=dict)  # by order: its decisions that did something
    # By order: requests that were approved, but for those that the seller's own cancelling shows as.
    approved: Mapping[int, Sequence[int]] = field(default_factory=dict)
    lines: Mapping[int, int] = field(default_factory=dict)  # by line item: cancelled afterwards, as it was decided

    @property
    def abouts(self) -> set[str]:
        """All that this page can tell of, so that what it does not find there is over."""
        names = {f"decision:{one.pk}" for one in self.decisions}
        names |= {f"cancellation:{one.pk}" for one in self.requests}
        names |= {f"line:{line.pk}" for order in self.orders.values() for line in order.lines.all()}
        return names | {f"cancelled_line:{step.pk}" for step in self.steps}


def compare(page: Page, seen: Seen, told: Told, now: datetime) -> Iterator[Found]:
    ledger: dict[int, int] = defaultdict(int)
    for step in page.steps:
        ledger[step.line_item_id] = max(ledger[step.line_item_id], step.cancelled_in_all)
    for decision in page.decisions:
        yield from of_one_decision(decision, page, seen, now)
        yield from sent.of_decision(decision, told)
    for request in page.requests:
        yield from of_one_request(request, page, seen)
    decided = {one.cancellation_id for one in page.decisions}
    for request in page.requests:
        if request.pk in decided:
            yield from sent.of_request(request, told)
    for order in page.orders.values():
        yield from of_lines(order, page, seen, ledger)
    yield from sent.of_steps(page.steps, told)


# --- decisions --------------------------------------------------------------------------------------------------------


def of_one_decision(decision: Decision, page: Page, seen: Seen, now: datetime) -> Iterator[Found]:
    if decision.is_live:  # whether it moves, our row says alone
        yield from stuck(decision, now)
        return
    if not seen.is_read(ids_of(decision)):
        return
    shows = shown(decision, seen)
    if decision.state == State.CONFIRMED:
        if is_missing(decision, shows) and not explained(decision, page, later=True):
            yield differs(Kind.NOT_SHOWN, decision, shows)
        yield from refund(decision)
    elif decision.state in NOT_DONE and shows == Shows.DONE and is_ours(decision, page):
        yield differs(Kind.DONE_ANYWAY, decision, shows)


def is_ours(decision: Decision, page: Page) -> bool:
    """Whether it may have been this decision after all; where it was never sent, somebody else has done it."""
    return not explained(decision, page) and journal.may_have_happened(decision)


def ids_of(decision: Decision) -> list[str]:
    names = [decision.order.marketplace_id] if decision.order else []
    return [*names, *([decision.cancellation.marketplace_id] if decision.cancellation else [])]


def is_hidden(decision: Decision, seen: Seen) -> bool:
    """Whether it cannot be said if it was done after all. Of others, that they cannot be found says enough."""
    if not seen.is_read(ids_of(decision)):
        return True
    return decision.state in NOT_DONE and shown(decision, seen) == Shows.GONE


def shown(decision: Decision, seen: Seen) -> Shows:
    """As the read-back of a decision judges it."""
    order, cancellation = decision.order, decision.cancellation
    if order and delivery.is_shown_by_the_order(decision) and order.marketplace_id not in seen.orders:
        return Shows.GONE
    if cancellation and not cancellation.is_recorded and cancellation.marketplace_id not in seen.requests:
        return Shows.GONE
    return outcome.shown(decision)


def is_missing(decision: Decision, shows: Shows) -> bool:
    if shows in (Shows.DONE, Shows.SILENT):
        return False
    # A state that we do not know tells nothing; of lines, fewer than were decided tell enough.
    return shows != Shows.CANNOT_TELL or decision.verdict == Verdict.CANCEL_ITEMS


def explained(decision: Decision, page: Page, *, later: bool = False) -> bool:
    """Whether something else that was decided here about this order came to what is shown.

    Of a rejection that a marketplace never shows, only what came `later` can be the reason for cancelled lines.
    """
    if decision.order_id is None or (later and not is_silent_rejection(decision)):
        return False
    others = [one for one in page.others.get(decision.order_id, ()) if one.pk != decision.pk]
    if later:
        approved = [pk for pk in page.approved.get(decision.order_id, ()) if pk != decision.cancellation_id]
        return bool(approved) or any(one.verdict in (Verdict.APPROVE, Verdict.CANCEL_ITEMS) for one in others)
    if decision.verdict == Verdict.CANCEL_ITEMS and page.approved.get(decision.order_id):
        return True
    return any(one.cancellation_id == decision.cancellation_id for one in others)


def is_silent_rejection(decision: Decision) -> bool:
    recorded = decision.cancellation is not None and decision.cancellation.is_recorded
    return recorded and decision.verdict == Verdict.REJECT


def differs(kind: Disagreement.Kind, decision: Decision, shows: Shows) -> Found:
    ours = Words("%(verdict)s: %(state)s", verdict=Verdict(decision.verdict).label, state=State(decision.state).label)
    theirs = Words("The marketplace shows: %(state)s.", state=outcome.what_is_there(decision, shows))
    return of_decision(kind, decision, ours, theirs)


def refund(decision: Decision) -> Iterator[Found]:
    """What a request gives back, against what it gave back when it was decided."""
    decided, order = decision.money, decision.order
    now = decision.cancellation.refund() if decision.cancellation else None
    if decision.verdict != Verdict.APPROVE or decided is None or now is None or decided == now:
        return
    if order and decided.amount == order.total and now.amount < decided.amount:
        return  # no refund was told then, and the order's total stood for the most that it could be
    same = decided.currency == now.currency
    yield of_decision(
        Kind.REFUND, decision,
        Words("Decided for %(amount)s.", amount=plain(decided)),
        Words("The marketplace gives back %(amount)s.", amount=plain(now)),
        Money(abs(decided.amount - now.amount), now.currency) if same else now,
    )  # fmt: skip


def plain(money: Money) -> str:
    """As integrators read it: a sentence that is kept for readers of many languages has no one way to write money."""
    return f"{money.amount:.2f} {money.currency}"


def stuck(decision: Decision, now: datetime) -> Iterator[Found]:
    since = since_when(decision)
    longest = STALLED_TOO_LONG if decision.state == State.STALLED else MOVING_TOO_LONG
    if decision.state == State.UNSIGNED or now - since < longest:
        return
    ours = Words("%(verdict)s: %(state)s", verdict=Verdict(decision.verdict).label, state=State(decision.state).label)
    if decision.state == State.STALLED:
        theirs = Words("It has waited for somebody since %(time)s UTC.", time=f"{since:%Y-%m-%d %H:%M}")
    else:
        theirs = Words("It has been on its way since %(time)s UTC.", time=f"{since:%Y-%m-%d %H:%M}")
    yield of_decision(Kind.STUCK, decision, ours, theirs)


def since_when(decision: Decision) -> datetime:
    """Since when it could have moved on."""
    if decision.state != State.STALLED:
        return decision.accepted_at or max(decision.send_after, decision.countersigned_at or decision.send_after)
    tries = [attempt.finished_at or attempt.started_at for attempt in decision.attempts.all()]
    return max(tries, default=decision.send_after)


# --- requests ---------------------------------------------------------------------------------------------------------


def of_one_request(request: CancellationRequest, page: Page, seen: Seen) -> Iterator[Found]:
    confirmed = [
        one
        for one in page.others.get(request.order_id or 0, ())
        if one.cancellation_id == request.pk and one.state == State.CONFIRMED
    ]
    if len(confirmed) > 1:
        yield of_request(
            Kind.MORE_DONE, request, Words("One answer to one request."),
            Words("%(count)d decisions about it are confirmed.", count=len(confirmed)),
        )  # fmt: skip
    record = seen.requests.get(request.marketplace_id)
    if record is None:
        if request.needs_answer and not request.is_recorded and request.marketplace_id not in seen.unread:
            # Gone, or shown in a way that is not understood.
            theirs = Words("Asked for it, the marketplace showed nothing of it that can be read.")
            yield of_request(Kind.OTHER_STATE, request, says(request), theirs)
        return
    there = Words("request %(status)s", status=record.status)
    if request.state != record.state.value or request.needs_answer != record.needs_answer:
        waits = request.needs_answer and not record.needs_answer
        yield of_request(
            Kind.WAITS_HERE if waits else Kind.OTHER_STATE, request, says(request),
            Words("The marketplace shows: %(state)s.", state=there),
        )  # fmt: skip
    elif request.pk in seen.waited and not request.needs_answer and seen.should_have_been_here(record):
        yield of_request(
            Kind.WAITS_HERE, request, Words("It waited here for an answer, until it was read again just now."),
            Words("The marketplace shows: %(state)s.", state=there), is_mended=True,
        )  # fmt: skip


def says(request: CancellationRequest) -> Words:
    if request.needs_answer:
        return Words("It waits here for an answer.")
    return Words("It is settled here: %(state)s.", state=RequestState(request.state).label)


# --- lines ------------------------------------------------------------------------------------------------------------


def of_lines(order: Order, page: Page, seen: Seen, ledger: Mapping[int, int]) -> Iterator[Found]:
    record = seen.orders.get(order.marketplace_id)
    if record is None:
        return
    shown_of = {line.marketplace_id: cancelled_of(line) for line in record.lines}
    for line in order.lines.all():
        there = shown_of.get(line.marketplace_id)
        if there is None:
            continue
        if there != ledger[line.pk]:
            yield of_line(
                Kind.CANCELLED_LINES, order, line, page, abs(there - ledger[line.pk]),
                Words("%(count)d cancelled, as our ledger of cancelled lines has it.", count=ledger[line.pk]),
                Words("The marketplace shows %(count)d cancelled.", count=there),
            )  # fmt: skip
        most = page.lines.get(line.pk)
        if most is not None and there > most and not is_cancelled_by_others(line, page):
            yield of_line(
                Kind.MORE_DONE, order, line, page, there - most,
                Words("Decided: %(count)d cancelled in all.", count=most),
                Words("The marketplace shows %(count)d cancelled.", count=there),
            )  # fmt: skip


def is_cancelled_by_others(line: LineItem, page: Page) -> bool:
    """Whether a request was approved, or the marketplace names somebody else than the seller."""
    return bool(page.approved.get(line.order_id)) or line.cancelled_by not in ("", "seller")


def of_line(
    kind: Disagreement.Kind, order: Order, line: LineItem, page: Page, units: int, ours: Words, theirs: Words
) -> Found:
    decision = next((one for one in page.decisions if one.order_id == order.pk), None)
    return Found(
        kind, f"line:{line.pk}", ours, theirs, Money(line.price * units, line.currency), order.pk,
        decision.cancellation_id if decision else None, decision.pk if decision else None,
    )  # fmt: skip
