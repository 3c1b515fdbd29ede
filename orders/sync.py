"""Orders come in. The only writer of orders, line items and packages."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

from django.db import transaction

from marketplaces.base import Adapter
from marketplaces.records import OrderRecord, Page
from orders import cancelled
from orders.forgetting import keep_erased
from orders.models import LineItem, Order, Package
from shops import pulling
from shops.models import Shop, SyncKind, SyncRun
from shops.tokens import call_for
from shops.upsert import upsert

Read = Callable[[Any], Any]


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


def row(owner_id: int | None, columns: Mapping[str, Read], record: object) -> list[Any]:
    return [owner_id, *(read(record) for read in columns.values())]


def pull(shop: Shop, *, full: bool = False) -> SyncRun | None:
    """Read the orders of a shop that changed; see `shops.pulling.pull`."""
    return pulling.pull(shop, KIND, full=full)


def fetch_missing(shop: Shop, order_ids: Iterable[str]) -> None:
    """Fetch orders that a cancellation speaks of and that we do not have yet. Raises marketplaces.errors."""
    wanted = set(order_ids)
    stored = Order.objects.filter(shop=shop, marketplace_id__in=wanted).values_list("marketplace_id", flat=True)
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


def with_cancel_requested(shop: Shop) -> list[OrderRecord]:
    """Orders that say themselves that somebody asks to cancel, from all pages: the newest, which are the likeliest to
    be missing here, come last. Raises marketplaces.errors.
    """
    orders: list[OrderRecord] = []
    cursor = ""
    while True:
        page = call_for(shop, partial(ask_for_flagged, cursor=cursor))
        orders += page.records
        cursor = page.next_cursor
        if not cursor:
            return orders


def ask_for_flagged(adapter: Adapter, cursor: str) -> Page[OrderRecord]:
    return adapter.orders_with_cancel_requested(cursor)


def store(shop: Shop, records: Sequence[OrderRecord]) -> int:
    """Store a page of orders in the surrounding transaction; returns how many were new or changed.

    Asking first which ones moved is far cheaper than writing in vain.
    """
    rows = Order.objects.filter(shop=shop, marketplace_id__in=[record.marketplace_id for record in records])
    marks = rows.values_list("marketplace_id", "updated_at", "status", "fingerprint", named=True)
    stored = {row.marketplace_id: mark(row) for row in marks}
    newest = newest_of_each(records)
    return write(shop, {key: one for key, one in newest.items() if stored.get(key) != mark(one)})


def mark(order: Any) -> object:
    """What differs once an order, stored or told, has moved.

    Marketplaces that tell the time of a change count in whole seconds, so that its status is needed too; of others we
    only know when we read it, and compare what was read.
    """
    return order.fingerprint or (order.updated_at, order.status)


def newest_of_each(records: Sequence[OrderRecord]) -> dict[str, OrderRecord]:
    """By id; a page may tell of one order twice."""
    return {record.marketplace_id: record for record in sorted(records, key=attrgetter("updated_at"))}


def write(shop: Shop, changed: Mapping[str, OrderRecord]) -> int:
    """Write orders with their lines and packages, unless something newer is stored; returns how many were written."""
    if not changed:
        return 0
    pulling.one_writer(shop, SyncKind.ORDERS)
    known = cancelled.stored_before(shop, changed.values())
    ids = upsert(
        Order, ("shop_id", *ORDER_COLUMNS), [row(shop.pk, ORDER_COLUMNS, record) for record in changed.values()],
        key=("shop_id", "marketplace_id"), unless_older_by="updated_at",
    )  # fmt: skip
    written = {ids[marketplace_id]: changed[marketplace_id] for marketplace_id in ids}
    store_lines(written)
    store_packages(written)
    cancelled.note(shop, written, known)
    keep_erased(written)
    return len(written)


def store_lines(written: Mapping[int, OrderRecord]) -> None:
    rows = {
        (order_id, line.marketplace_id): row(order_id, LINE_COLUMNS, line)
        for order_id, record in written.items()
        for line in record.lines
    }
    upsert(LineItem, ("order_id", *LINE_COLUMNS), rows.values(), key=("order_id", "marketplace_id"))


def store_packages(written: Mapping[int, OrderRecord]) -> None:
    """Packages are split and combined, so those that an order no longer names are gone."""
    rows = {
        (order_id, package_id): [order_id, package_id, *package_columns(record, package_id)]
        for order_id, record in written.items()
        for package_id in {*record.package_ids, *(line.package_id for line in record.lines if line.package_id)}
    }
    gone = Package.objects.filter(order__in=written).values_list("pk", "order_id", "marketplace_id")
    Package.objects.filter(pk__in=[pk for pk, order_id, name in gone if (order_id, name) not in rows]).delete()
    upsert(
        Package, ("order_id", "marketplace_id", "status", "tracking_number", "shipping_provider"), rows.values(),
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
)
