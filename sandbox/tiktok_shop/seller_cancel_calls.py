"""A seller cancels on his own initiative: Cancel Order, Get Aftersale Eligibility and Calculate Refund."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sandbox.tiktok_shop import lifecycle
from sandbox.tiktok_shop.call import Call
from sandbox.tiktok_shop.encoding import dumps, refund_json
from sandbox.tiktok_shop.records import Line, Order
from sandbox.tiktok_shop.refusals import Refusal, words_of
from sandbox.tiktok_shop.world import World

CANCELLABLE = ("UNPAID", "ON_HOLD", "AWAITING_SHIPMENT")


def cancel_order(world: World, call: Call) -> bytes:
    """The whole order, or some lines where market and reason allow it. Has no idempotency key: twice is refused."""
    order = _order(world, call, call.body["order_id"])
    if (code := _seller_may_not_cancel(order)) is not None:
        raise Refusal(code)
    reason = call.body["cancel_reason"]
    status = "AWAITING_SHIPMENT" if order.status == "AWAITING_COLLECTION" else order.status
    world.reasons.check_seller(order.shop.region, status, reason)
    lines = chosen_lines(order, call.body)
    if len(lines) < len(order.open_lines) and not world.reasons.allows_lines(order.shop.region, reason):
        raise Refusal(25005010)
    cancellation = lifecycle.cancel_at_once(world, order, lines, reason, call.now, role="SELLER", doer=call.seller)
    return dumps({"cancel_id": cancellation.id, "cancel_status": cancellation.status})


def aftersale_eligibility(world: World, call: Call) -> bytes:
    """What may be asked for, by SKU. A buyer's and a seller's rights differ in when they end."""
    order = _order(world, call, call.path["order_id"])
    by_buyer = call.query.get("initiate_aftersale_user", "SELLER") == "BUYER"
    cancel = _buyer_may_not_cancel(order) if by_buyer else _seller_may_not_cancel(order)
    back = None if order.status in ("DELIVERED", "COMPLETED") else 25001003
    return dumps(
        {
            "sku_eligibility": [
                {
                    "sku_id": sku_id,
                    "line_item_eligibility": [
                        _eligibility("CANCEL", line_ids, cancel),
                        _eligibility("RETURN", line_ids, back),
                        _eligibility("RETURN_AND_REFUND", line_ids, back),
                    ],
                }
                for sku_id, line_ids in _lines_by_sku(order).items()
            ]
        }
    )


def calculate_refund(world: World, call: Call) -> bytes:
    order = _order(world, call, call.body["order_id"])
    if not order.open_lines:
        raise Refusal(25001001, "Every line of the order is cancelled")
    return dumps({"order_refund_amount": _without_buyer_fee(refund_json(order, chosen_lines(order, call.body)))})


def chosen_lines(order: Order, body: dict[str, Any]) -> list[Line]:
    """The open lines a body names by id, or by SKU and quantity; all of them when it names none."""
    line_ids, skus = body.get("order_line_item_ids") or [], body.get("skus") or []
    if line_ids and skus:
        raise Refusal(25001001, "Send 'skus' or 'order_line_item_ids', not both")
    if line_ids:
        return _by_id(order, line_ids)
    if skus:
        return _by_sku(order, skus)
    return order.open_lines


def _by_id(order: Order, line_ids: list[str]) -> list[Line]:
    known = {line.id: line for line in order.lines}
    if unknown := [line_id for line_id in line_ids if line_id not in known]:
        raise Refusal(25001001, f"Line item '{unknown[0]}' is not part of the order")
    if len(set(line_ids)) < len(line_ids) or any(known[each].status == "CANCELLED" for each in line_ids):
        raise Refusal(25005011)
    return [known[line_id] for line_id in line_ids]


def _by_sku(order: Order, skus: list[dict[str, Any]]) -> list[Line]:
    wanted: Counter[str] = Counter()
    for row in skus:
        wanted[row["sku_id"]] += row["quantity"]
    lines: list[Line] = []
    for sku_id, quantity in wanted.items():
        if all(line.sku.id != sku_id for line in order.lines):
            raise Refusal(25001001, f"SKU '{sku_id}' is not part of the order")
        left = [line for line in order.open_lines if line.sku.id == sku_id]
        if quantity > len(left):
            raise Refusal(25005011)
        lines += left[:quantity]
    return lines


def _order(world: World, call: Call, order_id: str) -> Order:
    order = world.orders.get(order_id)
    if order is None:
        raise Refusal(25007006)
    if order.shop is not call.of:
        raise Refusal(25020005)
    return order


def _seller_may_not_cancel(order: Order) -> int | None:
    """The code of why not. Between ready-to-ship and collection only US sellers may still cancel."""
    if order.status == "CANCELLED":
        return 25001011
    if order.status == "COMPLETED":
        return 25001051
    if order.pending_cancel_id is not None:
        return 25001011
    if order.status in CANCELLABLE or (order.status == "AWAITING_COLLECTION" and order.shop.region == "US"):
        return None
    return 25001045


def _buyer_may_not_cancel(order: Order) -> int | None:
    if order.pending_cancel_id is not None:
        return 25001011
    return None if order.status in CANCELLABLE else 25001003


def _lines_by_sku(order: Order) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in order.open_lines or order.lines:
        found.setdefault(line.sku.id, []).append(line.id)
    return found


def _eligibility(request_type: str, line_ids: list[str], code: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {"request_type": request_type, "order_line_items_ids": line_ids, "eligible": code is None}
    if code is not None:
        found |= {"ineligible_code": code, "ineligible_reason": words_of(code)}
    return found


def _without_buyer_fee(refund: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in refund.items() if name != "buyer_service_fee"}
