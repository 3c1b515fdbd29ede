"""Views of the queue that people keep for themselves or share."""

from typing import TYPE_CHECKING

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from audit import changes, log
from cancellations.filters import QueueFilter
from cancellations.forms.saved import NewViewForm, SavedViewForm
from cancellations.models import CancellationRequest, SavedView
from cancellations.views.asking import INVALID

if TYPE_CHECKING:
    from cancellations.views.asking import Request


@require_http_methods(["GET", "POST"])
def views(request: "Request") -> HttpResponse:
    """One's views, and the keeping of another: its filters stand in the address, or come with the form."""
    given = request.POST.get("query", "") if request.method == "POST" else request.GET.urlencode()
    everything = CancellationRequest.objects.visible_to(request.user)
    chosen = QueueFilter(QueryDict(given), queryset=everything, request=request)
    form = NewViewForm(SavedView(owner=request.user), chosen, request.POST if request.method == "POST" else None)
    if form.is_bound and form.store():
        messages.success(request, _("“%(name)s” is kept.") % {"name": form.instance})
        return redirect(form.instance)
    seen = SavedView.objects.visible_to(request.user).select_related("owner")
    kept = set(SavedView.objects.kept_by(request.user).values_list("pk", flat=True))
    context = {"form": form if chosen.query or form.is_bound else None, "views": seen, "kept": kept}
    return render(request, "cancellations/views.html", context, status=INVALID if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
def view(request: "Request", pk: int) -> HttpResponse:
    found = get_object_or_404(SavedView.objects.kept_by(request.user), pk=pk)
    form = SavedViewForm(found, request.POST if request.method == "POST" else None)
    if form.is_bound and form.store():
        messages.success(request, _("“%(name)s” is changed.") % {"name": found})
        return redirect("cancellations:views")
    context = {"view": SavedView.objects.select_related("owner").get(pk=pk), "form": form}
    return render(request, "cancellations/view.html", context, status=INVALID if form.is_bound else 200)


@require_POST
def delete(request: "Request", pk: int) -> HttpResponse:
    found = get_object_or_404(SavedView.objects.kept_by(request.user), pk=pk)
    with transaction.atomic():
        if found.is_shared:
            log.write("saved_view.deleted", about=found, before=changes.columns_of(found, ["name", "query"]))
        found.delete()
    messages.success(request, _("“%(name)s” is deleted. No request is.") % {"name": found})
    return redirect("cancellations:views")
