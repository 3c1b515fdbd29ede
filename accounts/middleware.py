from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from accounts import second_factor, sessions
from config.api.problems import outside_rest_framework

# Where somebody sets a second factor up, proves again who they are, or leaves.
OPEN_WITHOUT_SECOND_FACTOR = {
    "mfa_index", "mfa_activate_totp", "mfa_add_webauthn", "account_reauthenticate", "mfa_reauthenticate",
    "account_logout",
}  # fmt: skip


class ReaderMiddleware:
    """A page is in the time zone of the person who reads it, and in their language where they have chosen one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return self.get_response(request)
        language = request.user.language or translation.get_language()
        with timezone.override(ZoneInfo(request.user.time_zone)), translation.override(language):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        return response


class WholePageSignInMiddleware:
    """Somebody who was signed out meanwhile signs in on a page, not inside the fragment that was asked for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        login = resolve_url(settings.LOGIN_URL)
        htmx = getattr(request, "htmx", None)
        if htmx and response.status_code == 302 and response.headers["Location"].startswith(login):
            try:
                back = htmx.current_url_abs_path
            except ValueError:  # what the header holds is no address
                back = None
            back = back or resolve_url(settings.LOGIN_REDIRECT_URL)
            return HttpResponseClientRedirect(f"{login}?{urlencode({'next': back})}")
        return response


class LastSeenMiddleware:
    """Whoever did nothing for too long is signed out; the list of sessions says when each was last seen."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            sessions.note_activity(request)
        return self.get_response(request)


class SecondFactorMiddleware:
    """Who must have a second factor and has none sets one up before anything else, whatever they asked for.

    API tokens are no session, so they are not asked; a session that is used for the API is.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponse | None:
        if settings.SECOND_FACTOR == "optional" or not second_factor.is_missing(request):
            return None
        request.lacks_second_factor = True  # type: ignore[attr-defined]
        if request.resolver_match and request.resolver_match.view_name in OPEN_WITHOUT_SECOND_FACTOR:
            return None
        words = _("Set up a second factor first: sign in on a page to do so.")
        if refused := outside_rest_framework(request, "forbidden", words):
            return refused
        there = resolve_url("mfa_index")
        return HttpResponseClientRedirect(there) if getattr(request, "htmx", None) else redirect(there)
