"""What retailers wrote to their suppliers by e-mail: the only place where it says which order they ask to cancel."""

from __future__ import annotations

from typing import Any

from sandbox.crux_timp import cancelling
from sandbox.crux_timp.encoding import timestamp
from sandbox.crux_timp.records import CancelRequest, Order, Organization
from sandbox.crux_timp.world import World


def unanswered(world: World, supplier: Organization | None) -> list[dict[str, Any]]:
    """A letter for each request that waits, oldest first."""
    letters = [(each, order) for order in world.orders.values() for each in cancelling.pending(order, supplier)]
    return [_letter(request, order) for request, order in sorted(letters, key=lambda one: one[0].asked)]


def _letter(request: CancelRequest, order: Order) -> dict[str, Any]:
    what = f"{request.line.sku.name} of order {order.po_number}" if request.line else f"order {order.po_number}"
    return {
        "shop_id": request.supplier.uuid,
        "sent": timestamp(request.asked),
        "from": order.retailer.name,
        "order_id": order.uuid,
        "line_item_id": request.line.uuid if request.line else None,
        "text": f"Please cancel {what}.",
    }
