"""Where what is being done came from: the request that is being answered, or the process where there is none."""

import sys
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from allauth.account.adapter import get_adapter
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponse

from audit.models import Entry

LONGEST_USER_AGENT = 300
WAYS_IN = {"/api/": Entry.Via.API, "/admin/": Entry.Via.ADMIN, "/webhooks/": Entry.Via.PUSH}


@dataclass(frozen=True)
class Origin:
    via: str
    user: Any = None
    address: str | None = None
    user_agent: str = ""
    token: str = ""  # how it begins


answered: ContextVar[HttpRequest | None] = ContextVar("the request that is being answered", default=None)


class OriginMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        before = answered.set(request)
        try:
            return self.get_response(request)
        finally:
            answered.reset(before)


def current() -> Origin:
    request = answered.get()
    if request is None:
        return Origin(via=Entry.Via.WORKER if "celery" in sys.argv[0] else Entry.Via.COMMAND)
    user = getattr(request, "user", None)
    person = user if user is not None and user.is_authenticated else None
    token = getattr(person, "token", None)
    return Origin(
        via=way_in(request.path_info),
        user=person,
        address=address_of(request),
        user_agent=request.headers.get("User-Agent", "")[:LONGEST_USER_AGENT].replace("\0", "\ufffd"),
        token=token.token_key if token else "",
    )


def way_in(path: str) -> str:
    return next((via for start, via in WAYS_IN.items() if path.startswith(start)), Entry.Via.PAGE)


def address_of(request: HttpRequest) -> str | None:
    """As the limits on sign-in see it: behind so many proxies as the settings say. Nothing where it is no address."""
    try:
        return str(ip_address(get_adapter(request).get_client_ip(request)))
    except (ImproperlyConfigured, PermissionDenied, ValueError):
        return None
