"""Asking to cancel, and the supplier's answer: Confirm and Reject, for an order or one of its lines. They carry no data
but the UUID of the path."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.crux_timp import cancelling
from sandbox.crux_timp.call import Answer, Call
from sandbox.crux_timp.cancelling import Doer
from sandbox.crux_timp.records import CONFIRMED, REJECTED, Line, Organization
from sandbox.crux_timp.refusals import Refusal
from sandbox.crux_timp.world import World


def request_order(world: World, call: Call) -> Answer:
    uuid = call.body.needed_text("order_uuid")
    order = world.order_acted_on_by(call.organization, uuid)
    cancelling.request_order(world, order, Doer("buyer", call.now, call.request_id))
    return Answer(204)


def request_item(world: World, call: Call) -> Answer:
    line = _line(world, call.organization, call.names["order_item_uuid"])
    cancelling.request_line(world, line, Doer("buyer", call.now, call.request_id))
    return Answer(204)


def order_decision(verdict: str) -> Callable[[World, Call], Answer]:
    def decide(world: World, call: Call) -> Answer:
        order = world.order_acted_on_by(call.organization, call.names["order_uuid"])
        cancelling.decide_order(world, order, call.organization, verdict, _seller(call))
        return _decided(world)

    return decide


def item_decision(verdict: str) -> Callable[[World, Call], Answer]:
    def decide(world: World, call: Call) -> Answer:
        line = _line(world, call.organization, call.names["order_item_uuid"])
        cancelling.decide_line(world, line, verdict, _seller(call))
        return _decided(world)

    return decide


confirm_order, reject_order = order_decision(CONFIRMED), order_decision(REJECTED)
confirm_item, reject_item = item_decision(CONFIRMED), item_decision(REJECTED)


def _line(world: World, actor: Organization, uuid: str) -> Line:
    """The actor's own line of this UUID. A catalogue item's UUID names, if anything, the line of it that is asked for
    and else its newest: one item is in many orders."""
    line = world.lines.get(uuid)
    if line is not None and _is_own(line, actor):
        return line
    if world.switches.accepts_item_uuid:
        lines = [each for each in world.lines.values() if each.sku.item_uuid == uuid and _is_own(each, actor)]
        asked = [each for each in lines if cancelling.concerns_line(each)]
        if lines:
            return (asked or lines)[-1]
    raise Refusal(world.switches.unknown_uuid)


def _is_own(line: Line, actor: Organization) -> bool:
    return actor in (line.supplier, line.order.retailer)


def _seller(call: Call) -> Doer:
    return Doer("seller", call.now, call.request_id)


def _decided(world: World) -> Answer:
    match world.switches.decision_answer:
        case "200_empty_object":
            return Answer(200, {})
        case "200_message":
            return Answer(200, {"message": "success"})
    return Answer(204)
