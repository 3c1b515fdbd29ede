"""Allocate Order, Add Order Tracking and Submit Invoice: reading what was sent, and answering."""

from __future__ import annotations

from typing import Any

from sandbox.crux_timp import supplying
from sandbox.crux_timp.bodies import Fields
from sandbox.crux_timp.call import Answer, Call
from sandbox.crux_timp.cancelling import Doer
from sandbox.crux_timp.encoding import allocation_status, designation
from sandbox.crux_timp.records import Allocation, Invoice, Package
from sandbox.crux_timp.refusals import Refusal
from sandbox.crux_timp.world import World

INVOICE_FEES = ("drop_ship_fee", "order_fee", "tax", "order_total", "shipping_cost")


def allocate_order(world: World, call: Call) -> Answer:
    wanted = {uuid: _allocation(row) for uuid, row in _rows(call.body).items()}
    order = world.order_acted_on_by(call.organization, call.names["order_uuid"])
    words = supplying.allocate(world, order, call.organization, wanted, _seller(call))
    if world.switches.allocation_answer == "pairs":
        return Answer(200, [{uuid: word} for uuid, word in words.items()])
    own = {line.uuid: line for line in order.lines_of(call.organization)}
    return Answer(
        200,
        {
            "line_items": [
                {
                    "line_item_uuid": uuid,
                    "line_item_status": allocation_status(own[uuid]) if uuid in own else word,
                    "line_item_designation": designation(world, own[uuid]) if uuid in own else None,
                }
                for uuid, word in words.items()
            ]
        },
    )


def add_order_tracking(world: World, call: Call) -> Answer:
    body = call.body
    rows = _rows(body)
    package = Package(
        uuid="",
        supplier=call.organization,
        tracking_number=body.needed_text("tracking_number"),
        created=call.now,
        quantities={uuid: row.quantity("quantity_shipped", at_least=1) for uuid, row in rows.items()},
        carrier=body.text("supplier_provided_carrier"),
        method=body.text("supplier_provided_method"),
        weight=body.amount("package_weight"),
        cost=body.amount("package_ship_cost"),
        ship_date=body.date("package_ship_date"),
        attributes=body.attributes("package_attributes") or [],
    )
    costs = {uuid: row.amount("supplier_provided_sku_cost") for uuid, row in rows.items()}
    order = world.order_acted_on_by(call.organization, call.names["order_uuid"])
    package.uuid = world.ids.uuid()
    supplying.ship(world, order, package, _seller(call))
    for uuid, cost in costs.items():
        if cost is not None:
            world.lines[uuid].supplier_cost = cost
    status = world.switches.tracking_status
    return Answer(status, None if status == 204 else {"package_uuid": package.uuid})


def submit_invoice(world: World, call: Call) -> Answer:
    number = call.body.needed_text("invoice_number")
    rows = _rows(call.body) if call.body.has("line_items") else {}
    items = {uuid: _invoice_item(row) for uuid, row in rows.items()}
    for name in INVOICE_FEES:
        call.body.amount(f"supplier_provided_{name}")
    attributes = call.body.attributes("invoice_attributes") or []
    order = world.order_acted_on_by(call.organization, call.names["order_uuid"])
    paper = Invoice(world.ids.uuid(), number, list(items.values()), attributes)
    uuid = supplying.invoice(world, order, call.organization, paper, list(items), _seller(call))
    po_number = order.side_of(call.organization).fees.get("supplier_provided_po_number")
    for line_uuid, item in items.items():
        line = world.lines[line_uuid]
        line.supplier_cost = item.pop("cost") or line.supplier_cost
        item |= {"sku_id": line.sku.sku_id, "quantity_ordered": line.quantity, "supplier_order_number": po_number}
    return Answer(world.switches.invoice_status, {"invoice_uuid": uuid})


def _rows(body: Fields) -> dict[str, Fields]:
    """The line items by UUID; a line named twice is a mistake."""
    rows = body.needed_objects("line_items")
    named = {row.needed_text("line_item_uuid"): row for row in rows}
    if len(named) != len(rows):
        raise Refusal(400, "line_items: a line is there twice.")
    return named


def _allocation(row: Fields) -> Allocation:
    told = row.needed_object("allocation")
    return Allocation(
        accepted=told.quantity("quantity_accepted"),
        rejected=told.quantity("quantity_rejected"),
        backordered=told.quantity("quantity_backordered"),
        backorder_date=told.date("backorder_date"),
    )


def _invoice_item(row: Fields) -> dict[str, Any]:
    return {
        "sku_id": None,
        "quantity_ordered": None,
        "quantity_invoiced": row.quantity("quantity_invoiced") if row.has("quantity_invoiced") else None,
        "supplier_order_number": None,
        "invoice_item_attributes": row.attributes("invoice_item_attributes") or [],
        "cost": row.amount("supplier_provided_sku_cost"),
    }


def _seller(call: Call) -> Doer:
    return Doer("seller", call.now, call.request_id)
