"""Many requests at once: chosen in the queue, looked at as a proposal, started, followed to the end."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db.models import Min
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django.views.decorators.vary import vary_on_headers

from cancellations import batches
from cancellations.batches import Progress, Sheet
from cancellations.checks import NotAllowed
from cancellations.filters import QueueFilter
from cancellations.forms.batches import FORMS, SelectionForm, TogetherForm
from cancellations.models import Batch, CancellationRequest, Decision, Result, Verdict
from cancellations.views.asking import INVALID, wants_fragment
from marketplaces.errors import MarketplaceError
from shops.paging import KeyPage, key_page

if TYPE_CHECKING:
    from cancellations.views.asking import Request

UNSEEN_SHOWN = 3


def selection(
    request: "Request", chosen: QueueFilter, page: KeyPage[CancellationRequest], matching: int | None
) -> dict[str, Any]:
    """What the queue needs so that rows can be chosen. `matching` is how many fit the filters, where that is known."""
    if page.is_whole:
        matching = len(page.rows)
    elif matching is None:
        matching = chosen.rows().order_by()[: batches.MOST + 1].count()
    query = request.GET.copy()
    query.pop("page", None)
    return {"can_select": True, "matching": matching, "most": batches.MOST, "query": query.urlencode()}


def unseen(request: "Request") -> dict[str, Any]:
    """One's batches that are under way, or ended without one having seen how."""
    own = Batch.objects.visible_to(request.user)
    found = list(own.unseen().showing(request.user)[:UNSEEN_SHOWN])
    told = with_progress(request, found)
    return {"unseen_batches": told, "is_moving": any(progress.is_moving for _batch, progress in told)}


def with_progress(request: "Request", found: list[Batch]) -> list[tuple[Batch, Progress]]:
    progress = batches.progress(found, request.user) if found else {}
    return [(batch, progress[batch.pk]) for batch in found]


@require_http_methods(["GET", "POST"])
@vary_on_headers("HX-Request")
def all_batches(request: "Request") -> HttpResponse:
    """One's own batches, newest first; for htmx those that the queue tells of. A POST proposes another."""
    if request.method == "POST":
        return propose(request)
    if wants_fragment(request):
        return render(request, "cancellations/_batches_unseen.html", unseen(request))
    page = key_page(Batch.objects.visible_to(request.user).started(), ("-pk",), request.GET.get("page", ""))
    context = {"page": page, "batches": with_progress(request, list(page.rows))}
    return render(request, "cancellations/batches.html", context)


def propose(request: "Request") -> HttpResponse:
    form = SelectionForm(request.POST)
    if not form.is_valid():
        return back_to_queue(request, form, form.problem())
    chosen = form.rows(CancellationRequest.objects.visible_to(request.user), request)
    try:
        made = batches.propose(chosen, Verdict(form.cleaned_data["verdict"]), request.user)
    except NotAllowed as no:
        return back_to_queue(request, form, str(no))
    return redirect(made)


def back_to_queue(request: "Request", form: SelectionForm, why: str) -> HttpResponse:
    messages.error(request, why)
    query = form.query().urlencode()
    return redirect(f"{reverse('cancellations:queue')}{'?' if query else ''}{query}")


def own_batch(request: "Request", pk: int) -> Batch:
    return get_object_or_404(Batch.objects.visible_to(request.user).select_related("retry_of"), pk=pk)


@require_http_methods(["GET", "POST"])
@vary_on_headers("HX-Request")
def batch(request: "Request", pk: int) -> HttpResponse:
    """A proposal, which a POST starts; once started, how far it is."""
    found = own_batch(request, pk)
    if not found.is_started:
        return proposal(request, found)
    if request.method == "POST":  # a second click, or another tab
        return started_already(request, found)
    if not wants_fragment(request):
        return render(request, "cancellations/batch.html", about(request, found) | items(request, found))
    if request.htmx.target == "batch-items":
        return render(request, "cancellations/_batch_items.html", {"batch": found} | items(request, found))
    context = about(request, found)
    if request.GET.get("seen") == context["seen"]:
        return HttpResponse(status=204)
    response = render(request, "cancellations/_batch.html", context)
    response["HX-Trigger"] = "moved"
    return response


