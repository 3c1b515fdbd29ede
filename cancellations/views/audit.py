"""Who did what: the audit log in sentences, and as a file to take away."""

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from audit import log
from cancellations import trail, trail_words
from cancellations.trail_export import FORMATS
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


@require_GET
def export(request: "Request", ending: str) -> StreamingHttpResponse:
    """What the list shows, all of it, as far as this person may take it away. That it was taken away is an entry."""
    if ending not in FORMATS:
        raise Http404
    if not may_export(request):
        raise PermissionDenied(_("You would need the permission “export” in a shop. A manager can give it."))
    chosen = trail.TrailFilter(request.GET, queryset=trail.exportable_by(request.user), request=request)
    kind, write = FORMATS[ending]
    asked = {name: value for name, value in request.GET.items() if value and name in chosen.filters}
    log.write("audit.exported", after={"format": ending, **{name: value[:200] for name, value in asked.items()}})
    name = f"countermand-audit-{timezone.localdate():%Y-%m-%d}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(write(chosen.rows()), content_type=kind, headers=headers)
