"""Answers that a client may keep and ask about: `ETag`, `If-None-Match`, 304."""

import hashlib
from typing import Any

from django.http import HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from rest_framework.request import Request
from rest_framework.response import Response

KEPT_HEADERS = ("ETag", "Cache-Control", "Vary", "Preference-Applied")


class Conditional:
    """For views: whatever is read has a name, and is not sent again to who has it."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        final = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        if request.method not in ("GET", "HEAD") or final.status_code != 200 or final.streaming:
            return final
        if isinstance(final, Response):
            final.render()
        # Weak, since proxies may compress it on its way.
        final.headers["ETag"] = f'W/"{hashlib.sha256(final.content).hexdigest()[:32]}"'
        patch_vary_headers(final, ["Authorization", "Cookie", "Prefer"])
        if getattr(request.user, "token", None):  # a browser keeps nothing: others may sit down at it
            final.headers.setdefault("Cache-Control", "private, no-cache")
        return not_modified(final) if is_there(final.headers["ETag"], request) else final


def is_there(etag: str, request: Request) -> bool:
    known = parse_etags(request.headers.get("If-None-Match", ""))
    return "*" in known or etag.removeprefix("W/") in {one.removeprefix("W/") for one in known}


def not_modified(response: HttpResponseBase) -> HttpResponseNotModified:
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    return HttpResponseNotModified(headers=headers)
