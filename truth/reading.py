"""What the marketplace shows now about a page of rows, read again in its batches and stored as every reading is."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from cancellations import sync
from cancellations.models import CancellationRequest, Decision
from marketplaces.errors import Refused
from marketplaces.records import CancellationRecord, LineItemRecord, OrderRecord
from orders import sync as orders_sync
from shops.models import Shop, SyncCursor, SyncKind
from shops.pulling import OVERLAP

Record = TypeVar("Record", CancellationRecord, OrderRecord)


@dataclass(frozen=True)
class Seen:
    """By the marketplace's id. What is not in there was not shown; what is `unread` could not be asked for."""

    requests: Mapping[str, CancellationRecord] = field(default_factory=dict)
    orders: Mapping[str, OrderRecord] = field(default_factory=dict)
    unread: Collection[str] = ()
    waited: Collection[int] = ()  # our requests that waited here before they were read
    pulled_until: datetime | None = None  # all that changed before is here, as we said before it was read

    def is_read(self, ids: Iterable[str]) -> bool:
        return not any(one in self.unread for one in ids)

    def should_have_been_here(self, record: CancellationRecord) -> bool:
        return bool(self.pulled_until and record.updated_at < self.pulled_until - OVERLAP)


def cancelled_of(line: LineItemRecord) -> int:
    """As `LineItem.cancelled_in_all` says it."""
    return max(line.cancelled_quantity, line.quantity - line.shipped_quantity if line.is_cancelled else 0)


def requests_of(decisions: Sequence[Decision], waiting: Sequence[CancellationRequest]) -> list[CancellationRequest]:
    """Each once: those that the decisions are about, and the others."""
    about = {one.cancellation.pk: one.cancellation for one in decisions if one.cancellation}
    return list({**about, **{one.pk: one for one in waiting}}.values())


def read(
    shop: Shop, decisions: Sequence[Decision], waiting: Sequence[CancellationRequest], as_shown: Collection[int] = ()
) -> Seen:
    """Read again what these are about: a call for fifty of them, or one for each where the marketplace has no batches.

    Of requests in `as_shown` somebody wants what is shown, though what is stored claims to be newer. Raises
    marketplaces.errors; what is refused is asked for one by one, so that it keeps nothing else from being compared.
    """
    requests = requests_of(decisions, waiting)
    listed = [one for one in requests if not one.is_recorded]
    cursor = SyncCursor.objects.filter(shop=shop, kind=SyncKind.CANCELLATIONS).values_list("synced_until", flat=True)
    pulled_until = cursor.first()
    unread: set[str] = set()
    forced = {one.marketplace_id for one in listed if one.pk in as_shown}
    normal = {one.marketplace_id for one in listed} - forced
    told = [
        *batch(normal, lambda ids: sync.read_again(shop, ids), unread),
        *batch(forced, lambda ids: sync.read_again(shop, ids, as_shown=True), unread),
    ]
    orders = {one.order.marketplace_id for one in decisions if one.order}
    orders |= {one.order_marketplace_id for one in requests if one.order_id and one.is_recorded}
    lines = batch(orders, lambda ids: orders_sync.read_again(shop, ids), unread)
    return Seen(
        {record.marketplace_id: record for record in told}, {record.marketplace_id: record for record in lines}, unread,
        {one.pk for one in requests if one.needs_answer}, pulled_until,
    )  # fmt: skip


def batch(ids: Collection[str], ask: Callable[[Sequence[str]], Sequence[Record]], unread: set[str]) -> Sequence[Record]:
    if not ids:
        return ()
    try:
        return ask(sorted(ids))
    except Refused:
        if len(ids) == 1:
            unread.update(ids)
            return ()
    return [record for one in sorted(ids) for record in batch({one}, ask, unread)]
