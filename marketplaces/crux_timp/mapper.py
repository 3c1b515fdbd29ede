"""Crux Connect's orders as records. Pure: the same JSON, read at the same moment, gives the same record.

An order comes in two shapes, from Get Orders and from Get Order Detail; both give the same record, up to what only one
of them tells, which is in `extra`.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from marketplaces.crux_timp.known import (
    CANCELLED,
    FEE_FIELDS,
    HAS_TRACKING,
    NEEDS_TRACKING,
    ORDER_FIELDS,
    PROGRESS,
    REJECTED,
)
from marketplaces.crux_timp.lines import Line, read_line
from marketplaces.crux_timp.reading import money, named, required_moment
from marketplaces.crux_timp.readings import Readings
from marketplaces.errors import BadRecord
from marketplaces.reading import Drift, Json, each, identifier, inside, members, short, text, unknown
from marketplaces.records import LineItemRecord, Money, OrderRecord

# What only one of the two shapes tells; it counts for nothing when two readings of an order are compared.
_OF_ONE_SHAPE = frozenset({"order_tax", "requested_shipping", "sent_to_supplier"})


@dataclass(frozen=True, slots=True)
class Reader:
    """How a supplier's orders are read. `organization` is the supplier's UUID, empty where it is not known."""

    readings: Readings
    organization: str = ""

    def order(self, raw: Json, now: datetime, drift: Drift) -> OrderRecord:
        """One order in either shape, read at `now`; `drift` is added to. Raises BadRecord naming the field."""
        lines = self.lines(raw, drift)
        records = [line.record for line in lines]
        live = [record for record in records if not record.is_cancelled]
        parcels = [parcel for line in lines for parcel in line.parcels]
        numbers = tuple(dict.fromkeys(parcel.number for parcel in parcels if parcel.number))
        is_shipped = bool(live) and all(one.is_shipped for one in live)
        when = [parcel.created_at for parcel in parcels if parcel.created_at]
        retailer = members(raw, "retailer")
        try:
            retailer_uuid = short(retailer, "uuid")
            retailer_name = text(retailer, named(retailer, "organization_name", "name"))
        except BadRecord as problem:
            raise inside("retailer", problem) from None
        record = OrderRecord(
            marketplace_id=identifier(raw, named(raw, "order_uuid", "uuid")),
            number=short(raw, named(raw, "po_number", "purchase_order_id")),
            status=order_status(lines),
            created_at=required_moment(raw, "created_date"),
            updated_at=now,
            **self._amounts(raw, records, drift),
            tax=None,  # only Get Order Detail tells it
            lines=records,
            package_ids=numbers,
            shipped_at=max(when, default=None) if is_shipped else None,
            is_cancel_requested=any(line.is_cancel_requested for line in lines),
            is_shipped=is_shipped,
            is_cancelled=not live,
            cancelled_by="" if live else min(one.cancelled_by for one in records),
            fulfillment_type="seller",
            shipping_type="seller",
            shipping_provider=next((parcel.carrier for parcel in parcels if parcel.carrier), ""),
            tracking_number=numbers[0] if numbers else "",
            buyer_id=retailer_uuid,
            buyer_name=retailer_name,
            buyer_message=text(raw, "retailer_provided_order_notes"),
            **_recipient(raw),
            extra=_extra(raw, drift),
        )
        return replace(record, fingerprint=fingerprint(record))

    def lines(self, raw: Json, drift: Drift) -> Sequence[Line]:
        """Our own lines of an order in either shape. Raises BadRecord, also where none of them is ours."""
        lines = each(raw, "line_items", lambda item: read_line(item, self.readings, drift))
        if self.readings.own_lines == "by_organization" and self.organization:
            lines = tuple(line for line in lines if line.supplier in ("", self.organization))
        if not lines:
            raise BadRecord("line_items", "none of them is this supplier's")
        return lines

    def _amounts(self, raw: Json, lines: Sequence[LineItemRecord], drift: Drift) -> dict[str, Any]:
        """What the retailer pays for these lines, without tax."""
        currency = self.readings.currency
        where = named(raw, "retailer_provided_fees", "fees")
        told = members(raw, where)
        unknown(told, FEE_FIELDS, f"order.{where}", drift)
        try:
            shipping = money(told, named(told, "shipping_cost", "estimated_shipping_cost"), currency).amount
            order_fee = money(told, "order_fee", currency).amount
            dropship_fee = money(told, named(told, "dropship_fee", "drop_ship_fee"), currency).amount
        except BadRecord as problem:
            raise inside(where, problem) from None
        goods = sum((line.price.amount * line.quantity for line in lines), start=Decimal("0.00"))
        amounts = {"subtotal": goods, "shipping_fee": shipping, "fees": order_fee + dropship_fee}
        amounts["total"] = sum(amounts.values(), start=Decimal("0.00"))
        return {name: Money(amount, currency) for name, amount in amounts.items()}


def order_status(lines: Sequence[Line]) -> str:
    """The word of the line that is least far; where all have ended, whether they were cancelled or rejected."""
    live = [_progress(line) for line in lines if not line.record.is_cancelled]
    if not live:
        return REJECTED if all(line.record.cancelled_by == "seller" for line in lines) else CANCELLED
    return min(live, key=lambda word: PROGRESS.index(word) if word in PROGRESS else len(PROGRESS))


def _progress(line: Line) -> str:
    """How far what is left of a line is, where its word only speaks of the part that is gone."""
    word = line.record.status
    if line.shipped and not line.open:
        return HAS_TRACKING
    if line.open and word == HAS_TRACKING:
        return NEEDS_TRACKING
    if line.open and word in (REJECTED, CANCELLED):
        return line.allocation if line.allocation in PROGRESS else NEEDS_TRACKING
    return word


def fingerprint(record: OrderRecord) -> str:
    """Changes with anything that both shapes tell; 64 hex digits."""
    told = asdict(record)
    del told["updated_at"], told["fingerprint"]
    told["extra"] = {name: value for name, value in told["extra"].items() if name not in _OF_ONE_SHAPE}
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


def _recipient(raw: Json) -> dict[str, Any]:
    address = members(raw, "address")
    try:
        told = {name: text(address, name).strip() for name in _ADDRESS}
    except BadRecord as problem:
        raise inside("address", problem) from None
    place = " ".join(filter(None, (told["state"], told["postal_code"])))
    parts = (told["address1"], told["address2"], told["city"], place, told["country"])
    return {
        "recipient_name": ", ".join(filter(None, (told["name"], told["business_name"]))),
        "recipient_region": told["country"] or told["state"],
        "recipient_address": ", ".join(filter(None, parts)),
    }


_ADDRESS = ("name", "business_name", "address1", "address2", "city", "state", "postal_code", "country")


def _extra(raw: Json, drift: Drift) -> Json:
    """What has no place in a record: what only one shape tells, and what we do not know."""
    fees = members(raw, named(raw, "retailer_provided_fees", "fees"))
    told: dict[str, Any] = {
        "order_tax": fees.get("order_tax"),
        "requested_shipping": raw.get("requested_shipping"),
        "sent_to_supplier": raw.get("sent_to_supplier"),
    }
    told = {name: value for name, value in told.items() if value not in (None, "")}
    return {**unknown(raw, ORDER_FIELDS, "order", drift), **told}
