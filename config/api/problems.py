"""How errors are told: problems (RFC 9457), made of whatever was raised."""

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views import defaults
from redis.exceptions import RedisError
from rest_framework import exceptions, serializers
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView, set_rollback

from marketplaces.errors import CredentialsRejected, MarketplaceError, Refused, Unsupported

PROBLEM_JSON = "application/problem+json"
# What clients compare is the type; titles and details are for people and may be worded better at any time.
TITLES: Mapping[str, tuple[int, str]] = {
    "malformed": (400, "The body cannot be read"),
    "invalid": (400, "A field is wrong"),
    "not-authenticated": (401, "Sign in or send a token"),
    "forbidden": (403, "Your role does not allow this"),
    "not-found": (404, "Nothing is here for you"),
    "method-not-allowed": (405, "This cannot be done here"),
    "not-acceptable": (406, "No such format"),
    "ambiguous": (409, "Several go by this"),
    "already-decided": (409, "Already decided"),
    "already-recorded": (409, "Already recorded"),
    "too-late": (409, "Too late to take it back"),
    "not-stalled": (409, "The decision does not wait for anybody"),
    "not-unsigned": (409, "The decision does not wait for you to countersign"),
    "idempotency-key-reused": (409, "This key belongs to another request"),
    "idempotency-key-in-use": (409, "The first request with this key is still being answered"),
    "length-required": (411, "Say how long the body is"),
    "too-large": (413, "Too large"),
    "unsupported-media-type": (415, "No such content type"),
    "not-allowed": (422, "The market or the request's state does not allow this"),
    "marketplace-refused": (422, "The marketplace refused"),
    "too-many-requests": (429, "Too many requests"),
    "broken": (500, "Something broke on our side"),
    "unavailable": (503, "A part of our server does not answer"),
    "reconnect": (503, "The shop has to be connected again"),
    "marketplace-unavailable": (503, "The marketplace does not answer"),
}
RETRY_SECONDS = "5"
BY_STATUS = {400: "invalid", 401: "not-authenticated", 403: "forbidden", 404: "not-found", 405: "method-not-allowed"}
BY_STATUS |= {406: "not-acceptable", 413: "too-large", 415: "unsupported-media-type"}


@dataclass
class Problem(Exception):
    """Answer with this problem. `more` are members of its own, such as the URL of the decision that was there first."""

    kind: str
    detail: str
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        return TITLES[self.kind][0]

    def body(self) -> dict[str, Any]:
        code, title = TITLES[self.kind]
        body = {"type": f"/problems/{self.kind}", "title": title, "status": code, "detail": self.detail}
        if self.errors:
            body["errors"] = dict(self.errors)
        return {**body, **self.more}

    def response(self) -> Response:
        return Response(self.body(), status=self.status, headers=dict(self.headers), content_type=PROBLEM_JSON)


def problem(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's exception handler. What is not known here goes on to Django and its log."""
    found = as_problem(exc)
    if found is None:
        return None
    set_rollback()
    if found.kind == "invalid" and context["request"].method in SAFE_METHODS:
        found = replace(found, detail=_("See `errors` for each field."))
    return found.response()


def as_problem(exc: Exception) -> Problem | None:
    match exc:
        case Problem():
            return exc
        case MarketplaceError():
            return from_marketplace(exc)
        case Http404():
            return Problem("not-found", _("There is nothing at this address that you may see."))
        case PermissionDenied():
            return Problem("forbidden", str(exc) or _("Your role does not allow this."))
        case DjangoValidationError():
            return invalid(dict(paths(serializers.as_serializer_error(exc))))
        case exceptions.ValidationError():
            return invalid(dict(paths(exc.detail)))
        case exceptions.ParseError():
            return Problem("malformed", str(exc.detail))
        case exceptions.APIException():
            return from_drf(exc)
        case SuspiciousOperation():  # too many fields or files, too much text between them
            return Problem("too-large", str(exc))
    return None


def from_drf(exc: exceptions.APIException) -> Problem | None:
    if isinstance(exc, exceptions.Throttled):
        return too_many(getattr(exc, "wait", None) or 1)
    kind = BY_STATUS.get(exc.status_code)
    if kind is None:
        return None
    headers = {}
    if challenge := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    return Problem(kind, str(exc.detail), headers=headers)


def too_many(wait: float) -> Problem:
    seconds = max(1, math.ceil(wait))
    words = ngettext(
        "You call more often than is allowed. Wait %(count)d second.",
        "You call more often than is allowed. Wait %(count)d seconds.",
        seconds,
    )
    return Problem("too-many-requests", words % {"count": seconds}, headers={"Retry-After": str(seconds)})


def from_marketplace(error: MarketplaceError) -> Problem:
    """A live question failed. Its words are the marketplace's, and none of them holds a secret."""
    told = {"marketplace": {"code": error.code, "message": error.message, "request_id": error.request_id}}
    match error:
        case Unsupported():
            return Problem("not-allowed", _("The marketplace cannot tell this here."), more=told)
        case Refused():
            return Problem("marketplace-refused", _("The marketplace refused to answer this."), more=told)
        case CredentialsRejected():
            return Problem("reconnect", _("The marketplace no longer accepts this shop's authorization."), more=told)
    wait = getattr(error, "retry_after", None) or 5
    headers = {"Retry-After": f"{wait:.0f}"}
    return Problem(
        "marketplace-unavailable", _("The marketplace does not answer. Nothing was lost; try again."), {}, told, headers
    )


# A cursor of the server's that Django closes after an iteration ends with psycopg's own error.
NOT_THERE = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError, RedisError)


