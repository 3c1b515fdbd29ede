"""Create Order: how a retailer brings an order in."""

from __future__ import annotations

from sandbox.crux_timp.bodies import Fields
from sandbox.crux_timp.call import Answer, Call
from sandbox.crux_timp.records import Line, Order
from sandbox.crux_timp.refusals import Refusal
from sandbox.crux_timp.world import World

TITLE = "Order Created"
ADDRESS = (
    "name",
    "business_name",
    "address1",
    "address2",
    "city",
    "state",
    "postal_code",
    "phone_number",
    "country",
)
FEES = {
    "order_fee": "retailer_provided_order_fee",
    "order_tax": "retailer_provided_tax",
    "shipping_cost": "retailer_provided_shipping_cost",
    "dropship_fee": "retailer_provided_dropship_fee",
}


def create_order(world: World, call: Call) -> Answer:
    body = call.body
    rows = body.needed_objects("skus")
    address = body.needed_object("address")
    order = Order(
        uuid=world.ids.uuid(),
        po_number=body.needed_text("po_number"),
        retailer=call.organization,
        creator=call.by,
        created=call.now,
        address={name: address.text(name) for name in ADDRESS},
        shipping=(
            rows[0].text("retailer_provided_shipping_carrier"),
            rows[0].text("retailer_provided_shipping_method"),
        ),
        fees={name: body.amount(field) or 0 for name, field in FEES.items()},
        notes=body.text("retailer_provided_notes"),
        attributes=body.attributes("retailer_provided_order_attributes"),
    )
    order.lines = [_line(world, order, row) for row in rows]
    world.add(order)
    for supplier in order.suppliers:
        world.notify(supplier, TITLE, call.now)
    return Answer(201, {"order_uuid": order.uuid, "messages": []})


def _line(world: World, order: Order, row: Fields) -> Line:
    key = (row.needed_text("supplier_org_uuid"), row.needed_text("sku_id"))
    quantity, cost = row.quantity("quantity", at_least=1), row.amount("retailer_provided_sku_cost")
    sku = world.skus.get(key)
    if sku is None:
        raise Refusal(400, f"The supplier has no {key[1]}.")
    return Line(
        uuid=world.ids.uuid(),
        order=order,
        sku=sku,
        quantity=quantity,
        cost=sku.cost if cost is None else cost,
        retailer_notes=row.text("retailer_line_item_instructions"),
        retailer_attributes=row.attributes("retailer_provided_line_item_attributes"),
    )
