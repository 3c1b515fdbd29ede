"""The whole truth about orders, requests included, for the control API. No call of the network shows it."""

from __future__ import annotations

from typing import Any

from sandbox.crux_timp import cancelling, retailer
from sandbox.crux_timp.encoding import allocation_status, designation, timestamp
from sandbox.crux_timp.records import CancelRequest, Line, Order, Organization
from sandbox.crux_timp.world import World

STATES = ("pending", "open", "closed")


def state_of(order: Order, supplier: Organization | None) -> str:
    """``pending``: something is asked for. ``open``: all of it could be. ``closed``: nothing is left to cancel."""
    if cancelling.pending(order, supplier):
        return "pending"
    return "open" if retailer.may_ask(order, supplier) else "closed"


def orders(world: World, supplier: Organization | None, state: str | None) -> list[dict[str, Any]]:
    """Newest first, in short."""
    if state not in (None, *STATES):
        raise ValueError("state is one of " + ", ".join(STATES))
    found = [
        order
        for order in world.orders.values()
        if supplier in (None, *order.suppliers) and state in (None, state_of(order, supplier))
    ]
    found.sort(key=lambda order: order.created, reverse=True)
    return [_summary(order, supplier) for order in found]


def order(world: World, uuid: str) -> dict[str, Any] | None:
    found = world.orders.get(uuid)
    if found is None:
        return None
    return {
        **_summary(found, None),
        "created_date": timestamp(found.created),
        "sent_to_supplier": found.sent_to_supplier,
        "lines": [_line(world, line) for line in found.lines],
        "packages": [
            {"package_uuid": each.uuid, "tracking_number": each.tracking_number, "quantities": each.quantities}
            for each in found.packages
        ],
        "requests": [_request(request) for request in found.requests],
    }


def _summary(order: Order, supplier: Organization | None) -> dict[str, Any]:
    lines = [line for line in order.lines if supplier in (None, line.supplier)]
    return {
        "order_uuid": order.uuid,
        "po_number": order.po_number,
        "retailer_org_uuid": order.retailer.uuid,
        "supplier_org_uuids": [each.uuid for each in order.suppliers],
        "state": state_of(order, supplier),
        "open_line_item_uuids": [line.uuid for line in lines if line.is_open],
        "pending": [_request(each) for each in cancelling.pending(order, supplier)],
    }


def _line(world: World, line: Line) -> dict[str, Any]:
    allocation = line.allocation
    return {
        "line_item_uuid": line.uuid,
        "item_uuid": line.sku.item_uuid,
        "sku_id": line.sku.sku_id,
        "supplier_org_uuid": line.supplier.uuid,
        "quantity_ordered": line.quantity,
        "quantity_accepted": allocation.accepted if allocation else 0,
        "quantity_rejected": allocation.rejected if allocation else 0,
        "quantity_backordered": allocation.backordered if allocation else 0,
        "quantity_shipped": line.shipped,
        "status": allocation_status(line),
        "designation": designation(world, line),
        "is_open": line.is_open,
        "is_cancelled": line.cancelled,
    }


def _request(request: CancelRequest) -> dict[str, Any]:
    return {
        "cancel_id": request.id,
        "supplier_org_uuid": request.supplier.uuid,
        "line_item_uuid": request.line.uuid if request.line else None,
        "state": request.state,
        "asked": timestamp(request.asked),
        "settled": timestamp(request.settled) if request.settled else None,
        "settled_with": request.settled_with,
    }
