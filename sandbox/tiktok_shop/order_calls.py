"""Get Authorized Shops, Get Order List and Get Order Detail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.tiktok_shop.call import Call
from sandbox.tiktok_shop.encoding import dumps, shop_json
from sandbox.tiktok_shop.records import Order
from sandbox.tiktok_shop.refusals import Refusal
from sandbox.tiktok_shop.timeline import Timeline, Wanted
from sandbox.tiktok_shop.world import World


def authorized_shops(world: World, call: Call) -> bytes:
    """Every shop of the seller behind the token."""
    seller_id = call.grant.seller_id if call.grant else ""
    return dumps({"shops": [shop_json(shop) for shop in world.shops.values() if shop.seller_id == seller_id]})


def order_list(world: World, call: Call) -> bytes:
    """Newest first unless asked otherwise; filters are joined with "and"."""
    shop, query, body = call.of, call.query, call.body
    by = query.get("sort_field", "create_time")
    timeline = shop.orders_updated if by == "update_time" else shop.orders_created
    keep = _order_filter(body, by)
    page = world.pager.page(
        timeline,
        shop.version,
        Wanted(
            since=body.get(by + "_ge"),
            until=body.get(by + "_lt"),
            descending=query.get("sort_order", "DESC") == "DESC",
            size=query["page_size"],
            token=query.get("page_token", ""),
            question=f"orders {shop.id} {by} {query.get('sort_order')} {sorted(body.items())}",
            find=world.orders.__getitem__,
            keep=keep,
        ),
    )
    return paged(b"orders", [world.encoder.order(order) for order in page.records], page.total, page.next_token)


def order_detail(world: World, call: Call) -> bytes:
    """Unknown ids are left out; one that belongs to another shop refuses the whole call."""
    found = []
    for order_id in dict.fromkeys(call.query["ids"]):
        order = world.orders.get(order_id)
        if order is not None and order.shop is not call.of:
            raise Refusal(21008111)
        if order is not None:
            found.append(world.encoder.order(order))
    return b'{"orders":[' + b",".join(found) + b"]}"


def paged(name: bytes, records: list[bytes], total: int, token: str) -> bytes:
    """A page out of records that are JSON already."""
    return (
        b'{"next_page_token":'
        + dumps(token)
        + b',"total_count":'
        + str(total).encode()
        + b',"'
        + name
        + b'":['
        + b",".join(records)
        + b"]}"
    )


def within(record: Any, body: dict[str, Any], name: str) -> bool:
    """Whether the record's time lies in the half-open window the body asks for."""
    moment: int = getattr(record, name)
    since, until = body.get(name + "_ge"), body.get(name + "_lt")
    return (since is None or moment >= since) and (until is None or moment < until)


def other_window(timeline_field: str, body: dict[str, Any]) -> str | None:
    """The time field that is filtered on though the timeline is not sorted by it."""
    other = "create_time" if timeline_field == "update_time" else "update_time"
    return other if other + "_ge" in body or other + "_lt" in body else None


def either_timeline(by: str, created: Timeline, updated: Timeline) -> Timeline:
    return updated if by == "update_time" else created


def _order_filter(body: dict[str, Any], by: str) -> Callable[[Order], bool] | None:
    tests: list[Callable[[Order], bool]] = []
    if (status := body.get("order_status")) is not None:
        tests.append(lambda order: order.status == status)
    if (shipping := body.get("shipping_type")) is not None:
        tests.append(lambda order: order.shipping_type == shipping)
    if (buyer := body.get("buyer_user_id")) is not None:
        tests.append(lambda order: order.user_id == buyer)
    if (asked := body.get("is_buyer_request_cancel")) is not None:
        tests.append(lambda order: (order.pending_cancel_id is not None) is asked)
    if warehouses := body.get("warehouse_ids"):
        tests.append(lambda order: order.shop.warehouse_id in warehouses)
    if (other := other_window(by, body)) is not None:
        tests.append(lambda order: within(order, body, other))
    if not tests:
        return None
    return lambda order: all(test(order) for test in tests)
