"""What the simulated network holds. Moments are aware datetimes, money is in dollars as the wire shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

RETAILER, SUPPLIER = "RETAILER", "SUPPLIER"
PENDING, CONFIRMED, REJECTED, EXPIRED = "pending", "confirmed", "rejected", "expired"

Attributes = list[dict[str, str]]


@dataclass(slots=True, eq=False)
class Organization:
    """``uuid`` is what orders name it by; ``role_uuid`` appears at login only."""

    uuid: str
    role_uuid: str
    name: str
    kind: str
    po_prefix: str = ""


@dataclass(slots=True, eq=False)
class NotificationSetting:
    """Whether one user hears of one kind of event, by way of ``via``: (frequency, enabled)."""

    uuid: str
    display_name: str
    name: str
    ways: dict[str, tuple[str, bool]]


@dataclass(slots=True, eq=False)
class Notification:
    uuid: str
    title: str
    created: datetime
    seen: bool = False


@dataclass(slots=True, eq=False)
class User:
    uuid: str
    email: str
    password: str
    name: str
    organization: Organization
    permissions: frozenset[str]
    active: bool = True
    settings: list[NotificationSetting] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sku:
    """``picture`` is for people only, the wire has none."""

    uuid: str
    item_uuid: str
    item_name: str
    sku_id: str
    name: str
    colour: str | None
    upc: str
    mpn: str
    cost: float
    picture: str
    supplier: Organization


@dataclass(frozen=True, slots=True)
class Allocation:
    accepted: int
    rejected: int
    backordered: int
    backorder_date: str | None = None

    @property
    def total(self) -> int:
        return self.accepted + self.rejected + self.backordered


@dataclass(slots=True, eq=False)
class Package:
    """One parcel of one supplier; ``quantities`` maps line UUIDs to units."""

    uuid: str
    supplier: Organization
    tracking_number: str
    created: datetime
    quantities: dict[str, int]
    carrier: str | None = None
    method: str | None = None
    weight: float | None = None
    cost: float | None = None
    ship_date: str | None = None
    attributes: Attributes = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Invoice:
    uuid: str
    number: str
    items: list[dict[str, Any]]
    attributes: Attributes


@dataclass(slots=True, eq=False)
class Line:
    uuid: str
    order: Order = field(repr=False)
    sku: Sku
    quantity: int
    cost: float
    retailer_notes: str | None = None
    retailer_attributes: Attributes | None = None
    supplier_notes: str | None = None
    supplier_attributes: Attributes | None = None
    supplier_cost: float | None = None
    allocation: Allocation | None = None
    cancelled: bool = False

    @property
    def supplier(self) -> Organization:
        return self.sku.supplier

    @property
    def packages(self) -> list[Package]:
        return [package for package in self.order.packages if self.uuid in package.quantities]

    @property
    def shipped(self) -> int:
        return sum(package.quantities[self.uuid] for package in self.packages)

    @property
    def is_open(self) -> bool:
        """Whether there is anything left of it to cancel: units neither shipped nor refused by the supplier."""
        refused = self.allocation.rejected if self.allocation else 0
        return not self.cancelled and self.shipped + refused < self.quantity


@dataclass(slots=True, eq=False)
class CancelRequest:
    """A retailer's wish that one supplier drops its lines of an order, or (with ``line``) that one line.
    ``settled_with`` is the order's request whose confirmation settled this one too."""

    id: str
    order: Order = field(repr=False)
    supplier: Organization
    line: Line | None
    asked: datetime
    state: str = PENDING
    settled: datetime | None = None
    settled_with: str | None = None

    @property
    def lines(self) -> list[Line]:
        return [self.line] if self.line else self.order.lines_of(self.supplier)


@dataclass(slots=True, eq=False)
class SupplierSide:
    """What one supplier wrote on an order."""

    notes: str | None = None
    attributes: Attributes | None = None
    fees: dict[str, Any] = field(default_factory=dict)
    invoices: list[Invoice] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Order:
    uuid: str
    po_number: str
    retailer: Organization
    creator: User
    created: datetime
    address: dict[str, str | None]
    shipping: tuple[str | None, str | None]
    fees: dict[str, float]
    notes: str | None = None
    attributes: Attributes | None = None
    sent_to_supplier: bool = True
    lines: list[Line] = field(default_factory=list)
    packages: list[Package] = field(default_factory=list)
    requests: list[CancelRequest] = field(default_factory=list)
    sides: dict[str, SupplierSide] = field(default_factory=dict)

    @property
    def suppliers(self) -> list[Organization]:
        return list(dict.fromkeys(line.supplier for line in self.lines))

    def lines_of(self, supplier: Organization) -> list[Line]:
        return [line for line in self.lines if line.supplier is supplier]

    def side_of(self, supplier: Organization) -> SupplierSide:
        return self.sides.setdefault(supplier.uuid, SupplierSide())

    def side_shown_to(self, reader: Organization) -> SupplierSide:
        """A supplier reads what it wrote; the retailer what the supplier wrote who did so first."""
        if reader is self.retailer:
            return next(iter(self.sides.values()), SupplierSide())
        return self.sides.get(reader.uuid, SupplierSide())


@dataclass(frozen=True, slots=True)
class Export:
    uuid: str
    owner: Organization
    orders: list[Order]
    asked: datetime
