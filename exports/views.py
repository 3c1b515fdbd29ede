"""One's own exports: what is being written, what is ready, and the asking for another."""

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django.views.decorators.vary import vary_on_headers

from cancellations.views.asking import INVALID, wants_fragment
from exports import exporting
from exports.filter_words import in_words
from exports.filters import of_queue
from exports.forms import HowForm
from exports.kinds import KINDS
from exports.models import Export, ExportKind
from exports.permission import may_export
from shops.paging import key_page

if TYPE_CHECKING:
    from cancellations.views.asking import Request


@require_GET
@vary_on_headers("HX-Request")
def exports(request: "Request") -> HttpResponse:
    """Newest first; for htmx the list alone, and nothing of it while nothing has changed."""
    page = key_page(Export.objects.visible_to(request.user), ("-pk",), request.GET.get("page", ""))
    seen = ".".join(f"{row.pk}{row.state}{row.rows_done}" for row in page.rows)
    if wants_fragment(request) and request.GET.get("seen") == seen:
        return HttpResponse(status=204)
    now, words = timezone.now(), in_words(page.rows, request.user)
    context = {
        "page": page,
        "rows": [(row, row.is_ready(now), words[row.pk]) for row in page.rows],
        "seen": seen,
        "is_moving": any(row.is_unfinished for row in page.rows),
        "newest_ready": next((row for row in page.rows if row.is_ready(now)), None),
        "kinds": [kind for kind in ExportKind if may_export(request.user, kind)],
    }
    return render(request, "exports/_exports.html" if wants_fragment(request) else "exports/exports.html", context)


@require_http_methods(["GET", "POST"])
def new(request: "Request", kind: str) -> HttpResponse:
    """What to export, as what; the filters of a list that leads here are set already."""
    if kind not in KINDS:
        raise Http404
    exporting.must_be_allowed_to_export(request.user, kind)
    how = HowForm(request.POST or None)
    chosen = filters_of(request, kind)
    if request.method == "POST" and how.is_valid() and chosen.is_valid():
        try:
            return started(request, kind, how, chosen)
        except ValidationError as problems:  # such as too many under way
            how.add_error(None, problems.messages)
    context = {"kind": ExportKind(kind), "form": how, "filter": chosen}
    return render(request, "exports/new.html", context, status=INVALID if request.method == "POST" else 200)


def filters_of(request: "Request", kind: str) -> Any:
    told = KINDS[kind]
    given = request.POST if request.method == "POST" else request.GET
    known = {name: given[name].strip() for name in told.filter_class.base_filters if given.get(name)}
    if kind == ExportKind.REQUESTS and "of_queue" in request.GET and request.method == "GET":
        known = of_queue(known | {name: given[name] for name in ("state",) if given.get(name)})
    return told.narrowed(told.rows(request.user, ()).none(), known, request.user)


def started(request: "Request", kind: str, how: HowForm, chosen: Any) -> HttpResponse:
    exporting.start(
        request.user, kind, chosen.data.dict(), file_format=how.cleaned_data["format"],
        is_compressed=how.cleaned_data["is_compressed"], base_url=request.build_absolute_uri("/"),
    )  # fmt: skip
    return redirect("exports:exports")


def own_export(request: "Request", pk: int) -> Export:
    return get_object_or_404(Export.objects.visible_to(request.user), pk=pk)


@require_GET
def file(request: "Request", pk: int) -> HttpResponse | StreamingHttpResponse:
    export = own_export(request, pk)
    try:
        return as_file(export, exporting.fetch(export, request.user))
    except exporting.Gone as gone:
        return render(request, "exports/gone.html", {"why": str(gone)}, status=404)


def as_file(export: Export, pieces: Any) -> StreamingHttpResponse:
    types = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
    kind = "application/gzip" if export.is_compressed else types[export.format]
    headers = {
        "Content-Disposition": f'attachment; filename="{export.file_name}"',
        "Content-Length": str(export.bytes),
    }
    return StreamingHttpResponse(pieces, content_type=kind, headers=headers)


@require_POST
def remove(request: "Request", pk: int) -> HttpResponse:
    """Cancel it, or delete its file."""
    exporting.remove(own_export(request, pk))
    return redirect("exports:exports")
