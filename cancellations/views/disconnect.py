"""Letting go of a seller, after a look at what was decided and not sent."""

from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from cancellations.models import CancellationRequest, Decision
from shops.connecting.entitled import may_disconnect
from shops.models import Connection, Permission, Shop
from shops.roles import must_be_allowed
from shops.staying import disconnect as let_go

if TYPE_CHECKING:
    from cancellations.views.asking import Request

SHOWN = 50


def disconnect(request: "Request", pk: int) -> HttpResponse:
    """Decisions that were not sent are shown first: they wait until the seller is connected again."""
    shop = get_object_or_404(Shop.objects.visible_to(request.user).select_related("connection"), pk=pk)
    must_be_allowed(request.user, shop, Permission.CONNECT)
    if request.method == "POST":
        let_go(shop.connection, request.user)
        messages.success(
            request,
            _("%(seller)s is disconnected. Its secrets are erased; its history stays.")
            % {"seller": shop.connection.seller_name},
        )
        return redirect("shops:shop", pk)
    shops = Shop.objects.visible_to(request.user).filter(connection=shop.connection)
    unsent = Decision.objects.visible_to(request.user).live().filter(shop__connection=shop.connection)
    waiting = CancellationRequest.objects.visible_to(request.user).waiting()
    context = {
        "shop": shop,
        "shops": shops,
        "unsent": unsent.select_related("shop", "order", "cancellation", "made_by")[:SHOWN],
        "waiting": waiting.filter(shop__connection=shop.connection).count(),
        "may_disconnect": may_disconnect(request.user, shop.connection),
        "is_disconnected": shop.connection.state == Connection.State.DISCONNECTED,
    }
    return render(request, "cancellations/disconnect.html", context)
