"""Where marketplaces push to. Answers at once and with nothing: what the push asks for is a worker's."""

import structlog
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from redis.exceptions import RedisError

from audit.origin import address_of
from cancellations import pushes

logger = structlog.get_logger(__name__)
# Those that marketplaces send have a few hundred.
MAX_BYTES = 64 * 1024
# Of one address, in a minute. Who forges more is told to stop, and is no news any more.
MAX_FORGED = 60


@csrf_exempt
@login_not_required
@require_POST
def webhook(request: HttpRequest, marketplace: str) -> HttpResponse:
    """200 for a genuine push, however many come; 401 for any other, and 429 for who goes on sending those."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length[:15]) > MAX_BYTES:
        return HttpResponse(status=413)
    try:
        genuine = pushes.receive(marketplace, request.body, request.headers)
    except RequestDataTooBig:
        return HttpResponse(status=413)
    except KeyError:
        raise Http404 from None
    return HttpResponse(status=200 if genuine else refusal(request, marketplace))


def refusal(request: HttpRequest, marketplace: str) -> int:
    """The status for one that is not genuine. Nothing is stored of it; its address is counted for a minute."""
    address = address_of(request)
    try:
        key = f"forged-pushes:{address}"
        count = 1 if cache.add(key, 1, 60) else cache.incr(key)
    except (RedisError, ValueError, OSError):  # without a cache, or in the moment in which the minute ends
        count = 1
    if count > MAX_FORGED:
        return 429
    logger.warning("push.forged", marketplace=marketplace, address=address)
    return 401
