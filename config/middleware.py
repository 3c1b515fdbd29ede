from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django_structlog.middlewares import RequestMiddleware

from config.api.problems import outside_rest_framework
from config.parsers import MAX_UPLOAD_BYTES


class RequestLogMiddleware(RequestMiddleware):
    """Addresses without their queries: those hold the codes that sellers come back with, and what staff search for."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"


class BrowserHeadersMiddleware:
    """What browsers are to keep to and Django has no setting for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        for name, value in settings.BROWSER_HEADERS.items():
            response.headers.setdefault(name, value)
        return response


class NotKeptMiddleware:
    """What people see who are signed in is kept by no browser and no proxy, unless a view says otherwise: who goes
    back after signing out, on a machine that others use, finds the sign-in.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.user.is_authenticated:
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response


class BodySizeMiddleware:
    """A body that nobody needs to send is not taken in: reading any form writes the files in it to the disk first, and
    the check for forged forms reads those of strangers too.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        length = request.META.get("CONTENT_LENGTH") or ""
        if length.isdecimal() and (most := exceeded_limit(request, int(length[:15]))):
            words = _("The body may have at most %(limit)d bytes.") % {"limit": most}
            page = render_to_string("413.html", {"most": most // 1_000_000})
            return outside_rest_framework(request, "too-large", words) or HttpResponse(page, status=413)
        # Sent in chunks it announces no length, and Django reads nothing at all of it: say so, rather than answer
        # as if a form had come empty. Proxies that take a body in before they pass it on announce one.
        if not length and request.META.get("HTTP_TRANSFER_ENCODING"):
            words = _("Say how long the body is: send it with Content-Length.")
            return outside_rest_framework(request, "length-required", words) or HttpResponse(
                words, content_type="text/plain; charset=utf-8", status=411
            )
        return self.get_response(request)


def exceeded_limit(request: HttpRequest, length: int) -> int:
    """The limit that a body of so many bytes goes beyond, or 0. The API reads none before it knows whose it is."""
    most = MAX_UPLOAD_BYTES
    if length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        is_known = request.path_info.startswith("/api/") or request.user.is_authenticated
        most = MAX_UPLOAD_BYTES if is_known else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return most if length > most else 0


class WrongMethodMiddleware:
    """Somebody who comes by GET to where only a form leads, by going back or by signing in on the way, gets a page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_bare = response.status_code == 405 and not getattr(response, "content", b"")
        if not is_bare or not request.user.is_authenticated or getattr(request, "htmx", None):
            return response
        page = render(request, "405.html", status=405)
        page.headers["Allow"] = response.headers["Allow"]
        return page
