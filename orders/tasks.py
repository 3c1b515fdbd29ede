"""Orders that somebody looks at are read again, where the marketplace cannot be asked what changed."""

import structlog
from celery import shared_task
from django.core.cache import cache

from marketplaces.errors import MarketplaceError
from orders import sync
from orders.models import Order
from shops import nudging

logger = structlog.get_logger(__name__)
FRESH_SECONDS = 60  # an order is read again once in so long, however many people look at it


def ask_for_reading(order: Order) -> None:
    """Have a worker read this order again; a broker that is down costs nothing but the news."""
    if not cache.add(f"order:read:{order.pk}", True, FRESH_SECONDS):
        return
    nudging.send(read_order, order.pk)


@shared_task
def read_order(order_id: int) -> None:
    order = Order.objects.select_related("shop__connection").get(pk=order_id)
    try:
        sync.read_again(order.shop, [order.marketplace_id])
    except MarketplaceError as error:
        logger.warning("order.not_read", order=order_id, code=error.code, error=error.message)
