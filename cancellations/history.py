"""What happened to a request or an order, told in words: events, and the calls made for its decisions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from cancellations.models import Attempt, CancellationRequest, Decision, Event, Verdict
from orders.models import Order


@dataclass(frozen=True)
class Entry:
    """One line of the history. `tone` is a colour: "", "good", "bad" or "muted"."""

    at: datetime
    text: str
    who: str = ""
    detail: str = ""
    code: str = ""
    request_id: str = ""
    tone: str = ""


def of_cancellation(cancellation: CancellationRequest) -> Sequence[Entry]:
    """Newest first; three queries."""
    return told(
        Event.objects.filter(cancellation=cancellation),
        Attempt.objects.filter(decision__cancellation=cancellation),
    )


def of_decision(decision: Decision) -> Sequence[Entry]:
    return told(Event.objects.filter(decision=decision), Attempt.objects.filter(decision=decision))


def of_order(order: Order) -> Sequence[Entry]:
    return told(Event.objects.filter(order=order), Attempt.objects.filter(decision__order=order))


def told(events: Iterable[Event], attempts: Iterable[Attempt]) -> Sequence[Entry]:
    events = events.select_related("actor", "decision", "cancellation")  # type: ignore[attr-defined]
    # At the same moment a call comes after what led to it.
    entries = [(event.at, 0, event.pk, of_event(event)) for event in events]
    entries += [(attempt.started_at, 1, attempt.pk, of_attempt(attempt)) for attempt in attempts]
    return [entry for *_order, entry in sorted(entries, key=lambda row: row[:3], reverse=True)]


def of_event(event: Event) -> Entry:
    detail, decision = event.detail, event.decision
    text, tone = words_for(event.name, verdict_of(detail.get("verdict", "")), state_of(detail.get("to", "")))
    extra = ""
    if event.name == "cancellation.moved" and event.cancellation and event.cancellation.is_recorded:
        text = _("Settled: %(state)s") % {"state": state_of(detail.get("to", ""))}  # no marketplace shows it
    if event.name == "decision.recorded" and decision:
        extra = " · ".join(part for part in (decision.reason_text or decision.reason, decision.comment) if part)
    elif event.name == "cancellation.recorded":
        heard = _("Heard through %(channel)s") % {"channel": channel_of(detail.get("heard_through", ""))}
        extra = " · ".join(part for part in (heard, detail.get("note", "")) if part)
    elif event.name == "cancellation.assigned":
        extra = detail.get("person") or _("to nobody")
    elif event.name in ("decision.set_aside", "cancellation.closed"):
        extra = detail.get("note", "")
    elif event.name == "cancellation.moved":
        extra = detail.get("status", "")
    elif event.name in ("decision.confirmed", "decision.refused", "decision.stalled") and decision:
        said = (detail.get("message", decision.message), detail.get("note", decision.note))  # as it was then
        extra = " ".join(part for part in said if part)
    return Entry(
        event.at, text, who=str(event.actor or ""), detail=extra, tone=tone,
        code=shown_code(detail.get("code", "")), request_id=detail.get("request_id", ""),
    )  # fmt: skip


def words_for(name: str, verdict: str, state: str) -> tuple[str, str]:
    known = {
        "cancellation.requested": (_("The buyer asked to cancel"), ""),
        "cancellation.recorded": (_("Recorded: somebody asks to cancel"), ""),
        "cancellation.closed": (_("Closed without an answer"), "muted"),
        "cancellation.moved": (_("The marketplace shows: %(state)s") % {"state": state}, ""),
        "cancellation.assigned": (_("Assigned"), ""),
        "cancellation.taken_over": (_("Taken over"), "muted"),
        "decision.recorded": (_("Decided: %(verdict)s") % {"verdict": verdict}, ""),
        "decision.withdrawn": (_("Taken back: %(verdict)s") % {"verdict": verdict}, "muted"),
        "decision.accepted": (_("The marketplace accepted: %(verdict)s") % {"verdict": verdict}, ""),
        "decision.confirmed": (_("Confirmed: %(verdict)s") % {"verdict": verdict}, "good"),
        "decision.refused": (_("Refused: %(verdict)s") % {"verdict": verdict}, "bad"),
        "decision.stalled": (_("Needs somebody: %(verdict)s") % {"verdict": verdict}, "bad"),
        "decision.asked_again": (_("Asked again: %(verdict)s") % {"verdict": verdict}, ""),
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
        request_id=attempt.request_id, tone="muted" if good else "bad",
    )  # fmt: skip


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
