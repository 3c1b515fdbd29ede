"""What others should have been told, against what they were."""

from collections.abc import Iterator, Sequence

from cancellations.models import CancellationRequest, Decision
from cancellations.models.words import Words
from marketplaces.records import Money
from orders.models import CancelledLine
from truth import found
from truth.found import Found
from truth.models import Disagreement
from truth.told import Event, Told, ids_of

Kind = Disagreement.Kind
RequestState = CancellationRequest.State
# What says where a request stands; `cancellation.withdrawn` says a second time what `cancellation.settled` said.
STANDS = ("cancellation.requested", "cancellation.settled", "cancellation.moved")


def of_decision(decision: Decision, told: Told) -> Iterator[Found]:
    """The last that was told of it is the state in which it rests."""
    if decision.is_moving or not told.is_kept(decision.settled_at or decision.made_at):
        return
    events = told.about(f"decision:{decision.pk}")
    if events and events[-1].state == decision.state:
        return
    is_missing = all(event.state != decision.state for event in events)
    ours = Words("The decision is %(state)s.", state=Decision.State(decision.state).label)
    yield found.of_decision(Kind.EVENT_MISSING if is_missing else Kind.EVENT_WRONG, decision, ours, last_of(events))


def of_request(request: CancellationRequest, told: Told) -> Iterator[Found]:
    if request.needs_answer or not told.is_kept(request.updated_at):
        return
    events = [event for event in told.about(f"cancellation:{request.pk}") if event.type in STANDS]
    ours = Words("The request is %(state)s.", state=RequestState(request.state).label)
    if not events or events[-1].state != request.state:
        is_missing = all(event.state != request.state for event in events)
        kind = Kind.EVENT_MISSING if is_missing else Kind.EVENT_WRONG
        yield found.of_request(kind, request, ours, last_of(events))
    elif (times := settled_since_it_waited(events)) > 1:
        theirs = Words("Told that it was settled %(count)d times.", count=times)
        yield found.of_request(Kind.TOLD_TWICE, request, ours, theirs)


def settled_since_it_waited(events: Sequence[Event]) -> int:
    """How often others were told that it was settled, without having been told that it waits again."""
    since = max((at for at, event in enumerate(events) if event.state == RequestState.WAITING), default=-1)
    return sum(event.type == "cancellation.settled" for event in events[since + 1 :])


def last_of(events: Sequence[Event]) -> Words:
    if not events:
        return Words("Others were told nothing.")
    last = events[-1]
    return Words("Others were told last: %(event)s, %(state)s.", event=last.type, state=last.state or "–")


def of_steps(steps: Sequence[CancelledLine], told: Told) -> Iterator[Found]:
    """Each step of the ledger is told of once: by ids that are made with it."""
    for step in steps:
        missing = [one for one in ids_of(step) if one not in told.ids]
        if missing and told.is_kept(step.noted_at):
            names = ["stock.released" if one.startswith("stock_") else "money.returned" for one in missing]
            yield Found(
                Kind.EVENT_MISSING, f"cancelled_line:{step.pk}",
                Words("%(count)d cancelled, as our ledger of cancelled lines has it.", count=step.quantity),
                Words("Others were not told: %(events)s.", events=names),
                Money(step.amount, step.currency), step.order_id,
            )  # fmt: skip
