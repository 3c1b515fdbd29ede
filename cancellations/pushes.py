"""Marketplaces push; a push makes a pull happen sooner. Lost, doubled, late and forged ones change nothing more.

What comes is verified and stored, once, while the marketplace waits for its answer. A worker acts on what is stored,
all that waits of one shop at a time and in any order, so that a thousand pushes make one pull.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta

import structlog
from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from cancellations.models import PushedNotification
from marketplaces.errors import BadRecord
from marketplaces.records import Notification
from marketplaces.registry import marketplace
from shops import drift, nudging
from shops.encryption import fernet
from shops.models import Connection, Shop
from shops.pulling import ask_for_pull
from shops.staying import authorization_ends, deauthorized

logger = structlog.get_logger(__name__)
FORGOTTEN_AT_ONCE = 5000
Outcome = PushedNotification.Outcome
# What a push is measured by that nobody can have signed: for a shop that is not ours, or that was disconnected.
NOBODY = Connection(app_key="nobody", app_secret=secrets.token_hex(32))


def receive(slug: str, body: bytes, headers: Mapping[str, str]) -> bool:
    """Take a push as it came over the wire; False when it is not genuine and must not be believed.

    Raises KeyError for a marketplace that is not there.
    """
    platform = marketplace(slug)
    shop = claimed_shop(slug, platform.shop_id_of_notification(body))
    signer = shop.connection if shop else NOBODY
    try:
        notification = platform.read_notification(body, headers, signer.app_key, signer.app_secret)
    except BadRecord as problem:
        # Genuine, so it is answered with thanks; what it was about, the next pull finds.
        logger.warning("push.not_understood", shop=shop and shop.pk, problem=str(problem))
        return True
    if notification is None or shop is None:
        return False
    keep(shop, notification)
    return True


def claimed_shop(slug: str, shop_id: str) -> Shop | None:
    """The shop that an unverified push says it is for, with what is needed to verify it and nothing else.

    One without a secret, as after disconnecting, is nobody's: anybody could sign with none. To find nothing takes as
    long as to find a shop, whose secret is decrypted.
    """
    if shop_id.isprintable():  # null characters and half surrogates the database refuses to look for
        found = Shop.objects.filter(marketplace=slug, marketplace_id=shop_id).select_related("connection")
        shop = found.only("connection__app_key", "connection__app_secret").first()
        if shop and shop.connection.app_secret:
            return shop
    fernet().encrypt(NOBODY.app_secret.encode())
    return None


def keep(shop: Shop, notification: Notification) -> None:
    """Store a push once, by one statement that waits for no other push, and have a worker look at it."""
    PushedNotification.objects.bulk_create(
        [
            PushedNotification(
                shop=shop,
                notification_id=notification.notification_id,
                topic=notification.topic,
                is_known=notification.is_known,
                order_id=notification.order_id,
                cancellation_id=notification.cancellation_id,
                ends_at=notification.ends_at,
                says=notification.says or "",
                sent_at=notification.sent_at,
            )
        ],
        ignore_conflicts=True,
    )
    nudge(shop.pk)


def nudge(shop_id: int) -> None:
    """One message for all that comes while it is on its way. Where it is lost, the sweep finds what waits."""
    nudging.send_once(process_pushes, shop_id)


@shared_task
def process_pushes(shop_id: int) -> None:
    nudging.arrived(process_pushes, shop_id)
    for shop in Shop.objects.filter(pk=shop_id):
        process(shop)


@shared_task
def sweep_pushes() -> None:
    for shop in Shop.objects.filter(pk__in=PushedNotification.objects.waiting().values("shop")):
        process(shop)


@shared_task
def forget_old_pushes() -> None:
    if settings.KEEP_PUSHES_DAYS <= 0:
        return
    before = timezone.now() - timedelta(days=settings.KEEP_PUSHES_DAYS)
    old = PushedNotification.objects.filter(processed_at__lt=before).order_by("processed_at").values("pk")
    deleted = FORGOTTEN_AT_ONCE
    while deleted == FORGOTTEN_AT_ONCE:
        deleted, _of_each = PushedNotification.objects.filter(pk__in=old[:FORGOTTEN_AT_ONCE]).delete()


def process(shop: Shop) -> None:
    """Act on everything that waits for this shop, once for each kind of thing to do."""
    with transaction.atomic():
        waiting = PushedNotification.objects.waiting().filter(shop=shop)
        pushes = list(waiting.select_for_update(skip_locked=True).order_by("sent_at", "pk"))
        if not pushes:
            return
        drift.note(shop.pk, {f"push: {one.topic}" for one in pushes if not one.is_known})
        now = timezone.now()
        for one in pushes:
            one.outcome, one.processed_at = OUTCOMES.get(one.topic, Outcome.PULLED), now
        PushedNotification.objects.bulk_update(pushes, ["outcome", "processed_at"], batch_size=500)
        if any(one.outcome == Outcome.PULLED for one in pushes):
            ask_for_pull(shop)
        tell_of_authorization(shop, pushes)


def tell_of_authorization(shop: Shop, pushes: Sequence[PushedNotification]) -> None:
    """What the newest of each kind says. Whether it is older than the authorization that we have, `staying` knows."""
    newest = {one.outcome: one for one in pushes}  # they are in the order in which they were sent
    taken_back, ending = newest.get(Outcome.DEAUTHORIZED), newest.get(Outcome.EXPIRING)
    if ending and ending.ends_at:
        authorization_ends(shop, ending.ends_at, ending.sent_at)
    if taken_back:
        deauthorized(shop, taken_back.sent_at)


OUTCOMES = {
    "deauthorized": Outcome.DEAUTHORIZED,
    "expiring": Outcome.EXPIRING,
    "other": Outcome.NOTHING,
}
