"""What a marketplace announced without saying for which order, for somebody to look into."""

from collections.abc import Set
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from cancellations import recording
from cancellations.models import Announcement, CancellationRequest
from cancellations.views.asking import decides_in, wants_fragment

if TYPE_CHECKING:
    from cancellations.views.asking import Request

SHOWN = 20


def announced(request: "Request", agent_in: Set[int]) -> dict[str, Any]:
    """The newest, how many more there are, and in which shops this person may do something about them.

    They are folded into one line while requests wait: those come first."""
    waiting = Announcement.objects.visible_to(request.user).waiting()
    rows = list(waiting.with_row_columns().order_by("-announced_at", "-pk")[: SHOWN + 1])
    return {
        "announcements": rows[:SHOWN],
        "more": waiting.count() - SHOWN if len(rows) > SHOWN else 0,
        "agent_in": agent_in,
        "is_unfolded": bool(rows) and not CancellationRequest.objects.visible_to(request.user).waiting().exists(),
        "watches": True,
    }


@require_GET
def announcements(request: "Request") -> HttpResponse:
    """The list alone: the queue asks for it now and then."""
    return render(request, "cancellations/_announcements.html", announced(request, decides_in(request)))


@require_POST
def handle(request: "Request", pk: int) -> HttpResponse:
    """Somebody looked, and there is nothing to record."""
    found = get_object_or_404(Announcement.objects.visible_to(request.user), pk=pk)
    recording.handle(found, request.user)
    done = _("Noted: nothing to do about “%(title)s”.") % {"title": found.title}
    if wants_fragment(request):
        context = announced(request, decides_in(request)) | {"done": done, "is_unfolded": True}
        return render(request, "cancellations/_announcements.html", context)
    messages.success(request, done)
    return redirect("cancellations:queue")
