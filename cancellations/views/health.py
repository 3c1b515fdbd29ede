"""How one's shops stand: what works, what does not, and since when."""

from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from cancellations import health as shops_health
from cancellations.health import Health, Whole
from cancellations.models import Decision, PushedNotification
from cancellations.views.asking import wants_fragment
from shops.models import Drift, Shop, SyncRun
from shops.paging import PAGE_SIZE, KeyPage

if TYPE_CHECKING:
    from cancellations.views.asking import Request

RUNS_SHOWN = 8


@require_GET
@vary_on_headers("HX-Request")
def health(request: "Request") -> HttpResponse:
    whole = shops_health.of(Shop.objects.visible_to(request.user))
    context = {"whole": whole, "page": page_of(whole, request.GET.get("page", ""))}
    return render(request, "shops/_health.html" if wants_fragment(request) else "shops/health.html", context)


def page_of(whole: Whole, number: str) -> KeyPage[Any]:
    page = Paginator(whole.shops, PAGE_SIZE).get_page(number)
    return KeyPage(
        list(page.object_list),
        next=str(page.next_page_number()) if page.has_next() else "",
        previous=str(page.previous_page_number()) if page.has_previous() else "",
    )


@require_GET
@vary_on_headers("HX-Request")
def shop_health(request: "Request", pk: int) -> HttpResponse:
    visible = Shop.objects.visible_to(request.user).filter(pk=pk)
    shop = get_object_or_404(visible)
    whole = shops_health.of(visible)
    (one,) = whole.shops
    context = {
        "shop": shop,
        "whole": whole,
        "one": one,
        "decisions": states_of(one),
        "pulls": [(pull, pull.lag(one.now)) for pull in one.standing.pulls],
        "errors": one.errors.most_common(),
        "failures": SyncRun.objects.filter(shop=shop, state=SyncRun.State.FAILED)[:RUNS_SHOWN],
        "words": Drift.objects.filter(shop=shop).order_by("-last_seen_at")[:RUNS_SHOWN],
        "pushes": PushedNotification.objects.filter(shop=shop)[:RUNS_SHOWN],
        "alerts": shop.alerts.all()[:RUNS_SHOWN],
    }
    template = "shops/_shop_health.html" if wants_fragment(request) else "shops/shop_health.html"
    return render(request, template, context)


def states_of(one: Health) -> list[tuple[Any, int]]:
    """Of decisions that are not settled: what people call the state, and how many are in it."""
    return [(state.label, one.decisions[state]) for state in Decision.LIVE if one.decisions[state]]
