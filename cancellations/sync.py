"""Cancellation requests come in. The only writer of requests that a marketplace shows, and of their lines."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import Exists, OuterRef, Subquery
from django.utils import timezone
from redis.exceptions import RedisError

from cancellations import following, happening
from cancellations.models import CancellationLine, CancellationRequest, Event
from marketplaces.errors import MarketplaceError, Refused
from marketplaces.records import CancellationRecord, Page
from orders import sync as orders_sync
from orders.models import Order
from orders.sync import Read, rows, same
from shops import pulling
from shops.markets import capabilities
from shops.models import Shop, SyncKind, SyncRun
from shops.tokens import call_for
from shops.upsert import upsert

logger = structlog.get_logger(__name__)
MOST_OVERDUE = 50  # looked at with each pull, which is one call


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

    A failure of one does not keep the other from being read. While another run goes on here changes alone are read,
    and the shop still wants everything.
    """
    if full and pulling.is_going_on(shop):
        Shop.objects.filter(pk=shop.pk).update(wants_full_pull=True)
        full = False
    runs = [orders_sync.pull(shop, full=full)]
    market = capabilities(shop, timezone.now())
    if market.shows_requests:
        runs.append(pulling.pull(shop, KIND, full=full))
        link_orders(shop)
        find_what_the_search_missed(shop, by_orders=full or is_time_to_ask_orders(shop))
    else:
        runs += following.follow(shop, market)
    if full:
        # Another run that was in the way reads changes alone, so everything is still to be read.
        Shop.objects.filter(pk=shop.pk).update(wants_full_pull=None in runs)
    return [run for run in runs if run]


def link_orders(shop: Shop) -> None:
    """Tie requests whose order could not be read when they came to it, once it is here.

    As a writer of requests: one who is at it just now may have looked for the order before it was here.
    """
    order = Order.objects.filter(shop=shop, marketplace_id=OuterRef("order_marketplace_id"))
    alone = CancellationRequest.objects.filter(Exists(order), shop=shop, order=None)
    with transaction.atomic():
        pulling.one_writer(shop, SyncKind.CANCELLATIONS)
        alone.update(order_id=Subquery(order.values("pk")[:1]))


