"""A person's own endpoints, and what was delivered to them."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from shops.models import Role, Shop
from shops.paging import key_page
from webhooks import endpoints
from webhooks.body import body
from webhooks.events import TYPES
from webhooks.filters import DeliveryFilter
from webhooks.forms import EndpointForm
from webhooks.models import Delivery, Endpoint

INVALID = 422
ORDER = ("-pk",)


def person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def own_endpoint(request: HttpRequest, pk: int) -> Endpoint:
    return get_object_or_404(Endpoint.objects.visible_to(request.user).without_secrets(), pk=pk)


@require_safe
def endpoint_list(request: HttpRequest) -> HttpResponse:
    failed = Count("deliveries", Q(deliveries__state=Delivery.State.FAILED))
    waiting = Count("deliveries", Q(deliveries__state=Delivery.State.WAITING))
    own = Endpoint.objects.visible_to(request.user).without_secrets().annotate(failed=failed, waiting=waiting)
    is_manager = request.user.is_superuser or Shop.objects.where_role(request.user, Role.MANAGER).exists()
    return render(request, "webhooks/endpoints.html", {"endpoints": own, "is_manager": is_manager})


@require_http_methods(["GET", "POST"])
@never_cache
def new(request: HttpRequest) -> HttpResponse:
    """The answer to the form holds the secret, and is the only page that ever does."""
    form = EndpointForm(person(request), request.POST or None)
    if form.is_valid():
        try:
            made = endpoints.make(person(request), form.wish())
        except ValidationError as problem:
            form.refuse(problem)
        else:
            return secret_once(request, made)
    return render(request, "webhooks/new.html", {"form": form}, status=INVALID if form.errors else 200)


@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, pk: int) -> HttpResponse:
    endpoint = own_endpoint(request, pk)
    form = EndpointForm(person(request), request.POST or None, endpoint)
    if form.is_valid():
        try:
            endpoints.change(endpoint, person(request), form.wish())
        except ValidationError as problem:
            form.refuse(problem)
        else:
            messages.success(request, _("Saved."))
            return redirect(endpoint)
    context = {"form": form, "endpoint": endpoint}
    return render(request, "webhooks/change.html", context, status=INVALID if form.errors else 200)


@require_http_methods(["GET", "POST"])
@never_cache
def endpoint(request: HttpRequest, pk: int) -> HttpResponse:
    """How it fares, with the log of what was sent there. A POST does what its button says."""
    found = own_endpoint(request, pk)
    if request.method == "POST":
        deed = DEEDS.get(request.POST.get("do", ""))
        return deed(request, found) if deed else redirect(found)
    rows = Delivery.objects.visible_to(request.user).filter(endpoint=found).select_related("event", "endpoint")
    rows = rows.defer("endpoint__secret", "endpoint__previous_secret")
    narrowed = DeliveryFilter(request.GET, rows, request=request)
    context = {
        "endpoint": found, "filter": narrowed, "page": key_page(narrowed.rows(), ORDER, request.GET.get("page", "")),
        "failed": rows.filter(state=Delivery.State.FAILED).count(), "words": words_of(found),
        "next_try": found.next_try() if found.failing_since else None,
        "is_narrowed": any(request.GET.get(name) for name in narrowed.form.fields),
    }  # fmt: skip
    fragment = request.headers.get("HX-Target") == "deliveries"
    return render(request, "webhooks/_deliveries.html" if fragment else "webhooks/endpoint.html", context)


def words_of(endpoint: Endpoint) -> list[Any]:
    return [TYPES[name].words for name in endpoint.types if name in TYPES]


@require_http_methods(["GET", "POST"])
def delivery(request: HttpRequest, pk: int) -> HttpResponse:
    """One event for one endpoint: what was sent, and what came back. A POST sends it once more."""
    rows = Delivery.objects.visible_to(request.user).select_related("event", "endpoint")
    found = get_object_or_404(rows.defer("endpoint__secret", "endpoint__previous_secret"), pk=pk)
    if request.method == "POST":
        endpoints.replay(found, person(request))
        messages.success(request, _("It is sent once more."))
        return redirect(found)
    sent = body(found.event, indent=2).decode()
    fragment = request.headers.get("HX-Target") == "delivery-state"
    template = "webhooks/_delivery_state.html" if fragment else "webhooks/delivery.html"
    return render(request, template, {"delivery": found, "endpoint": found.endpoint, "body": sent})


@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    found = own_endpoint(request, pk)
    if request.method == "GET":
        return render(request, "webhooks/remove.html", {"endpoint": found})
    endpoints.remove(found, person(request))
    messages.success(request, _("The endpoint is removed: nothing is sent there any more."))
    return redirect("webhooks:list")


# --- what a button does -----------------------------------------------------------------------------------------------


def test(request: HttpRequest, found: Endpoint) -> HttpResponse:
    try:
        sent = endpoints.test(found, person(request))
    except ValidationError as problem:
        messages.error(request, " ".join(problem.messages))
        return redirect(found)
    return redirect(sent)


def pause(request: HttpRequest, found: Endpoint) -> HttpResponse:
    endpoints.pause(found, person(request))
    messages.success(request, _("Paused: what happens now waits."))
    return redirect(found)


def resume(request: HttpRequest, found: Endpoint) -> HttpResponse:
    endpoints.resume(found, person(request))
    messages.success(request, _("Resumed: what waits is sent now."))
    return redirect(found)


def rotate(request: HttpRequest, found: Endpoint) -> HttpResponse:
    return secret_once(request, endpoints.rotate(found, person(request)))


def replay(request: HttpRequest, found: Endpoint) -> HttpResponse:
    count = endpoints.replay_failed(found, person(request))
    words = ngettext("%(count)d event is sent again.", "%(count)d events are sent again.", count)
    messages.success(request, words % {"count": count})
    return redirect(found)


def secret_once(request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
    return render(request, "webhooks/secret.html", {"endpoint": endpoint})


DEEDS: dict[str, Callable[[HttpRequest, Endpoint], HttpResponse]] = {
    "test": test, "pause": pause, "resume": resume, "rotate": rotate, "replay": replay,
}  # fmt: skip
