"""Cancellation requests come in. The only writer of requests that a marketplace shows, and of their lines."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Subquery
from django.utils import timezone

from cancellations import following, happening
from cancellations.models import CancellationLine, CancellationRequest, Event
from marketplaces.errors import MarketplaceError, Refused
from marketplaces.records import CancellationRecord
from orders import sync as orders_sync
from orders.models import Order
from orders.sync import Read, row, same
from shops import pulling
from shops.markets import capabilities
from shops.models import Shop, SyncKind, SyncRun
from shops.tokens import call_for
from shops.upsert import upsert

logger = structlog.get_logger(__name__)


def part(name: str) -> Read:
    """The amount of one part of a refund; None where the marketplace told of no refund."""
    return lambda record: getattr(record.refund, name).amount if record.refund else None


# Which column takes what of a record.
REFUND_COLUMNS: dict[str, Read] = {
    "currency": lambda record: record.refund.total.currency if record.refund else "",
    **{f"refund_{name}": part(name) for name in ("total", "subtotal", "shipping_fee", "tax", "fees")},
}
CANCELLATION_COLUMNS: dict[str, Read] = {
    **same("marketplace_id", "state", "status", "kind", "needs_answer", "initiator", "reason", "reason_text"),
    **same("deadline", "created_at", "updated_at", "extra"),
    "order_marketplace_id": attrgetter("order_id"),
    **REFUND_COLUMNS,
}
LINE_COLUMNS: dict[str, Read] = {
    **same("marketplace_id", "sku_id", "sku_name", "product_name", "seller_sku", "image_url", "quantity"),
    "line_item_marketplace_id": attrgetter("line_item_id"),
    **REFUND_COLUMNS,
}


def pull(shop: Shop, *, full: bool = False) -> list[SyncRun]:
    """Read the orders of a shop and then its cancellation requests; returns the runs, which say how they ended.

    A failure of one does not keep the other from being read.
    """
    runs = [orders_sync.pull(shop, full=full)]
    market = capabilities(shop, timezone.now())
    if market.shows_requests:
        runs.append(pulling.pull(shop, KIND, full=full))
        link_orders(shop)
        find_what_the_search_missed(shop)
    else:
        runs += following.follow(shop, market)
    if full and None in runs:
        # Another run was in the way. It reads changes alone, so everything is still to be read.
        Shop.objects.filter(pk=shop.pk).update(wants_full_pull=True)
    return [run for run in runs if run]


def link_orders(shop: Shop) -> None:
    """Tie requests whose order could not be read when they came to it, once it is here."""
    order = Order.objects.filter(shop=shop, marketplace_id=OuterRef("order_marketplace_id"))
    CancellationRequest.objects.filter(Exists(order), shop=shop, order=None).update(
        order_id=Subquery(order.values("pk")[:1])
    )


def find_what_the_search_missed(shop: Shop) -> None:
    """The net below the net: orders that say a request is pending which we do not have, and requests overdue here."""
    try:
        flagged = [order.marketplace_id for order in orders_sync.with_cancel_requested(shop)]
        asked = CancellationRequest.objects.filter(shop=shop, order_marketplace_id__in=flagged).waiting()
        known = set(asked.values_list("order_marketplace_id", flat=True))
        for order_id in flagged:
            if order_id not in known:
                read_requests_of_order(shop, order_id)
        overdue = CancellationRequest.objects.filter(shop=shop, deadline__lt=timezone.now()).waiting()
        ids = list(overdue.values_list("marketplace_id", flat=True)[:50])
        if ids:
            read_again(shop, ids)
    except MarketplaceError as error:
        logger.warning("sync.net_failed", shop=shop.pk, code=error.code, error=error.message)


def read_requests_of_order(shop: Shop, order_id: str) -> None:
    """Fetch and store every request about one order. Raises marketplaces.errors."""
    page = call_for(shop, lambda adapter: adapter.cancellations_of_order(order_id))
    prepare(shop, page.records)
    with transaction.atomic():
        store(shop, page.records)


def read_again(shop: Shop, cancellation_ids: Sequence[str]) -> Sequence[CancellationRecord]:
    """Fetch requests by id and store them; returns what the marketplace shows now. Raises marketplaces.errors."""
    page = call_for(shop, lambda adapter: adapter.cancellations_by_id(cancellation_ids))
    prepare(shop, page.records)
    with transaction.atomic():
        pulling.one_writer(shop, SyncKind.CANCELLATIONS)
        write(shop, newest_of_each(page.records), stored_states(shop, page.records))
    return page.records


def prepare(shop: Shop, records: Sequence[CancellationRecord]) -> None:
    """Orders that are not here yet are fetched first, so that a request never stands alone.

    Where the marketplace refuses that, the requests come without: an order nobody may read must not hold up the rest.
    """
    try:
        orders_sync.fetch_missing(shop, [record.order_id for record in records])
    except Refused as error:
        logger.warning("sync.orders_refused", shop=shop.pk, code=error.code, error=error.message)


def store(shop: Shop, records: Sequence[CancellationRecord]) -> int:
    """Store a page of requests in the surrounding transaction; returns how many were new or changed."""
    pulling.one_writer(shop, SyncKind.CANCELLATIONS)
    before = stored_states(shop, records)
    moved = {
        key: one
        for key, one in newest_of_each(records).items()
        if key not in before or before[key][:2] != (one.updated_at, one.status)
    }
    return write(shop, moved, before)


Stored = Mapping[str, tuple[datetime, str, str, datetime | None]]


def stored_states(shop: Shop, records: Sequence[CancellationRecord]) -> Stored:
    """What is stored of these requests: {id: (updated at, status, state, deadline)}; true for as long as nobody else
    writes.
    """
    rows = CancellationRequest.objects.filter(
        shop=shop, marketplace_id__in=[record.marketplace_id for record in records]
    ).values_list("marketplace_id", "updated_at", "status", "state", "deadline")
    return {row[0]: row[1:] for row in rows}


def newest_of_each(records: Sequence[CancellationRecord]) -> dict[str, CancellationRecord]:
    """By id; a page may tell of one request twice."""
    return {record.marketplace_id: record for record in sorted(records, key=attrgetter("updated_at"))}


def write(shop: Shop, changed: Mapping[str, CancellationRecord], before: Stored) -> int:
    """Write requests with their lines and events, unless something newer is stored; returns how many were written."""
    if not changed:
        return 0
    order_ids = [record.order_id for record in changed.values()]
    orders = dict(Order.objects.filter(shop=shop, marketplace_id__in=order_ids).values_list("marketplace_id", "pk"))
    ids = upsert(
        CancellationRequest,
        ("order_id", "shop_id", *CANCELLATION_COLUMNS),
        [[orders.get(one.order_id), *row(shop.pk, CANCELLATION_COLUMNS, one)] for one in changed.values()],
        key=("shop_id", "marketplace_id"),
        unless_older_by="updated_at",
    )
    written = {ids[marketplace_id]: changed[marketplace_id] for marketplace_id in ids}
    store_lines(written)
    tell(shop, orders, written, before)
    return len(written)


def store_lines(written: Mapping[int, CancellationRecord]) -> None:
    rows = {
        (cancellation_id, line.marketplace_id): row(cancellation_id, LINE_COLUMNS, line)
        for cancellation_id, record in written.items()
        for line in record.lines
    }
    upsert(
        CancellationLine, ("cancellation_id", *LINE_COLUMNS), rows.values(), key=("cancellation_id", "marketplace_id")
    )


def tell(shop: Shop, orders: Mapping[str, int], written: Mapping[int, CancellationRecord], before: Stored) -> None:
    """Write down, with the change itself, which requests came in and which moved to another state."""
    events = []
    for pk, record in written.items():
        known = before.get(record.marketplace_id)
        if known and known[2] == record.state.value:
            continue
        detail = {"from": known[2] if known else "", "to": record.state.value, "status": record.status}
        if known and known[3]:  # marketplaces drop it once it is settled; whether it had passed tells who decided
            detail["deadline"] = known[3].isoformat()
        events.append(
            Event(
                shop=shop,
                order_id=orders.get(record.order_id),
                cancellation_id=pk,
                name="cancellation.moved" if known else "cancellation.requested",
                detail=detail,
                at=record.updated_at if known else record.created_at,
            )
        )
    happening.note(events)


KIND = pulling.Kind(
    kind=SyncKind.CANCELLATIONS,
    fetch=lambda adapter, since, until, cursor: adapter.cancellations_updated(since, until, cursor),
    prepare=prepare,
    store=store,
)
