"""The queue: every request that waits, and above it what only a person can move on."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db.models import Count, Max, Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from cancellations import row_words, rules
from cancellations.filters import QueueFilter
from cancellations.models import CancellationRequest, Decision, SavedView, TimeLeft
from cancellations.views import batches
from cancellations.views.announcements import announced
from cancellations.views.asking import decides_in, visible_cancellation, wants_fragment
from cancellations.views.unreachable import unreachable
from marketplaces.base import Capabilities
from shops.models import Permission, Shop
from shops.paging import KeyPage, beyond, key_page

if TYPE_CHECKING:
    from cancellations.views.asking import Request

BY_TIME_LEFT = ("deadline", "created_at", "pk")
NEWEST_FIRST = ("-created_at", "-pk")
# Of requests that were named one by one: those that wait by time left, then the others.
WAITING_FIRST = ("waits_until", "-created_at", "-pk")
# So many rows that the page stays under 60 KB, whatever the products are called.
PAGE_SIZE = 25
# More than that are found on their own page.
VIEWS_IN_SIGHT = 12
# Filters that are folded away until one of them is used.
FOLDED = ("market", "state", "reason", "age", "left", "verdict", "decision")


@require_GET
@vary_on_headers("HX-Request")
def queue(request: "Request") -> HttpResponse:
    now = timezone.now()
    agent_in = decides_in(request)
    chosen = asked_for(request)
    is_by_time_left = chosen.is_valid() and chosen.shows_waiting
    ids = chosen.ids if chosen.is_valid() else []
    order = BY_TIME_LEFT if is_by_time_left else WAITING_FIRST if ids else NEWEST_FIRST
    page = page_of(chosen, order, request.GET.get("page", ""))
    counts = count(chosen, page, now) if is_by_time_left else {}
    has_deadlines = any(row.deadline for row in page.rows if row.needs_answer)
    grouped = groups(page.rows, now) if (is_by_time_left or ids) and has_deadlines else [("", page.rows)]
    context = {
        "filter": chosen,
        "folded": [chosen.form[name] for name in FOLDED],
        "is_unfolded": any(name in FOLDED for name in chosen.asked_for),
        "chips": chips(request, chosen),
        **saved_views(request, chosen),
        "page": page,
        "groups": [(band, row_words.in_words(rows, agent_in, now)) for band, rows in grouped],
        "bands": bands(counts),
        "newest": counts.get("newest"),
        "ending": ending(page.rows, now),
        "has_deadlines": has_deadlines,
        "ids": ids,
        "not_found": chosen.not_found(),
        "is_narrowed": bool(chosen.asked_for),
        "can_record": [
            shop for shop in chosen.shops if shop.pk in agent_in and not rules.capabilities(shop, now).shows_requests
        ],
        "stalled": stalled(request),
        "unreachable": unreachable(request, chosen.shops),
        "can_export": Shop.objects.where_may(request.user, Permission.EXPORT).exists(),
    }
    if agent_in:
        context |= batches.selection(request, chosen, page, counts.get(request.GET.get("left") or "all"))
    if wants_fragment(request):
        return render(request, "cancellations/_refreshed.html", context)
    context |= announced(request, agent_in) | batches.unseen(request)
    context["watches"] = bool(context["can_record"] or context["announcements"])
    return render(request, "cancellations/queue.html", context)


@require_GET
def next_request(request: "Request", pk: int) -> HttpResponse:
    """The request after this one in the queue as it is filtered, and after the last one the first, unless it is
    decided or somebody else is on it."""
    at = visible_cancellation(request, pk)
    chosen = asked_for(request)
    rows = (chosen.rows() if chosen.is_valid() and chosen.shows_waiting else chosen.queryset.waiting()).exclude(pk=pk)
    others = Q(claim__until__gt=timezone.now()) & ~Q(claim__user=request.user)
    rows = rows.exclude(others).exclude(decisions__state__in=Decision.LIVE).by_time_left()
    after = beyond(BY_TIME_LEFT, [at.deadline, at.created_at, at.pk], {"deadline"}, backwards=False)
    found = rows.filter(after).first() or rows.first()
    if found:
        return redirect(found)
    messages.info(request, _("Nothing else waits for an answer here."))
    return redirect("cancellations:queue")


def asked_for(request: "Request") -> QueueFilter:
    everything = CancellationRequest.objects.visible_to(request.user)
    return QueueFilter(request.GET, queryset=everything, request=request)


def page_of(chosen: QueueFilter, order: Sequence[str], token: str) -> KeyPage[CancellationRequest]:
    """One page; the first where what stood on this one has been answered meanwhile."""
    rows = chosen.rows().with_row_columns().with_waits_until()
    page = key_page(rows, order, token, PAGE_SIZE)
    if token and not page.rows:
        page = key_page(rows, order, "", PAGE_SIZE)
    shops = {shop.pk: shop for shop in chosen.shops}
    for row in page.rows:
        if row.shop_id in shops:  # not so of one that was connected in this very moment
            row.shop = shops[row.shop_id]
    return page


def groups(rows: Sequence[CancellationRequest], now: datetime) -> Sequence[tuple[str, Sequence[CancellationRequest]]]:
    """Rows under the band that their deadline is in; those that wait for no answer are in none."""

    def band_of(row: CancellationRequest) -> str:
        return TimeLeft.until(row.deadline, now) if row.needs_answer else ""

    return [(band, list(some)) for band, some in groupby(rows, band_of)]


def count(chosen: QueueFilter, page: KeyPage[CancellationRequest], now: datetime) -> dict[str, int]:
    """How many wait in each band, whichever band is chosen, and the newest of them."""
    if page.rows and page.is_whole and "left" not in chosen.asked_for:  # then all of them are in sight
        seen = Counter(TimeLeft.until(row.deadline, now) for row in page.rows)
        in_sight = {band.value: seen[band] for band in TimeLeft}
        return {"all": len(page.rows), "newest": max(row.pk for row in page.rows), **in_sight}
    rows = chosen.rows_whatever("left").order_by()
    in_bands = {band.value: Count("pk", filter=band.q(now)) for band in TimeLeft}
    return rows.aggregate(all=Count("pk"), newest=Max("pk"), **in_bands)


def bands(counts: dict[str, int]) -> list[tuple[str, str, int]]:
    """(band, words, how many wait); none where the list is not about what waits."""
    if not counts:
        return []
    return [("", _("All"), counts["all"]), *((band.value, str(band.label), counts[band.value]) for band in TimeLeft)]


def saved_views(request: "Request", chosen: QueueFilter) -> dict[str, Any]:
    views = list(SavedView.objects.visible_to(request.user).select_related("owner")[:VIEWS_IN_SIGHT])
    return {"views": views, "is_kept": any(view.query == chosen.query for view in views)}


@dataclass(frozen=True)
class Chip:
    """A filter that is set, in words, and the address without it."""

    label: str
    words: str
    without: str
    is_wrong: bool


def chips(request: "Request", chosen: QueueFilter) -> list[Chip]:
    """The filters that are set, but for the band of time left, which its own tabs show."""
    wrong = chosen.wrong()
    return [
        Chip(str(chosen.form.fields[name].label), in_words(chosen, name, value), without(request, name), name in wrong)
        for name, value in chosen.asked_for.items()
        if name != "left" or name in wrong
    ]


def in_words(chosen: QueueFilter, name: str, value: str) -> str:
    choices = getattr(chosen.form.fields[name].widget, "choices", ())
    return next((str(label) for choice, label in choices if str(choice) == value), value)


def without(request: "Request", name: str) -> str:
    query = request.GET.copy()
    for gone in (name, "page"):
        query.pop(gone, None)
    return f"?{query.urlencode()}"


def ending(rows: Sequence[CancellationRequest], now: datetime) -> list[Capabilities]:
    """The markets of what waits in which rejecting ends, or has ended, on a day: their staff have to know it."""
    shops = {(row.shop.marketplace, row.shop.region): row.shop for row in rows if row.needs_answer}
    markets = [rules.capabilities(shop, now) for shop in shops.values()]
    return [market for market in markets if market.reject_until]


def stalled(request: "Request") -> list[Decision]:
    """Decisions that only a person can move on, whatever has become of their requests; those that wait for a second
    person only where this is one."""
    rows = Decision.objects.visible_to(request.user).with_stalled_columns()
    found = list(rows.filter(state=Decision.State.STALLED)[:21])
    if Decision.objects.unsigned().exists():  # else it need not be asked who may sign what
        found += rows.filter(pk__in=Decision.objects.to_countersign(request.user).order_by().values("pk"))[:21]
    return sorted(found, key=lambda decision: -decision.pk)[:21]
