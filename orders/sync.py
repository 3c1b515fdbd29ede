"""Orders come in. The only writer of orders, line items and packages."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Any

from django.db import transaction

from marketplaces.base import Adapter
from marketplaces.errors import TemporaryFailure
from marketplaces.records import OrderRecord, Page
from orders import cancelled
from orders.forgetting import keep_erased
from orders.models import LineItem, Order, Package
from shops import pulling
from shops.models import Shop, SyncKind, SyncRun
from shops.tokens import call_for
from shops.upsert import upsert

Read = Callable[[Any], Any]
MOST_FLAGGED_PAGES = 100  # of a hundred orders at most


def same(*names: str) -> dict[str, Read]:
    """Columns that are called as they are in the record; dots reach into it."""
    return {name: attrgetter(name) for name in names}


# Which column takes what of a record.
ORDER_COLUMNS: dict[str, Read] = {
    **same("marketplace_id", "number", "fingerprint", "status", "created_at", "updated_at", "paid_at", "shipped_at"),
    **same("cancelled_at", "ship_by", "hand_over_by", "collected_at", "delivered_at"),
    **same("is_cancel_requested", "cancel_requested_at", "is_on_hold", "is_shipped", "is_cancelled"),
    **same("is_cash_on_delivery", "cancelled_by", "cancel_reason", "fulfillment_type", "shipping_type"),
    **same("delivery_option_id", "delivery_option_name", "shipping_provider", "tracking_number", "warehouse_id"),
    **same(
        "payment_method",
        "buyer_id",
        "buyer_name",
        "buyer_message",
        "recipient_name",
        "recipient_region",
        "recipient_address",
    ),
    "currency": attrgetter("total.currency"),
    "total": attrgetter("total.amount"),
    "subtotal": attrgetter("subtotal.amount"),
    "shipping_fee": attrgetter("shipping_fee.amount"),
    "tax": lambda record: record.tax.amount if record.tax else None,
    "fees": lambda record: record.fees.amount if record.fees else None,
    "extra": attrgetter("extra"),
}
LINE_COLUMNS: dict[str, Read] = {
    **same("marketplace_id", "status", "product_id", "product_name", "sku_id", "sku_name", "seller_sku", "image_url"),
    **same("quantity", "package_id", "package_status", "tracking_number", "cancelled_by", "cancel_reason"),
    **same("is_shipped", "is_cancelled", "cancelled_quantity", "shipped_quantity", "is_gift", "extra"),
    "currency": attrgetter("price.currency"),
    "price": attrgetter("price.amount"),
    "original_price": attrgetter("original_price.amount"),
}


def rows(columns: Mapping[str, Read], records: Sequence[object], *owner_ids: Sequence[int | None]) -> Iterator[Any]:
    """Rows for `upsert`: what owns each record, then its values for these columns."""
    return zip(*owner_ids, *(map(read, records) for read in columns.values()), strict=True)


def pull(shop: Shop, *, full: bool = False) -> SyncRun | None:
    """Read the orders of a shop that changed; see `shops.pulling.pull`."""
    return pulling.pull(shop, KIND, full=full)


def fetch_missing(shop: Shop, order_ids: Iterable[str]) -> None:
    """Fetch orders that a cancellation speaks of and that we do not have yet. Raises marketplaces.errors."""
    wanted = set(order_ids)
    stored = Order.objects.filter(shop=shop, marketplace_id__any=wanted).values_list("marketplace_id", flat=True)
    missing = sorted(wanted.difference(stored))
    if missing:
        read_again(shop, missing)


def read_again(shop: Shop, order_ids: Sequence[str]) -> Sequence[OrderRecord]:
    """Fetch orders by id and store them; returns what the marketplace shows now. Raises marketplaces.errors."""
    page = call_for(shop, lambda adapter: adapter.orders_by_id(order_ids))
    # A time of change may be the same after a change; a fingerprint is not.
    told = [record for record in page.records if not record.fingerprint]
    with transaction.atomic():
        write(shop, newest_of_each(told))
        store(shop, [record for record in page.records if record.fingerprint])
    return page.records


def with_cancel_requested(shop: Shop) -> Iterator[Sequence[OrderRecord]]:
    """Orders that say themselves that somebody asks to cancel, page by page: the newest, which are the likeliest to
    be missing here, come last. Raises marketplaces.errors, also where there is no end of them.
    """
    cursor = ""
    for _ in range(MOST_FLAGGED_PAGES):
        page = call_for(shop, partial(ask_for_flagged, cursor=cursor))
        yield page.records
        cursor = page.next_cursor
        if not cursor:
            return
    raise TemporaryFailure(f"The orders that somebody asks to cancel do not end after {MOST_FLAGGED_PAGES} pages.")


def ours(shop: Shop, page: Page[OrderRecord]) -> Page[OrderRecord]:
    """The page without orders of another shop here.

    At some marketplaces several sellers share an order, each with lines of its own; no two have the same line.
    """
    ids = {record.marketplace_id for record in page.records}
    here = Order.objects.filter(shop=shop, marketplace_id__any=ids).values("marketplace_id")
    elsewhere = (
        Order.objects.filter(shop__marketplace=shop.marketplace, marketplace_id__any=ids)
        .exclude(shop=shop)
        .exclude(marketplace_id__in=here)
        .order_by()
    )
    known = {pk: (order_id, shop_id) for pk, order_id, shop_id in elsewhere.values_list("pk", "marketplace_id", "shop")}
    if not known:
        return page
    lines = {record.marketplace_id: {line.marketplace_id for line in record.lines} for record in page.records}
    stored = LineItem.objects.filter(order__in=known).values_list("order", "marketplace_id")
    holders = dict(known[pk] for pk, line_id in stored if line_id in lines[known[pk][0]])
    return pulling.without_others(page, holders, lambda adapter, order_id: adapter.orders_by_id([order_id]))


def ask_for_flagged(adapter: Adapter, cursor: str) -> Page[OrderRecord]:
    return adapter.orders_with_cancel_requested(cursor)


def store(shop: Shop, records: Sequence[OrderRecord]) -> int:
    """Store a page of orders in the surrounding transaction; returns how many were new or changed.

    Asking first which ones moved is far cheaper than writing in vain.
    """
    newest = newest_of_each(records)
    here = Order.objects.filter(shop=shop, marketplace_id__any=newest).order_by()
    marks = here.values_list("marketplace_id", "fingerprint", "updated_at", "status")
    stored = {key: mark(fingerprint, updated_at, status) for key, fingerprint, updated_at, status in marks}
    moved = {
        key: one for key, one in newest.items() if stored.get(key) != mark(one.fingerprint, one.updated_at, one.status)
    }
    return write(shop, moved)


def mark(fingerprint: str, updated_at: datetime, status: str) -> object:
    """What differs once an order, stored or told, has moved.

    Marketplaces that tell the time of a change count in whole seconds, so that its status is needed too; of others we
    only know when we read it, and compare what was read.
    """
    return fingerprint or (updated_at, status)


def newest_of_each(records: Sequence[OrderRecord]) -> dict[str, OrderRecord]:
    """By id; a page may tell of one order twice."""
    return {record.marketplace_id: record for record in sorted(records, key=attrgetter("updated_at"))}


def write(shop: Shop, changed: Mapping[str, OrderRecord]) -> int:
    """Write orders with their lines and packages, unless something newer is stored; returns how many were written."""
    if not changed:
        return 0
    pulling.one_writer(shop, SyncKind.ORDERS)
    known = cancelled.stored_before(shop, changed.values())
    records = list(changed.values())
    ids = upsert(
        Order, ("shop_id", *ORDER_COLUMNS), rows(ORDER_COLUMNS, records, [shop.pk] * len(records)),
        key=("shop_id", "marketplace_id"), unless_older_by="updated_at",
    )  # fmt: skip
    written = {ids[marketplace_id]: changed[marketplace_id] for marketplace_id in ids}
    store_lines(written)
    store_packages(written)
    cancelled.note(shop, written, known)
    keep_erased(written)
    return len(written)


def store_lines(written: Mapping[int, OrderRecord]) -> None:
    lines = {(order_id, line.marketplace_id): line for order_id, record in written.items() for line in record.lines}
    upsert(
        LineItem, ("order_id", *LINE_COLUMNS), rows(LINE_COLUMNS, list(lines.values()), [pk for pk, _ in lines]),
        key=("order_id", "marketplace_id"),
    )  # fmt: skip


def store_packages(written: Mapping[int, OrderRecord]) -> None:
    """Packages are split and combined, so those that an order no longer names are gone."""
    packages = {
        (order_id, package_id): [order_id, package_id, *package_columns(record, package_id)]
        for order_id, record in written.items()
        for package_id in {*record.package_ids, *(line.package_id for line in record.lines if line.package_id)}
    }
    gone = Package.objects.filter(order__pk__any=written).values_list("pk", "order_id", "marketplace_id")
    Package.objects.filter(pk__in=[pk for pk, order_id, name in gone if (order_id, name) not in packages]).delete()
    upsert(
        Package, ("order_id", "marketplace_id", "status", "tracking_number", "shipping_provider"), packages.values(),
        key=("order_id", "marketplace_id"),
    )  # fmt: skip


def package_columns(record: OrderRecord, package_id: str) -> tuple[str, str, str]:
    """Status, tracking number and carrier as the package's line items tell them."""
    line = next((line for line in record.lines if line.package_id == package_id), None)
    if line is None:
        return "", "", ""
    return line.package_status, line.tracking_number, record.shipping_provider


KIND = pulling.Kind(
    kind=SyncKind.ORDERS,
    fetch=lambda adapter, since, until, cursor: adapter.orders_updated(since, until, cursor),
    store=store,
    sift=ours,
)
