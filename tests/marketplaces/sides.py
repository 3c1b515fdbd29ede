"""Both sides of each marketplace, so that one suite can speak to all: the adapter, and who stands behind it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from marketplaces.base import Adapter, Marketplace
from marketplaces.crux_timp.adapter import CruxTimp, CruxTimpAdapter
from marketplaces.http import Http
from marketplaces.records import CancellationTarget, Credentials, OrderRecord, Shipment
from marketplaces.tiktok_shop.adapter import TikTokAdapter, TikTokShop
from tests.marketplaces.fake.adapter import FakeAdapter, FakeMarketplace
from tests.marketplaces.fake.market import START, Market
from tests.sandbox_process import SandboxProcess


class Side(Protocol):
    """What the suite needs to know of a marketplace, and be able to do at its other side."""

    marketplace: Marketplace
    credentials: Credentials
    region: str
    unknown_order: str
    no_id: str  # what cannot be an id there
    reject_reason: str  # "" where none is taken
    cancel_reason: str
    change: str  # for `trouble`: the call by which a request is approved
    since: datetime
    until: datetime

    def adapter(self, credentials: Credentials) -> Adapter: ...
    def ask(self) -> CancellationTarget:
        """A buyer asks to cancel a whole order of one seller."""

    def free_order(self) -> str:
        """An order of whose items all can be cancelled or sent, and that nobody asks to cancel."""

    def shipment(self, order: OrderRecord) -> Shipment: ...
    def trouble(self, kind: str) -> None:
        """The next approval is "lost before" or "lost after" it happened, or meets "busy"; or "unanswered reads"."""

    def happened(self, what: str) -> int:
        """How often something was "approved", "rejected", "cancelled" or "sent"."""


@dataclass
class TikTokSide:
    sandbox: SandboxProcess
    http: Http
    region: str = "US"
    unknown_order: str = "577087614418520388"
    no_id: str = "../shops"
    reject_reason: str = "seller_reject_apply_product_has_been_packed"
    cancel_reason: str = "seller_cancel_reason_out_of_stock"

    def __post_init__(self) -> None:
        known, shop = self.sandbox.credentials(), self.sandbox.shop(self.region)
        self.marketplace = TikTokShop()
        self.credentials = Credentials(
            known["app_key"], known["app_secret"], shop["access_token"], shop["cipher"], shop["id"],
            api_url=self.sandbox.url, auth_url=self.sandbox.url,
        )  # fmt: skip
        self.since, self.until = datetime(2020, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(days=1)

    def adapter(self, credentials: Credentials) -> Adapter:
        return TikTokAdapter(credentials, self.http)

    def ask(self) -> CancellationTarget:
        asked = self.sandbox.ask_to_cancel(shop_id=self.credentials.shop_id)
        return CancellationTarget(asked["cancel_id"], asked["order_id"])

    def free_order(self) -> str:
        page = self.adapter(self.credentials).orders_updated(self.since, self.until)
        return next(
            one.marketplace_id
            for one in page.records
            if (one.status, one.shipping_type) == ("AWAITING_SHIPMENT", "seller")
            and not one.is_cancel_requested
            and len(one.lines) > 1
            and not any(line.cancelled_quantity for line in one.lines)
        )

    def shipment(self, order: OrderRecord) -> Shipment:
        provider = self.adapter(self.credentials).shipping_providers(order.delivery_option_id)[0]
        return Shipment(
            order.marketplace_id,
            order.package_ids,
            tracking_number="JX12345",
            shipping_provider_id=provider.marketplace_id,
        )

    def trouble(self, kind: str) -> None:
        if kind == "unanswered reads":
            self.sandbox.fault("get-order-list", "reset_before", count=9)
            self.sandbox.fault("get-order-detail", "reset_before", count=9, marketplace="tiktok_shop")
        else:
            _strike(self.sandbox, "approve-cancellation", kind)

    def happened(self, what: str) -> int:
        return _effects(self.sandbox, what, cancelled="order.cancelled")


@dataclass
class CruxSide:
    sandbox: SandboxProcess
    http: Http
    region: str = "US"
    unknown_order: str = "8d3f2b61-47ac-4e09-b5d8-13c6f0a97e24"
    no_id: str = "../organizations"
    reject_reason: str = ""
    cancel_reason: str = ""

    def __post_init__(self) -> None:
        known = next(one for one in self.sandbox.credentials()["connections"] if one["marketplace"] == "crux_timp")
        self.marketplace = CruxTimp()
        bare = Credentials(known["app_key"], known["app_secret"], api_url=known["api_url"])
        tokens = self.adapter(bare).refresh_tokens("")
        self.supplier = tokens.shops[0].marketplace_id
        self.credentials = replace(bare, access_token=tokens.access_token, shop_id=self.supplier)
        self.until = datetime.now(UTC) + timedelta(days=1)
        self.since = self.until - timedelta(days=120)

    def adapter(self, credentials: Credentials) -> Adapter:
        return CruxTimpAdapter(credentials, self.http)

    def ask(self) -> CancellationTarget:
        asked = self.sandbox.post("retailer", action="request", supplier=self.supplier)
        return CancellationTarget("", asked["order_uuid"])

    def free_order(self) -> str:
        free = self.sandbox.get("crux/orders", supplier=self.supplier, state="open")["orders"]
        page = self.adapter(self.credentials).orders_by_id([one["order_uuid"] for one in free])
        return next(
            one.marketplace_id
            for one in page.records
            if all(line.status == "NeedsTracking" for line in one.lines)
            and not any(line.cancelled_quantity or line.shipped_quantity for line in one.lines)
        )

    def shipment(self, order: OrderRecord) -> Shipment:
        return Shipment(order.marketplace_id, tracking_number="JX12345", shipping_provider_id="UPS")

    def trouble(self, kind: str) -> None:
        if kind == "unanswered reads":
            self.sandbox.fault("get-orders", "reset_before", count=9)
            self.sandbox.fault("get-order-detail", "reset_before", count=9, marketplace="crux_timp")
        else:
            _strike(self.sandbox, "confirm-order-cancelation", kind)

    def happened(self, what: str) -> int:
        return _effects(self.sandbox, what, cancelled="line_items.allocated")


@dataclass
class FakeSide:
    region: str = "US"
    unknown_order: str = "O999"
    no_id: str = "../all"
    reject_reason: str = "on_its_way"
    cancel_reason: str = "sold_out"

    def __post_init__(self) -> None:
        self.market = Market()
        self.marketplace = FakeMarketplace(self.market)
        token = self.market.sign_in("towels", "c0tton-wool")
        self.credentials = Credentials("towels", "c0tton-wool", access_token=token, shop_id="linen-1")
        self.since, self.until = START, START + timedelta(days=1)

    def adapter(self, credentials: Credentials) -> Adapter:
        return FakeAdapter(credentials, self.market)

    def ask(self) -> CancellationTarget:
        return CancellationTarget(self.market.ask("O1").id, "O1")

    def free_order(self) -> str:
        return "O2"

    def shipment(self, order: OrderRecord) -> Shipment:
        return Shipment(order.marketplace_id, tracking_number="JX12345")

    def trouble(self, kind: str) -> None:
        self.market.broken = "silent to reads" if kind == "unanswered reads" else kind

    def happened(self, what: str) -> int:
        words = {"approved": "answer approved", "rejected": "answer rejected", "cancelled": "cancel", "sent": "send"}
        return self.market.happened[words[what]]


SIDES: dict[str, Callable[[SandboxProcess, Http], Any]] = {
    "tiktok_shop": TikTokSide,
    "crux_timp": CruxSide,
    "fake": lambda sandbox, http: FakeSide(),
}


def _strike(sandbox: SandboxProcess, endpoint: str, kind: str) -> None:
    faults: dict[str, dict[str, Any]] = {
        "lost before": {"kind": "reset_before"},
        "lost after": {"kind": "reset_after"},
        "busy": {"kind": "rate_limited", "retry_after": 3},
    }
    sandbox.fault(endpoint, **faults[kind])


def _effects(sandbox: SandboxProcess, what: str, *, cancelled: str) -> int:
    names = {
        "approved": "cancellation.approved",
        "rejected": "cancellation.rejected",
        "cancelled": cancelled,
        "sent": "package.shipped",
    }
    return len(sandbox.effects(effect=names[what]))
