"""The ledger of cancelled lines: what stock and money events are made of, each exactly once.

Of a line it holds the most that was ever cancelled. Where fewer are cancelled later nothing is told, and so nothing
where they are cancelled again: whoever acted on the events has counted those units once.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db import connection
from django.db.models.functions import Coalesce
from django.utils import timezone

from marketplaces.records import LineItemRecord, OrderRecord, Progress
from orders.models import CancelledLine, Order
from shops import outgoing
from shops.markets import capabilities
from shops.models import OutgoingEvent, Shop

# Who has it yet: a label alone takes nothing out of the stock.
STILL_HERE = (Progress.NO_LABEL, Progress.LABEL_MADE)
# The key is made of what the step is of: a database that is put back to an earlier copy tells it by the same id again.
# What is cancelled of a line in all, as `LineItem.cancelled_in_all` says it, less what is in the ledger already. Units
# that left and units that are cancelled are others, until together they are more than the line has.
ADD = """
INSERT INTO orders_cancelledline
  (shop_id, order_id, line_item_id, quantity, cancelled_in_all, currency, amount, was_shipped, was_paid, is_told,
   cancelled_at, key)
SELECT o.shop_id, o.id, line.id, part.units, part.in_all, line.currency, line.price * part.units, part.was_shipped,
       o.paid_at IS NOT NULL, o.id = ANY(%(news)s), COALESCE(o.cancelled_at, o.updated_at),
       left(encode(sha256(convert_to(concat_ws(' ', shop.marketplace, shop.marketplace_id, o.marketplace_id,
         line.marketplace_id, part.in_all), 'UTF8')), 'hex'), 32)::uuid
FROM unnest(%(orders)s::bigint[], %(lines)s::text[], %(left)s::int[]) AS has_left (order_id, line, units)
JOIN orders_lineitem line ON line.order_id = has_left.order_id AND line.marketplace_id = has_left.line
JOIN orders_order o ON o.id = line.order_id
JOIN shops_shop shop ON shop.id = o.shop_id
CROSS JOIN LATERAL (SELECT GREATEST(line.cancelled_quantity,
  CASE WHEN line.is_cancelled THEN line.quantity - line.shipped_quantity ELSE 0 END) AS units) total
CROSS JOIN LATERAL (SELECT COALESCE(MAX(step.cancelled_in_all), 0) AS units,
  COALESCE(SUM(step.quantity) FILTER (WHERE step.was_shipped), 0) AS that_left
  FROM orders_cancelledline step WHERE step.line_item_id = line.id) known
CROSS JOIN LATERAL (SELECT LEAST(total.units - known.units,
  GREATEST(0, has_left.units + total.units - line.quantity - known.that_left)) AS units) gone
CROSS JOIN LATERAL (VALUES (total.units - known.units - gone.units, total.units - gone.units, false),
  (gone.units, total.units, true)) part (units, in_all, was_shipped)
WHERE total.units > known.units AND part.units > 0
ORDER BY line.id, part.in_all
ON CONFLICT (line_item_id, cancelled_in_all) DO NOTHING
RETURNING id
"""


# {order's marketplace id: {line's: how many of it had left the seller}}
Left = Mapping[str, Mapping[str, int]]


def cancelled_lines(record: OrderRecord) -> list[LineItemRecord]:
    return [line for line in record.lines if line.is_cancelled or line.cancelled_quantity]


def stored_before(shop: Shop, records: Iterable[OrderRecord]) -> Left:
    """Of orders with cancelled lines, those that were here before; asks nothing where there is no such order."""
    ids = [record.marketplace_id for record in records if cancelled_lines(record)]
    if not ids:
        return {}
    progress = capabilities(shop, timezone.now()).progress
    found: dict[str, dict[str, int]] = defaultdict(dict)
    rows = Order.objects.filter(shop=shop, marketplace_id__any=ids).order_by().values_list(
        "marketplace_id", "status", Coalesce("collected_at", "delivered_at"),
        "lines__marketplace_id", "lines__status", "lines__shipped_quantity",
    )  # fmt: skip
    for order_id, order_status, collected_at, line_id, status, shipped in rows:
        is_here = progress.get(status or order_status) in STILL_HERE and not collected_at
        found[order_id][line_id] = 0 if is_here else shipped
    return found


def left_by_now(record: OrderRecord, line: LineItemRecord) -> int:
    """As it is told with the cancelling: that a carrier had the parcel, or how many of the line had been sent."""
    if record.is_cancelled and (record.collected_at or record.delivered_at):
        return line.quantity
    return line.shipped_quantity


def note(shop: Shop, written: Mapping[int, OrderRecord], known: Left) -> None:
    """Add what came to be cancelled of orders that were just written, in their transaction, and announce it.

    Nothing is done where no line is cancelled. Of `known` orders everything is news; of others what was cancelled
    since the shop was connected here.
    """
    touched = {pk: record for pk, record in written.items() if cancelled_lines(record)}
    if not touched:
        return
    news = [pk for pk, record in touched.items() if is_news(shop, record, is_known=record.marketplace_id in known)]
    lines = [(pk, record, line) for pk, record in touched.items() for line in cancelled_lines(record)]
    left = [
        max(known.get(record.marketplace_id, {}).get(line.marketplace_id, 0), left_by_now(record, line))
        for _, record, line in lines
    ]
    told_of: dict[str, Any] = {
        "orders": [pk for pk, _, _ in lines], "lines": [line.marketplace_id for _, _, line in lines], "left": left,
        "news": news,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(ADD, told_of)
        added = [pk for (pk,) in cursor.fetchall()]
    if added:
        rows = CancelledLine.objects.filter(pk__in=added, is_told=True).select_related("order", "line_item")
        announce(list(rows.order_by("order_id", "pk")))


def is_news(shop: Shop, record: OrderRecord, *, is_known: bool) -> bool:
    """Where the marketplace does not tell when an order was cancelled, one that was not here before may be old."""
    connected_at = shop.created_at.replace(microsecond=0)  # marketplaces count in whole seconds
    if record.cancelled_at:
        return record.cancelled_at >= connected_at
    return is_known or record.created_at >= connected_at


def announce(rows: Sequence[CancelledLine]) -> None:
    of_order: dict[int, list[CancelledLine]] = defaultdict(list)
    for row in rows:
        of_order[row.order_id].append(row)
    outgoing.announce(event for some in of_order.values() for event in told(some))


def announce_again(row: CancelledLine) -> None:
    """What is told of a step's stock and money, where it was not; their ids keep it from being told twice."""
    outgoing.announce(one for one in told([row]) if one.event_id in (stock_id(row), money_id(row)))


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
