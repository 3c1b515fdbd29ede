"""TikTok Shop's pushes: is one genuine, what does it say should be read again, and which topics can be asked for.

https://partner.tiktokshop.com/docv2/page/tts-webhooks-overview
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime

from marketplaces.errors import BadRecord
from marketplaces.reading import LONGEST_ID, Json, identifier, inside, members, parsed, short
from marketplaces.records import Notification
from marketplaces.tiktok_shop.reading import moment, required_moment
from marketplaces.tiktok_shop.signing import is_webhook_signature

TOPICS = {
    1: "order", 2: "return", 3: "order", 4: "package", 6: "deauthorized", 7: "expiring", 11: "cancellation",
    12: "return", 64: "return", 66: "return", 67: "return",
}  # fmt: skip
# Products, conversations, invoices, creators, warehouses, promotions: nothing that we read.
OTHERS = frozenset({5, *range(13, 26), 27, 33, *range(35, 40), 42, 46, 51, 52, 55})


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
        ends_at = _seconds_as_text(data, "expiration_time") if kind == 7 else None
    except BadRecord as problem:
        raise inside("data", problem) from None
    return Notification(
        notification_id=short(raw, "tts_notification_id") or hashlib.sha256(body).hexdigest(),
        shop_id=identifier(raw, "shop_id"),
        topic=TOPICS.get(kind) or ("other" if kind in OTHERS else str(kind)[:LONGEST_ID]),
        sent_at=required_moment(raw, "timestamp"),
        order_id=order_id,
        cancellation_id=cancellation_id,
        ends_at=ends_at,
        is_known=kind in TOPICS or kind in OTHERS,
    )


def claimed_shop_id(body: bytes) -> str:
    """Which shop an unverified push says it is for; "" when that cannot be read. Never raises."""
    try:
        return identifier(_object(body), "shop_id")
    except BadRecord:
        return ""


def _seconds_as_text(data: Json, name: str) -> datetime | None:
    """Alone among its times, this one comes as a text."""
    value = data.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 15:
        return moment({name: int(value)}, name)
    return moment(data, name)


def _object(body: bytes) -> Json:
    try:
        raw = parsed(body)
    except ValueError:
        raw = None
    if not isinstance(raw, dict):
        raise BadRecord("body", "must be a JSON object")
    return raw
