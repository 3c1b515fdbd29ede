"""What the simulated marketplace holds. Times are unix seconds, money is whole minor units of the shop's currency."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.tiktok_shop.timeline import Timeline

PENDING = "CANCELLATION_REQUEST_PENDING"
SUCCESS = "CANCELLATION_REQUEST_SUCCESS"
CLOSED = "CANCELLATION_REQUEST_CANCELLED"
COMPLETE = "CANCELLATION_REQUEST_COMPLETE"
CLOSED_IN_FILTER = "CANCELLATION_REQUEST_CANCEL"


@dataclass(frozen=True, slots=True)
class Market:
    """A region's habits; see ``markets.toml``."""

    region: str
    currency: str
    decimals: int
    rate: float
    locale: str
    tax_percent: int
    ships_to_reject: bool
    early_package: bool
    mark_as_shipped: bool
    shipping_fee: int
    delivery_option: str
    phone: str
    payment_methods: list[str]
    carriers: list[tuple[str, str]]
    given: list[str]
    family: list[str]
    streets: list[str]
    places: list[list[str]]

    def money(self, amount: int) -> str:
        if not self.decimals:
            return str(amount)
        return f"{amount // 100}.{amount % 100:02d}"


@dataclass(frozen=True, slots=True)
class Sku:
    id: str
    product_id: str
    product_name: str
    name: str
    seller_sku: str
    price: int
    picture: str


@dataclass(slots=True)
class Webhook:
    address: str
    create_time: int
    update_time: int


@dataclass(slots=True)
class Shop:
    """``version`` grows with every change of an order, request or package of the shop."""

    id: str
    name: str
    region: str
    seller_type: str
    seller_id: str
    seller_name: str
    cipher: str
    code: str
    market: Market
    warehouse_id: str
    own_option_id: str
    platform_option_id: str
    skus: list[Sku]
    token_prefix: str
    share: int
    authorized: bool = True
    version: int = 0
    webhooks: dict[str, Webhook] = field(default_factory=dict)
    orders_created: Timeline = field(default_factory=Timeline)
    orders_updated: Timeline = field(default_factory=Timeline)
    cancellations_created: Timeline = field(default_factory=Timeline)
    cancellations_updated: Timeline = field(default_factory=Timeline)
    packages_created: Timeline = field(default_factory=Timeline)
    packages_updated: Timeline = field(default_factory=Timeline)


@dataclass(slots=True)
class Package:
    id: str
    order_id: str
    line_ids: list[str]
    status: str
    create_time: int
    update_time: int
    provider_id: str = ""
    provider_name: str = ""
    tracking_number: str = ""
    handover_method: str = ""
    pickup_slot: dict[str, int] | None = None
    rts_time: int | None = None


@dataclass(slots=True)
class Line:
    """One unit. ``sale`` is what the buyer pays for it before tax."""

    id: str
    sku: Sku
    original: int
    seller_discount: int
    platform_discount: int
    tax: int
    status: str
    package_id: str | None = None
    cancel_user: str | None = None
    cancel_reason: str | None = None

    @property
    def sale(self) -> int:
        return self.original - self.seller_discount - self.platform_discount


@dataclass(slots=True)
class Order:
    """``encoded`` is the order as the API sends it, until something changes."""

    id: str
    shop: Shop
    status: str
    user_id: str
    create_time: int
    update_time: int
    lines: list[Line]
    shipping_type: str
    shipping_fee: int
    payment_method: str
    recipient: tuple[int, int, int, int, int]
    paid_time: int | None = None
    buyer_message: str = ""
    seller_note: str = ""
    packages: list[Package] = field(default_factory=list)
    pending_cancel_id: str | None = None
    request_cancel_time: int | None = None
    cancel_time: int | None = None
    cancellation_initiator: str | None = None
    cancel_reason: str | None = None
    rts_time: int | None = None
    collection_time: int | None = None
    delivery_time: int | None = None
    encoded: bytes | None = None

    @property
    def open_lines(self) -> list[Line]:
        """Lines that were not cancelled."""
        return [line for line in self.lines if line.status != "CANCELLED"]


@dataclass(slots=True)
class CancelLine:
    id: str
    line: Line


@dataclass(slots=True)
class Cancellation:
    """A record of somebody's wish to cancel; ``encoded`` maps locales to the record as the API sends it."""

    id: str
    order: Order
    kind: str
    status: str
    role: str
    reason: str
    create_time: int
    update_time: int
    lines: list[CancelLine]
    deadline: int | None = None
    refund_due: int | None = None
    rejection: dict[str, Any] | None = None
    encoded: dict[str, bytes] = field(default_factory=dict)

    @property
    def line_ids(self) -> list[str]:
        return [each.line.id for each in self.lines]
