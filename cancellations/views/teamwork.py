"""Who is on a request, whose it is, and notes: fragments of its page that also work as plain forms."""

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from cancellations import teamwork
from cancellations.forms.problems import add_problems
from cancellations.forms.teamwork import AssignForm, NoteForm
from cancellations.models import CancellationRequest
from cancellations.views.asking import INVALID, may, visible_cancellation, wants_fragment
from shops.models import Role
from shops.roles import must_be_agent

if TYPE_CHECKING:
    from cancellations.views.asking import Request


def team(request: "Request", cancellation: CancellationRequest) -> dict[str, Any]:
    """What the page and the fragments about colleagues show."""
    return {
        "cancellation": cancellation,
        "claim": cancellation.on_it(timezone.now()),
        "can_decide": may(request, cancellation.shop, Role.AGENT),
        "assign_form": AssignForm(cancellation),
        "note_form": NoteForm(),
        "notes": list(cancellation.notes.select_related("author")),
    }


def colleagues(request: "Request", found: CancellationRequest, **more: Any) -> HttpResponse:
    forms = [form for form in more.values() if form.errors]
    if not wants_fragment(request) and not forms:
        return redirect(f"{found.get_absolute_url()}#colleagues")
    context = team(request, found) | {"shop": found.shop} | more
    template = "cancellations/_colleagues.html" if wants_fragment(request) else "cancellations/colleagues.html"
    response = render(request, template, context, status=INVALID if forms else 200)
    if not forms:
        response["HX-Trigger"] = "moved"
    return response


@require_POST
def claim(request: "Request", pk: int) -> HttpResponse:
    """An open page says so every minute, and hears who is on it."""
    found = visible_cancellation(request, pk)
    must_be_agent(request.user, found.shop)
    if found.needs_answer:
        found.claim = teamwork.claim(found, request.user)
    return on_it(request, found)


@require_POST
def take_over(request: "Request", pk: int) -> HttpResponse:
    found = visible_cancellation(request, pk)
    found.claim = teamwork.take_over(found, request.user)
    return on_it(request, found) if wants_fragment(request) else redirect(found)


@require_POST
def let_go(request: "Request", pk: int) -> HttpResponse:
    """Whoever leaves the page leaves the request to others."""
    teamwork.let_go(visible_cancellation(request, pk), request.user)
    return HttpResponse(status=204)


def on_it(request: "Request", found: CancellationRequest) -> HttpResponse:
    return render(request, "cancellations/_on_it.html", team(request, found))


@require_POST
def assign(request: "Request", pk: int) -> HttpResponse:
    found = visible_cancellation(request, pk)
    must_be_agent(request.user, found.shop)
    form = AssignForm(found, request.POST)
    if form.is_valid():
        try:
            teamwork.assign(found, form.cleaned_data["to"], request.user)
            return colleagues(request, found)
        except ValidationError as problems:
            add_problems(form, problems)
    return colleagues(request, found, assign_form=form)


@require_POST
def note(request: "Request", pk: int) -> HttpResponse:
    found = visible_cancellation(request, pk)
    must_be_agent(request.user, found.shop)
    form = NoteForm(request.POST)
    if form.is_valid():
        try:
            teamwork.add_note(found, request.user, form.cleaned_data["text"])
            return colleagues(request, found)
        except ValidationError as problems:
            add_problems(form, problems)
    return colleagues(request, found, note_form=form)
