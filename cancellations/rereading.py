"""One order is read again while somebody stands there and waits."""

from collections.abc import Collection

from django.utils import timezone

from cancellations import sync
from marketplaces.http import within
from orders import sync as orders_sync
from orders.models import Order
from shops.markets import capabilities

LONGEST = 2.5  # seconds, for all of its calls together


def reread(order: Order) -> Collection[str]:
    """Fetch and store an order, and the requests about it where its marketplace lists them.

    Returns the ids of the requests that came: of any other, what is here is as it was before. Raises
    marketplaces.errors, at the latest after LONGEST. Needs `order.shop.connection`, and no transaction.
    """
    with within(LONGEST):
        orders_sync.read_again(order.shop, [order.marketplace_id])
        if capabilities(order.shop, timezone.now()).shows_requests:
            records = sync.read_requests_of_order(order.shop, order.marketplace_id)
            return {record.marketplace_id for record in records}
    return ()
