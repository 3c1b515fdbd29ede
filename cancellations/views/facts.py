"""What a request's page, its decision and each of their fragments show."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.db.models import prefetch_related_objects
from django.utils import timezone

from cancellations import countersigning, history, rules, trail
from cancellations.forms.notes import CloseForm, DeclineForm, SetAsideForm
from cancellations.models import Attempt, CancellationRequest, Decision, Evidence, TimeLeft, Verdict
from cancellations.offers import offers_to
from cancellations.row_words import TimeLeftWords, state_words, time_left_words
from cancellations.rules import Offer
from cancellations.views.asking import may
from cancellations.views.teamwork import team
from shops.models import Role

if TYPE_CHECKING:
    from cancellations.views.asking import Request


def whole_page(request: "Request", cancellation: CancellationRequest) -> dict[str, Any]:
    """What stands around the answer, too: the order, who is on it, colleagues, what happened."""
    prefetch_related_objects([cancellation], "order__lines", "order__packages")
    context = facts(request, cancellation) | team(request, cancellation)
    calls = history.calls_about(cancellation)
    reads_trail = trail.reads_trail_of(request.user, cancellation.shop)
    return context | {
        "history": history.of_cancellation(cancellation, context["now"], calls),
        "bench_photos": Evidence.objects.from_bench(cancellation).exclude(image="").select_related("uploaded_by"),
        "to_quote": history.to_quote(cancellation, calls),
        "trail": urlencode({"request_id": cancellation.marketplace_id}) if reads_trail else "",
    }


def facts(request: "Request", cancellation: CancellationRequest) -> dict[str, Any]:
    """What the page and each of its fragments need."""
    now = timezone.now()
    decision = next(iter(cancellation.history), None)
    if decision:
        decision.shop, decision.order = cancellation.shop, cancellation.order  # as read, without asking again
    can_decide = may(request, cancellation.shop, Role.AGENT)
    return {
        "cancellation": cancellation,
        "shop": cancellation.shop,
        "market": rules.capabilities(cancellation.shop, now),
        "now": now,
        "state": state_words(cancellation, decision),
        "time_left": TimeLeft.until(cancellation.deadline, now),
        "offers": offers_shown(request, cancellation, now),
        "can_decide": can_decide,
        "close_form": CloseForm() if can_decide and can_be_closed(cancellation) else None,
        **({"decision": decision, **about(request, decision)} if decision else {}),
    }


def offers_shown(request: "Request", cancellation: CancellationRequest, now: datetime) -> dict[Verdict, Offer]:
    """What this person can do now comes first; what this market never has is left out."""
    offers = [one for one in offers_to(request.user, cancellation, now).items() if one[1].exists]
    return dict(sorted(offers, key=lambda one: not one[1].allowed))


def can_be_closed(cancellation: CancellationRequest) -> bool:
    return cancellation.is_recorded and cancellation.needs_answer and not cancellation.live_decision


def about(request: "Request", decision: Decision) -> dict[str, Any]:
    """What the decision's fragment shows. `seen` changes when there is something new to show."""
    attempts = list(decision.attempts.all())
    return {
        "decision": decision,
        "shop": decision.shop,
        "market": rules.capabilities(decision.shop, timezone.now()),
        "attempts": attempts,
        "seen": seen_of(decision, attempts),
        "undo": undo_seconds(request, decision),
        "can_ask": decision.state == Decision.State.STALLED and may(request, decision.shop, Role.AGENT),
        "can_set_aside": decision.state == Decision.State.STALLED and may(request, decision.shop, Role.MANAGER),
        "set_aside_form": SetAsideForm(),
        "declined": decision.events.filter(name="decision.declined").select_related("actor").first()
        if decision.state == Decision.State.WITHDRAWN
        else None,
        **(second_person(request, decision) if decision.state == Decision.State.UNSIGNED else {}),
    }


def seen_of(decision: Decision, attempts: Sequence[Attempt]) -> str:
    done = sum(attempt.finished_at is not None for attempt in attempts)
    return f"{decision.state}.{len(attempts)}.{done}.{decision.failures}.{is_in_undo_window(decision)}"


def second_person(request: "Request", decision: Decision) -> dict[str, Any]:
    """Who can countersign what waits for it; so many names that one of them is in the room."""
    return {
        "can_countersign": countersigning.may_countersign(decision, request.user),
        "who_may": list(countersigning.who_may_countersign(decision)[:6]),
        "decline_form": DeclineForm(),
        "time": time_until_silence(decision),
    }


def time_until_silence(decision: Decision) -> TimeLeftWords | None:
    now, shop = timezone.now(), decision.shop
    if not decision.cancellation or not decision.cancellation.deadline:
        return None
    return time_left_words(decision.cancellation.deadline, shop, rules.capabilities(shop, now), now)


def is_in_undo_window(decision: Decision) -> bool:
    return decision.undo_seconds(timezone.now()) > 0


def undo_seconds(request: "Request", decision: Decision) -> int | None:
    """Seconds left to take it back; None where this person can't (any more)."""
    now = timezone.now()
    if not decision.can_be_withdrawn(now):
        return None
    role = Role.AGENT if decision.made_by_id == request.user.pk else Role.MANAGER
    return decision.undo_seconds(now) if may(request, decision.shop, role) else None
