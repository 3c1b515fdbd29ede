"""From the outbox to the endpoints: each event becomes a delivery for every endpoint that wants it."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Prefetch
from django.utils import timezone

from accounts.models import User
from shops.models import OutgoingEvent, Role, Shop
from webhooks.models import Delivery, Endpoint

# Of these each endpoint has a row in one transaction.
AT_ONCE = 100


def relay() -> set[int]:
    """Hand on all that was written; returns the endpoints that have something to be told."""
    told: set[int] = set()
    while True:
        with transaction.atomic():
            found = take(timezone.now()) if is_alone() else None
        if found is None:
            return told
        told |= found


def is_alone() -> bool:
    """One at a time, until the transaction ends. Two would hand on later events before earlier ones of one object."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('webhooks.relay'))")
        return bool(cursor.fetchone()[0])


def take(now: datetime) -> set[int] | None:
    """Hand on some events, oldest first, in the surrounding transaction; None where there are none.

    The endpoints are read after the events, so that whatever happened after one was made reaches it.
    """
    events = list(OutgoingEvent.objects.untaken()[:AT_ONCE])
    if not events:
        return None
    told = {endpoint.pk for endpoint, shops in listeners() if hand_on(events, endpoint, shops, now)}
    OutgoingEvent.objects.filter(pk__in=[event.pk for event in events]).update(taken_at=now)
    return told


def hand_on(events: Iterable[OutgoingEvent], endpoint: Endpoint, shops: set[int], now: datetime) -> bool:
    """Write down what this endpoint is to be told of these events; whether that is anything."""
    made = [
        Delivery(endpoint=endpoint, event=event, about=event.about, due_at=now)
        for event in events
        if event.shop_id in shops and (not endpoint.types or event.type in endpoint.types)
    ]
    Delivery.objects.bulk_create(made, ignore_conflicts=True)
    return bool(made)


def listeners() -> Iterable[tuple[Endpoint, set[int]]]:
    """Every endpoint that is still wanted, with the shops that it is told of."""
    rows = Endpoint.objects.exclude(state=Endpoint.State.GONE).without_secrets()
    endpoints: Sequence[Endpoint] = list(
        rows.select_related("owner").prefetch_related(Prefetch("shops", Shop.objects.only("pk")))
    )
    managed: dict[int, set[int]] = {}
    for endpoint in endpoints:
        if endpoint.owner_id not in managed:
            managed[endpoint.owner_id] = managed_by(endpoint.owner)
        yield endpoint, shops_of(endpoint, managed[endpoint.owner_id])


def managed_by(owner: User) -> set[int]:
    """The shops that this person's endpoints may be told of, today: who is no manager any more sends nothing out."""
    return set(Shop.objects.where_role(owner, Role.MANAGER).values_list("pk", flat=True)) if owner.is_active else set()


def shops_of(endpoint: Endpoint, managed: set[int]) -> set[int]:
    """Those that were chosen, or all; never more than its owner manages."""
    return managed & {shop.pk for shop in endpoint.shops.all()} if endpoint.is_limited else managed
