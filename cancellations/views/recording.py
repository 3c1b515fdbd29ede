"""Writing down a request that the marketplace does not show: first the order, then what somebody asks about it."""

from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods
from django.views.decorators.vary import vary_on_headers

from cancellations import recording, rules
from cancellations.checks import NotAllowed
from cancellations.forms.problems import add_problems
from cancellations.forms.recording import FindOrderForm, RecordForm
from cancellations.models import Announcement, CancellationRequest
from cancellations.recording import AlreadyRecorded
from cancellations.views.asking import INVALID, shops_to_record_for, visible_order, wants_fragment
from orders.models import Order
from shops.roles import must_be_agent

if TYPE_CHECKING:
    from cancellations.views.asking import Request

MATCHES = 12


@require_GET
@vary_on_headers("HX-Request")
def record(request: "Request") -> HttpResponse:
    """Find the order that somebody asks about."""
    shops, announcement = shops_to_record_for(request), announcement_behind(request)
    if announcement:
        shops = [shop for shop in shops if shop.pk == announcement.shop_id]
    form = FindOrderForm(shops, request.GET)
    orders = form.orders(MATCHES + 1)
    now = timezone.now()
    context = {
        "form": form,
        "orders": orders[:MATCHES],
        "has_more": len(orders) > MATCHES,
        "announcement": announcement,
        "shops": shops,
        "markets": {market.marketplace: market for market in (rules.capabilities(shop, now) for shop in shops)},
    }
    template = "cancellations/_matches.html" if wants_fragment(request) else "cancellations/record.html"
    return render(request, template, context)


@require_http_methods(["GET", "POST"])
def record_request(request: "Request", pk: int) -> HttpResponse:
    """What somebody asks to have cancelled of this order."""
    order = visible_order(request, pk)
    must_be_agent(request.user, order.shop)
    market, announcement = rules.capabilities(order.shop, timezone.now()), announcement_behind(request)
    form = RecordForm(order, market, request.POST if request.method == "POST" else None, announcement)
    try:
        recording.must_be_recorded_by_hand(order.shop)
        if form.is_valid() and (made := write_down(request, order, form)):
            messages.success(request, _("Recorded. It waits for an answer in the queue."))
            return recorded(request, made, announcement)
    except AlreadyRecorded as earlier:
        messages.info(request, str(earlier))
        return recorded(request, earlier.cancellation, announcement)
    except NotAllowed as refusal:
        messages.error(request, _("Nothing was recorded. %(why)s") % {"why": refusal})
        return redirect(order)
    context = {
        "order": order,
        "shop": order.shop,
        "market": market,
        "announcement": announcement,
        "form": form,
        "waiting": order.cancellations.waiting().select_related("recorded_by", "line_item"),
    }
    return render(request, "cancellations/record_request.html", context, status=INVALID if form.errors else 200)


def write_down(request: "Request", order: Order, form: RecordForm) -> CancellationRequest | None:
    """The request, or None when the form now says what is wrong with it."""
    try:
        return recording.record(order, form.line(), request.user, form.heard())
    except ValidationError as problems:
        add_problems(form, problems)
        return None


def recorded(request: "Request", cancellation: CancellationRequest, announcement: Announcement | None) -> HttpResponse:
    if announcement and announcement.shop_id == cancellation.shop_id:
        recording.handle(announcement, request.user, cancellation)
    return redirect(cancellation)


def announcement_behind(request: "Request") -> Announcement | None:
    """What made somebody look, as the address says; none where a colleague has looked meanwhile."""
    pk = request.GET.get("announcement", "")
    if not pk.isdecimal():
        return None
    return Announcement.objects.visible_to(request.user).waiting().select_related("shop").filter(pk=pk).first()
