"""Reading packages and shipping them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.tiktok_shop import lifecycle
from sandbox.tiktok_shop.call import Call
from sandbox.tiktok_shop.encoding import dumps, package_summary
from sandbox.tiktok_shop.order_calls import either_timeline, other_window, paged, within
from sandbox.tiktok_shop.records import Line, Order, Package
from sandbox.tiktok_shop.refusals import Refusal
from sandbox.tiktok_shop.timeline import Wanted
from sandbox.tiktok_shop.world import World

HOUR = 3600
TRACKING_EDIT_SECONDS = 72 * HOUR


def package_detail(world: World, call: Call) -> bytes:
    package = _package(world, call, call.path["package_id"], code=10006402)
    return dumps(world.encoder.package_json(package, world.orders[package.order_id]))


def search_package(world: World, call: Call) -> bytes:
    shop, query, body = _shop_or_only_one(world, call), call.query, call.body
    by = "update_time" if query.get("sort_field") == "update_time" else "create_time"
    page = world.pager.page(
        either_timeline(by, shop.packages_created, shop.packages_updated),
        shop.version,
        Wanted(
            since=body.get(by + "_ge"),
            until=body.get(by + "_lt"),
            descending=query.get("sort_order", "DESC") == "DESC",
            size=query["page_size"],
            token=query.get("page_token", ""),
            question=f"packages {shop.id} {by} {query.get('sort_order')} {sorted(body.items())}",
            find=world.packages.__getitem__,
            keep=_filter(body, by),
        ),
    )
    return paged(b"packages", [dumps(package_summary(each)) for each in page.records], page.total, page.next_token)


def handover_time_slots(world: World, call: Call) -> bytes:
    """Three slots on each of the next two days, the same for anybody who asks within the hour."""
    _package(world, call, call.path["package_id"], code=21001001)
    return dumps(
        {
            "can_pickup": True,
            "can_drop_off": True,
            "can_van_collection": False,
            "drop_off_point_url": world.base_url + "/",
            "pickup_slots": _slots(call.now),
        }
    )


def shipping_providers(world: World, call: Call) -> bytes:
    shop = call.of
    if call.path["delivery_option_id"] == shop.platform_option_id:
        raise Refusal(21008117)
    if call.path["delivery_option_id"] != shop.own_option_id:
        raise Refusal(21008116)
    return dumps({"shipping_providers": [{"id": each, "name": name} for each, name in shop.market.carriers]})


def ship_package(world: World, call: Call) -> bytes:
    _ship(world, call, call.path["package_id"], call.body)
    return b"{}"


def batch_ship_packages(world: World, call: Call) -> bytes:
    """What could not be shipped is listed inside a successful answer."""
    errors = []
    for row in call.body["packages"]:
        try:
            _ship(world, call, row["id"], row)
        except Refusal as refusal:
            errors.append({"code": refusal.code, "message": refusal.words, "detail": {"package_id": row["id"]}})
    return dumps({"errors": errors} if errors else {})


def mark_package_as_shipped(world: World, call: Call) -> bytes:
    """Seller shipping: tells TikTok of a parcel that left. Uses the order's package or makes one of the lines."""
    order = world.orders.get(call.path["order_id"])
    if not call.of.market.mark_as_shipped:
        raise Refusal(21008106)
    if order is None or order.shop is not call.of:
        raise Refusal(21001001, "The order does not exist in this shop")
    if order.shipping_type != "SELLER":
        raise Refusal(21011003)
    _check_shippable(order)
    lines = _lines_to_ship(order, call.body.get("order_line_item_ids") or [])
    tracking, provider = call.body["tracking_number"], call.body["shipping_provider_id"]
    name = _check_tracking(world, order, tracking, provider)
    package = _package_for(world, order, lines, call.now)
    package.tracking_number, package.provider_id, package.provider_name = tracking, provider, name
    lifecycle.ship(world, order, package, call.now, call.seller)
    return dumps({"order_id": order.id, "order_line_item_ids": package.line_ids, "package_id": package.id})


def update_shipping_info(world: World, call: Call) -> bytes:
    """Corrects the tracking number of a parcel the seller ships, within 72 hours."""
    order = world.orders.get(call.path["order_id"])
    if order is None or order.shop is not call.of:
        raise Refusal(21011028)
    if order.status == "CANCELLED":
        raise Refusal(21011041)
    if order.pending_cancel_id is not None:
        raise Refusal(21011007)
    shipped = [package for package in order.packages if package.rts_time is not None]
    if not shipped:
        raise Refusal(21011043)
    if order.shipping_type != "SELLER":
        raise Refusal(21011004)
    if order.status in ("DELIVERED", "COMPLETED"):
        raise Refusal(21011030)
    package = shipped[-1]
    if call.now > (package.rts_time or 0) + TRACKING_EDIT_SECONDS:
        raise Refusal(21011049)
    name = _check_tracking(world, order, call.body["tracking_number"], call.body["shipping_provider_id"])
    package.tracking_number, package.provider_name = call.body["tracking_number"], name
    package.provider_id = call.body["shipping_provider_id"]
    world.tracking_numbers.add(package.tracking_number)
    world.package_changed(package, call.now)
    world.order_changed(order, call.now)
    world.ledger.write(
        call.now,
        "package.tracking_changed",
        shop_id=order.shop.id,
        order_id=order.id,
        package_id=package.id,
        detail={"tracking_number": package.tracking_number},
        **call.seller.marks(),
    )
    return b"{}"


