"""What a marketplace announced without saying for which order, for somebody to look into."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from cancellations import recording
from cancellations.models import Announcement, CancellationRequest
from cancellations.views.asking import wants_fragment
from shops.models import Role, Shop

if TYPE_CHECKING:
    from cancellations.views.asking import Request

SHOWN = 20


def announced(request: "Request") -> dict[str, Any]:
    """The newest, how many more there are, and in which shops this person may do something about them.

    They are folded into one line while requests wait: those come first."""
    waiting = Announcement.objects.visible_to(request.user).waiting().select_related("shop", "order")
    rows = list(waiting.order_by("-announced_at", "-pk")[: SHOWN + 1])
    shops = Shop.objects.where_role(request.user, Role.AGENT).filter(pk__in={row.shop_id for row in rows})
    return {
        "announcements": rows[:SHOWN],
        "more": waiting.count() - SHOWN if len(rows) > SHOWN else 0,
        "agent_in": set(shops.values_list("pk", flat=True)) if rows else set(),
        "is_unfolded": bool(rows) and not CancellationRequest.objects.visible_to(request.user).waiting().exists(),
        "watches": True,
    }


@require_GET
def announcements(request: "Request") -> HttpResponse:
    """The list alone: the queue asks for it now and then."""
    return render(request, "cancellations/_announcements.html", announced(request))


@require_POST
def handle(request: "Request", pk: int) -> HttpResponse:
    """Somebody looked, and there is nothing to record."""
    found = get_object_or_404(Announcement.objects.visible_to(request.user), pk=pk)
    recording.handle(found, request.user)
    done = _("Noted: nothing to do about “%(title)s”.") % {"title": found.title}
    if wants_fragment(request):
        return render(
            request, "cancellations/_announcements.html", announced(request) | {"done": done, "is_unfolded": True}
        )
    messages.success(request, done)
    return redirect("cancellations:queue")
