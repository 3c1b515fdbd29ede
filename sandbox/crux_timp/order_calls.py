"""Reading orders, and acknowledging them."""

from __future__ import annotations

from sandbox.crux_timp.call import Answer, Call
from sandbox.crux_timp.encoding import Encoder
from sandbox.crux_timp.searching import read_search
from sandbox.crux_timp.world import World


def get_orders(world: World, call: Call) -> Answer:
    search = read_search(world, call.body)
    found = search.find(world, call.organization)
    shown = [Encoder(world).listed(order, call.organization) for order in search.part(world, found)]
    return Answer(200, {"total_results": len(found), "orders": shown})


def get_order_detail(world: World, call: Call) -> Answer:
    """Get Order Invoices answers the same: its documented example is an order's detail with the invoices filled in."""
    order = world.order_read_by(call.organization, call.names["order_uuid"])
    return Answer(200, Encoder(world).detailed(order, call.organization))


def get_order_by_po(world: World, call: Call) -> Answer:
    found = [
        order
        for order in world.orders.values()
        if order.po_number == call.names["po_number"] and world.lines_shown_to(call.organization, order)
    ]
    return Answer(200, [Encoder(world).detailed(order, call.organization) for order in found])


def acknowledge_order(world: World, call: Call) -> Answer:
    uuids = [each.needed_text("order_uuid") for each in call.body.needed_objects("uuids")]
    for order in [world.order_acted_on_by(call.organization, uuid) for uuid in uuids]:
        order.sent_to_supplier = True
    return Answer(204)
