"""TikTok Shop's two signatures: of calls to the API and of notifications from it.

Source: the Partner Center pages sign-your-api-request and tts-webhooks-overview.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

UNSIGNED_PARAMETERS = frozenset({"sign", "access_token"})


def request_signature(secret: str, path: str, query: Mapping[str, str], content_type: str, body: bytes) -> str:
    """64 lower-case hex digits. ``query`` holds values decoded once; ``body`` the bytes as they were received,
    which count unless the media type is multipart/form-data."""
    pairs = "".join(name + query[name] for name in sorted(query) if name not in UNSIGNED_PARAMETERS)
    signed = (path + pairs).encode()
    if media_type(content_type) != "multipart/form-data":
        signed += body
    key = secret.encode()
    return hmac.new(key, key + signed + key, hashlib.sha256).hexdigest()


def notification_signature(app_key: str, secret: str, body: bytes) -> str:
    """What the Authorization header of a notification holds, without any scheme in front."""
    return hmac.new(secret.encode(), app_key.encode() + body, hashlib.sha256).hexdigest()


def same(expected: str, received: str) -> bool:
    """Compared in constant time, as bytes: what was received may hold any character."""
    return hmac.compare_digest(expected.encode(), received.encode("utf-8", "surrogateescape"))


def media_type(content_type: str) -> str:
    return content_type.split(";", 1)[0].strip().lower()
