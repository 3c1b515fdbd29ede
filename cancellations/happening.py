"""What happened to requests and decisions: the one writer of `Event`, which tells integrators of it as well."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from django.db.models import prefetch_related_objects
from django.utils import timezone

from cancellations.models import CancellationRequest, Decision, Event, Verdict
from shops import outgoing
from shops.models import OutgoingEvent

State = CancellationRequest.State
CLOCKS_DIFFER = timedelta(minutes=1)
# What ends a request as a decision wanted it.
WANTED = {
    Verdict.APPROVE: {State.APPROVED, State.COMPLETED},
    Verdict.REJECT: {State.CLOSED},
    Verdict.SHIP_TO_REJECT: {State.CLOSED},
    Verdict.CANCEL_ITEMS: {State.APPROVED, State.COMPLETED},
}
OF_DECISIONS = {
    "decision.recorded", "decision.countersigned", "decision.declined", "decision.withdrawn", "decision.overtaken",
    "decision.accepted", "decision.confirmed", "decision.refused", "decision.stalled", "decision.asked_again",
    "decision.set_aside", "decision.resumed",
}  # fmt: skip
OF_REQUESTS = {"cancellation.requested", "cancellation.recorded", "cancellation.moved", "cancellation.closed"}
# Said apart for staff; whoever listens asks what became of it, and `state` says the rest.
TOLD_AS = {"decision.declined": "decision.withdrawn", "decision.overtaken": "decision.withdrawn"}


def note(events: Sequence[Event], decisions: Iterable[Decision] = ()) -> None:
    """Write down what happened, in the transaction of the change, and announce what others may want to hear.

    Of `decisions` that are given nothing is read again: whoever gives them has just written all that they say.
    """
    if events:
        Event.objects.bulk_create(events)
        outgoing.announce(announced(events, {decision.pk: decision for decision in decisions}))


def announced(events: Sequence[Event], known: Mapping[int, Decision] = MappingProxyType({})) -> Iterator[OutgoingEvent]:
    """A few queries, however many events. `known` are decisions as they stand now, by their pk."""
    requests = {event.cancellation_id for event in events if event.name in OF_REQUESTS} - {None}
    decisions = {event.decision_id for event in events if event.name in OF_DECISIONS} - {None}
    rows = CancellationRequest.objects.select_related("shop").defer("shop__cipher").with_decisions()
    request_of = rows.in_bulk(requests) if requests else {}
    add_what_they_come_of(request_of.values())
    unread = decisions.difference(known)
    read = Decision.objects.select_related("cancellation", "order").in_bulk(unread) if unread else {}
    decision_of = {**read, **known}
    for event in events:
        if event.cancellation_id in request_of and event.name in OF_REQUESTS:
            yield from of_request(event, request_of[event.cancellation_id])
        elif event.decision_id in decision_of and event.name in OF_DECISIONS:
            yield from of_decision(event, decision_of[event.decision_id])


def announce_again(row: Decision | CancellationRequest) -> None:
    """Tell others where a decision, or a request, stands now; for those who were not told, or told something else."""
    if isinstance(row, Decision):
        about = Event(decision=row, name=f"decision.{row.state}", at=row.settled_at or timezone.now())
    else:
        known = OutgoingEvent.objects.filter(about=f"cancellation:{row.pk}", shop=row.shop_id).order_by("-pk")
        before = known.values_list("data__to", flat=True).first() or State.WAITING
        detail = {"from": before, "to": row.state, "status": row.status}
        about = Event(cancellation=row, name="cancellation.moved", detail=detail, at=row.updated_at)
    outgoing.announce(announced([about]))


def add_what_they_come_of(rows: Iterable[CancellationRequest]) -> None:
    """To the history of each request that shows the seller cancelling, our `cancel_items` of its lines."""
    own = [row for row in rows if row.initiator == "seller" and row.order_id]
    if not own:
        return
    prefetch_related_objects(own, "lines")
    orders, verdict = [row.order_id for row in own], Verdict.CANCEL_ITEMS
    sent = Decision.objects.filter(order__in=orders, verdict=verdict, sent_at__isnull=False).order_by("-pk")
    for made in sent.prefetch_related("lines__line_item"):
        chosen = {line.line_item.marketplace_id for line in made.lines.all()}
        for row in own:
            about = {line.line_item_marketplace_id for line in row.lines.all()}
            if row.order_id == made.order_id and is_before(made, row) and about <= chosen:
                row.history.append(made)


def is_before(made: Decision, row: CancellationRequest) -> bool:
    return made.sent_at is not None and made.sent_at <= row.created_at + CLOCKS_DIFFER


# --- requests ---------------------------------------------------------------------------------------------------------


def of_request(event: Event, row: CancellationRequest) -> Iterator[OutgoingEvent]:
    """A request that came and went between two pulls is told of twice: that it came, and how it ended."""
    came = event.name in ("cancellation.requested", "cancellation.recorded")
    before, after = event.detail.get("from") or State.WAITING, event.detail.get("to") or row.state
    if came:
        if not row.needs_answer and row.created_at < row.shop.created_at.replace(microsecond=0):
            return  # history that the first pull brought
        yield about_request("cancellation.requested", row, event.at, {"from": None, "to": State.WAITING})
    if after == before:
        return
    at, moved = row.updated_at if came else event.at, {"from": before, "to": after}
    if before == State.WAITING and after != State.UNKNOWN:
        yield from ending(event, row, at, moved)
    else:
        yield about_request("cancellation.moved", row, at, moved)


def ending(event: Event, row: CancellationRequest, at: datetime, moved: dict[str, Any]) -> Iterator[OutgoingEvent]:
    by, decision = settled_by(event, row, at, str(moved["to"]))
    if moved["to"] == State.CLOSED:
        moved = {**moved, "refund": None}  # what would have been given back is not
    yield about_request("cancellation.settled", row, at, {**moved, "settled_by": by, "decision": decision})
    if moved["to"] == State.CLOSED and by == "elsewhere":
        yield about_request("cancellation.withdrawn", row, at, moved)


def settled_by(event: Event, row: CancellationRequest, at: datetime, state: str) -> tuple[str, int | None]:
    """Who decided, as far as our own rows tell, with the decision that did."""
    sent = (one for one in row.history if one.sent_at and (one.is_live or one.state == Decision.State.CONFIRMED))
    ours = next((one for one in sent if state in WANTED.get(Verdict(one.verdict), ())), None)
    if ours:
        return "decision", ours.pk
    if event.name == "cancellation.closed":
        return "staff", None
    before = event.detail.get("deadline")
    deadline = datetime.fromisoformat(before) if before else row.deadline
    if deadline and deadline <= at and state in (State.APPROVED, State.COMPLETED):
        return "deadline", None
    return "elsewhere", None


def about_request(type: str, row: CancellationRequest, at: datetime, more: dict[str, Any]) -> OutgoingEvent:  # noqa: A002
    return outgoing.event(type, f"cancellation:{row.pk}", {**facts_of_request(row), **more}, shop_id=row.shop_id, at=at)


def facts_of_request(row: CancellationRequest) -> dict[str, Any]:
    return {
        "cancellation": row.pk, "url": outgoing.address("api:cancellation-detail", row.pk),
        "cancellation_marketplace_id": row.marketplace_id, "shop": row.shop_id, **order_of(row),
        "kind": row.kind, "asked_by": row.initiator, "reason": row.reason, "needs_answer": row.needs_answer,
        "deadline": outgoing.moment(row.deadline), "refund": outgoing.money(row.refund_total, row.currency),
    }  # fmt: skip


def order_of(row: CancellationRequest) -> dict[str, Any]:
    return {
        "order": row.order_id, "order_marketplace_id": row.order_marketplace_id, "order_number": row.order_number
    }  # fmt: skip


# --- decisions --------------------------------------------------------------------------------------------------------


def of_decision(event: Event, row: Decision) -> Iterator[OutgoingEvent]:
    """Nothing of what people wrote is in it: comments and notes may tell of the buyer."""
    request, order = row.cancellation, row.order
    names = order_of(request) if request else {
        "order": row.order_id, "order_marketplace_id": order.marketplace_id if order else "",
        "order_number": order.number if order else "",
    }  # fmt: skip
    data = {
        "decision": row.pk, "url": outgoing.address("api:decision-detail", row.pk), "shop": row.shop_id,
        "cancellation": row.cancellation_id,
        "cancellation_marketplace_id": request.marketplace_id if request else None, **names,
        "verdict": row.verdict, "state": row.state, "stalled_because": row.stalled_because or None,
        "gives_back": outgoing.money(row.gives_back, row.currency), "code": row.code, "request_id": row.request_id,
    }  # fmt: skip
    name = TOLD_AS.get(event.name, event.name)
    if row.state == Decision.State.UNSIGNED and name == "decision.recorded":
        name = "decision.waits_for_second_person"
    yield outgoing.event(name, f"decision:{row.pk}", data, shop_id=row.shop_id, at=event.at)


def about_deadline(row: CancellationRequest, now: datetime) -> OutgoingEvent:
    assert row.deadline
    return outgoing.event(
        "deadline.near", f"cancellation:{row.pk}",
        {**facts_of_request(row), "seconds_left": round((row.deadline - now).total_seconds())},
        shop_id=row.shop_id, at=now, event_id=f"deadline_{row.pk}_{row.deadline:%Y%m%d%H%M%S}",
    )  # fmt: skip
