"""Plays the retailer for tests and people: asks to cancel an order or a line, found by itself when none is named."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from sandbox.crux_timp import cancelling
from sandbox.crux_timp.cancelling import Doer
from sandbox.crux_timp.records import CancelRequest, Line, Order, Organization
from sandbox.crux_timp.world import World

SCOPES = ("order", "line")


def act(world: World, wish: Mapping[str, Any]) -> dict[str, Any]:
    """``{"action": "request", "order_uuid"?, "line_item_uuid"?, "supplier"?, "scope"?}``. Raises ValueError for what
    makes no sense and Refusal for what the network would not let a retailer do."""
    if wish.get("action") != "request":
        raise ValueError("action is request")
    if wish.get("scope", "order") not in SCOPES:
        raise ValueError("scope is order or line")
    doer = Doer("buyer", world.settle())
    line = _line(world, wish)
    order = line.order if line else _order(world, wish)
    if line is None and wish.get("scope") == "line":
        line = next((each for each in order.lines if _is_free(each, supplier_meant(world, wish))), None)
    requests = cancelling.request_line(world, line, doer) if line else cancelling.request_order(world, order, doer)
    return _told(order, line, requests, supplier_meant(world, wish))


def supplier_meant(world: World, wish: Mapping[str, Any]) -> Organization | None:
    """By organization UUID or name."""
    if not (word := wish.get("supplier")):
        return None
    for supplier in world.suppliers:
        if word in (supplier.uuid, supplier.name):
            return supplier
    raise ValueError("no such supplier")


def may_ask(order: Order, supplier: Organization | None = None) -> bool:
    """Whether the whole order could be asked for, with something in it for the supplier."""
    return not cancelling.pending(order) and any(
        line.is_open and supplier in (None, line.supplier) for line in order.lines
    )


def _is_free(line: Line, supplier: Organization | None) -> bool:
    return line.is_open and supplier in (None, line.supplier) and not cancelling.concerns_line(line)


def _line(world: World, wish: Mapping[str, Any]) -> Line | None:
    uuid = wish.get("line_item_uuid")
    if not uuid:
        return None
    line = world.lines.get(str(uuid))
    if line is None or wish.get("order_uuid", line.order.uuid) != line.order.uuid:
        raise ValueError("no such line")
    return line


def _order(world: World, wish: Mapping[str, Any]) -> Order:
    """The order named, or some order with nothing asked for yet: the supplier's alone if there is one."""
    if uuid := wish.get("order_uuid"):
        if uuid not in world.orders:
            raise ValueError("no such order")
        return world.orders[uuid]
    supplier = supplier_meant(world, wish)
    possible = [order for order in world.orders.values() if may_ask(order, supplier)]
    alone = [order for order in possible if len(order.suppliers) == 1]
    if not possible:
        raise ValueError("no order there can be asked for")
    return random.Random(len(world.requests())).choice(alone or possible)


def _told(
    order: Order, line: Line | None, requests: list[CancelRequest], supplier: Organization | None
) -> dict[str, Any]:
    first = supplier or (line.supplier if line else order.suppliers[0])
    return {
        "order_uuid": order.uuid,
        "po_number": order.po_number,
        "line_item_uuid": line.uuid if line else None,
        "supplier_org_uuid": first.uuid,
        "requests": [{"cancel_id": each.id, "supplier_org_uuid": each.supplier.uuid} for each in requests],
    }
