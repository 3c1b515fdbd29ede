"""An order's fees and attributes: each party writes its own side."""

from __future__ import annotations

from sandbox.crux_timp.bodies import Fields
from sandbox.crux_timp.call import Answer, Call
from sandbox.crux_timp.refusals import Refusal
from sandbox.crux_timp.world import World

# As written: every spelling a request may use, the one of the documented answer first.
SUPPLIER_FEES = (
    ("supplier_provided_dropship_fee", "supplier_provided_drop_ship_fee"),
    ("supplier_provided_order_fee",),
    ("supplier_provided_tax",),
    ("supplier_provided_order_total",),
)
SUPPLIER_PO = ("supplier_provided_po_number", "supplier_po_number")
RETAILER_FEES = {
    "order_tax": ("retailer_provided_tax",),
    "order_fee": ("retailer_provided_order_fee",),
    "shipping_cost": ("retailer_provided_shipping_cost",),
    "dropship_fee": ("retailer_provided_dropship_fee", "retailer_provided_drop_ship_fee"),
}


def get_order_fees(world: World, call: Call) -> Answer:
    order = world.order_read_by(call.organization, call.names["order_uuid"])
    written = order.side_shown_to(call.organization).fees
    names = [*(spellings[0] for spellings in SUPPLIER_FEES), SUPPLIER_PO[0]]
    return Answer(
        200,
        {
            **{spellings[0]: order.fees[name] for name, spellings in RETAILER_FEES.items()},
            **{name: written.get(name) for name in names},
            "line_items": [
                {"line_item_uuid": line.uuid, "supplier_provided_sku_cost": line.supplier_cost}
                for line in world.lines_shown_to(call.organization, order)
            ],
        },
    )


def update_order_fees(world: World, call: Call) -> Answer:
    retailers = {name: _amount(call.body, spellings) for name, spellings in RETAILER_FEES.items()}
    suppliers = {spellings[0]: _amount(call.body, spellings) for spellings in SUPPLIER_FEES}
    po_number = next((call.body.text(name) for name in SUPPLIER_PO if call.body.has(name)), None)
    order = world.order_acted_on_by(call.organization, call.names["order_uuid"])
    if call.organization is order.retailer:
        order.fees |= {name: value for name, value in retailers.items() if value is not None}
    else:
        told = {**suppliers, SUPPLIER_PO[0]: po_number}
        order.side_of(call.organization).fees |= {name: value for name, value in told.items() if value is not None}
    return updated(world)


def get_order_attributes(world: World, call: Call) -> Answer:
    order = world.order_read_by(call.organization, call.names["order_uuid"])
    side = order.side_shown_to(call.organization)
    return Answer(
        200,
        {
            "retailer_provided_notes": order.notes,
            "supplier_provided_notes": side.notes,
            "retailer_provided_order_attributes": order.attributes,
            "supplier_provided_order_attributes": side.attributes,
            "line_items": [
                {
                    "line_item_uuid": line.uuid,
                    "supplier_provided_notes": line.supplier_notes,
                    "retailer_provided_notes": line.retailer_notes,
                    "supplier_provided_item_attributes": line.supplier_attributes,
                    "retailer_provided_item_attributes": line.retailer_attributes,
                }
                for line in world.lines_shown_to(call.organization, order)
            ],
        },
    )


def update_order_attributes(world: World, call: Call) -> Answer:
    """The other party's fields are ignored; what is left out stays."""
    body, role = call.body, call.organization.kind.lower()
    notes = body.text(f"{role}_provided_notes")
    attributes = body.attributes(f"{role}_provided_order_attributes")
    rows = {
        row.needed_text("line_item_uuid"): (
            row.text(f"{role}_provided_notes"),
            row.attributes(f"{role}_provided_item_attributes"),
        )
        for row in body.objects("line_items")
    }
    order = world.order_acted_on_by(call.organization, call.names["order_uuid"])
    own = {line.uuid: line for line in world.lines_shown_to(call.organization, order)}
    if not set(rows) <= set(own):
        raise Refusal(422)
    page = order if role == "retailer" else order.side_of(call.organization)
    page.notes = page.notes if notes is None else notes
    page.attributes = page.attributes if attributes is None else attributes
    for uuid, (line_notes, line_attributes) in rows.items():
        for name, value in ((f"{role}_notes", line_notes), (f"{role}_attributes", line_attributes)):
            if value is not None:
                setattr(own[uuid], name, value)
    return updated(world)


def updated(world: World) -> Answer:
    """The documentation shows no answer for these."""
    status = world.switches.update_status
    return Answer(status, None if status == 204 else {})


def _amount(body: Fields, spellings: tuple[str, ...]) -> float | None:
    return next((amount for name in spellings if (amount := body.amount(name)) is not None), None)
