"""The buyer's side: asking to cancel and taking it back."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from sandbox.tiktok_shop import lifecycle
from sandbox.tiktok_shop.records import PENDING, Cancellation, Line, Order, Shop
from sandbox.tiktok_shop.refusals import Refusal
from sandbox.tiktok_shop.world import World


def act(world: World, wish: Mapping[str, Any]) -> Cancellation:
    """``{"action": "request", "order_id"?, "shop_id"?, "region"?, "reason"?, "line_item_ids"?}`` or
    ``{"action": "withdraw", "cancel_id" or "order_id"}``. Raises ValueError for what makes no sense and Refusal for
    what the platform would not let a buyer do."""
    now = world.settle()
    match wish.get("action"):
        case "request":
            return _request(world, wish, now)
        case "withdraw":
            cancellation = _waiting(world, wish)
            lifecycle.close(world, cancellation, now, lifecycle.BUYER, "cancellation.withdrawn")
            return cancellation
    raise ValueError("action is request or withdraw")


def shop_meant(world: World, wish: Mapping[str, Any]) -> Shop:
    """By id, else the first of a region, else the first of all."""
    for shop in world.shops.values():
        if wish.get("shop_id", shop.id) == shop.id and wish.get("region", shop.region) == shop.region:
            return shop
    raise ValueError("no such shop")


def may_request(order: Order) -> bool:
    return order.status == "AWAITING_SHIPMENT" and order.pending_cancel_id is None


def _request(world: World, wish: Mapping[str, Any], now: int) -> Cancellation:
    order = _order(world, wish)
    status = order.status if order.status == "UNPAID" else "AWAITING_SHIPMENT"
    codes = world.reasons.buyer(order.shop.region, status)
    reason = wish.get("reason") or codes[0]
    if reason not in codes:
        raise ValueError("reason is one of " + ", ".join(codes))
    return lifecycle.request_cancellation(world, order, _lines(order, wish.get("line_item_ids")), reason, now)


def _order(world: World, wish: Mapping[str, Any]) -> Order:
    """The order named, or some order of the shop or region that a buyer may ask to cancel."""
    if order_id := wish.get("order_id"):
        if order_id not in world.orders:
            raise ValueError("no such order")
        return world.orders[order_id]
    shops = {
        shop.id
        for shop in world.shops.values()
        if wish.get("shop_id", shop.id) == shop.id and wish.get("region", shop.region) == shop.region
    }
    possible = [order for order in world.orders.values() if order.shop.id in shops and may_request(order)]
    if not possible:
        raise ValueError("no order there can be asked for")
    return random.Random(len(world.cancellations)).choice(possible)


def _lines(order: Order, line_ids: list[str] | None) -> list[Line]:
    if not line_ids:
        return order.open_lines
    lines = [line for line in order.open_lines if line.id in line_ids]
    if len(lines) != len(set(line_ids)):
        raise ValueError("line_item_ids are not open lines of the order")
    return lines


def _waiting(world: World, wish: Mapping[str, Any]) -> Cancellation:
    order = world.orders.get(str(wish.get("order_id")))
    cancel_id = wish.get("cancel_id") or (order.pending_cancel_id if order else None)
    cancellation = world.cancellations.get(str(cancel_id))
    if cancellation is None:
        raise ValueError("no such request")
    if cancellation.status != PENDING:
        raise Refusal(25020003, "The request does not wait any more")
    return cancellation
