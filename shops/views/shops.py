"""Shops: how their connection stands, what their last pulls brought, and a pull on demand."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from shops import markets, pulling
from shops.connecting.entitled import may_connect, may_renew
from shops.models import Connection, Role, Shop, SyncCursor, SyncRun
from shops.roles import members_of
from shops.views import pushes
from shops.views.connect import may_lead_to_consent

RUNS_SHOWN = 12
# A worker looks every few seconds; a shop that has been due for longer than this has none.
NOBODY_CAME = timedelta(seconds=45)


@require_GET
def shop_list(request: HttpRequest) -> HttpResponse:
    shops = list(Shop.objects.visible_to(request.user).select_related("connection"))
    of_shops = SyncRun.objects.visible_to(request.user)
    last = {run.shop_id: run for run in of_shops.latest_of_each_shop()}
    read_until = dict(
        SyncCursor.objects.filter(shop__in=shops, synced_until__isnull=False)
        .order_by("-synced_until")
        .values_list("shop", "synced_until")
    )
    rows = [(one, last.get(one.pk), read_until.get(one.pk)) for one in shops]
    return render(request, "shops/list.html", {"rows": rows, "may_connect": may_connect(request.user)})


def visible_shop(request: HttpRequest, pk: int) -> Shop:
    return get_object_or_404(Shop.objects.visible_to(request.user).select_related("connection"), pk=pk)


def progress(request: HttpRequest, shop: Shop) -> dict[str, Any]:
    """What the fragment of runs shows; it asks again while a pull is wanted or going on."""
    now = timezone.now()
    shown = list(SyncRun.objects.filter(shop=shop)[:RUNS_SHOWN])
    can_pull = shop.is_active and shop.connection.state == Connection.State.CONNECTED
    is_wanted = can_pull and shop.next_pull_at <= now
    return {
        "shop": shop,
        "runs": shown,
        "is_wanted": is_wanted,
        "is_moving": is_wanted or any(run.state == SyncRun.State.RUNNING for run in shown),
        "nobody_came": is_wanted and now - shop.next_pull_at > NOBODY_CAME,
        "can_sync": can_pull and Shop.objects.where_role(request.user, Role.MANAGER).filter(pk=shop.pk).exists(),
    }


@require_GET
def shop(request: HttpRequest, pk: int) -> HttpResponse:
    found = visible_shop(request, pk)
    context = progress(request, found) | {
        "now": timezone.now(),
        "market": markets.capabilities(found, timezone.now()),
        "members": members_of(Shop.objects.filter(pk=found.pk)).select_related("user", "group"),
        "looks_after": Shop.objects.where_role(request.user, Role.MANAGER).filter(pk=found.pk).exists(),
        "cursors": found.cursors.order_by("kind"),
        "may_renew": may_connect(request.user) and may_renew(request.user, found.connection),
        "ends_soon": found.connection.ends_soon(timezone.now()),
        **pushes.standing(request, found),
    }
    return may_lead_to_consent(render(request, "shops/shop.html", context))


@require_GET
def rules(request: HttpRequest, pk: int) -> HttpResponse:
    found, now = visible_shop(request, pk), timezone.now()
    market = markets.capabilities(found, now)
    context = {
        "shop": found,
        "market": market,
        "day": markets.market_day(found, now),
        "reasons_by_order": markets.reasons_by_order(market),
        "partial_reasons": [reason for reason in market.cancel_reasons if reason.partial],
        "says_fault": bool(market.standing) or any(reason.seller_fault is not None for reason in market.cancel_reasons),
    }
    return render(request, "shops/rules.html", context)


@require_GET
def runs(request: HttpRequest, pk: int) -> HttpResponse:
    return render(request, "shops/_runs.html", progress(request, visible_shop(request, pk)))


@require_POST
def sync(request: HttpRequest, pk: int) -> HttpResponse:
    found = visible_shop(request, pk)
    if not Shop.objects.where_role(request.user, Role.MANAGER).filter(pk=found.pk).exists():
        raise PermissionDenied(_("Only managers of a shop can have it read on demand."))
    pulling.ask_for_pull(found, full="full" in request.POST, by=request.user)
    found.refresh_from_db(fields=["next_pull_at", "wants_full_pull"])
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "shops/_runs.html", progress(request, found))
    messages.info(request, _("%(shop)s is read again within seconds.") % {"shop": found})
    return redirect("shops:shop", found.pk)