def broken(request: HttpRequest) -> HttpResponseBase:
    """Django's answer to an exception that nobody expected, once it is logged: a problem below /api/, else a page.

    A database or a cache that does not answer is nobody's mistake and soon over: 503, and when to ask again.
    """
    if isinstance(sys.exc_info()[1], NOT_THERE):
        return unavailable(request)
    words = _("It has been written to the log. Look at what is there before you send anything again.")
    return outside_rest_framework(request, "broken", words) or defaults.server_error(request)


def unavailable(request: HttpRequest) -> HttpResponseBase:
    words = _("A part of our server does not answer just now. Send the same again in a few seconds, with the same key.")
    page = HttpResponse(
        render_to_string("503.html"), status=503
    )  # without the request: whose it is, nobody can look up
    answer = outside_rest_framework(request, "unavailable", words) or page
    answer["Retry-After"] = RETRY_SECONDS
    return answer


def not_understood(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's answer to a request that it does not even pass on, such as one for a host that is not ours."""
    words = _("The request's address or headers cannot be taken as they are.")
    return outside_rest_framework(request, "malformed", words) or defaults.bad_request(request, exception)


def outside_rest_framework(request: HttpRequest, kind: str, words: str) -> JsonResponse | None:
    if not request.path_info.startswith("/api/"):
        return None
    code, title = TITLES[kind]
    body = {"type": f"/problems/{kind}", "title": title, "status": code, "detail": words}
    return JsonResponse(body, status=code, content_type=PROBLEM_JSON)


def invalid(errors: Mapping[str, Sequence[str]]) -> Problem:
    return Problem("invalid", _("Nothing was stored: see `errors` for each field."), errors)


def paths(detail: Any, path: str = "") -> Iterator[tuple[str, list[str]]]:
    """{"items": [{}, {"quantity": ["…"]}]} as ("items[1].quantity", ["…"])."""
    if isinstance(detail, Mapping):
        own = api_settings.NON_FIELD_ERRORS_KEY
        for name, inner in detail.items():
            if isinstance(name, int):
                yield from paths(inner, f"{path}[{name}]")
            else:
                yield from paths(inner, path if name == own and path else f"{path}.{name}".lstrip("."))
    elif isinstance(detail, list) and any(isinstance(inner, dict | list) for inner in detail):
        for number, inner in enumerate(detail):
            yield from paths(inner, f"{path}[{number}]")
    elif isinstance(detail, list):
        yield printable(path) or api_settings.NON_FIELD_ERRORS_KEY, [printable(str(words)) for words in detail]
    elif detail:
        yield printable(path) or api_settings.NON_FIELD_ERRORS_KEY, [printable(str(detail))]


def printable(words: str) -> str:
    """Errors repeat what was sent; half a surrogate pair, which JSON can hold and UTF-8 can't, as a question mark."""
    return words.encode("utf-8", "replace").decode()


class NowhereView(APIView):
    """Any other address below /api/, so that a mistyped one is answered like all the rest."""

    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise Http404
