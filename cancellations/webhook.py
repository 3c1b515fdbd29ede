"""Where marketplaces push to. Answers at once and with nothing: the pull that follows is a worker's."""

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from cancellations import pushes


@csrf_exempt
@login_not_required
@require_POST
def webhook(request: HttpRequest, marketplace: str) -> HttpResponse:
    """200 for a genuine push, 401 for any other, both with an empty body."""
    try:
        genuine = pushes.receive(marketplace, request.body, request.headers)
    except RequestDataTooBig:
        return HttpResponse(status=413)
    except KeyError:
        raise Http404 from None
    return HttpResponse(status=200 if genuine else 401)
