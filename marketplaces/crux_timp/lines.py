"""One line of an order: what a record tells of it, and what allocating and shipping it needs to know. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from marketplaces.crux_timp.known import CANCELLED, LINE_FIELDS, LINE_STATUSES, REJECTED, WEIGHTIEST
from marketplaces.crux_timp.reading import moment, money, named, quantity, words
from marketplaces.crux_timp.readings import Readings
from marketplaces.errors import BadRecord
from marketplaces.reading import Drift, Json, each, identifier, inside, members, short, text, unknown
from marketplaces.records import LineItemRecord


class QuantityMissing(BadRecord):
    """The line does not tell how many were ordered; Get Order Detail may."""


@dataclass(frozen=True, slots=True)
class Line:
    """Quantities are units. `allocation` is the word for how far the line is allocated; `supplier` is the UUID of an
    organization, empty where the line names none."""

    record: LineItemRecord
    supplier: str
    allocation: str
    accepted: int
    backordered: int
    backorder_date: str
    rejected: int
    is_cancel_requested: bool
    parcels: Sequence["Parcel"]

    @property
    def ordered(self) -> int:
        return self.record.quantity

    @property
    def shipped(self) -> int:
        return self.record.shipped_quantity

    @property
    def open(self) -> int:
        """Units that are neither cancelled nor shipped."""
        return max(0, self.ordered - self.shipped - self.record.cancelled_quantity)

    @property
    def to_ship(self) -> int:
        """Open units that a package may take: those accepted, or before any allocation all of them."""
        is_allocated = self.accepted or self.backordered or self.rejected
        return max(0, min(self.open, self.accepted - self.shipped)) if is_allocated else self.open


@dataclass(frozen=True, slots=True)
class Parcel:
    """An entry of a line's tracking. It has no id of its own, so its number serves."""

    number: str
    carrier: str
    quantity: int
    created_at: datetime | None


def read_line(raw: Json, readings: Readings, drift: Drift) -> Line:
    """One line in either shape; `drift` is added to. Raises BadRecord naming the field."""
    allocation = members(raw, "allocation")
    try:
        ordered_then = quantity(allocation, "quantity_ordered")
        accepted = quantity(allocation, named(allocation, "quantity_accepted", "quantity_allocated")) or 0
        backordered = quantity(allocation, "quantity_backordered") or 0
        rejected = quantity(allocation, "quantity_rejected") or 0
        backorder_date = text(allocation, "backorder_date")
    except BadRecord as problem:
        raise inside("allocation", problem) from None
    ordered = quantity(raw, "quantity_ordered")
    ordered = ordered_then if ordered is None else ordered
    if ordered is None:
        raise QuantityMissing("quantity_ordered", "is told nowhere")
    parcels = each(raw, named(raw, "tracking", "tracking_numbers"), _parcel)
    shipped = min(ordered, sum(parcel.quantity for parcel in parcels))
    status, designation = _word(raw, "status", drift), _word(raw, "line_item_designation", drift)
    says_cancelled = CANCELLED in (status, designation)
    is_final = says_cancelled and readings.cancelled_word == "final"
    if REJECTED in (status, designation) and not (accepted or backordered or rejected):
        rejected = ordered - shipped  # the word alone says that nothing of it is supplied
    cancelled = ordered - shipped if is_final else min(rejected, ordered - shipped)
    is_cancelled = cancelled > 0 and cancelled == ordered
    price = money(raw, named(raw, "retailer_provided_sku_cost", "cost"), readings.currency)
    record = LineItemRecord(
        marketplace_id=identifier(raw, named(raw, "line_item_uuid", "uuid")),
        status=designation or status,
        product_id=short(raw, "item_uuid"),
        product_name=text(raw, "item_name"),
        sku_id=short(raw, "sku_uuid"),
        sku_name=_variant(text(raw, "item_name"), text(raw, "sku_name")),
        seller_sku=short(raw, "sku_id"),
        image_url="",
        quantity=ordered,
        price=price,
        original_price=price,
        package_id=parcels[0].number if parcels else "",
        tracking_number=parcels[0].number if parcels else "",
        cancelled_by=("retailer" if is_final else "seller") if cancelled else "",
        is_shipped=shipped > 0 and shipped + cancelled >= ordered,
        is_cancelled=is_cancelled,
        cancelled_quantity=cancelled,
        shipped_quantity=shipped,
        extra=unknown(raw, LINE_FIELDS, "order.line_items", drift),
    )
    return Line(
        record=record,
        supplier=supplier(raw)[0],
        allocation=status,
        accepted=accepted,
        backordered=backordered,
        backorder_date=backorder_date,
        rejected=rejected,
        is_cancel_requested=says_cancelled and not is_final,
        parcels=parcels,
    )


def _variant(item: str, sku: str) -> str:
    """What a SKU's name says beyond its item's, with which it mostly begins."""
    return sku.removeprefix(item).lstrip(" ,-") if item else sku


def _parcel(raw: Json) -> Parcel:
    return Parcel(
        number=short(raw, "tracking_number"),
        carrier=text(raw, "shipping_carrier"),
        quantity=quantity(raw, "quantity") or 0,
        created_at=moment(raw, "created_date"),
    )


def _word(raw: Json, name: str, drift: Drift) -> str:
    """The word that says the most; one that we have never met only where there is no other."""
    found = words(raw, name)
    for word in found:
        if word not in LINE_STATUSES:
            drift[f"order.line_items.{name}: {word}"] = None
    return next((word for word in WEIGHTIEST if word in found), found[0] if found else "")


def supplier(raw: Json) -> tuple[str, str]:
    """The UUID and the name of the organization that supplies a line, "" for what it does not say."""
    told = members(raw, "supplier")
    try:
        uuid = short(told, "uuid") or short(raw, "supplier_uuid")
        return uuid, text(told, "organization_name") or text(raw, "supplier_name")
    except BadRecord as problem:
        raise inside("supplier", problem) from None
