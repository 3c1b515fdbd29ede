"""The queue: every request that waits, and above it what only a person can move on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from cancellations import rules
from cancellations.filters import QueueFilter
from cancellations.models import CancellationRequest, Decision, TimeLeft
from cancellations.views.announcements import announced
from cancellations.views.asking import shops_to_record_for, wants_fragment
from marketplaces.base import Capabilities
from shops.paging import key_page

if TYPE_CHECKING:
    from cancellations.views.asking import Request

BY_TIME_LEFT = ("deadline", "created_at", "pk")
NEWEST_FIRST = ("-created_at", "-pk")


@require_GET
@vary_on_headers("HX-Request")
def queue(request: "Request") -> HttpResponse:
    everything = CancellationRequest.objects.visible_to(request.user)
    chosen = QueueFilter(request.GET, queryset=everything, request=request)
    rows = chosen.rows()
    order = BY_TIME_LEFT if chosen.is_valid() and chosen.shows_waiting else NEWEST_FIRST
    page = key_page(rows.with_queue_columns(), order, request.GET.get("page", ""))
    context = {
        "filter": chosen,
        "page": page,
        "bands": bands(request, chosen),
        "ending": ending(page.rows),
        "has_deadlines": any(row.deadline for row in page.rows),
        "ids": chosen.ids if chosen.is_valid() else [],
        "not_found": chosen.not_found(),
        "is_narrowed": any(value for name, value in request.GET.items() if name in chosen.filters),
    }
    context["can_record"] = shops_to_record_for(request)
    if wants_fragment(request):
        return render(request, "cancellations/_queue.html", context)
    context |= announced(request) | {"stalled": stalled(request)}
    context["watches"] = bool(context["can_record"] or context["announcements"])
    return render(request, "cancellations/queue.html", context)


def bands(request: "Request", chosen: QueueFilter) -> list[tuple[str, str, int]]:
    """(band, words, how many wait) whichever band is chosen; none where the list is not about what waits."""
    if not chosen.is_valid() or not chosen.shows_waiting:
        return []
    now = timezone.now()
    wider = request.GET.copy()
    wider.pop("left", None)
    rows = QueueFilter(wider, queryset=chosen.queryset, request=request).rows()
    counts = rows.order_by().aggregate(
        all=Count("pk"), **{band.value: Count("pk", filter=band.q(now)) for band in TimeLeft}
    )
    return [("", _("All"), counts["all"]), *((band.value, str(band.label), counts[band.value]) for band in TimeLeft)]


def ending(rows: Sequence[CancellationRequest]) -> list[Capabilities]:
    """The markets of what waits in which rejecting ends, or has ended, on a day: their staff have to know it."""
    now = timezone.now()
    shops = {(row.shop.marketplace, row.shop.region): row.shop for row in rows if row.needs_answer}
    markets = [rules.capabilities(shop, now) for shop in shops.values()]
    return [market for market in markets if market.reject_until]


def stalled(request: "Request") -> list[Decision]:
    """Decisions that only a person can move on, whatever has become of their requests."""
    return list(
        Decision.objects.visible_to(request.user)
        .filter(state=Decision.State.STALLED)
        .select_related("shop", "order", "cancellation", "made_by")[:21]
    )
