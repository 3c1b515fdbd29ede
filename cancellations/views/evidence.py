"""Images that go with a rejection: uploaded one by one ahead of it, looked at, removed."""

from typing import IO, TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from cancellations import checks, drafts
from cancellations.checks import NotAllowed
from cancellations.evidence import read_picture, thumbnail_of
from cancellations.models import Evidence, Verdict
from cancellations.views.asking import INVALID, visible_cancellation
from shops.models import Permission
from shops.roles import must_be_allowed

if TYPE_CHECKING:
    from cancellations.views.asking import Request

# What a row holds never changes.
KEPT_BY_BROWSERS = "private, max-age=86400, immutable"


@require_POST
def add(request: "Request", pk: int) -> HttpResponse:
    """Check one image and keep it as a draft: 201 with its line of the list, or words about what is wrong with it."""
    found = visible_cancellation(request, pk)
    must_be_allowed(request.user, found.shop, Permission.REJECT)
    try:
        market = checks.must_be_offered(found, Verdict.REJECT)
    except NotAllowed as refusal:
        return in_words(str(refusal), 409)
    if no := checks.not_taken(market, ["images"]):
        return in_words(no["images"])
    upload = request.FILES.get("image")
    if upload is None:
        return in_words(_("No image came."))
    try:
        draft, is_new = drafts.keep(found, request.user, read_picture(upload, market), market)
    except ValidationError as problem:
        return in_words(" ".join(problem.messages))
    context = {"draft": draft, "is_sent": True, "was_there": not is_new}
    return render(request, "cancellations/_evidence_item.html", context, status=201)


def in_words(text: str, status: int = INVALID) -> HttpResponse:
    return HttpResponse(text, content_type="text/plain; charset=utf-8", status=status)


@require_POST
def remove(request: "Request", pk: int) -> HttpResponse:
    """Delete a draft of one's own."""
    own = Evidence.objects.visible_to(request.user).filter(decision=None, is_from_bench=False)
    drafts.remove(get_object_or_404(own.select_related("cancellation"), pk=pk), request.user)
    return HttpResponse(status=204)


@require_GET
def evidence(request: "Request", pk: int) -> FileResponse:
    """The image itself, for those who may see it; it is re-encoded, and told to be nothing but an image."""
    found = get_object_or_404(Evidence.objects.visible_to(request.user), pk=pk)
    response = FileResponse(opened(found), content_type=found.mime_type)
    response["Cache-Control"] = KEPT_BY_BROWSERS
    return response


@require_GET
def thumbnail(request: "Request", pk: int) -> HttpResponse:
    found = get_object_or_404(Evidence.objects.visible_to(request.user), pk=pk)
    with opened(found) as file:
        response = HttpResponse(thumbnail_of(file), content_type="image/jpeg")
    response["Cache-Control"] = KEPT_BY_BROWSERS
    return response


def opened(found: Evidence) -> IO[bytes]:
    if not found.image:  # erased
        raise Http404
    try:
        return found.image.open("rb")
    except FileNotFoundError:
        raise Http404 from None
