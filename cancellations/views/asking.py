"""Who asks, and for what: a whole page or a fragment of it, and which rows they may see."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django_htmx.middleware import HtmxDetails

from cancellations import rules
from cancellations.models import CancellationRequest, Decision
from orders.models import Order
from shops.models import Role, Shop
from shops.roles import has_role

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.models import User

    class Request(HttpRequest):
        htmx: HtmxDetails
        user: User


INVALID = 422  # a form that says what is wrong with it


def wants_fragment(request: "Request") -> bool:
    return bool(request.htmx) and not request.htmx.history_restore_request


def may(request: "Request", shop: Shop, role: Role) -> bool:
    return has_role(request.user, shop, role)


def decides_in(request: "Request") -> set[int]:
    """The shops in which this person may answer."""
    return set(Shop.objects.where_role(request.user, Role.AGENT).values_list("pk", flat=True))


def shops_to_record_for(request: "Request") -> Sequence[Shop]:
    """Where this person may write down what the marketplace does not list."""
    now = timezone.now()
    shops = Shop.objects.where_role(request.user, Role.AGENT).without_secrets().order_by("name", "region")
    return [shop for shop in shops if not rules.capabilities(shop, now).shows_requests]


def visible_cancellation(request: "Request", pk: int) -> CancellationRequest:
    return get_object_or_404(CancellationRequest.objects.visible_to(request.user).with_page_columns(), pk=pk)


def visible_decision(request: "Request", pk: int) -> Decision:
    return get_object_or_404(
        Decision.objects.visible_to(request.user).select_related(
            "shop__connection", "order", "cancellation", "made_by"
        ),
        pk=pk,
    )


def visible_order(request: "Request", pk: int) -> Order:
    return get_object_or_404(Order.objects.visible_to(request.user).with_lines().prefetch_related("packages"), pk=pk)
