"""A decision on its way: followed, taken back, asked about again, set aside."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from cancellations import decisions, history
from cancellations.checks import NotAllowed
from cancellations.forms.notes import DeclineForm, SetAsideForm
from cancellations.models import Decision
from cancellations.views.asking import INVALID, visible_cancellation, visible_decision, wants_fragment
from cancellations.views.facts import about, facts, seen_of
from shops.models import Permission, Role
from shops.roles import must_be_allowed, must_have_role

if TYPE_CHECKING:
    from accounts.models import User
    from cancellations.views.asking import Request


def decided(request: "Request", decision: Decision, message: str = "") -> HttpResponse:
    if not wants_fragment(request):
        if message:
            messages.info(request, message)
        return redirect(decision.get_absolute_url() + ("" if message else "#answer"))  # where the message is
    return moved(request, decision, message)


def moved(request: "Request", decision: Decision, message: str = "") -> HttpResponse:
    """The decision as it is now; where it came to nothing, what can be decided instead follows it."""
    template, context = "cancellations/_decision.html", about(request, decision)
    if decision.cancellation_id and not decision.is_live and decision.state != Decision.State.CONFIRMED:
        template = "cancellations/_answer.html"
        context = facts(request, visible_cancellation(request, decision.cancellation_id))
    response = render(request, template, context | {"message": message})
    response["HX-Trigger"] = "moved"
    return response


@require_GET
@vary_on_headers("HX-Request")
def decision(request: "Request", pk: int) -> HttpResponse:
    """The decision alone: htmx asks every other second while it moves, and gets 204 while nothing is new."""
    is_whole = not wants_fragment(request) or request.htmx.target == "history"
    if not is_whole and request.GET.get("seen") == seen_now(request, pk):
        return HttpResponse(status=204)
    found = visible_decision(request, pk)
    if not is_whole:
        return moved(request, found)
    shown = {"history": history.of_decision(found, timezone.now())}
    return render(request, "cancellations/decision.html", about(request, found) | shown)


def seen_now(request: "Request", pk: int) -> str:
    """Only what says whether there is something new: nearly always there is not."""
    rows = Decision.objects.visible_to(request.user).only("state", "failures", "send_after")
    found = get_object_or_404(rows, pk=pk)
    return seen_of(found, list(found.attempts.only("finished_at", "decision")))


@require_POST
def undo(request: "Request", pk: int) -> HttpResponse:
    return after(request, pk, decisions.withdraw)


@require_POST
def countersign(request: "Request", pk: int) -> HttpResponse:
    return after(request, pk, decisions.countersign)


@require_POST
def ask_again(request: "Request", pk: int) -> HttpResponse:
    return after(request, pk, decisions.ask_again)


def after(request: "Request", pk: int, verb: Callable[[Decision, "User"], None]) -> HttpResponse:
    """The decision as it is then, with why not where it was a no."""
    found = visible_decision(request, pk)
    try:
        verb(found, request.user)
    except NotAllowed as refusal:
        return decided(request, found, str(refusal))
    return decided(request, found)


@require_POST
def decline(request: "Request", pk: int) -> HttpResponse:
    found = visible_decision(request, pk)
    must_be_allowed(request.user, found.shop, Permission(found.verdict))
    form = DeclineForm(request.POST)
    try:
        if form.is_valid():
            decisions.decline(found, request.user, form.cleaned_data["note"])
            return decided(request, found)
    except NotAllowed as refusal:
        return decided(request, found, str(refusal))
    return with_form(request, found, decline_form=form)


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
    return with_form(request, found, set_aside_form=form)


def with_form(request: "Request", found: Decision, **form: forms.Form) -> HttpResponse:
    """The decision with a form that says what is wrong with it."""
    context = about(request, found) | form
    if wants_fragment(request):
        return render(request, "cancellations/_decision.html", context, status=INVALID)
    context["history"] = history.of_decision(found, timezone.now())
    return render(request, "cancellations/decision.html", context, status=INVALID)
