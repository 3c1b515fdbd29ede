"""Cancellation requests come in. The only writer of requests and their lines."""

from collections.abc import Mapping, Sequence

import structlog
from django.db import transaction
from django.utils import timezone

from cancellations.models import CancellationLine, CancellationRequest, Event
from marketplaces.errors import MarketplaceError
from marketplaces.records import CancellationLineRecord, CancellationRecord, RefundParts
from orders import sync as orders_sync
from orders.models import Order
from shops import pulling
from shops.models import Shop, SyncKind, SyncRun
from shops.tokens import call_for
from shops.upsert import upsert

logger = structlog.get_logger(__name__)

REFUND_COLUMNS = (
    "currency", "refund_total", "refund_subtotal", "refund_shipping_fee", "refund_tax", "refund_fees",
)  # fmt: skip
CANCELLATION_COLUMNS = (
    "shop_id", "order_id", "order_marketplace_id", "marketplace_id", "state", "status", "kind", "needs_answer",
    "initiator", "reason", "reason_text", "deadline", "created_at", "updated_at", "extra", *REFUND_COLUMNS,
)  # fmt: skip
LINE_COLUMNS = (
    "cancellation_id", "marketplace_id", "line_item_marketplace_id", "sku_id", "sku_name", "product_name",
    "seller_sku", "image_url", "quantity", *REFUND_COLUMNS,
)  # fmt: skip


def pull(shop: Shop, *, full: bool = False) -> list[SyncRun]:
    """Read the orders of a shop and then its cancellation requests; returns the runs, which say how they ended.

    A failure of one does not keep the other from being read.
    """
    runs = [orders_sync.pull(shop, full=full), pulling.pull(shop, KIND, full=full)]
    find_what_the_search_missed(shop)
    return [run for run in runs if run]


def find_what_the_search_missed(shop: Shop) -> None:
    """The net below the net: orders that say a request is pending which we do not have, and requests overdue here."""
    try:
        flagged = call_for(shop, lambda adapter: adapter.orders_with_cancel_requested()).records
        known = set(
            CancellationRequest.objects.filter(
                shop=shop, order_marketplace_id__in=[order.marketplace_id for order in flagged]
            ).waiting().values_list("order_marketplace_id", flat=True)
        )  # fmt: skip
        for order in flagged:
            if order.marketplace_id not in known:
                read_requests_of_order(shop, order.marketplace_id)
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
        store(shop, page.records)
    return page.records


def prepare(shop: Shop, records: Sequence[CancellationRecord]) -> None:
    """Orders that are not here yet are fetched first, so that a request never stands alone."""
    orders_sync.fetch_missing(shop, [record.order_id for record in records])


def store(shop: Shop, records: Sequence[CancellationRecord]) -> int:
    """Store a page of requests in the surrounding transaction; returns how many were new or changed."""
    before = stored_states(shop, records)
    changed = only_changed(records, before)
    if not changed:
        return 0
    orders = dict(
        Order.objects.filter(
            shop=shop, marketplace_id__in=[record.order_id for record in changed.values()]
        ).values_list("marketplace_id", "pk")
    )
    ids = upsert(
        CancellationRequest, CANCELLATION_COLUMNS,
        [cancellation_row(shop, orders.get(record.order_id), record) for record in changed.values()],
        key=("shop_id", "marketplace_id"), newer_by="updated_at",
    )  # fmt: skip
    written = {ids[marketplace_id]: changed[marketplace_id] for marketplace_id in ids}
    store_lines(written)
    tell(shop, orders, written, before)
    return len(written)


Stored = Mapping[str, tuple[object, str, str]]


def stored_states(shop: Shop, records: Sequence[CancellationRecord]) -> Stored:
    """What is stored of these requests: {id: (updated at, status, state)}."""
    rows = CancellationRequest.objects.filter(
        shop=shop, marketplace_id__in=[record.marketplace_id for record in records]
    ).values_list("marketplace_id", "updated_at", "status", "state")
    return {marketplace_id: (updated_at, status, state) for marketplace_id, updated_at, status, state in rows}


def only_changed(records: Sequence[CancellationRecord], before: Stored) -> dict[str, CancellationRecord]:
    changed: dict[str, CancellationRecord] = {}
    for record in records:
        known = before.get(record.marketplace_id)
        later = changed.get(record.marketplace_id)
        if (known is None or (record.updated_at, record.status) != known[:2]) and (
            later is None or later.updated_at <= record.updated_at
        ):
            changed[record.marketplace_id] = record
    return changed


def refund_columns(refund: RefundParts | None) -> list[object]:
    if refund is None:
        return ["", None, None, None, None, None]
    parts = (refund.total, refund.subtotal, refund.shipping_fee, refund.tax, refund.fees)
    return [refund.total.currency, *(part.amount for part in parts)]


def cancellation_row(shop: Shop, order_id: int | None, record: CancellationRecord) -> list[object]:
    return [
        shop.pk, order_id, record.order_id, record.marketplace_id, record.state.value, record.status, record.kind,
        record.needs_answer, record.initiator, record.reason, record.reason_text, record.deadline, record.created_at,
        record.updated_at, dict(record.extra), *refund_columns(record.refund),
    ]  # fmt: skip


def line_row(cancellation_id: int, line: CancellationLineRecord) -> list[object]:
    return [
        cancellation_id, line.marketplace_id, line.line_item_id, line.sku_id, line.sku_name, line.product_name,
        line.seller_sku, line.image_url, line.quantity, *refund_columns(line.refund),
    ]  # fmt: skip


def store_lines(written: Mapping[int, CancellationRecord]) -> None:
    rows = {
        (cancellation_id, line.marketplace_id): line_row(cancellation_id, line)
        for cancellation_id, record in written.items()
        for line in record.lines
    }
    upsert(CancellationLine, LINE_COLUMNS, rows.values(), key=("cancellation_id", "marketplace_id"))


def tell(
    shop: Shop, orders: Mapping[str, int], written: Mapping[int, CancellationRecord], before: Stored
) -> None:
    """Write down, with the change itself, which requests came in and which moved to another state."""
    events = []
    for pk, record in written.items():
        known = before.get(record.marketplace_id)
        if known and known[2] == record.state.value:
            continue
        events.append(
            Event(
                shop=shop,
                order_id=orders.get(record.order_id),
                cancellation_id=pk,
                name="cancellation.moved" if known else "cancellation.requested",
                detail={"from": known[2] if known else "", "to": record.state.value, "status": record.status},
                at=record.updated_at if known else record.created_at,
            )
        )
    Event.objects.bulk_create(events)


KIND = pulling.Kind(
    kind=SyncKind.CANCELLATIONS,
    fetch=lambda adapter, since, until, cursor: adapter.cancellations_updated(since, until, cursor),
    prepare=prepare,
    store=store,
)
