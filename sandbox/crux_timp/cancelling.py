"""Requests to cancel: how a retailer makes them and a supplier settles them. None of this shows in an answer until a
request was confirmed; the documentation has no field for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sandbox.crux_timp.records import (
    CONFIRMED,
    EXPIRED,
    PENDING,
    REJECTED,
    CancelRequest,
    Line,
    Order,
    Organization,
)
from sandbox.crux_timp.refusals import Refusal
from sandbox.crux_timp.world import World

TITLE = "Order Cancelled"
EFFECTS = {CONFIRMED: "cancellation.approved", REJECTED: "cancellation.rejected", EXPIRED: "cancellation.expired"}


@dataclass(frozen=True, slots=True)
class Doer:
    """Who does it, when, and in which call."""

    actor: str
    moment: datetime
    request_id: str | None = None


# ---- what is asked ---------------------------------------------------------------------------------------------------


def latest(order: Order, supplier: Organization, line: Line | None) -> CancelRequest | None:
    """The newest request of one scope: a supplier's part of the order, or a line."""
    matching = [each for each in order.requests if each.supplier is supplier and each.line is line]
    return matching[-1] if matching else None


def pending(order: Order, supplier: Organization | None = None) -> list[CancelRequest]:
    return [each for each in order.requests if each.state == PENDING and supplier in (None, each.supplier)]


def concerns_line(line: Line) -> bool:
    """Whether the line is asked for, by itself or with the order."""
    return any(each.line in (None, line) for each in pending(line.order, line.supplier)) and line.is_open


# ---- the retailer ----------------------------------------------------------------------------------------------------


def request_order(world: World, order: Order, doer: Doer) -> list[CancelRequest]:
    """One request for every supplier that still has something to cancel."""
    if any(each.line is None for each in pending(order)):
        return _again(world)
    lines = [line for line in order.lines if line.is_open]
    _check_askable(world, order, None, lines)
    return [_request(world, order, supplier, None, doer) for supplier in dict.fromkeys(line.supplier for line in lines)]


def request_line(world: World, line: Line, doer: Doer) -> list[CancelRequest]:
    if any(each.line in (None, line) for each in pending(line.order, line.supplier)):
        return _again(world)
    _check_askable(world, line.order, line, [line] if line.is_open else [])
    return [_request(world, line.order, line.supplier, line, doer)]


def _again(world: World) -> list[CancelRequest]:
    if world.switches.repeat_request == 204:
        return []
    raise Refusal(422, "A cancelation is requested already.")


def _check_askable(world: World, order: Order, line: Line | None, lines: list[Line]) -> None:
    if not lines:
        raise Refusal(422, "There is nothing left to cancel.")
    if world.switches.request_while == "unallocated" and any(each.allocation for each in lines):
        raise Refusal(422, "The order is allocated already.")
    asked_before = any(each.line is line and each.state != PENDING for each in order.requests)
    if asked_before and not world.switches.request_again:
        raise Refusal(422, "The supplier has decided already.")


def _request(world: World, order: Order, supplier: Organization, line: Line | None, doer: Doer) -> CancelRequest:
    request = CancelRequest(world.ids.uuid(), order, supplier, line, doer.moment)
    order.requests.append(request)
    world.notify(supplier, TITLE, doer.moment)
    asked = [each for each in request.lines if each.is_open]
    _write(world, request, "cancellation.requested", asked, doer)
    if world.switches.silence != "waits":
        due = int(doer.moment.timestamp()) + world.switches.silence_hours * 3600
        world.schedule.at(due, lambda moment: _silence(world, request, moment))
    return request


def _silence(world: World, request: CancelRequest, due: int) -> None:
    """The supplier said nothing in time. Platforms without a deadline never come here."""
    if request.state == PENDING:
        verdict = CONFIRMED if world.switches.silence == "confirms" else EXPIRED
        _settle(world, request, verdict, Doer("system", datetime.fromtimestamp(due, UTC)))


# ---- the supplier ----------------------------------------------------------------------------------------------------


def decide_order(world: World, order: Order, supplier: Organization, verdict: str, doer: Doer) -> None:
    waiting = [each for each in pending(order, supplier) if each.line is None]
    if waiting and world.switches.first_decision_wins:
        waiting = [each for each in pending(order) if each.line is None]
    if world.switches.order_settles_items:
        waiting += [each for each in pending(order, supplier) if each.line is not None]
    _decide(world, waiting, latest(order, supplier, None), verdict, doer)


def decide_line(world: World, line: Line, verdict: str, doer: Doer) -> None:
    request = latest(line.order, line.supplier, line)
    waiting = [request] if request is not None and request.state == PENDING else []
    _decide(world, waiting, request, verdict, doer)


def _decide(world: World, waiting: list[CancelRequest], newest: CancelRequest | None, verdict: str, doer: Doer) -> None:
    if not waiting:
        if newest is not None and newest.state == verdict and world.switches.repeat == 204:
            return
        raise Refusal(422, "No cancelation of this is requested.")
    if verdict == CONFIRMED and not any(line.is_open for each in waiting for line in each.lines):
        raise Refusal(422, "There is nothing left to cancel.")
    for request in waiting:
        if request.state == PENDING:
            _settle(world, request, verdict, doer)


def _settle(world: World, request: CancelRequest, verdict: str, doer: Doer) -> None:
    request.state, request.settled = verdict, doer.moment
    lines = [line for line in request.lines if not line.cancelled]
    if verdict == CONFIRMED:
        lines = [line for line in lines if line.is_open]
        for line in lines:
            line.cancelled = True
        for other in pending(request.order, request.supplier):
            if other.line in lines:
                other.state, other.settled, other.settled_with = CONFIRMED, doer.moment, request.id
    _write(world, request, EFFECTS[verdict], lines, doer)


def reject_by_shipping(world: World, order: Order, lines: list[Line], doer: Doer) -> None:
    """What some platforms do to requests for lines that ship."""
    for request in pending(order):
        if any(line in request.lines for line in lines):
            _settle(world, request, REJECTED, doer)


def _write(world: World, request: CancelRequest, effect: str, lines: list[Line], doer: Doer) -> None:
    world.ledger.write(
        int(doer.moment.timestamp()),
        effect,
        shop_id=request.supplier.uuid,
        order_id=request.order.uuid,
        cancel_id=request.id,
        line_item_ids=[line.uuid for line in lines],
        actor=doer.actor,
        request_id=doer.request_id,
        detail={"scope": "line" if request.line else "order"},
    )
