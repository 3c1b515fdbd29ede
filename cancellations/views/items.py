"""Cancelling items of an order that nobody asked to cancel."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django.views.decorators.vary import vary_on_headers

from cancellations import decisions, live, rules
from cancellations.checks import AlreadyDecided, NotAllowed
from cancellations.forms.items import CancelItemsForm
from cancellations.forms.problems import add_problems
from cancellations.views.asking import INVALID, visible_order
from marketplaces.errors import MarketplaceError
from orders.models import Order
from shops.models import Permission
from shops.roles import may, must_be_allowed

if TYPE_CHECKING:
    from cancellations.views.asking import Request


@require_http_methods(["GET", "POST"])
@vary_on_headers("HX-Request")
def cancel_items(request: "Request", pk: int) -> HttpResponse:
    order = visible_order(request, pk)
    must_be_allowed(request.user, order.shop, Permission.CANCEL_ITEMS)
    context = facts(request, order)
    form = context["form"]
    if "preview" in request.POST:
        context |= afterwards_of(order, form)
    elif form.is_valid() and (answer := send_in(request, order, form)):
        return answer
    return render(request, "cancellations/cancel_items.html", context, status=INVALID if form.errors else 200)


def facts(request: "Request", order: Order) -> dict[str, Any]:
    now = timezone.now()
    offer, market = rules.items_offer(order, now), rules.capabilities(order.shop, now)
    looked = ineligible_of(order) if offer.allowed else {}
    sent = request.POST if request.method == "POST" else None
    form = CancelItemsForm(order, market, now, sent, looked.get("ineligible"))
    return looked | {"order": order, "shop": order.shop, "market": market, "offer": offer, "form": form}


def ineligible_of(order: Order) -> dict[str, Any]:
    """What the marketplace says about each line now. No answer keeps nobody from the form: the call itself decides."""
    try:
        return {"ineligible": live.ineligible(order)}
    except MarketplaceError as error:
        return {"eligibility_error": error}


def send_in(request: "Request", order: Order, form: CancelItemsForm) -> HttpResponse | None:
    """Where to go on, or None when the form now says what is wrong with it."""
    try:
        made = decisions.cancel_items(order, form.chosen(), request.user, form.why())
    except AlreadyDecided as earlier:
        messages.info(request, str(earlier))
        return redirect("cancellations:decision", earlier.decision.pk)
    except NotAllowed as refusal:
        messages.error(request, _("Nothing was sent. %(why)s") % {"why": refusal})
        return redirect(order)
    except ValidationError as problems:
        add_problems(form, problems)
        return None
    return redirect("cancellations:decision", made.pk)


@require_POST
def afterwards(request: "Request", pk: int) -> HttpResponse:
    """What the buyer would get back for the items and the reason in the form, and what stays of the order."""
    order = visible_order(request, pk)
    must_be_allowed(request.user, order.shop, Permission.CANCEL_ITEMS)
    context = facts(request, order)
    context |= afterwards_of(order, context["form"])
    return render(request, "cancellations/_afterwards.html", context)


def afterwards_of(order: Order, form: CancelItemsForm) -> dict[str, Any]:
    if not form.is_valid():
        # Without a reason there is no refund, but it is known what stays.
        is_chosen = set(form.errors) <= {"reason"}
        return {"problems": wrong_choices(form), "stays": form.stays() if is_chosen else None}
    context: dict[str, Any] = {"stays": form.stays()}
    if form.market.previews_refunds:
        try:
            context["refund"] = live.refund_preview(order, form.chosen(), form.why())
        except MarketplaceError as error:
            context["refund_error"] = error
    return context


def wrong_choices(form: CancelItemsForm) -> list[str]:
    """What is wrong with what was chosen; what is still to be chosen is not wrong yet."""
    told = [one for errors in form.errors.get_json_data().values() for one in errors]
    return [one["message"] for one in told if one["code"] != "required"]


@require_GET
def items_offer(request: "Request", pk: int) -> HttpResponse:
    """Whether items of this order can be cancelled, for the order's page."""
    order = visible_order(request, pk)
    context = {"order": order, "offer": rules.items_offer(order, timezone.now())}
    context["can_decide"] = may(request.user, order.shop, Permission.CANCEL_ITEMS)
    return render(request, "cancellations/_items_offer.html", context)
