"""Cancelling items of an order that nobody asked to cancel."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django.views.decorators.vary import vary_on_headers

from cancellations import decisions, live, rules
from cancellations.decisions import AlreadyDecided, NotAllowed
from cancellations.forms.items import CancelItemsForm
from cancellations.forms.problems import add_problems
from cancellations.views.asking import INVALID, may, visible_order
from marketplaces.errors import MarketplaceError
from orders.models import Order
from shops.models import Role
from shops.roles import must_be_agent

if TYPE_CHECKING:
    from cancellations.views.asking import Request


@require_http_methods(["GET", "POST"])
@vary_on_headers("HX-Request")
def cancel_items(request: "Request", pk: int) -> HttpResponse:
    order = visible_order(request, pk)
    must_be_agent(request.user, order.shop)
    now = timezone.now()
    offer = rules.items_offer(order, now)
    market = rules.capabilities(order.shop, now)
    form = CancelItemsForm(order, market, now, request.POST if request.method == "POST" else None)
    context = {"order": order, "shop": order.shop, "market": market, "offer": offer, "form": form}
    if request.method == "POST" and form.is_valid():
        if "preview" in request.POST:
            context |= refund_of(order, form) if market.previews_refunds else {}
        else:
            try:
                made = decisions.cancel_items(order, form.chosen(), request.user, form.why())
                return redirect("cancellations:decision", made.pk)
            except AlreadyDecided as earlier:
                messages.info(request, str(earlier))
                return redirect("cancellations:decision", earlier.decision.pk)
            except NotAllowed as refusal:
                messages.error(request, _("Nothing was sent. %(why)s") % {"why": refusal})
                return redirect(order)
            except ValidationError as problems:
                add_problems(form, problems)
    context |= eligibility_of(order) if offer.allowed else {}
    return render(request, "cancellations/cancel_items.html", context, status=INVALID if form.errors else 200)


def eligibility_of(order: Order) -> dict[str, Any]:
    """What the marketplace says about each line now. No answer keeps nobody from the form: the call itself decides."""
    try:
        answers = live.eligibility(order)
    except MarketplaceError as error:
        return {"eligibility_error": error}
    return {
        "ineligible": {
            line_id: answer.reason or answer.code
            for answer in answers
            if not answer.eligible
            for line_id in answer.line_item_ids
        }
    }


def refund_of(order: Order, form: CancelItemsForm) -> dict[str, Any]:
    try:
        refund = live.refund_preview(order, form.chosen(), form.why())
    except MarketplaceError as error:
        return {"refund_error": error}
    return {"refund": refund}


@require_POST
def refund(request: "Request", pk: int) -> HttpResponse:
    """What the buyer would get back for the items and the reason in the form, as the marketplace reckons it."""
    order = visible_order(request, pk)
    must_be_agent(request.user, order.shop)
    now = timezone.now()
    market = rules.capabilities(order.shop, now)
    if not market.previews_refunds:
        raise Http404
    form = CancelItemsForm(order, market, now, request.POST)
    context = refund_of(order, form) if form.is_valid() else {"is_incomplete": True}
    return render(request, "cancellations/_refund.html", context)


@require_GET
def items_offer(request: "Request", pk: int) -> HttpResponse:
    """Whether items of this order can be cancelled, for the order's page."""
    order = visible_order(request, pk)
    context = {"order": order, "offer": rules.items_offer(order, timezone.now())}
    context["can_decide"] = may(request, order.shop, Role.AGENT)
    return render(request, "cancellations/_items_offer.html", context)
