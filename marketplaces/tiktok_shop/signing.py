"""TikTok Shop's two signatures. Pure functions.

Requests: https://partner.tiktokshop.com/docv2/page/sign-your-api-request
Webhooks: https://partner.tiktokshop.com/docv2/page/tts-webhooks-overview
"""

import hmac
from collections.abc import Mapping

UNSIGNED = frozenset({"sign", "access_token"})


def request_signature(
    app_secret: str,
    path: str,
    query: Mapping[str, str],
    *,
    content_type: str = "application/json",
    body: bytes = b"",
) -> str:
    """The `sign` parameter of a request: 64 lower-case hex digits.

    `query` holds the values before percent-encoding; `sign` and `access_token` in it are passed over. `body` is what
    goes over the wire, byte for byte; it counts unless the content type is multipart/form-data.
    """
    pairs = "".join(name + query[name] for name in sorted(query) if name not in UNSIGNED)
    secret = app_secret.encode()
    media_type = content_type.partition(";")[0].strip().lower()
    counted = b"" if media_type == "multipart/form-data" else body
    return hmac.digest(secret, secret + (path + pairs).encode() + counted + secret, "sha256").hex()


def webhook_signature(app_key: str, app_secret: str, body: bytes) -> str:
    """The Authorization header of a push with these raw body bytes: 64 lower-case hex digits."""
    return hmac.digest(app_secret.encode(), app_key.encode() + body, "sha256").hex()


def is_webhook_signature(signature: str, app_key: str, app_secret: str, body: bytes) -> bool:
    """Whether the Authorization header fits the raw body. Takes the same time wherever they differ."""
    expected = webhook_signature(app_key, app_secret, body)
    return hmac.compare_digest(signature.encode("utf-8", "surrogatepass"), expected.encode())
