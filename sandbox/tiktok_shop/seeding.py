"""Fills the world with orders and requests in every state, the same for the same seed, scenario and count.

History is written down directly: no notifications, no ledger entries. Times are relative to ``start``, the full five
minutes before the process began; nothing lies in the future but deadlines and what follows by itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.scenarios import Scenario
from sandbox.tiktok_shop.lifecycle import HOUR, expect_progress, expect_refund, system_reason, watch_deadline
from sandbox.tiktok_shop.records import (
    CLOSED,
    COMPLETE,
    PENDING,
    SUCCESS,
    Cancellation,
    CancelLine,
    Line,
    Order,
    Package,
    Shop,
)
from sandbox.tiktok_shop.world import World

DAY = 24 * HOUR
MINUTE = 60
GRAIN = 5 * MINUTE

# How the orders without a waiting request are spread, in parts.
STORIES = {
    "unpaid": 4,
    "on_hold": 5,
    "awaiting": 22,
    "partly_shipped": 1,
    "collection": 9,
    "transit": 12,
    "delivered": 9,
    "completed": 13,
    "approved": 4,
    "refunded": 5,
    "auto_approved": 2,
    "rejected": 5,
    "withdrawn": 4,
    "seller_cancelled": 4,
    "system_cancelled": 2,
    "buyer_free": 2,
    "line_cancelled": 2,
    "rejected_by_shipping": 1,
}
LINE_COUNTS = [1] * 50 + [2] * 28 + [3] * 14 + [4] * 6 + [6] * 2
MESSAGES = ["", "", "", "", "Please ship asap!", "Gift wrap if possible, thank you", "Leave at the door"]
COMMENTS = {
    "US": "It left with this morning's pickup.",
    "GB": "Already packed and labelled.",
    "DE": "Das Paket ist bereits verpackt.",
    "TH": "แพ็กสินค้าเรียบร้อยแล้ว",
    "ID": "Barang sudah dikemas.",
}


@dataclass(frozen=True, slots=True)
class Way:
    """When a parcel was ready, collected and delivered."""

    ready: int
    collected: int | None
    delivered: int | None


class Seeder:
    """Tells stories until the world has as many orders as asked for."""

    def __init__(self, world: World, scenario: Scenario, seed: int, start: int) -> None:
        self.world, self.scenario, self.start = world, scenario, start
        self.dice = random.Random(f"world {seed}")

    def fill(self, count: int) -> None:
        shops = list(self.world.shops.values())
        shares = [shop.share for shop in shops]
        waiting = round(min(count * self.scenario.pending, 48 + count * 0.05 if self.scenario.pending < 0.5 else count))
        for place in range(waiting):
            self._waiting(self.dice.choices(shops, shares)[0], place, waiting)
        names = [name for name, parts in STORIES.items() for _ in range(parts)]
        self.dice.shuffle(names)
        for place in range(count - waiting):
            shop = self.dice.choices(shops, shares)[0]
            self._tell(names[place % len(names)], shop)
        self._index(shops)

    def _index(self, shops: list[Shop]) -> None:
        for shop in shops:
            orders = [order for order in self.world.orders.values() if order.shop is shop]
            shop.orders_created.fill([(order.create_time, order.id) for order in orders])
            shop.orders_updated.fill([(order.update_time, order.id) for order in orders])
            requests = [each for each in self.world.cancellations.values() if each.order.shop is shop]
            shop.cancellations_created.fill([(each.create_time, each.id) for each in requests])
            shop.cancellations_updated.fill([(each.update_time, each.id) for each in requests])
            packages = [package for order in orders for package in order.packages]
            shop.packages_created.fill([(package.create_time, package.id) for package in packages])
            shop.packages_updated.fill([(package.update_time, package.id) for package in packages])
        for order in self.world.orders.values():
            expect_progress(self.world, order)

    # ---- stories ---------------------------------------------------------------------------------------------

    def _waiting(self, shop: Shop, place: int, of: int) -> None:
        """The earliest deadline is at least 20 minutes after the process began."""
        patience = self.world.switches.deadline_hours * HOUR
        first, last = GRAIN + 20 * MINUTE, int(self.scenario.hours * HOUR)
        deadline = self.start + first + (last - first) * place // max(1, of - 1)
        asked = min(self.start, deadline - patience)
        order = self._order(shop, asked - self.dice.randint(2 * HOUR, 30 * HOUR), "AWAITING_SHIPMENT")
        order.pending_cancel_id, order.request_cancel_time, order.update_time = "", asked, asked
        if self.dice.random() < 0.05:
            self._request(order, asked - HOUR, CLOSED, ended=asked - HOUR // 2)
        request = self._request(order, asked, PENDING)
        order.pending_cancel_id = request.id
        request.deadline = deadline
        watch_deadline(self.world, request)

    def _tell(self, story: str, shop: Shop) -> None:
        tellers: dict[str, Callable[[Shop], None]] = {
            "unpaid": self._unpaid,
            "on_hold": self._on_hold,
            "approved": self._approved,
            "refunded": self._refunded,
            "auto_approved": self._refunded,
            "rejected": self._rejected,
            "withdrawn": self._withdrawn,
            "seller_cancelled": self._seller_cancelled,
            "system_cancelled": self._system_cancelled,
            "buyer_free": self._buyer_free,
            "line_cancelled": self._line_cancelled,
            "rejected_by_shipping": self._rejected,
            "partly_shipped": self._partly_shipped,
        }
        if story in tellers:
            tellers[story](shop)
        else:
            self._plain(shop, story)

    def _unpaid(self, shop: Shop) -> None:
        self._order(shop, self.start - self.dice.randint(5 * MINUTE, 18 * HOUR), "UNPAID")

    def _on_hold(self, shop: Shop) -> None:
        self._order(shop, self.start - self.dice.randint(6, 40) * MINUTE, "ON_HOLD")

    def _plain(self, shop: Shop, story: str) -> None:
        """No request at all. The times are such that the next step is still to come."""
        between = self.dice.randint
        if story == "awaiting":
            self._order(shop, self.start - between(2 * HOUR, 60 * HOUR), "AWAITING_SHIPMENT")
            return
        delivered = collected = None
        if story == "completed":
            delivered = self.start - between(15 * DAY, 80 * DAY)
        elif story == "delivered":
            delivered = self.start - between(2 * HOUR, 13 * DAY)
        if delivered is not None:
            collected = delivered - between(20 * HOUR, 50 * HOUR)
        elif story == "transit":
            collected = self.start - between(HOUR, 48 * HOUR)
        ready = self.start - between(HOUR, 16 * HOUR) if collected is None else collected - between(4 * HOUR, 17 * HOUR)
        status = {
            "collection": "AWAITING_COLLECTION",
            "transit": "IN_TRANSIT",
            "delivered": "DELIVERED",
            "completed": "COMPLETED",
        }[story]
        self._order(shop, ready - between(3 * HOUR, 30 * HOUR), status, Way(ready, collected, delivered))

    def _approved(self, shop: Shop) -> None:
        """Accepted, the refund under way: it arrives within the next 30 hours."""
        asked = self.start - self.dice.randint(HOUR, 20 * HOUR)
        order = self._order(shop, asked - 5 * HOUR, "AWAITING_SHIPMENT")
        request = self._request(order, asked, SUCCESS, ended=asked + self.dice.randint(1, HOUR - 60))
        self._cancelled(order, request, "BUYER")
        request.refund_due = self.start + self.dice.randint(2 * HOUR, 30 * HOUR)
        expect_refund(self.world, request, self.start)

    def _refunded(self, shop: Shop) -> None:
        asked = self.start - self.dice.randint(3 * DAY, 40 * DAY)
        order = self._order(shop, asked - 9 * HOUR, "AWAITING_SHIPMENT")
        request = self._request(order, asked, COMPLETE, ended=asked + self.dice.choice([HOUR, 7 * HOUR, 48 * HOUR]))
        self._cancelled(order, request, "BUYER")

    def _rejected(self, shop: Shop) -> None:
        """Rejected, and the order shipped since."""
        asked = self.start - self.dice.randint(30 * HOUR, 60 * HOUR)
        order = self._order(shop, asked - 6 * HOUR, "IN_TRANSIT", Way(asked + 10 * HOUR, asked + 22 * HOUR, None))
        order.request_cancel_time = asked
        request = self._request(order, asked, CLOSED, ended=asked + 9 * HOUR)
        codes = self.world.reasons.reject(shop.region)
        request.rejection = {"reject_reason": codes[-1], "comment": COMMENTS[shop.region], "images": []}

    def _withdrawn(self, shop: Shop) -> None:
        asked = self.start - self.dice.randint(3 * HOUR, 30 * HOUR)
        order = self._order(shop, asked - 4 * HOUR, "AWAITING_SHIPMENT")
        order.request_cancel_time, order.update_time = asked, asked + 2 * HOUR
        self._request(order, asked, CLOSED, ended=asked + 2 * HOUR)

    def _seller_cancelled(self, shop: Shop) -> None:
        at = self.start - self.dice.randint(DAY, 20 * DAY)
        order = self._order(shop, at - 8 * HOUR, "AWAITING_SHIPMENT")
        reason = self.world.reasons.seller(shop.region, "AWAITING_SHIPMENT")[0]
        self._cancelled(order, self._request(order, at, COMPLETE, reason=reason, role="SELLER"), "SELLER")

    def _system_cancelled(self, shop: Shop) -> None:
        at = self.start - self.dice.randint(DAY, 30 * DAY)
        order = self._order(shop, at - DAY, "UNPAID")
        reason = system_reason(order, "system_cancel_unpaid_time_out")
        self._cancelled(order, self._request(order, at, COMPLETE, reason=reason, role="SYSTEM"), "SYSTEM")

    def _buyer_free(self, shop: Shop) -> None:
        """Cancelled by the buyer within the hour of remorse, which needs no answer."""
        at = self.start - self.dice.randint(DAY, 12 * DAY)
        order = self._order(shop, at - 20 * MINUTE, "ON_HOLD")
        self._cancelled(order, self._request(order, at, COMPLETE, kind="CANCEL"), "BUYER")

    def _line_cancelled(self, shop: Shop) -> None:
        """One of several lines cancelled by the seller; only where that is allowed."""
        order = self._order(shop, self.start - self.dice.randint(20 * HOUR, 50 * HOUR), "AWAITING_SHIPMENT")
        reason = next(
            (
                code
                for code in self.world.reasons.seller(shop.region, "AWAITING_SHIPMENT")
                if self.world.reasons.allows_lines(shop.region, code)
            ),
            None,
        )
        if reason is None or len(order.lines) == 1:
            return
        line, at = order.lines[-1], order.update_time + 3 * HOUR
        self._request(order, at, COMPLETE, reason=reason, role="SELLER", lines=[line])
        line.status, line.cancel_user = "CANCELLED", "SELLER"
        line.cancel_reason = self.world.reasons.words(reason, shop.market.locale)
        order.update_time = at
        for package in order.packages:
            package.line_ids = [each for each in package.line_ids if each != line.id]

    def _partly_shipped(self, shop: Shop) -> None:
        order = self._order(shop, self.start - self.dice.randint(20 * HOUR, 50 * HOUR), "AWAITING_SHIPMENT")
        if shop.region != "US" or order.shipping_type != "SELLER" or len(order.lines) == 1:
            return
        order.status, order.rts_time = "PARTIALLY_SHIPPING", order.update_time + 2 * HOUR
        order.update_time = order.rts_time
        self._package(order, order.lines[:1], "PROCESSING", order.rts_time, shipped=order.rts_time)
        order.lines[0].status = "AWAITING_COLLECTION"

    # ---- records ---------------------------------------------------------------------------------------------

    def _order(self, shop: Shop, created: int, status: str, way: Way | None = None) -> Order:
        dice, ids = self.dice, self.world.ids
        own = 0.75 if shop.region == "US" else 0.3
        order = Order(
            id=ids.next("order"),
            shop=shop,
            status=status,
            user_id=ids.next("user"),
            create_time=created,
            update_time=created,
            lines=[],
            shipping_type="SELLER" if dice.random() < own else "TIKTOK",
            shipping_fee=shop.market.shipping_fee if dice.random() < 0.7 else 0,
            payment_method=dice.choice(shop.market.payment_methods),
            recipient=(
                dice.randrange(1000),
                dice.randrange(1000),
                dice.randrange(1000),
                dice.randrange(1000),
                dice.randrange(1, 9999),
            ),
            buyer_message=dice.choice(MESSAGES),
        )
        order.lines = self._lines(shop, status)
        if status != "UNPAID":
            order.paid_time = order.update_time = created + dice.randint(5, 300)
        self._past(order, way)
        self.world.orders[order.id] = order
        return order

    def _lines(self, shop: Shop, status: str) -> list[Line]:
        dice, market = self.dice, shop.market
        count = dice.choice(LINE_COUNTS)
        lines: list[Line] = []
        sku = dice.choice(shop.skus)
        while len(lines) < count:
            if dice.random() < 0.6:
                sku = dice.choice(shop.skus)
            seller = sku.price // 10 if dice.random() < 0.2 else 0
            platform = sku.price // 20 if dice.random() < 0.15 else 0
            line = Line(
                id=self.world.ids.next("line"),
                sku=sku,
                original=sku.price,
                seller_discount=seller,
                platform_discount=platform,
                tax=0,
                status="AWAITING_SHIPMENT" if status == "ON_HOLD" else status,
            )
            line.tax = line.sale * market.tax_percent // 100
            lines.append(line)
        return lines

    def _past(self, order: Order, way: Way | None) -> None:
        """Package and times an order of this status must have; ``way`` is None for one that was not shipped."""
        paid = order.paid_time
        if paid is None:
            return
        prepared = order.shop.market.early_package or order.shipping_type == "TIKTOK"
        if way is None:
            if prepared:
                self._package(order, order.lines, "TO_FULFILL", paid, None)
            return
        order.rts_time, order.collection_time, order.delivery_time = way.ready, way.collected, way.delivered
        order.update_time = way.delivered or way.collected or way.ready
        if order.status == "COMPLETED":
            order.update_time += 14 * DAY
        status = {"AWAITING_COLLECTION": "PROCESSING", "IN_TRANSIT": "FULFILLING"}.get(order.status, "COMPLETED")
        self._package(order, order.lines, status, paid if prepared else way.ready, way.ready)

    def _package(self, order: Order, lines: list[Line], status: str, created: int, shipped: int | None) -> None:
        provider = self.dice.choice(order.shop.market.carriers)
        package = Package(
            id=self.world.ids.next("package"),
            order_id=order.id,
            line_ids=[line.id for line in lines],
            status=status,
            create_time=created,
            update_time=order.update_time,
        )
        if order.shipping_type == "TIKTOK" or shipped:
            package.provider_id, package.provider_name = provider
        if shipped:
            package.rts_time = shipped
            package.tracking_number = f"{order.shop.region}{self.dice.randrange(10**10):010d}"
            self.world.tracking_numbers.add(package.tracking_number)
        for line in lines:
            line.package_id = package.id
        order.packages.append(package)
        self.world.packages[package.id] = package

    def _request(
        self,
        order: Order,
        asked: int,
        status: str,
        *,
        ended: int | None = None,
        reason: str = "",
        role: str = "BUYER",
        kind: str = "",
        lines: list[Line] | None = None,
    ) -> Cancellation:
        ids = self.world.ids
        codes = self.world.reasons.buyer(order.shop.region, "AWAITING_SHIPMENT")
        request = Cancellation(
            id=ids.next("cancel"),
            order=order,
            kind=kind or ("BUYER_CANCEL" if role == "BUYER" else "CANCEL"),
            status=status,
            role=role,
            reason=reason or self.dice.choice(codes),
            create_time=asked,
            update_time=ended or asked,
            lines=[CancelLine(ids.next("cancel_line"), line) for line in (lines or order.lines)],
        )
        self.world.cancellations[request.id] = request
        return request

    def _cancelled(self, order: Order, request: Cancellation, by: str) -> None:
        words = self.world.reasons.words(request.reason, order.shop.market.locale)
        order.status, order.cancellation_initiator, order.cancel_reason = "CANCELLED", by, words
        order.cancel_time = order.update_time = request.update_time
        if request.kind == "BUYER_CANCEL":
            order.request_cancel_time = request.create_time
        for line in order.lines:
            line.status, line.cancel_user, line.cancel_reason = "CANCELLED", by, words
        for package in order.packages:
            package.status, package.update_time, package.line_ids = "CANCELLED", request.update_time, []
