"""A request's page, and the end of one that needs no answer."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from cancellations import history, recording, trail
from cancellations.checks import NotAllowed
from cancellations.forms.notes import CloseForm
from cancellations.models import CancellationRequest
from cancellations.views.asking import INVALID, visible_cancellation, wants_fragment
from cancellations.views.facts import whole_page
from orders.models import Order
from shops.roles import must_be_agent

if TYPE_CHECKING:
    from cancellations.views.asking import Request


@require_GET
@vary_on_headers("HX-Request")
def cancellation(request: "Request", pk: int) -> HttpResponse:
    return page(request, visible_cancellation(request, pk))


def page(request: "Request", found: CancellationRequest, **more: Any) -> HttpResponse:
    context = whole_page(request, found) | more
    form = context["close_form"]
    status = INVALID if form and form.is_bound else 200
    return render(request, "cancellations/cancellation.html", context, status=status)


@require_GET
@vary_on_headers("HX-Request")
def order_history(request: "Request", pk: int) -> HttpResponse:
    """What happened to an order and to all requests about it; its page fetches this by itself."""
    orders = Order.objects.visible_to(request.user).select_related("shop")
    about = Prefetch("cancellations", CancellationRequest.objects.with_queue_columns())
    found = get_object_or_404(orders.prefetch_related(about), pk=pk)
    reads_trail = trail.reads_trail_of(request.user, found.shop)
    context = {
        "order": found,
        "shop": found.shop,
        "history": history.of_order(found, timezone.now()),
        "trail": urlencode({"order": found.marketplace_id}) if reads_trail else "",
    }
    template = "cancellations/_history.html" if wants_fragment(request) else "cancellations/order_history.html"
    return render(request, template, context)


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
