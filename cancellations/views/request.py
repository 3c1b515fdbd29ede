"""A request's page, and the end of one that needs no answer."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from cancellations import history, recording, rules
from cancellations.decisions import NotAllowed
from cancellations.forms.notes import CloseForm
from cancellations.models import CancellationRequest, TimeLeft
from cancellations.views.asking import INVALID, may, visible_cancellation
from cancellations.views.decision import about
from cancellations.views.teamwork import team
from shops.models import Role
from shops.roles import must_be_agent

if TYPE_CHECKING:
    from cancellations.views.asking import Request


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
        "time_left": TimeLeft.until(cancellation.deadline, now),
        "offers": dict(sorted(rules.offers(cancellation, now).items(), key=lambda one: not one[1].allowed)),
        "can_decide": can_decide,
        "close_form": CloseForm() if can_decide and can_be_closed(cancellation) else None,
        **({"decision": decision, **about(request, decision)} if decision else {}),
    }


def can_be_closed(cancellation: CancellationRequest) -> bool:
    return cancellation.is_recorded and cancellation.needs_answer and not cancellation.live_decision


@require_GET
@vary_on_headers("HX-Request")
def cancellation(request: "Request", pk: int) -> HttpResponse:
    return page(request, visible_cancellation(request, pk))


def page(request: "Request", found: CancellationRequest, **more: Any) -> HttpResponse:
    context = facts(request, found) | team(request, found) | {"history": history.of_cancellation(found)} | more
    form = context["close_form"]
    status = INVALID if form and form.is_bound else 200
    return render(request, "cancellations/cancellation.html", context, status=status)


@require_POST
def close(request: "Request", pk: int) -> HttpResponse:
    """End a request that was recorded here and needs no answer from here."""
    found = visible_cancellation(request, pk)
    must_be_agent(request.user, found.shop)
    form = CloseForm(request.POST)
    try:
        recording.must_be_closable(found)
        if not form.is_valid():
            return page(request, found, close_form=form)
        recording.close(found, request.user, form.cleaned_data["note"])
        messages.success(request, _("Closed. It needs no answer any more."))
    except NotAllowed as refusal:
        messages.error(request, _("Nothing was changed. %(why)s") % {"why": refusal})
    return redirect(found)
