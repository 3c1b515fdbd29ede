"""TikTok Shop's pushes: is one genuine, and what does it say should be read again.

https://partner.tiktokshop.com/docv2/page/tts-webhooks-overview
"""

import hashlib
from collections.abc import Mapping

from marketplaces.errors import BadRecord
from marketplaces.reading import Json, identifier, inside, members, parsed, short
from marketplaces.records import Notification
from marketplaces.tiktok_shop.reading import required_moment
from marketplaces.tiktok_shop.signing import is_webhook_signature

TOPICS = {1: "order", 6: "deauthorized", 7: "expiring", 11: "cancellation"}


def verify(body: bytes, headers: Mapping[str, str], app_key: str, app_secret: str) -> bool:
    """Whether the Authorization header was made from this raw body with this app's secret."""
    signature = next((value for name, value in headers.items() if name.lower() == "authorization"), "")
    return is_webhook_signature(signature, app_key, app_secret, body)


def parse(body: bytes) -> Notification:
    """A push as a record. Raises BadRecord where it is not what TikTok Shop sends.

    Some older pushes carry no id; theirs is made from the body, so that the same push is still met twice as one.
    """
    raw = _object(body)
    kind = raw.get("type")
    if type(kind) is not int:
        raise BadRecord("type", "must be a whole number")
    data = members(raw, "data")
    try:
        order_id, cancellation_id = short(data, "order_id"), short(data, "cancel_id")
    except BadRecord as problem:
        raise inside("data", problem) from None
    return Notification(
        notification_id=short(raw, "tts_notification_id") or hashlib.sha256(body).hexdigest(),
        shop_id=identifier(raw, "shop_id"),
        topic=TOPICS.get(kind, str(kind)),
        sent_at=required_moment(raw, "timestamp"),
        order_id=order_id,
        cancellation_id=cancellation_id,
    )


def claimed_shop_id(body: bytes) -> str:
    """Which shop an unverified push says it is for; "" when that cannot be read. Never raises."""
    try:
        return identifier(_object(body), "shop_id")
    except BadRecord:
        return ""


def _object(body: bytes) -> Json:
    try:
        raw = parsed(body)
    except ValueError:
        raw = None
    if not isinstance(raw, dict):
        raise BadRecord("body", "must be a JSON object")
    return raw
