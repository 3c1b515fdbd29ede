"""Forgetting who ordered: what tells of a buyer goes; what was ordered, paid and sent stays, for the accounts."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from orders.models import LineItem, Order, OrderQuerySet

# Columns that tell of a person, and what stands there afterwards. The fingerprint is made of them, too.
BLANK: dict[str, Any] = {
    "buyer_id": "",
    "buyer_name": "",
    "buyer_message": "",
    "recipient_name": "",
    "recipient_address": "",
    "extra": {},
    "fingerprint": "",
}


def erase(order_ids: Collection[int], now: datetime) -> int:
    """Blank these orders and remember that they were; returns how many. They must be locked."""
    blank(order_ids)
    return Order.objects.filter(pk__in=order_ids).update(purged_at=now)


def blank(order_ids: Collection[int]) -> None:
    LineItem.objects.filter(order__in=order_ids).exclude(extra={}).update(extra={})
    Order.objects.filter(pk__in=order_ids).update(**BLANK)


def keep_erased(written: Collection[int]) -> None:
    """Of orders that were written in this transaction, blank again those that were erased.

    One that came to life again has to be answered and sent like any other: it is known again until it is over.
    """
    erased = list(Order.objects.filter(pk__any=written, purged_at__isnull=False).values_list("pk", flat=True))
    if erased:
        over = list(Order.objects.filter(pk__in=erased).over().values_list("pk", flat=True))
        blank(over)
        Order.objects.filter(pk__in=set(erased).difference(over)).update(purged_at=None)


def of_one_buyer(marketplace: str, order: Order) -> OrderQuerySet:
    """All orders of who placed this one; this one alone where nothing tells, or where a business buys for many."""
    if order.buyer_id and not order.buyer_name:
        return of_buyer(marketplace, order.buyer_id)
    return Order.objects.filter(pk=order.pk)


def of_buyer(marketplace: str, buyer_id: str) -> OrderQuerySet:
    """Read for in all orders, since nothing else looks for buyers and an index would only serve this."""
    return Order.objects.filter(shop__marketplace=marketplace, buyer_id=buyer_id).exclude(buyer_id="")
