"""Marketplaces push; a push only makes a pull happen sooner. Lost, doubled, late and forged ones change nothing."""

from collections.abc import Mapping

import structlog
from django.db import transaction

from cancellations.models import PushedNotification
from marketplaces.errors import BadRecord
from marketplaces.records import Notification
from marketplaces.registry import marketplace
from shops.models import Shop
from shops.pulling import ask_for_pull

logger = structlog.get_logger(__name__)


def receive(slug: str, body: bytes, headers: Mapping[str, str]) -> bool:
    """Take a push as it came over the wire; False when it is not genuine and must not be believed.

    Raises KeyError for a marketplace that is not there.
    """
    platform = marketplace(slug)
    shop_id = platform.shop_id_of_notification(body)
    if not shop_id.isprintable():  # null characters and half surrogates, which the database refuses to look for
        return False
    shop = Shop.objects.select_related("connection").filter(marketplace=slug, marketplace_id=shop_id).first()
    if shop is None:
        return False
    try:
        notification = platform.read_notification(body, headers, shop.connection.app_key, shop.connection.app_secret)
    except BadRecord as problem:
        # Genuine, so it is answered with thanks; what it was about, the next pull finds.
        logger.warning("push.not_understood", shop=shop.pk, problem=str(problem))
        return True
    if notification is None:
        logger.warning("push.forged", shop=shop.pk)
        return False
    keep(shop, notification)
    return True


@transaction.atomic
def keep(shop: Shop, notification: Notification) -> None:
    """Store a push once; the first time, have the shop pulled."""
    _, is_new = PushedNotification.objects.get_or_create(
        shop=shop,
        notification_id=notification.notification_id,
        defaults={
            "topic": notification.topic,
            "order_id": notification.order_id,
            "cancellation_id": notification.cancellation_id,
            "sent_at": notification.sent_at,
        },
    )
    if is_new:
        ask_for_pull(shop)
