"""What happened to a request and its order, told in words on one timeline, with what is to come on top.

It is made of what the order tells of itself, events, the calls made for decisions, and what colleagues noted.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from cancellations.models import Attempt, CancellationRequest, Decision, Event, Note, Verdict
from cancellations.models.words import read
from orders.models import Order
from shops.markets import capabilities


@dataclass(frozen=True)
class Entry:
    """One line of the timeline. `tone` is a colour: "", "good", "bad" or "muted"."""

    at: datetime
    text: str
    who: str = ""
    detail: str = ""
    code: str = ""
    request_id: str = ""
    tone: str = ""
    about: CancellationRequest | None = None  # the request that it is about, where one would not know
    times: int = 1  # so often in a row, the last time `at`
    since: datetime | None = None  # the first of these times
    placed_at: datetime | None = None  # where it stands among the others, where that is not `at`
    rank: int = 0  # what comes first of things at the same moment: order, events, calls, what a call did to the order
    is_ahead: bool = False
    name: str = ""  # of an event, such as "decision.confirmed"; "call.send" and the like; "note"; "" of an order's own


def of_cancellation(
    cancellation: CancellationRequest, now: datetime, calls: Sequence[Attempt] | None = None
) -> Sequence[Entry]:
    """Newest first, of the request and of its order. Three queries, and one for the `calls_about` it if not given."""
    order = cancellation.order
    events = list(with_names(Event.objects.filter(about(cancellation))))
    calls = calls_about(cancellation) if calls is None else calls
    entries = [
        *(of_order_itself(order, now, calls) if order else []),
        *asked(cancellation, events),
        *ahead(cancellation, now),
        *of_events(events),
        *map(of_attempt, calls),
        *of_notes(Note.objects.filter(cancellation=cancellation)),
    ]
    return in_order(entries, now, subject=cancellation)


def about(cancellation: CancellationRequest) -> Q:
    """Of events and decisions: those about the request or its order."""
    of_itself = Q(cancellation=cancellation)
    return of_itself | Q(order=cancellation.order_id) if cancellation.order_id else of_itself


def calls_about(cancellation: CancellationRequest) -> Sequence[Attempt]:
    """All calls for decisions about the request or its order, oldest first."""
    made = Decision.objects.filter(about(cancellation)).values("pk")
    return list(with_verdicts(Attempt.objects.filter(decision__in=made)))


def of_order(order: Order, now: datetime) -> Sequence[Entry]:
    """As above, of an order with all the requests about it; needs `order.cancellations` prefetched."""
    events = list(with_names(Event.objects.filter(Q(order=order) | Q(cancellation__order=order))))
    requests = list(order.cancellations.all())
    made = Decision.objects.filter(Q(order=order) | Q(cancellation__order=order)).values("pk")
    calls = list(with_verdicts(Attempt.objects.filter(decision__in=made)))
    entries = [
        *of_order_itself(order, now, calls),
        *(entry for one in requests for entry in (*asked(one, events), *ahead(one, now))),
        *of_events(events),
        *map(of_attempt, calls),
        *of_notes(Note.objects.filter(cancellation__order=order)),
    ]
    return in_order(entries, now, subject=requests[0] if len(requests) == 1 else None)


def of_decision(decision: Decision, now: datetime) -> Sequence[Entry]:
    """Only what was done to carry it out."""
    events = with_names(Event.objects.filter(decision=decision))
    entries = [*of_events(events), *map(of_attempt, with_verdicts(Attempt.objects.filter(decision=decision)))]
    return in_order(entries, now, subject=decision.cancellation)


def to_quote(cancellation: CancellationRequest, calls: Iterable[Attempt]) -> str:
    """What the marketplace's support asks for, as lines to copy: ids, and every call that was made for this request of
    `calls_about` it."""
    shop = cancellation.shop
    lines = [
        _("Shop: %(name)s, %(id)s") % {"name": shop.name, "id": shop.marketplace_id},
        _("Order: %(id)s") % {"id": cancellation.order_marketplace_id},
    ]
    if not cancellation.is_recorded:  # else the id is one of ours
        lines.append(_("Cancellation request: %(id)s") % {"id": cancellation.marketplace_id})
    made = (call for call in calls if call.decision.cancellation_id == cancellation.pk)
    return "\n".join([*lines, *map(call_to_quote, made)])


def call_to_quote(attempt: Attempt) -> str:
    parts = [
        f"{attempt.started_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
        attempt.decision.get_verdict_display(),
        attempt.get_purpose_display(),
        attempt.get_outcome_display(),
    ]
    if code := shown_code(attempt.code):
        parts.append(_("code %(code)s") % {"code": code})
    if attempt.request_id:
        parts.append(_("request id %(id)s") % {"id": attempt.request_id})
    return ", ".join(parts)


def with_names(events: QuerySet[Event]) -> QuerySet[Event]:
    return events.select_related("actor", "decision", "cancellation").order_by("pk")


def with_verdicts(attempts: QuerySet[Attempt]) -> QuerySet[Attempt]:
    return attempts.select_related("decision").order_by("started_at", "pk")


def in_order(entries: Iterable[Entry], now: datetime, subject: CancellationRequest | None) -> Sequence[Entry]:
    """Newest first, so that what is to come is on top; the same call made again and again is one line.

    What is about `subject` need not say so.
    """
    # At the same moment a call comes after what led to it; what was written down together keeps its order.
    found = folded(sorted(entries, key=lambda entry: (entry.placed_at or entry.at, entry.rank)))
    told = [
        replace(entry, is_ahead=entry.at > now, about=None if entry.about == subject else entry.about)
        for entry in found
    ]
    return told[::-1]


def folded(entries: Iterable[Entry]) -> Iterator[Entry]:
    for _same, run in groupby(entries, key=attrgetter("rank", "text", "who", "detail", "code")):
        first, *others = run
        if others and first.rank == CALL:
            yield replace(others[-1], times=1 + len(others), since=first.at)
        else:
            yield from (first, *others)


ORDER, EVENT, CALL, EFFECT = 0, 1, 2, 3
CANCELS, SHIPS = (Verdict.APPROVE, Verdict.CANCEL_ITEMS), (Verdict.SHIP_TO_REJECT,)


def of_order_itself(order: Order, now: datetime, calls: Sequence[Attempt]) -> Iterator[Entry]:
    """Its moments, and those by which something has to have happened."""
    moments = (
        (order.created_at, _("Ordered"), "", ()),
        (order.paid_at, _("Paid"), "", ()),
        (order.shipped_at, _("Marked as shipped"), "", SHIPS),
        (order.collected_at, _("Handed over to the carrier"), "", ()),
        (order.delivered_at, _("Delivered"), "", ()),
        (order.cancelled_at, _("The order was cancelled"), order.cancel_reason, CANCELS),
    )
    for at, text, detail, by in moments:
        if at:
            yield after_what_did_it(Entry(at, text, detail=detail, rank=ORDER), [c for c in calls if may_do(c, by)])
    if order.is_cancelled:
        return
    if order.ship_by and not (order.is_shipped or order.shipped_at):
        yield due(order.ship_by, now, _("Has to be shipped by then"), _("Had to be shipped by then"))
    elif order.hand_over_by and order.shipped_at and not (order.collected_at or order.delivered_at):
        yield due(order.hand_over_by, now, _("Has to be with the carrier"), _("Had to be with the carrier"))


def may_do(call: Attempt, verdicts: Collection[str]) -> bool:
    """Whether it may have done what these verdicts do: it was sent, and nothing says that it was not taken."""
    is_taken = call.outcome in (Attempt.Outcome.OK, Attempt.Outcome.UNKNOWN)
    return is_taken and call.purpose == Attempt.Purpose.SEND and call.decision.verdict in verdicts


def after_what_did_it(moment: Entry, calls: Iterable[Attempt]) -> Entry:
    """Orders count in whole seconds, so that what we did to one seems older than our call."""
    for call in calls:
        if timedelta(0) <= call.started_at - moment.at <= timedelta(seconds=1):
            return replace(moment, placed_at=call.started_at, rank=EFFECT)
    return moment


def due(at: datetime, now: datetime, ahead: str, over: str) -> Entry:
    if at > now:
        return Entry(at, ahead, detail=_("Otherwise the marketplace cancels the order."), rank=ORDER)
    return Entry(at, over, detail=_("The marketplace cancels such orders."), tone="bad", rank=ORDER)


def asked(cancellation: CancellationRequest, events: Iterable[Event]) -> Iterator[Entry]:
    """That somebody asked, where no event tells it: requests that were here before events were."""
    names = {event.name for event in events if event.cancellation_id == cancellation.pk}
    if not names & {"cancellation.requested", "cancellation.recorded"}:
        at, text, detail = cancellation.created_at, who_asks(cancellation), why(cancellation)
        yield Entry(at, text, detail=detail, about=cancellation, rank=EVENT)


def who_asks(cancellation: CancellationRequest) -> str:
    if cancellation.is_recorded or not cancellation.initiator:
        return _("Somebody asked to cancel")
    texts = {
        "buyer": _("The buyer asked to cancel"),
        "seller": _("The marketplace lists it as the seller's own cancellation"),
        "system": _("The marketplace lists it as its own cancellation"),
        "marketplace": _("The marketplace lists it as its own cancellation"),
    }
    return texts.get(cancellation.initiator) or _("Asked to cancel: %(who)s") % {"who": cancellation.initiator}


def why(cancellation: CancellationRequest) -> str:
    return cancellation.reason_text or cancellation.reason


def ahead(cancellation: CancellationRequest, now: datetime) -> Iterator[Entry]:
    """What happens by itself: the deadline, and what is sent of ours."""
    if not cancellation.needs_answer:
        return
    if cancellation.deadline:
        yield Entry(cancellation.deadline, at_the_deadline(cancellation, now), about=cancellation, rank=EVENT)
    decision = cancellation.live_decision
    if decision and decision.state == Decision.State.RECORDED and (at := sent_at(decision)) > now:
        text = _("Next try: %(verdict)s") if decision.failures else _("Is sent: %(verdict)s")
        yield Entry(at, text % {"verdict": decision.get_verdict_display()}, about=cancellation, rank=EVENT)


def at_the_deadline(cancellation: CancellationRequest, now: datetime) -> str:
    if cancellation.is_over(now):
        return _("The deadline was over")
    texts = {"approves": _("The request is approved by itself"), "rejects": _("The request is rejected by itself")}
    return texts.get(capabilities(cancellation.shop, now).silence, _("Deadline"))


def sent_at(decision: Decision) -> datetime:
    return max(decision.send_after, decision.due_at)


def of_events(events: Iterable[Event]) -> Iterator[Entry]:
    """`events` as they were written down. Marketplaces count in whole seconds, so that what one shows within the second
    of what we did seems older than that."""
    last: datetime | None = None
    for event in events:
        is_after = last is not None and timedelta(0) < last - event.at < timedelta(seconds=1)
        entry = of_telling(event) if event.name in ("person.told", "person.not_told") else of_event(event)
        yield replace(entry, placed_at=last if is_after else None)
        last = last if is_after else event.at


def of_event(event: Event) -> Entry:
    detail, decision = event.detail, event.decision
    text, tone = words_for(event.name, verdict_of(detail.get("verdict", "")), state_of(detail.get("to", "")))
    extra = taken_out(event)
    if event.name == "cancellation.requested" and event.cancellation:
        text, extra = who_asks(event.cancellation), why(event.cancellation)
    elif event.name == "cancellation.moved" and event.cancellation and event.cancellation.is_recorded:
        text = _("Settled: %(state)s") % {"state": state_of(detail.get("to", ""))}  # no marketplace shows it
    if event.name == "decision.recorded" and decision:
        text, extra = what_was_decided(decision, detail, text)
    elif event.name == "cancellation.recorded":
        heard = _("Heard through %(channel)s") % {"channel": channel_of(detail.get("heard_through", ""))}
        extra = " · ".join(part for part in (heard, detail.get("note", "")) if part)
    elif event.name == "cancellation.assigned":
        extra = detail.get("person") or _("to nobody")
    elif event.name in ("decision.set_aside", "decision.declined", "cancellation.closed"):
        extra = read(detail.get("note", ""))
    elif event.name == "cancellation.moved":
        extra = detail.get("status", "")
    elif event.name == "decision.confirmed" and decision:
        extra = read(detail.get("note", decision.note))
    elif event.name in ("decision.refused", "decision.stalled") and decision:
        said = (detail.get("message", decision.message), read(detail.get("note", decision.note)))  # as it was then
        extra = " ".join(part for part in said if part)
    return Entry(
        event.at, text, who=str(event.actor or ""), detail=extra, tone=tone,
        code=shown_code(detail.get("code", "")),
        # The call that it was accepted with shows its own.
        request_id="" if event.name in ("decision.accepted", "decision.confirmed") else detail.get("request_id", ""),
        about=event.cancellation, rank=EVENT, name=event.name,
    )  # fmt: skip


def of_telling(event: Event) -> Entry:
    text, tone = who_was_told(event.detail), "muted" if event.detail.get("told") else "bad"
    why_not = read(event.detail.get("problem", ""))
    return Entry(event.at, text, detail=why_not, tone=tone, about=event.cancellation, rank=EVENT, name=event.name)


def who_was_told(detail: Mapping[str, Any]) -> str:
    """That people were told that nobody has answered, or could not be; told to a channel where there are no people."""
    people = ", ".join(detail.get("people", ()))
    texts = {
        ("email", True): _("Told by e-mail: %(people)s"),
        ("email", False): _("Could not be told by e-mail: %(people)s"),
        ("in_app", True): _("Told by a notice here: %(people)s"),
        ("chat", True): _("Told in the chat channel"),
        ("chat", False): _("Could not be told in the chat channel"),
    }
    known = texts.get((detail.get("channel", ""), bool(detail.get("told"))), _("Nobody could be told"))
    return known % {"people": people} if people else known.partition(":")[0]


def what_was_decided(decision: Decision, detail: Mapping[str, Any], text: str) -> tuple[str, str]:
    """As `text` has it where a person did it, and what goes with it."""
    if detail.get("by_safety_net"):
        words = _("The safety net decided, in the name of who set it: %(verdict)s")
        text = words % {"verdict": verdict_of(decision.verdict)}
    second = _("a second person has to countersign") if detail.get("waits_for_second_person") else ""
    return text, " · ".join(
        part for part in (decision.reason_text or decision.reason, decision.comment, second) if part
    )


def taken_out(event: Event) -> str:
    """What of a parcel was, where that is told; a whole one has no list."""
    photo = [_("with a photo")] if event.detail.get("photo") and event.name == "parcel.pulled" else []
    return " · ".join([*(event.detail.get("lines", ()) if event.name == "parcel.pulled" else ()), *photo])


def words_for(name: str, verdict: str, state: str) -> tuple[str, str]:
    known = {
        "cancellation.requested": (_("The buyer asked to cancel"), ""),
        "cancellation.recorded": (_("Recorded: somebody asks to cancel"), ""),
        "cancellation.closed": (_("Closed without an answer"), "muted"),
        "cancellation.moved": (_("The marketplace shows: %(state)s") % {"state": state}, ""),
        "cancellation.assigned": (_("Assigned"), ""),
        "cancellation.taken_over": (_("Taken over"), "muted"),
        "parcel.pulled": (_("The parcel was taken out of what leaves"), "good"),
        "parcel.not_there": (_("The parcel was looked for and is not there"), "bad"),
        "parcel.put_back": (_("The parcel was put back into what leaves"), "good"),
        "decision.recorded": (_("Decided: %(verdict)s") % {"verdict": verdict}, ""),
        "decision.countersigned": (_("Countersigned: %(verdict)s") % {"verdict": verdict}, ""),
        "decision.declined": (_("Not countersigned: %(verdict)s") % {"verdict": verdict}, "muted"),
        "decision.overtaken": (_("Settled before it was countersigned: %(verdict)s") % {"verdict": verdict}, "muted"),
        "decision.withdrawn": (_("Taken back: %(verdict)s") % {"verdict": verdict}, "muted"),
        "decision.accepted": (_("The marketplace accepted: %(verdict)s") % {"verdict": verdict}, ""),
        "decision.confirmed": (_("Confirmed: %(verdict)s") % {"verdict": verdict}, "good"),
        "decision.refused": (_("Refused: %(verdict)s") % {"verdict": verdict}, "bad"),
        "decision.stalled": (_("Needs somebody: %(verdict)s") % {"verdict": verdict}, "bad"),
        "decision.asked_again": (_("Asked again: %(verdict)s") % {"verdict": verdict}, ""),
        "decision.resumed": (_("Goes on, the shop is connected again: %(verdict)s") % {"verdict": verdict}, ""),
        "decision.set_aside": (_("Set aside: %(verdict)s") % {"verdict": verdict}, "muted"),
    }
    return known.get(name, (name, ""))


def of_attempt(attempt: Attempt) -> Entry:
    good = attempt.outcome == Attempt.Outcome.OK
    purposes = {
        Attempt.Purpose.SEND: _("Sent to the marketplace"),
        Attempt.Purpose.UPLOAD: _("Uploaded an image"),
        Attempt.Purpose.ASK: _("Asked what became of it"),
        Attempt.Purpose.READ_BACK: _("Read back"),
    }
    text = purposes[Attempt.Purpose(attempt.purpose)]
    if not good:
        text = f"{text}: {attempt.get_outcome_display()}"
    return Entry(
        attempt.started_at, text, detail=attempt.message, code=shown_code(attempt.code),
        request_id=attempt.request_id, tone="muted" if good else "bad", rank=CALL,
        name=f"call.{attempt.purpose}",
    )  # fmt: skip


def of_notes(notes: QuerySet[Note]) -> Iterator[Entry]:
    for note in notes.select_related("author", "cancellation"):
        text = _("Noted for colleagues")
        who = str(note.author)
        yield Entry(note.at, text, who=who, detail=note.text, about=note.cancellation, rank=EVENT, name="note")


def shown_code(code: str) -> str:
    """A code that only means success is no news."""
    return "" if code == "0" else code


def verdict_of(name: str) -> str:
    return str(Verdict(name).label) if name in Verdict.values else name


def state_of(name: str) -> str:
    return str(CancellationRequest.State(name).label) if name in CancellationRequest.State.values else name


def channel_of(name: str) -> str:
    channel = CancellationRequest.Channel
    return str(channel(name).label) if name in channel.values else name
