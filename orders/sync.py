"""Orders come in. The only writer of orders, line items and packages."""

from collections.abc import Iterable, Mapping, Sequence

from django.db import transaction

from marketplaces.records import LineItemRecord, OrderRecord
from orders.models import LineItem, Order, Package
from shops import pulling
from shops.models import Shop, SyncKind, SyncRun
from shops.tokens import call_for
from shops.upsert import upsert

ORDER_COLUMNS = (
    "shop_id", "marketplace_id", "status", "currency", "total", "subtotal", "shipping_fee", "tax", "created_at",
    "updated_at", "paid_at", "shipped_at", "cancelled_at", "ship_by", "is_cancel_requested", "cancel_requested_at",
    "is_on_hold", "is_shipped", "is_cancelled", "is_cash_on_delivery", "cancelled_by", "cancel_reason", "fulfillment_type", "shipping_type",
    "delivery_option_id", "delivery_option_name", "shipping_provider", "tracking_number", "warehouse_id",
    "payment_method", "buyer_id", "buyer_message", "recipient_name", "recipient_region", "recipient_address", "extra",
)  # fmt: skip
LINE_COLUMNS = (
    "order_id", "marketplace_id", "status", "product_id", "product_name", "sku_id", "sku_name", "seller_sku",
    "image_url", "quantity", "currency", "price", "original_price", "package_id", "package_status", "tracking_number",
    "cancelled_by", "cancel_reason", "is_shipped", "is_cancelled", "is_gift", "extra",
)  # fmt: skip


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
    with transaction.atomic():
        store(shop, page.records)
    return page.records


def store(shop: Shop, records: Sequence[OrderRecord]) -> int:
    """Store a page of orders in the surrounding transaction; returns how many were new or changed."""
    changed = only_changed(shop, records)
    if not changed:
        return 0
    ids = upsert(
        Order, ORDER_COLUMNS, [order_row(shop, record) for record in changed.values()],
        key=("shop_id", "marketplace_id"), newer_by="updated_at",
    )  # fmt: skip
    written = {ids[marketplace_id]: changed[marketplace_id] for marketplace_id in ids}
    store_lines(written)
    store_packages(written)
    return len(written)


def only_changed(shop: Shop, records: Sequence[OrderRecord]) -> dict[str, OrderRecord]:
    """The records that are new or tell something newer, by id; asking first is far cheaper than writing in vain."""
    newest: dict[str, OrderRecord] = {}
    for record in records:
        known = newest.get(record.marketplace_id)
        if known is None or known.updated_at <= record.updated_at:
            newest[record.marketplace_id] = record
    stored = {
        marketplace_id: (updated_at, status)
        for marketplace_id, updated_at, status in Order.objects.filter(
            shop=shop, marketplace_id__in=list(newest)
        ).values_list("marketplace_id", "updated_at", "status")
    }
    return {
        key: record
        for key, record in newest.items()
        if key not in stored
        or record.updated_at > stored[key][0]
        or (record.updated_at == stored[key][0] and record.status != stored[key][1])
    }


def order_row(shop: Shop, record: OrderRecord) -> list[object]:
    return [
        shop.pk, record.marketplace_id, record.status, record.total.currency, record.total.amount,
        record.subtotal.amount, record.shipping_fee.amount, record.tax.amount, record.created_at, record.updated_at,
        record.paid_at, record.shipped_at, record.cancelled_at, record.ship_by, record.is_cancel_requested,
        record.cancel_requested_at, record.is_on_hold, record.is_shipped, record.is_cancelled, record.is_cash_on_delivery, record.cancelled_by,
        record.cancel_reason, record.fulfillment_type, record.shipping_type, record.delivery_option_id,
        record.delivery_option_name, record.shipping_provider, record.tracking_number, record.warehouse_id,
        record.payment_method, record.buyer_id, record.buyer_message, record.recipient_name, record.recipient_region,
        record.recipient_address, dict(record.extra),
    ]  # fmt: skip


def line_row(order_id: int, line: LineItemRecord) -> list[object]:
    return [
        order_id, line.marketplace_id, line.status, line.product_id, line.product_name, line.sku_id, line.sku_name,
        line.seller_sku, line.image_url, line.quantity, line.price.currency, line.price.amount,
        line.original_price.amount, line.package_id, line.package_status, line.tracking_number, line.cancelled_by,
        line.cancel_reason, line.is_shipped, line.is_cancelled, line.is_gift, dict(line.extra),
    ]  # fmt: skip


def store_lines(written: Mapping[int, OrderRecord]) -> None:
    rows = {
        (order_id, line.marketplace_id): line_row(order_id, line)
        for order_id, record in written.items()
        for line in record.lines
    }
    upsert(LineItem, LINE_COLUMNS, rows.values(), key=("order_id", "marketplace_id"))


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