def is_time_to_ask_orders(shop: Shop) -> bool:
    """Once in PULL_EVERY_SECONDS: a busy shop is pulled far more often, and all its orders with a request are read.

    Without a cache, each time.
    """
    try:
        return bool(cache.add(f"orders-asked:{shop.pk}", True, settings.PULL_EVERY_SECONDS * 9 // 10))
    except RedisError:
        return True


def find_what_the_search_missed(shop: Shop, *, by_orders: bool = True) -> None:
    """The net below the net: requests overdue here, and pending ones that orders tell of and we do not have."""
    try:
        read_overdue(shop)
        if by_orders:
            read_what_orders_tell_of(shop)
    except MarketplaceError as error:
        logger.warning("sync.net_failed", shop=shop.pk, code=error.code, error=error.message)


def read_overdue(shop: Shop) -> None:
    overdue = CancellationRequest.objects.filter(shop=shop, deadline__lt=timezone.now()).waiting()
    # Any of them, so that those which never settle over there do not keep the others from being looked at.
    ids = list(overdue.order_by("?").values_list("marketplace_id", flat=True)[:MOST_OVERDUE])
    if ids:
        read_again(shop, ids)


def read_what_orders_tell_of(shop: Shop) -> None:
    flagged = [order.marketplace_id for page in orders_sync.with_cancel_requested(shop) for order in page]
    asked = CancellationRequest.objects.filter(shop=shop, order_marketplace_id__in=flagged).waiting()
    known = set(asked.values_list("order_marketplace_id", flat=True))
    for order_id in flagged:
        if order_id not in known:
            read_requests_of_order(shop, order_id)


def read_requests_of_order(shop: Shop, order_id: str) -> Sequence[CancellationRecord]:
    """Fetch and store every request about one order; returns those that came. Raises marketplaces.errors."""
    page = call_for(shop, lambda adapter: adapter.cancellations_of_order(order_id))
    prepare(shop, page.records)
    with transaction.atomic():
        store(shop, page.records)
    return page.records


def read_again(shop: Shop, cancellation_ids: Sequence[str], *, as_shown: bool = False) -> Sequence[CancellationRecord]:
    """Fetch requests by id and store them; returns what the marketplace shows now. Raises marketplaces.errors.

    What is stored and claims to be newer than what is shown stays, unless somebody wants it `as_shown`: then it stays
    only where it was stored while the marketplace was being asked.
    """
    at_first = stored_states(shop, cancellation_ids) if as_shown else {}
    page = call_for(shop, lambda adapter: adapter.cancellations_by_id(cancellation_ids))
    prepare(shop, page.records)
    with transaction.atomic():
        pulling.one_writer(shop, SyncKind.CANCELLATIONS)
        records = newest_of_each(page.records)
        before = stored_states(shop, records)
        forced = {key: one for key, one in records.items() if key in at_first and at_first[key] == before.get(key)}
        write(shop, forced, before, as_shown=True)
        write(shop, {key: one for key, one in records.items() if key not in forced}, before)
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
    before = stored_states(shop, [record.marketplace_id for record in records])
    moved = {
        key: one
        for key, one in newest_of_each(records).items()
        if key not in before or before[key][:2] != (one.updated_at, one.status)
    }
    return write(shop, moved, before)


Stored = Mapping[str, tuple[datetime, str, str, datetime | None]]


def stored_states(shop: Shop, cancellation_ids: Iterable[str]) -> Stored:
    """What is stored of these requests: {id: (updated at, status, state, deadline)}; true for as long as nobody else
    writes.
    """
    stored = CancellationRequest.objects.filter(shop=shop, marketplace_id__any=cancellation_ids)
    rows = stored.values_list("marketplace_id", "updated_at", "status", "state", "deadline")
    return {row[0]: row[1:] for row in rows}


def newest_of_each(records: Sequence[CancellationRecord]) -> dict[str, CancellationRecord]:
    """By id; a page may tell of one request twice."""
    return {record.marketplace_id: record for record in sorted(records, key=attrgetter("updated_at"))}


def write(shop: Shop, changed: Mapping[str, CancellationRecord], before: Stored, *, as_shown: bool = False) -> int:
    """Write requests with their lines and events, unless something newer is stored; returns how many were written."""
    if not changed:
        return 0
    order_ids = [record.order_id for record in changed.values()]
    orders = dict(Order.objects.filter(shop=shop, marketplace_id__any=order_ids).values_list("marketplace_id", "pk"))
    records = list(changed.values())
    ids = upsert(
        CancellationRequest,
        ("order_id", "shop_id", *CANCELLATION_COLUMNS),
        rows(CANCELLATION_COLUMNS, records, [orders.get(one.order_id) for one in records], [shop.pk] * len(records)),
        key=("shop_id", "marketplace_id"),
        unless_older_by=None if as_shown else "updated_at",
    )
    written = {ids[marketplace_id]: changed[marketplace_id] for marketplace_id in ids}
    store_lines(written)
    tell(shop, orders, written, before)
    return len(written)


def store_lines(written: Mapping[int, CancellationRecord]) -> None:
    lines = {(pk, line.marketplace_id): line for pk, record in written.items() for line in record.lines}
    upsert(
        CancellationLine, ("cancellation_id", *LINE_COLUMNS),
        rows(LINE_COLUMNS, list(lines.values()), [pk for pk, _ in lines]), key=("cancellation_id", "marketplace_id"),
    )  # fmt: skip


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


def ours(shop: Shop, page: Page[CancellationRecord]) -> Page[CancellationRecord]:
    """The page without requests of another shop here."""
    ids = {record.marketplace_id for record in page.records}
    here = CancellationRequest.objects.filter(shop=shop, marketplace_id__any=ids).values("marketplace_id")
    everywhere = CancellationRequest.objects.filter(shop__marketplace=shop.marketplace, marketplace_id__any=ids)
    elsewhere = everywhere.exclude(shop=shop).exclude(marketplace_id__in=here)
    return pulling.without_others(
        page, dict(elsewhere.values_list("marketplace_id", "shop")),
        lambda adapter, cancellation_id: adapter.cancellations_by_id([cancellation_id]),
    )  # fmt: skip


KIND = pulling.Kind(
    kind=SyncKind.CANCELLATIONS,
    fetch=lambda adapter, since, until, cursor: adapter.cancellations_updated(since, until, cursor),
    prepare=prepare,
    store=store,
    sift=ours,
)
