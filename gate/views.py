"""The page for the packing bench. It works without JavaScript; static/gate.js scans, and keeps the page."""

from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from cancellations.views.asking import INVALID, may, wants_fragment
from gate.asking import ask
from gate.finding import KINDS, LONGEST_CODE, Ambiguous, Unknown
from gate.pulled import NotToBePulled, NotToBePutBack, pull, put_back, takes_photo
from gate.reasons import Reason, Verdict
from gate.to_pull import to_pull
from orders.models import Order
from shops.models import Role

if TYPE_CHECKING:
    from cancellations.views.asking import Request

RECENT = "gate_scans"  # in the session: what was scanned last, the newest first
MOST_RECENT = 10


@require_GET
@never_cache
@vary_on_headers("HX-Request")
def gate(request: "Request") -> HttpResponse:
    """Nothing scanned yet, or the answer about what was."""
    code = request.GET.get("code", "").strip()[:LONGEST_CODE]
    shop = request.GET.get("shop", "")
    context = about(request, code, shop=shop, live="live" in request.GET) if code else {}
    if code:
        remember(request, code, context)
    return page(request, context)


def page(request: "Request", context: dict[str, Any], status: int = 200) -> HttpResponse:
    context = {**context, "recent": recent(request), "verdicts": list(Verdict)}
    if wants_fragment(request):
        return render(request, "gate/_scanned.html", context, status=status)
    return render(request, "gate/gate.html", context | still_to_pull(request), status=status)


def about(request: "Request", code: str, *, shop: str = "", live: bool = False) -> dict[str, Any]:
    """The answer, or why there is none. Data that are old are not answered from: the marketplace is asked first."""
    known_shop = int(shop) if shop.isascii() and shop.isdigit() and len(shop) < LONGEST_NUMBER else None
    try:
        found = ask(request.user, KINDS, code, shop=known_shop, live=live, live_if_stale=True)
    except Unknown:
        return {"code": code}
    except Ambiguous as several:
        return {"code": code, "candidates": several.orders}
    to_be_pulled, to_be_put_back = found.answer.verdict == Verdict.PULL, found.answer.reason == Reason.PUT_BACK
    is_agent = (to_be_pulled or to_be_put_back) and may(request, found.answer.order.shop, Role.AGENT)
    return {
        "code": code,
        "found": found,
        "can_pull": to_be_pulled and is_agent,
        "can_put_back": to_be_put_back and is_agent,
        "takes_photo": to_be_pulled and takes_photo(found.answer),
    }


LONGEST_NUMBER = 19  # digits


def remember(request: "Request", code: str, context: dict[str, Any]) -> None:
    """On the list of this session; scanned again at once, it stands there once."""
    answer = context["found"].answer if "found" in context else None
    scan = {
        "code": code,
        "label": answer.order.label if answer else code,
        "verdict": answer.verdict if answer else "",
        "words": words_of(context),
        "at": timezone.now().isoformat(),
    }
    before = request.session.get(RECENT, [])
    if before and before[0]["code"] == code:
        before = before[1:]
    request.session[RECENT] = [scan, *before][:MOST_RECENT]


def words_of(context: dict[str, Any]) -> str:
    """What the sign said; nothing for a code that is not known."""
    if "found" in context:
        return str(Verdict(context["found"].answer.verdict).label)
    return _("Which one?") if "candidates" in context else ""


def recent(request: "Request") -> list[dict[str, Any]]:
    return [{**scan, "at": datetime.fromisoformat(scan["at"])} for scan in request.session.get(RECENT, [])]


def still_to_pull(request: "Request") -> dict[str, Any]:
    answers, is_complete = to_pull(request.user, timezone.now())
    return {"to_pull": answers, "is_complete": is_complete}


@require_GET
@never_cache
def pull_list(request: "Request") -> HttpResponse:
    return render(request, "gate/_to_pull.html", still_to_pull(request))


@require_POST
def pulled(request: "Request", pk: int) -> HttpResponse:
    """Somebody took the parcel out of what leaves, or it is not there, or was put back."""
    order = get_object_or_404(
        Order.objects.visible_to(request.user).select_related("shop").defer("shop__cipher"), pk=pk
    )
    code = request.POST.get("code", "").strip()[:LONGEST_CODE] or order.marketplace_id
    package = request.POST.get("package", "")[:LONGEST_CODE]
    is_there = request.POST.get("is_there", "yes") != "no"
    try:
        if "put_back" in request.POST:
            put_back(order, package, request.user)
        else:
            pull(order, package, request.user, request.FILES.get("photo"), is_there=is_there)
    except ValidationError as problem:
        if "photo" in problem.message_dict:
            return page(request, about(request, code) | {"photo_errors": problem.messages}, INVALID)
        messages.warning(request, " ".join(problem.messages))
    except (NotToBePulled, NotToBePutBack) as refusal:
        messages.warning(request, str(refusal))
    return redirect(f"{reverse('gate:gate')}?{urlencode({'code': code, 'shop': order.shop_id})}")
