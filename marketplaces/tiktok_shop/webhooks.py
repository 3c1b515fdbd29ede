"""TikTok Shop's pushes: is one genuine, what does it say should be read again, and which topics can be asked for.

https://partner.tiktokshop.com/docv2/page/tts-webhooks-overview
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from marketplaces.base import PushTopic
from marketplaces.errors import BadRecord, Unsupported
from marketplaces.reading import LONGEST_ID, Json, an_object, each, identifier, inside, members, parsed, short, text
from marketplaces.records import CancellationState, Notification, RegisteredPush, Told
from marketplaces.tiktok_shop.known import CANCELLATION_STATES
from marketplaces.tiktok_shop.reading import moment, required_moment
from marketplaces.tiktok_shop.signing import is_webhook_signature

TOPICS = {
    1: "order", 2: "return", 3: "order", 4: "package", 6: "deauthorized", 7: "expiring", 11: "cancellation",
    12: "return", 64: "return", 66: "return", 67: "return",
}  # fmt: skip
# Products, conversations, invoices, creators, warehouses, promotions: nothing that we read.
OTHERS = frozenset({5, *range(13, 26), 27, 33, *range(35, 40), 42, 46, 51, 52, 55})

# What can be asked for shop by shop, by its event type: https://partner.tiktokshop.com/docv2/page/update-shop-webhook
EVENT_TYPES = {
    "cancellation": "CANCELLATION_STATUS_CHANGE",
    "order": "ORDER_STATUS_CHANGE",
    "package": "PACKAGE_UPDATE",
    "deauthorized": "SELLER_DEAUTHORIZATION",
    "expiring": "UPCOMING_AUTHORIZATION_EXPIRATION",
}
PUSH_TOPICS: Sequence[PushTopic] = (
    PushTopic("cancellation", "Cancellation requests that come or change"),
    PushTopic("order", "Orders that change"),
    PushTopic("package", "Packages that are split or combined"),
    PushTopic("deauthorized", "The seller takes the authorization back"),
    PushTopic("expiring", "The authorization is about to end"),
)
# The page of this push writes CANCEL where orders say CANCELLED.
CANCELLED_ORDER = frozenset({"CANCEL", "CANCELLED"})
SAYS = {
    CancellationState.WAITING: Told.WAITING,
    CancellationState.APPROVED: Told.APPROVED,
    CancellationState.COMPLETED: Told.APPROVED,
    CancellationState.CLOSED: Told.CLOSED,
    CancellationState.UNKNOWN: Told.UNCLEAR,
}
LONGEST_ADDRESS = 255
ADDRESS_PROBLEM = (
    "TikTok Shop pushes to https addresses with a domain name and no port, of at most 255 characters, not to"
)
TEXTS = (ADDRESS_PROBLEM, *(topic.text for topic in PUSH_TOPICS))


def event_type(topic: str) -> str:
    try:
        return EVENT_TYPES[topic]
    except KeyError:
        raise Unsupported("TikTok Shop pushes no such topic.") from None


def registered(data: Json) -> Sequence[RegisteredPush]:
    return each(data, "webhooks", _registered)


def _registered(raw: Json) -> RegisteredPush:
    word = identifier(raw, "event_type")
    topic = next((name for name, event_type in EVENT_TYPES.items() if event_type == word), word)
    return RegisteredPush(topic, text(raw, "address"), moment(raw, "update_time") or moment(raw, "create_time"))


def address_problem(address: str) -> str:
    """configuration-guide"""
    parts = urlsplit(address)
    host = parts.hostname or ""
    is_name = "." in host and not host.replace(".", "").isdigit() and ":" not in host
    is_fine = parts.scheme == "https" and is_name and not parts.netloc.partition(":")[1]
    return "" if is_fine and len(address) <= LONGEST_ADDRESS else ADDRESS_PROBLEM


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
        says = _says(TOPICS.get(kind, ""), data)
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
        says=says,
    )


def _says(topic: str, data: Json) -> Told | None:
    if topic == "order":
        return Told.ORDER_CANCELLED if text(data, "order_status") in CANCELLED_ORDER else None
    if topic == "cancellation":
        return SAYS[CANCELLATION_STATES.get(text(data, "cancel_status"), CancellationState.UNKNOWN)]
    return None


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
    return an_object(raw, "body")
