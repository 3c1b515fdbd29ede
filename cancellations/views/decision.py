"""A decision on its way: followed, taken back, asked about again, set aside."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from cancellations import decisions, history, rules
from cancellations.decisions import NotAllowed, TooLate
from cancellations.forms.notes import SetAsideForm
from cancellations.models import Decision
from cancellations.views.asking import INVALID, may, visible_decision, wants_fragment
from shops.models import Role
from shops.roles import must_have_role

if TYPE_CHECKING:
    from cancellations.views.asking import Request


def about(request: "Request", decision: Decision) -> dict[str, Any]:
    """What the decision's fragment shows. `seen` changes when there is something new to show."""
    attempts = list(decision.attempts.all())
    done = sum(attempt.finished_at is not None for attempt in attempts)
    return {
        "decision": decision,
        "shop": decision.shop,
        "market": rules.capabilities(decision.shop, timezone.now()),
        "attempts": attempts,
        "seen": f"{decision.state}.{len(attempts)}.{done}.{decision.failures}.{is_in_undo_window(decision)}",
        "undo": undo_seconds(request, decision),
        "can_ask": decision.state == Decision.State.STALLED and may(request, decision.shop, Role.AGENT),
        "can_set_aside": decision.state == Decision.State.STALLED and may(request, decision.shop, Role.MANAGER),
        "set_aside_form": SetAsideForm(),
    }


def is_in_undo_window(decision: Decision) -> bool:
    return decision.undo_seconds(timezone.now()) > 0


def undo_seconds(request: "Request", decision: Decision) -> int | None:
    """Seconds left to take it back; None where this person can't (any more)."""
    now = timezone.now()
    if not decision.can_be_withdrawn(now):
        return None
    role = Role.AGENT if decision.made_by_id == request.user.pk else Role.MANAGER
    return decision.undo_seconds(now) if may(request, decision.shop, role) else None


def decided(request: "Request", decision: Decision, message: str = "") -> HttpResponse:
    if not wants_fragment(request):
        if message:
            messages.info(request, message)
        return redirect(f"{decision.get_absolute_url()}#answer")
    response = render(request, "cancellations/_decision.html", about(request, decision) | {"message": message})
    response["HX-Trigger"] = "moved"
    return response


@require_GET
@vary_on_headers("HX-Request")
def decision(request: "Request", pk: int) -> HttpResponse:
    """The decision alone: htmx asks every other second while it moves, and gets 204 while nothing is new."""
    found = visible_decision(request, pk)
    context = about(request, found)
    if not wants_fragment(request) or request.htmx.target == "history":
        return render(
            request, "cancellations/decision.html", context | {"history": history.of_decision(found, timezone.now())}
        )
    if request.GET.get("seen") == context["seen"]:
        return HttpResponse(status=204)
    response = render(request, "cancellations/_decision.html", context)
    response["HX-Trigger"] = "moved"
    return response


@require_POST
def undo(request: "Request", pk: int) -> HttpResponse:
    found = visible_decision(request, pk)
    try:
        decisions.withdraw(found, request.user)
    except TooLate as late:
        return decided(request, found, str(late))
    return decided(request, found)


@require_POST
def ask_again(request: "Request", pk: int) -> HttpResponse:
    found = visible_decision(request, pk)
    try:
        decisions.ask_again(found, request.user)
    except NotAllowed as refusal:
        return decided(request, found, str(refusal))
    return decided(request, found)


@require_POST
def set_aside(request: "Request", pk: int) -> HttpResponse:
    found = visible_decision(request, pk)
    form = SetAsideForm(request.POST)
    try:
        if form.is_valid():
            decisions.set_aside(found, request.user, form.cleaned_data["note"])
            return decided(request, found)
    except NotAllowed as refusal:
        return decided(request, found, str(refusal))
    must_have_role(request.user, found.shop, Role.MANAGER)
    context = about(request, found) | {"set_aside_form": form}
    if wants_fragment(request):
        return render(request, "cancellations/_decision.html", context, status=INVALID)
    context["history"] = history.of_decision(found, timezone.now())
    return render(request, "cancellations/decision.html", context, status=INVALID)
