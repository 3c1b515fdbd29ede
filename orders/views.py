"""Orders as they were last read. What can be decided about them is up to `cancellations` and has its own address."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from orders import tasks
from orders.filters import OrderFilter
from orders.models import Order
from shops.markets import capabilities
from shops.models import Role, Shop
from shops.paging import key_page


@require_GET
@vary_on_headers("HX-Request")
def order_list(request: HttpRequest) -> HttpResponse:
    chosen = OrderFilter(request.GET, queryset=Order.objects.visible_to(request.user), request=request)
    rows = chosen.rows().select_related("shop").prefetch_related("lines")
    context = {
        "filter": chosen,
        "page": key_page(rows, ("-created_at", "-pk"), request.GET.get("page", "")),
        "is_narrowed": any(value for name, value in request.GET.items() if name in chosen.filters),
    }
    htmx = request.htmx  # type: ignore[attr-defined]
    fragment = htmx and not htmx.history_restore_request
    return render(request, "orders/_orders.html" if fragment else "orders/list.html", context)


@require_GET
def order(request: HttpRequest, pk: int) -> HttpResponse:
    """The page of an order. One that may be out of date is read again meanwhile, and the page asks once for news."""
    found = get_object_or_404(
        Order.objects.visible_to(request.user)
        .with_lines()
        .prefetch_related("packages", "cancellations", "decisions__made_by"),
        pk=pk,
    )
    if found.fingerprint:
        tasks.ask_for_reading(found)
    if seen := request.GET.get("seen"):
        return HttpResponse(status=204) if seen == found.fingerprint else HttpResponse(headers={"HX-Refresh": "true"})
    can_decide = Shop.objects.where_role(request.user, Role.AGENT).filter(pk=found.shop_id).exists()
    lists_requests = capabilities(found.shop, timezone.now()).shows_requests
    context = {
        "order": found,
        "shop": found.shop,
        "can_decide": can_decide,
        "can_record": can_decide and not lists_requests and any(line.open_quantity for line in found.lines.all()),
    }
    return render(request, "orders/order.html", context)
