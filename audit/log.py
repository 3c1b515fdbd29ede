"""Writing the audit log, and forgetting what is older than it has to be kept."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import connection, models, transaction

from audit import origin
from audit.models import Entry

# Rows of which an entry says more than their number, by what the entry calls them.
PLACES = {"shops.shop": "shop_id", "orders.order": "order_id", "cancellations.cancellationrequest": "cancellation_id"}
PURGED_AT_ONCE = 5000


def write(action: str, **told: Any) -> Entry:
    """Add an entry, which is told as in `entry`; call it in the transaction of the change that it tells of."""
    written = entry(action, **told)
    written.save()
    return written


def write_each(entries: Iterable[Entry]) -> None:
    """The same of many, in one query."""
    Entry.objects.bulk_create(entries)


def entry(
    action: str,
    *,
    about: models.Model | None = None,
    actor: Any = None,
    shop_id: int | None = None,
    order_id: int | None = None,
    cancellation_id: int | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> Entry:
    """An entry that is not written yet.

    `action` is what and how in the past tense, such as "decision.recorded". `actor` is a User; without one it is
    whoever made the request that is being answered, or nobody. Shop, order and request are those of `about` unless
    they are given. `before` and `after` hold what JSON can, never a secret.
    """
    came_from = origin.current()
    person = actor or came_from.user
    given = {"shop_id": shop_id, "order_id": order_id, "cancellation_id": cancellation_id}
    places = place_of(about) | {name: pk for name, pk in given.items() if pk is not None}
    return Entry(
        action=action, actor=person, actor_name=str(person or "")[:254],
        about_type=about._meta.label_lower if about else "", about_id=str(about.pk) if about else "",
        about=str(about)[:300] if about else "", **places, before=dict(before or {}), after=dict(after or {}),
        via=came_from.via, address=came_from.address, user_agent=came_from.user_agent, token=came_from.token,
    )  # fmt: skip


def place_of(row: models.Model | None) -> dict[str, int]:
    """The shop, the order and the request that a row belongs to, or is."""
    if row is None:
        return {}
    own = PLACES.get(row._meta.label_lower)
    found = {name: row.pk if name == own else getattr(row, name, None) for name in PLACES.values()}
    return {name: pk for name, pk in found.items() if isinstance(pk, int)}


def purge(before: datetime) -> int:
    """Delete entries that are older than this, some at a time; returns how many.

    The database refuses it to everybody else: see migration 0002.
    """
    deleted = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL countermand.purges_audit = 'on'")
            old = Entry.objects.filter(at__lt=before).order_by("at").values("pk")[:PURGED_AT_ONCE]
            count, _by_model = Entry.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()
            cursor.execute("SET LOCAL countermand.purges_audit = 'off'")  # a transaction around this one goes on
        deleted += count
        if count < PURGED_AT_ONCE:
            return deleted
