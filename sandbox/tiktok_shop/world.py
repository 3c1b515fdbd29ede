"""Everything the simulated marketplace knows, and the only way to change a record so that indexes, caches,
notifications and the ledger keep up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.clock import Clock
from sandbox.ledger import Ledger
from sandbox.schedule import Schedule
from sandbox.tiktok_shop.encoding import Encoder
from sandbox.tiktok_shop.ids import Ids
from sandbox.tiktok_shop.reasons import Reasons
from sandbox.tiktok_shop.records import Cancellation, Order, Package, Shop
from sandbox.tiktok_shop.switches import TikTokShopSwitches
from sandbox.tiktok_shop.timeline import Pager

Publish = Callable[[Shop, str, dict[str, Any], int], None]


class World:
    """``publish`` takes (shop, event type, data, at) and is set by the webhooks; ``uploaded`` maps image uris to the
    seller they belong to."""

    def __init__(
        self,
        *,
        seed: int,
        base_url: str,
        clock: Clock,
        schedule: Schedule,
        ledger: Ledger,
        switches: TikTokShopSwitches,
    ) -> None:
        self.clock, self.schedule, self.ledger, self.switches = clock, schedule, ledger, switches
        self.base_url = base_url
        self.ids = Ids(seed)
        self.reasons = Reasons.read()
        self.encoder = Encoder(base_url, self.reasons)
        self.pager = Pager()
        self.shops: dict[str, Shop] = {}
        self.orders: dict[str, Order] = {}
        self.cancellations: dict[str, Cancellation] = {}
        self.packages: dict[str, Package] = {}
        self.tracking_numbers: set[str] = set()
        self.uploaded: dict[str, str] = {}
        self.publish: Publish = lambda shop, event_type, data, at: None

    def settle(self) -> int:
        """Let everything happen that is due; returns the simulator's time."""
        now = self.clock.now()
        self.schedule.run_due(now)
        return now

    def shop_by_cipher(self, cipher: str) -> Shop | None:
        return next((shop for shop in self.shops.values() if shop.cipher == cipher), None)

    # ---- changes --------------------------------------------------------------------------------------------

    def order_changed(self, order: Order, at: int, status: str | None = None) -> None:
        """Note a change that was made to ``order``; with ``status``, make that one too and tell the seller."""
        shop = order.shop
        shop.orders_updated.move((order.update_time, order.id), (at, order.id))
        order.update_time = at
        order.encoded = None
        shop.version += 1
        if status is not None and status != order.status:
            order.status = status
            self._tell_order_status(order, at)

    def cancellation_added(self, cancellation: Cancellation) -> None:
        shop = cancellation.order.shop
        self.cancellations[cancellation.id] = cancellation
        shop.cancellations_created.add((cancellation.create_time, cancellation.id))
        shop.cancellations_updated.add((cancellation.update_time, cancellation.id))
        shop.version += 1
        self._tell_cancellation_status(cancellation, cancellation.update_time)

    def cancellation_changed(self, cancellation: Cancellation, at: int, status: str) -> None:
        shop = cancellation.order.shop
        shop.cancellations_updated.move((cancellation.update_time, cancellation.id), (at, cancellation.id))
        cancellation.update_time = at
        cancellation.status = status
        cancellation.encoded.clear()
        shop.version += 1
        self._tell_cancellation_status(cancellation, at)

    def package_added(self, package: Package, shop: Shop) -> None:
        self.packages[package.id] = package
        shop.packages_created.add((package.create_time, package.id))
        shop.packages_updated.add((package.update_time, package.id))
        shop.version += 1

    def package_changed(self, package: Package, at: int, status: str | None = None) -> None:
        shop = self.orders[package.order_id].shop
        shop.packages_updated.move((package.update_time, package.id), (at, package.id))
        package.update_time = at
        package.status = status or package.status
        shop.version += 1

    # ---- notifications --------------------------------------------------------------------------------------

    def _tell_order_status(self, order: Order, at: int) -> None:
        word = self.switches.webhook_cancelled_word if order.status == "CANCELLED" else order.status
        if order.status != "PARTIALLY_SHIPPING":
            self.publish(
                order.shop,
                "ORDER_STATUS_CHANGE",
                {"order_id": order.id, "order_status": word, "is_on_hold_order": True, "update_time": at},
                at,
            )

    def _tell_cancellation_status(self, cancellation: Cancellation, at: int) -> None:
        self.publish(
            cancellation.order.shop,
            "CANCELLATION_STATUS_CHANGE",
            {
                "order_id": cancellation.order.id,
                "cancellations_role": cancellation.role,
                "cancel_status": cancellation.status,
                "cancel_id": cancellation.id,
                "create_time": cancellation.create_time,
            },
            at,
        )
