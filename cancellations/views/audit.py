"""Who did what: the audit log in sentences."""

from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from cancellations import trail, trail_words
from shops.models import Permission, Shop
from shops.paging import key_page

if TYPE_CHECKING:
    from cancellations.views.asking import Request


@require_GET
@vary_on_headers("HX-Request")
def entries(request: "Request") -> HttpResponse:
    chosen = trail.TrailFilter(request.GET, queryset=trail.entries_for(request.user), request=request)
    page = key_page(chosen.rows().select_related("actor"), trail.ORDER, request.GET.get("page", ""))
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "filter": chosen,
        "page": page,
        "lines": trail_words.lines(list(page.rows), request.user),
        "query": query.urlencode(),
        "is_narrowed": any(value for name, value in query.items() if name in chosen.filters),
        "reads_any": request.user.is_superuser or trail.managed_by(request.user).exists(),
        "can_export": may_export(request),
    }
    htmx = request.htmx
    fragment = htmx and not htmx.history_restore_request
    return render(request, "cancellations/_audit.html" if fragment else "cancellations/audit.html", context)


def may_export(request: "Request") -> bool:
    return Shop.objects.where_may(request.user, Permission.EXPORT).exists() or request.user.is_superuser
