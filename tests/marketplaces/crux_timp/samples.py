"""Answers of Crux Connect as its pages document them, made up. One order, in both of its shapes."""

import uuid
from typing import Any

from marketplaces.records import CancellationTarget

US = "5f0d6b1e-3a57-4c1f-9a8e-2d4b7c90e611"  # our organization
OTHER = "c2a94e07-61bd-4f3c-8d25-90e7b13f5a48"  # another supplier
ORDER = "8d3f2b61-47ac-4e09-b5d8-13c6f0a97e24"
LINE = "0b97e4d2-5c18-4f6a-93e7-a84d2c61f035"
SECOND = "e61c07a9-8f24-4b3d-a0c5-7d92f4e8136b"


def an_id(number: int) -> str:
    return str(uuid.UUID(int=0xABC << 96 | number))


def target(line_item_id: str = "", order_id: str = ORDER) -> CancellationTarget:
    return CancellationTarget("", order_id, line_item_id)


def allocation(**changes: Any) -> dict[str, Any]:
    """As Get Order Detail has it once a line is allocated."""
    return {
        "quantity_ordered": 3,
        "quantity_accepted": 0,
        "quantity_backordered": 0,
        "quantity_rejected": 0,
        "backorder_date": None,
    } | changes


def parcel(units: int, number: str = "9400110200881234567890") -> dict[str, Any]:
    return {
        "tracking_number": number,
        "shipping_carrier": "USPS",
        "shipping_method": "Priority",
        "shipping_weight": 1.2,
        "shipping_cost": None,
        "shipping_date": "2026-03-04",
        "created_date": "2026-03-04T16:20:11.000417Z",
        "quantity": units,
        "package_attributes": [],
    }


def line(**changes: Any) -> dict[str, Any]:
    """A line of three units as Get Order Detail has it, not allocated yet."""
    return {
        "line_item_uuid": LINE,
        "status": "Unallocated",
        "line_item_designation": None,
        "item_uuid": an_id(1),
        "item_name": "Enamel mug",
        "sku_uuid": an_id(2),
        "sku_id": "MUG-BLU",
        "sku_name": "Enamel mug, blue",
        "quantity_ordered": 3,
        "sku_title_variants": None,
        "product_codes": {"upca": None, "ean13": None, "isbn": None, "gtin14": None, "asin": None, "mpn": None},
        "supplier_item_notes": None,
        "retailer_item_notes": None,
        "retailer_provided_sku_cost": 7.25,
        "supplier": {"uuid": US, "organization_name": "Birch & Tin", "order_submitted_by": None},
        "supplier_provided_item_attributes": None,
        "retailer_provided_item_attributes": None,
        "tracking": [],
        "allocation": None,
    } | changes


def order(**changes: Any) -> dict[str, Any]:
    """As Get Order Detail has it."""
    return {
        "order_uuid": ORDER,
        "po_number": "BT-20781",
        "created_date": "2026-03-02T09:14:55.120034Z",
        "address": {
            "name": "Iris Novak",
            "business_name": None,
            "address1": "12 Mill Lane",
            "address2": None,
            "city": "Duluth",
            "state": "MN",
            "postal_code": "55802",
            "phone_number": "218-555-0117",
            "country": None,
        },
        "sent_to_supplier": True,
        "retailer": {"uuid": an_id(9), "organization_name": "Corner Goods", "order_submitted_by": None},
        "retailer_provided_order_notes": "Ring twice",
        "supplier_provided_order_notes": None,
        "retailer_provided_fees": {"order_fee": 0.5, "order_tax": 1.99, "shipping_cost": 6.4, "dropship_fee": 1},
        "retailer_provided_order_attributes": None,
        "supplier_provided_order_attributes": None,
        "invoices": [{"invoice_items": None}],
        "line_items": [line()],
    } | changes


def as_listed(detail: dict[str, Any]) -> dict[str, Any]:
    """The same order as Get Orders has it."""
    fees = detail["retailer_provided_fees"]
    retailer = detail["retailer"]
    same = (
        "created_date", "address", "retailer_provided_order_notes", "supplier_provided_order_notes",
        "retailer_provided_order_attributes", "supplier_provided_order_attributes", "invoices",
    )  # fmt: skip
    return {name: detail[name] for name in same} | {
        "uuid": detail["order_uuid"],
        "is_allocated": False,
        "purchase_order_id": detail["po_number"],
        "fees": {
            "estimated_shipping_cost": fees["shipping_cost"],
            "drop_ship_fee": fees["dropship_fee"],
            "order_fee": fees["order_fee"],
        },
        "retailer": {
            "name": retailer["organization_name"],
            "uuid": retailer["uuid"],
            "user": {"name": "Sam Ode", "email": "sam@corner.example"},
        },
        "requested_shipping": {"shipping_carrier": "USPS", "shipping_method": "Priority"},
        "line_items": [_line_as_listed(one) for one in detail["line_items"]],
    }


def _line_as_listed(detail: dict[str, Any]) -> dict[str, Any]:
    listed = {name: value for name, value in detail.items() if name != "quantity_ordered"}
    told = detail["allocation"] or allocation(quantity_ordered=detail["quantity_ordered"])
    listed["allocation"] = {name: value for name, value in told.items() if name != "quantity_accepted"} | {
        "quantity_allocated": told["quantity_accepted"]
    }
    return listed


def sign_in(**changes: Any) -> dict[str, Any]:
    def permission(name: str, assigned: bool) -> dict[str, Any]:
        about = {"uuid": an_id(70), "name": name, "display_name": name, "description": "", "visibility": "BOTH"}
        return {"assigned": assigned, "permission": {**about, "grouping": "ORDERS"}}

    return {
        "auth_token": "f" * 40,
        "org_uuid": US,
        "user_uuid": an_id(60),
        "retailer_uuid": "",
        "supplier_uuid": an_id(61),
        "org_type": "SUPPLIER",
        "permission_assignments": {
            "permissions": [permission("cancel_order", True), permission("allocate_order", False)],
            "org_user": {"uuid": an_id(60)},
        },
    } | changes
