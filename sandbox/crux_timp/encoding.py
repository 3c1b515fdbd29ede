"""Orders as the wire shows them. The list and the detail name the same things differently; no field is here that the
documentation does not show."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sandbox.crux_timp import cancelling
from sandbox.crux_timp.records import Line, Order, Organization, Sku
from sandbox.crux_timp.world import World

Json = dict[str, Any]

CANCELLED, REJECTED, HAS_TRACKING, BACKORDERED, NEEDS_TRACKING = (
    "Cancelled",
    "Rejected",
    "HasTracking",
    "Backordered",
    "NeedsTracking",
)
DESIGNATIONS = (HAS_TRACKING, NEEDS_TRACKING, BACKORDERED, REJECTED, CANCELLED)
UNALLOCATED, PARTIAL, ALLOCATED = STATUSES = ("Unallocated", "Partial", "Allocated")


def timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def allocation_status(line: Line) -> str:
    if line.allocation is None:
        return UNALLOCATED
    return ALLOCATED if line.allocation.total >= line.quantity else PARTIAL


def designation(world: World, line: Line) -> str | None:
    """One word, the strongest where several fit."""
    if line.cancelled or (world.switches.pending_visible and cancelling.concerns_line(line)):
        return CANCELLED
    allocation = line.allocation
    if allocation is None:
        return None
    if allocation.rejected:
        return REJECTED
    if line.shipped:
        return HAS_TRACKING
    if allocation.backordered:
        return BACKORDERED
    return NEEDS_TRACKING if allocation.accepted else None


class Encoder:
    def __init__(self, world: World) -> None:
        self.world = world

    # ---- orders ----------------------------------------------------------------------------------------------

    def listed(self, order: Order, reader: Organization) -> Json:
        lines = self.world.lines_shown_to(reader, order)
        carrier, method = order.shipping
        return {
            "uuid": order.uuid,
            "is_allocated": all(allocation_status(line) == ALLOCATED for line in lines),
            "purchase_order_id": order.po_number,
            "created_date": timestamp(order.created),
            **self._written(order, reader),
            "fees": {
                "estimated_shipping_cost": order.fees["shipping_cost"],
                "drop_ship_fee": order.fees["dropship_fee"],
                "order_fee": order.fees["order_fee"],
            },
            "retailer": {
                "name": order.retailer.name,
                "uuid": order.retailer.uuid,
                "user": {"name": order.creator.name, "email": order.creator.email},
            },
            "address": order.address,
            "requested_shipping": {"shipping_carrier": carrier, "shipping_method": method},
            "invoices": self._invoices(order, reader),
            "line_items": [self._listed_line(line) for line in lines],
        }

    def detailed(self, order: Order, reader: Organization) -> Json:
        fees = order.fees
        return {
            "order_uuid": order.uuid,
            "po_number": order.po_number,
            "created_date": timestamp(order.created),
            "address": order.address,
            "sent_to_supplier": order.sent_to_supplier,
            "retailer": {
                "uuid": order.retailer.uuid,
                "organization_name": order.retailer.name,
                "order_submitted_by": None,
            },
            **self._written(order, reader),
            "retailer_provided_fees": {
                name: fees[name] for name in ("order_fee", "order_tax", "shipping_cost", "dropship_fee")
            },
            "invoices": self._invoices(order, reader),
            "line_items": [self._detailed_line(line) for line in self.world.lines_shown_to(reader, order)],
        }

    @staticmethod
    def _written(order: Order, reader: Organization) -> Json:
        side = order.side_shown_to(reader)
        return {
            "retailer_provided_order_notes": order.notes,
            "supplier_provided_order_notes": side.notes,
            "retailer_provided_order_attributes": order.attributes,
            "supplier_provided_order_attributes": side.attributes,
        }

    @staticmethod
    def _invoices(order: Order, reader: Organization) -> list[Json]:
        """An order without any is shown with one that is none."""
        return [
            {
                "invoice_number": invoice.number,
                "invoice_items": invoice.items,
                "invoice_attributes": invoice.attributes,
            }
            for invoice in order.side_shown_to(reader).invoices
        ] or [{"invoice_items": None}]

    # ---- lines -----------------------------------------------------------------------------------------------

    def _listed_line(self, line: Line) -> Json:
        allocation = line.allocation
        key = self.world.switches.list_line_key
        return {
            key: line.uuid,
            **self._line(line),
            "allocation": self._ordered(line)
            | {
                "quantity_allocated": allocation.accepted if allocation else 0,
                "quantity_backordered": allocation.backordered if allocation else 0,
                "quantity_rejected": allocation.rejected if allocation else 0,
                "backorder_date": allocation.backorder_date if allocation else None,
            },
        }

    def _detailed_line(self, line: Line) -> Json:
        allocation = line.allocation
        shown = allocation and self._ordered(line) | {
            "quantity_accepted": allocation.accepted,
            "quantity_backordered": allocation.backordered,
            "quantity_rejected": allocation.rejected,
            "backorder_date": allocation.backorder_date,
        }
        return {"line_item_uuid": line.uuid, **self._line(line), **self._ordered(line), "allocation": shown}

    def _ordered(self, line: Line) -> Json:
        return {"quantity_ordered": line.quantity} if self.world.switches.quantity_ordered else {}

    def _line(self, line: Line) -> Json:
        return {
            "status": self.status(line),
            "line_item_designation": self._designation(line),
            **_sku(line.sku),
            "supplier_item_notes": line.supplier_notes,
            "retailer_item_notes": line.retailer_notes,
            "retailer_provided_sku_cost": line.cost,
            "supplier": {
                "uuid": line.supplier.uuid,
                "organization_name": line.supplier.name,
                "order_submitted_by": None,
            },
            "supplier_provided_item_attributes": line.supplier_attributes,
            "retailer_provided_item_attributes": line.retailer_attributes,
            "tracking": [
                {
                    "tracking_number": package.tracking_number,
                    "shipping_carrier": package.carrier,
                    "shipping_method": package.method,
                    "shipping_weight": package.weight,
                    "shipping_cost": package.cost,
                    "shipping_date": package.ship_date,
                    "created_date": timestamp(package.created),
                    "quantity": package.quantities[line.uuid],
                    "package_attributes": package.attributes,
                }
                for package in line.packages
            ],
        }

    def status(self, line: Line) -> str:
        if line.cancelled and self.world.switches.confirmed_in_status:
            return CANCELLED
        return allocation_status(line)

    def _designation(self, line: Line) -> str | list[str] | None:
        word = designation(self.world, line)
        match self.world.switches.designation_form:
            case "list":
                return [word] if word else []
            case "id_name" if word:
                return f"ID: {DESIGNATIONS.index(word) + 1} Name: {word}"
        return word


def _sku(sku: Sku) -> Json:
    variants = f"{sku.name} {{'color': '{sku.colour}'}}" if sku.colour else None
    return {
        "item_uuid": sku.item_uuid,
        "item_name": sku.item_name,
        "sku_uuid": sku.uuid,
        "sku_id": sku.sku_id,
        "sku_name": sku.name,
        "sku_title_variants": variants,
        "product_codes": {
            "upca": sku.upc,
            "ean13": None,
            "isbn": None,
            "gtin14": None,
            "asin": None,
            "mpn": sku.mpn,
        },
    }
