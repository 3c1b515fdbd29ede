"""The ledger of cancelled lines: what stock and money events are made of, each exactly once."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db import connection

from marketplaces.records import OrderRecord
from orders.models import CancelledLine, Order
from shops import outgoing
from shops.models import OutgoingEvent, Shop

# What is cancelled of a line in all, as `LineItem.cancelled_in_all` says it, less what is in the ledger already.
ADD = """
INSERT INTO orders_cancelledline
  (shop_id, order_id, line_item_id, quantity, cancelled_in_all, currency, amount, was_shipped, was_paid, is_told,
   cancelled_at)
SELECT o.shop_id, o.id, line.id, total.units - known.units, total.units, line.currency,
       line.price * (total.units - known.units), line.is_shipped, o.paid_at IS NOT NULL, o.id = ANY(%(news)s),
       COALESCE(o.cancelled_at, o.updated_at)
FROM orders_lineitem line
JOIN orders_order o ON o.id = line.order_id
CROSS JOIN LATERAL (SELECT GREATEST(line.cancelled_quantity,
  CASE WHEN line.is_cancelled THEN line.quantity - line.shipped_quantity ELSE 0 END) AS units) total
CROSS JOIN LATERAL (SELECT COALESCE(MAX(step.cancelled_in_all), 0) AS units
  FROM orders_cancelledline step WHERE step.line_item_id = line.id) known
WHERE line.order_id = ANY(%(orders)s) AND total.units > known.units
ORDER BY line.id
ON CONFLICT (line_item_id, cancelled_in_all) DO NOTHING
RETURNING id
"""


def has_cancelled_lines(record: OrderRecord) -> bool:
    return any(line.is_cancelled or line.cancelled_quantity for line in record.lines)


def stored_before(shop: Shop, records: Iterable[OrderRecord]) -> set[str]:
    """Of orders with cancelled lines, those that were here before; asks nothing where there is no such order."""
    ids = [record.marketplace_id for record in records if has_cancelled_lines(record)]
    if not ids:
        return set()
    return set(Order.objects.filter(shop=shop, marketplace_id__in=ids).values_list("marketplace_id", flat=True))


def note(shop: Shop, written: Mapping[int, OrderRecord], known: Collection[str]) -> None:
    """Add what came to be cancelled of orders that were just written, in their transaction, and announce it.

    Nothing is done where no line is cancelled. Of `known` orders everything is news; of others what was cancelled
    since the shop was connected here.
    """
    touched = {pk: record for pk, record in written.items() if has_cancelled_lines(record)}
    if not touched:
        return
    news = [pk for pk, record in touched.items() if is_news(shop, record, is_known=record.marketplace_id in known)]
    with connection.cursor() as cursor:
        cursor.execute(ADD, {"orders": list(touched), "news": news})
        added = [pk for (pk,) in cursor.fetchall()]
    if added:
        rows = CancelledLine.objects.filter(pk__in=added, is_told=True).select_related("order", "line_item")
        announce(list(rows.order_by("order_id", "pk")))


def is_news(shop: Shop, record: OrderRecord, *, is_known: bool) -> bool:
    """Where the marketplace does not tell when an order was cancelled, one that was not here before may be old."""
    if record.cancelled_at:
        return record.cancelled_at >= shop.created_at
    return is_known or record.created_at >= shop.created_at


def announce(rows: Sequence[CancelledLine]) -> None:
    of_order: dict[int, list[CancelledLine]] = defaultdict(list)
    for row in rows:
        of_order[row.order_id].append(row)
    outgoing.announce(event for some in of_order.values() for event in told(some))


def told(rows: Sequence[CancelledLine]) -> Iterator[OutgoingEvent]:
    """One event for the order; for each line one if its stock is free again, and one if its money goes back.

    What had left the seller is not in the stock; what nobody had paid is not given back.
    """
    order = rows[0].order
    facts = of_order(order)
    yield event("line_items.cancelled", order, {**facts, "lines": [of_line(row) for row in rows]})
    for row in rows:
        one = {**facts, **of_line(row)}
        if stock := stock_id(row):
            yield event("stock.released", order, one, stock)
        if money := money_id(row):
            yield event("money.returned", order, one, money)


def stock_id(row: CancelledLine) -> str | None:
    """The id of what is told of its stock; None where nothing is."""
    return f"stock_{row.key.hex}" if row.is_told and not row.was_shipped else None


def money_id(row: CancelledLine) -> str | None:
    return f"money_{row.key.hex}" if row.is_told and row.was_paid and row.amount else None


def event(type: str, order: Order, data: Mapping[str, Any], event_id: str = "") -> OutgoingEvent:  # noqa: A002
    return outgoing.event(
        type, f"order:{order.pk}", data, shop_id=order.shop_id, at=order.cancelled_at or order.updated_at,
        event_id=event_id,
    )  # fmt: skip


def of_order(order: Order) -> dict[str, Any]:
    return {
        "shop": order.shop_id, "order": order.pk, "url": outgoing.address("api:order-detail", order.pk),
        "order_marketplace_id": order.marketplace_id, "order_number": order.number,
        "warehouse_id": order.warehouse_id,
    }  # fmt: skip


def of_line(row: CancelledLine) -> dict[str, Any]:
    line = row.line_item
    return {
        "cancelled_line": row.pk, "line_item": line.pk, "line_item_marketplace_id": line.marketplace_id,
        "sku_id": line.sku_id, "seller_sku": line.seller_sku, "product_id": line.product_id, "quantity": row.quantity,
        "cancelled_in_all": row.cancelled_in_all, "amount": outgoing.money(row.amount, row.currency),
        "was_shipped": row.was_shipped, "was_paid": row.was_paid,
    }  # fmt: skip