def proposal(request: "Request", found: Batch) -> HttpResponse:
    """The sheet; with a POST the form on it starts what it shows."""
    sheet = batches.sheet(found, request.user)
    context = {"batch": found, "sheet": sheet, "error": None, "form": None}
    form: TogetherForm | None = None
    try:
        form = FORMS[Verdict(found.verdict)](found, sheet.rows, request.POST if request.method == "POST" else None)
    except MarketplaceError as error:
        context["error"] = error
    try:
        if form and not form.why_not and form.is_valid():
            return redirect(found) if batches.start(found, form.details()) else started_already(request, found)
    except batches.Forgotten as no:
        messages.error(request, str(no))
        return redirect("cancellations:queue")
    except NotAllowed as no:
        messages.error(request, str(no))
    context |= {"form": form} | items_of_proposal(request, found, sheet)
    status = INVALID if request.method == "POST" else 200
    return render(request, "cancellations/batch_proposal.html", context, status=status)


def started_already(request: "Request", found: Batch) -> HttpResponse:
    """What was sent in now changes nothing, so it says what stands where that could differ."""
    if reason := found.reason_text or found.reason:
        messages.info(request, _("This was started already, with the reason “%(reason)s”.") % {"reason": reason})
    return redirect(found)


def about(request: "Request", found: Batch) -> dict[str, Any]:
    """How far a batch is. `seen` changes when there is something new to show, `said` when it is worth being said."""
    progress = batches.progress([found], request.user)[found.pk]
    own = found.items.visible_to(request.user)
    unsent = own.filter(decision__state=Decision.State.RECORDED)
    next_sent = unsent.aggregate(at=Min("decision__send_after"))["at"]
    if progress.total and not progress.is_moving:
        batches.note_seen(found, timezone.now())
    said = request.GET.get("seen", "").rpartition(".")[2]
    quarter = str(progress.quarter)
    return {
        "batch": found,
        "progress": progress,
        "tabs": tabs(request, progress),
        "can_take_back": bool(next_sent or progress.of(Result.WAITING)),
        "next_sent": next_sent,
        "to_try_again": own.to_try_again().count() if not progress.is_moving else 0,
        "tries": found.retries.started(),
        "seen": ".".join(str(count) for count in (*map(progress.of, Result), request.GET.get("show", ""), quarter)),
        "is_worth_saying": said != quarter,
    }


def tabs(request: "Request", progress: Progress) -> list[tuple[str, str, int, bool]]:
    """(result, words, how many, whether it is the one that is shown), without those that nothing is in."""
    shown = request.GET.get("show", "")
    found = [
        ("", _("All"), sum(progress.counts.values())),
        *((one.value, str(one.label), progress.of(one)) for one in Result),
    ]
    return [(value, words, count, value == shown) for value, words, count in found if count or value in ("", shown)]


def items(request: "Request", found: Batch) -> dict[str, Any]:
    """The rows, those of one result where one was asked for."""
    rows, shown = found.items.visible_to(request.user).with_columns(), request.GET.get("show", "")
    if shown in Result:
        rows = rows.of_result(shown)
    return {"page": key_page(rows, ("pk",), request.GET.get("page", "")), "shown": shown}


def items_of_proposal(request: "Request", found: Batch, sheet: Sheet) -> dict[str, Any]:
    """The rows as they stand now, which the columns do not know: nothing is written down before it is started."""
    rows, shown = found.items.visible_to(request.user).with_columns(), request.GET.get("show", "")
    if shown == Result.LEFT_OUT:
        rows = rows.filter(pk__in=sheet.why_not)
    elif shown == Result.WAITING:
        rows = rows.exclude(pk__in=sheet.why_not)
    page = key_page(rows, ("pk",), request.GET.get("page", ""))
    for item in page.rows:
        if why := sheet.why_not.get(item.pk):
            item.result, item.why = Result.LEFT_OUT, why
    return {"page": page, "shown": shown}


@require_POST
def take_back(request: "Request", pk: int) -> HttpResponse:
    found = own_batch(request, pk)
    try:
        messages.info(request, batches.take_back(found, request.user))
    except NotAllowed as no:
        messages.error(request, str(no))
    return redirect(found)


@require_POST
def try_again(request: "Request", pk: int) -> HttpResponse:
    found = own_batch(request, pk)
    try:
        return redirect(batches.try_again(found, request.user))
    except NotAllowed as no:
        messages.error(request, str(no))
        return redirect(found)
