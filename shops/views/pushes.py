"""Which of a shop's topics are pushed to us: looked at by its members, registered and removed by who may connect."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from shops import listening
from shops.models import Alert, Connection, Permission, Shop
from shops.roles import may


def visible_shop(request: HttpRequest, pk: int) -> Shop:
    return get_object_or_404(Shop.objects.visible_to(request.user).select_related("connection"), pk=pk)


def standing(request: HttpRequest, shop: Shop) -> dict[str, Any]:
    """What the card of pushes shows; it asks again while a worker is at it. Nothing where none can be had."""
    topics = listening.topics(shop)
    if not topics:
        return {"push_topics": []}
    rows = {row.topic: row for row in shop.push_registrations.all()}
    ours = listening.address_for(shop)
    may_register = may(request.user, shop, Permission.CONNECT)  # type: ignore[arg-type]
    return {
        "push_topics": [(topic, rows.get(topic.name)) for topic in topics],
        "push_address": ours,
        "push_problem": listening.address_problem(shop) if may_register else "",
        "can_register": may_register and shop.is_active and shop.connection.state == Connection.State.CONNECTED,
        "any_wanted": any(row.is_wanted for row in rows.values()),
        "is_settling": any(row.is_settling for row in rows.values()),
        "push_alerts": Alert.objects.open().filter(shop=shop),
    }


@require_GET
def pushes(request: HttpRequest, pk: int) -> HttpResponse:
    shop = visible_shop(request, pk)
    return render(request, "shops/_pushes.html", {"shop": shop} | standing(request, shop))


@require_POST
def register(request: HttpRequest, pk: int) -> HttpResponse:
    shop = visible_shop(request, pk)
    try:
        listening.register(shop, request.user)  # type: ignore[arg-type]
    except ValidationError as problem:
        return answer(request, shop, problem.messages[0])
    return answer(request, shop)


@require_POST
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    shop = visible_shop(request, pk)
    listening.remove(shop, request.user)  # type: ignore[arg-type]
    return answer(request, shop)


def answer(request: HttpRequest, shop: Shop, problem: str = "") -> HttpResponse:
    if request.htmx:  # type: ignore[attr-defined]
        context = {"shop": shop} | standing(request, shop)
        return render(request, "shops/_pushes.html", context, status=422 if problem else 200)
    if problem:
        messages.error(request, problem)
    else:
        messages.info(request, _("A worker does it within seconds."))
    return redirect("shops:shop", shop.pk)
