"""Telling the world outside: events are written here in the transaction of the change, and handed on after it.

Written always, whether anybody listens or not: who listens is known on the floor above, and may change a moment later.
"""

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from config.api.fields import plain_amount
from marketplaces.records import Money
from shops import nudging
from shops.models import OutgoingEvent, ShopQuerySet

# Who hands events on lives upstairs and is known by name alone.
RELAY = "webhooks.tasks.relay"


def event(
    type: str,  # noqa: A002 - as everybody calls it
    about: str,
    data: Mapping[str, Any],
    *,
    shop_id: int | None,
    at: datetime | None = None,
    event_id: str = "",
) -> OutgoingEvent:
    """An event that is not written yet. `about` is the object it is told of in order, such as "cancellation:17"."""
    return OutgoingEvent(
        event_id=event_id or f"evt_{uuid.uuid4().hex}", shop_id=shop_id, type=type, about=about, data=dict(data),
        at=at or timezone.now(),
    )  # fmt: skip


def announce(events: Iterable[OutgoingEvent]) -> None:
    """Write events down; call it in the transaction of what they tell of. One whose id is there is told already."""
    rows = list(events)
    if rows:
        OutgoingEvent.objects.bulk_create(rows, ignore_conflicts=True)
        transaction.on_commit(nudge)


def announce_shops(shops: ShopQuerySet, type: str, **data: Any) -> None:  # noqa: A002
    """The same of each of these shops that is read."""
    rows = shops.active().order_by("pk").values_list("pk", "marketplace", "marketplace_id", "name", "region")
    announce(
        event(
            type,
            f"shop:{pk}",
            {
                "shop": pk, "url": address("api:shop-detail", pk), "marketplace": marketplace,
                "shop_marketplace_id": marketplace_id, "name": name, "region": region, **data,
            },
            shop_id=pk,
        )
        for pk, marketplace, marketplace_id, name, region in rows
    )  # fmt: skip


def address(name: str, pk: int) -> str:
    """Where the API shows it: whole where PUBLIC_URL is set, else the path."""
    return f"{settings.PUBLIC_URL}{reverse(name, args=[pk])}"


def money(amount: Any, currency: str) -> dict[str, str] | None:
    return None if amount is None else {"amount": plain_amount(Money(amount, currency)), "currency": currency}


def moment(at: datetime | None) -> str | None:
    """RFC 3339 in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


def nudge() -> None:
    """Have what was written handed on. A broker that is down costs the seconds until the next sweep."""
    nudging.send_once(RELAY)


@shared_task
def forget_old_events() -> None:
    """Those that were handed on, and with them what is known of their deliveries."""
    if settings.KEEP_OUTGOING_DAYS:
        forget(timezone.now() - timedelta(days=settings.KEEP_OUTGOING_DAYS))


def forget(before: datetime, at_once: int = 5000) -> None:
    old = OutgoingEvent.objects.filter(taken_at__lt=before).order_by("taken_at").values("pk")
    while OutgoingEvent.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:at_once])).delete()[0]:
        pass
