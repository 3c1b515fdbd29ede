from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django_structlog.middlewares import RequestMiddleware

from config.parsers import MAX_UPLOAD_BYTES


class RequestLogMiddleware(RequestMiddleware):
    """Addresses without their queries: those hold the codes that sellers come back with, and what staff search for."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"


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
    """A body that nobody needs to send is not taken in: reading any form writes the files in it to the disk first."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        length = request.META.get("CONTENT_LENGTH") or ""
        # The API looks by itself, and answers with a problem.
        if length.isdecimal() and int(length[:15]) > MAX_UPLOAD_BYTES and not request.path_info.startswith("/api/"):
            words = render_to_string("413.html", {"most": MAX_UPLOAD_BYTES // 1_000_000})
            return HttpResponse(words, status=413)
        return self.get_response(request)