# ---- shipping one package ----------------------------------------------------------------------------------------


def _ship(world: World, call: Call, package_id: str, body: dict[str, Any]) -> None:
    package = _package(world, call, package_id, code=21011028)
    order = world.orders[package.order_id]
    if package.status == "CANCELLED" or order.status == "CANCELLED":
        raise Refusal(21011041)
    if package.rts_time is not None:
        raise Refusal(21011040)
    _check_shippable(order)
    slot = body.get("pickup_slot")
    own = body.get("self_shipment")
    if order.shipping_type == "SELLER":
        if own is None:
            raise Refusal(21011022)
        name = _check_tracking(world, order, own["tracking_number"], own["shipping_provider_id"])
        package.provider_id, package.provider_name = own["shipping_provider_id"], name
        package.tracking_number = own["tracking_number"]
    else:
        if own is not None:
            raise Refusal(21011003)
        _check_slot(call.now, slot)
        package.handover_method = body.get("handover_method") or ("PICKUP" if slot else "DROP_OFF")
        package.pickup_slot = slot
        package.tracking_number = f"{order.shop.region}{package.id[-10:]}"
    lifecycle.ship(world, order, package, call.now, call.seller)


def _check_shippable(order: Order) -> None:
    """Refuses cancelled, held, unpaid and shipped orders, and, outside the US, ones with a request that waits."""
    if order.status == "CANCELLED":
        raise Refusal(21011041)
    if order.status == "ON_HOLD":
        raise Refusal(21011044)
    if order.status == "UNPAID":
        raise Refusal(21011003)
    if order.status not in ("AWAITING_SHIPMENT", "PARTIALLY_SHIPPING"):
        raise Refusal(21011020)
    if order.pending_cancel_id is not None and not order.shop.market.ships_to_reject:
        raise Refusal(21011007)


def _check_tracking(world: World, order: Order, tracking: str, provider_id: str) -> str:
    """The carrier's name. Refuses unknown carriers, impossible numbers and numbers used before."""
    names = dict(order.shop.market.carriers)
    if provider_id not in names or not 5 <= len(tracking) <= 50 or not tracking.isascii() or not tracking.isalnum():
        raise Refusal(21011022)
    if tracking in world.tracking_numbers:
        raise Refusal(21011025)
    return names[provider_id]


def _check_slot(now: int, slot: dict[str, int] | None) -> None:
    if slot is not None and not any(
        slot["start_time"] == each["start_time"] and slot["end_time"] == each["end_time"] for each in _slots(now)
    ):
        raise Refusal(21011053)


def _slots(now: int) -> list[dict[str, Any]]:
    midnight = now - now % 86_400
    starts = [midnight + 86_400 * day + HOUR * hour for day in (1, 2) for hour in (9, 12, 15)]
    return [{"start_time": start, "end_time": start + 3 * HOUR, "avaliable": True} for start in starts]


def _lines_to_ship(order: Order, line_ids: list[str]) -> list[Line]:
    waiting = [line for line in order.open_lines if line.status == "AWAITING_SHIPMENT"]
    if not line_ids:
        if order.status == "PARTIALLY_SHIPPING" and len(waiting) > 1:
            raise Refusal(21011048)
        return waiting
    chosen = [line for line in waiting if line.id in line_ids]
    if len(chosen) != len(set(line_ids)):
        raise Refusal(21001001, "A line item is not part of the order or cannot be shipped")
    return chosen


def _package_for(world: World, order: Order, lines: list[Line], now: int) -> Package:
    """The waiting package of exactly these lines, or a new one that takes them out of any other."""
    line_ids = [line.id for line in lines]
    for package in order.packages:
        if package.rts_time is None and package.status != "CANCELLED" and set(package.line_ids) == set(line_ids):
            return package
    for package in order.packages:
        if package.rts_time is None and set(package.line_ids) & set(line_ids):
            package.line_ids = [each for each in package.line_ids if each not in line_ids]
            world.package_changed(package, now)
    package = Package(
        id=world.ids.next("package"),
        order_id=order.id,
        line_ids=line_ids,
        status="TO_FULFILL",
        create_time=now,
        update_time=now,
    )
    order.packages.append(package)
    world.package_added(package, order.shop)
    return package


def _package(world: World, call: Call, package_id: str, code: int) -> Package:
    package = world.packages.get(package_id)
    seller_id = call.grant.seller_id if call.grant else ""
    if package is None:
        raise Refusal(code)
    shop = world.orders[package.order_id].shop
    if shop.seller_id != seller_id or (call.shop is not None and call.shop is not shop):
        raise Refusal(code)
    return package


def _shop_or_only_one(world: World, call: Call) -> Any:
    """shop_cipher is optional here: without it a seller with a single shop is meant."""
    if call.shop is not None:
        return call.shop
    seller_id = call.grant.seller_id if call.grant else ""
    mine = [shop for shop in world.shops.values() if shop.seller_id == seller_id]
    if len(mine) != 1:
        raise Refusal(106013)
    return mine[0]


def _filter(body: dict[str, Any], by: str) -> Callable[[Package], bool] | None:
    tests: list[Callable[[Package], bool]] = []
    if (status := body.get("package_status")) is not None:
        tests.append(lambda package: package.status == status)
    if (other := other_window(by, body)) is not None:
        tests.append(lambda package: within(package, body, other))
    if not tests:
        return None
    return lambda package: all(test(package) for test in tests)
