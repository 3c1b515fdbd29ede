"""What happens to orders and cancellation requests, whoever makes it happen: transitions, their effects in the
ledger, and what follows by itself later."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sandbox.tiktok_shop.encoding import shipping_due
from sandbox.tiktok_shop.records import (
    CLOSED,
    COMPLETE,
    PENDING,
    SUCCESS,
    Cancellation,
    CancelLine,
    Line,
    Order,
    Package,
)
from sandbox.tiktok_shop.refusals import Refusal
from sandbox.tiktok_shop.world import World

HOUR = 3600
ON_HOLD_SECONDS = HOUR
UNPAID_SECONDS = 24 * HOUR
COLLECTION_SECONDS = 18 * HOUR
TRANSIT_SECONDS = 52 * HOUR
COMPLETION_SECONDS = 14 * 24 * HOUR


@dataclass(frozen=True, slots=True)
class Doer:
    """Who makes something happen and by which call, for the ledger."""

    actor: str
    request_id: str | None = None
    idempotency_key: str | None = None

    def marks(self) -> dict[str, Any]:
        return {"actor": self.actor, "request_id": self.request_id, "idempotency_key": self.idempotency_key}


SYSTEM = Doer("system")
BUYER = Doer("buyer")


# ---- cancellation requests -------------------------------------------------------------------------------------


def request_cancellation(world: World, order: Order, lines: list[Line], reason: str, at: int) -> Cancellation:
    """A buyer asks. Unpaid and on-hold orders are cancelled at once; otherwise the seller has to answer."""
    if order.status in ("UNPAID", "ON_HOLD"):
        return cancel_at_once(world, order, lines, reason, at, role="BUYER", doer=BUYER)
    if order.status != "AWAITING_SHIPMENT":
        raise Refusal(25001003)
    if order.pending_cancel_id is not None:
        raise Refusal(25001011)
    cancellation = _record(world, order, lines, reason, at, kind="BUYER_CANCEL", role="BUYER", status=PENDING)
    cancellation.deadline = at + world.switches.deadline_hours * HOUR
    order.pending_cancel_id, order.request_cancel_time = cancellation.id, at
    world.order_changed(order, at)
    world.cancellation_added(cancellation)
    _write(world, "cancellation.requested", cancellation, at, BUYER, reason=reason)
    watch_deadline(world, cancellation)
    return cancellation


def approve(
    world: World, cancellation: Cancellation, at: int, doer: Doer, effect: str = "cancellation.approved"
) -> None:
    order = cancellation.order
    order.pending_cancel_id = None
    world.cancellation_changed(cancellation, at, SUCCESS)
    _write(world, effect, cancellation, at, doer)
    _cancel_lines(world, order, [each.line for each in cancellation.lines], cancellation.reason, at, "BUYER")
    expect_refund(world, cancellation, at)


def close(world: World, cancellation: Cancellation, at: int, doer: Doer, effect: str, **detail: Any) -> None:
    """The request ends without cancelling: withdrawn, rejected, or rejected by shipping."""
    order = cancellation.order
    order.pending_cancel_id = None
    world.order_changed(order, at)
    world.cancellation_changed(cancellation, at, CLOSED)
    _write(world, effect, cancellation, at, doer, **detail)


def cancel_at_once(
    world: World, order: Order, lines: list[Line], reason: str, at: int, *, role: str, doer: Doer
) -> Cancellation:
    """A cancellation nobody has to answer: by the seller, the platform, or a buyer in time."""
    cancellation = _record(world, order, lines, reason, at, kind="CANCEL", role=role, status=SUCCESS)
    world.cancellation_added(cancellation)
    _write(
        world, "order.cancelled", cancellation, at, doer, reason=reason, whole_order=len(lines) == len(order.open_lines)
    )
    _cancel_lines(world, order, lines, reason, at, role)
    expect_refund(world, cancellation, at)
    return cancellation


def watch_deadline(world: World, cancellation: Cancellation) -> None:
    """At the deadline silence approves."""

    def decide(at: int) -> None:
        if cancellation.status == PENDING:
            approve(world, cancellation, at, SYSTEM, effect="cancellation.auto_approved")

    if cancellation.deadline is not None:
        world.schedule.at(cancellation.deadline, decide)


def expect_refund(world: World, cancellation: Cancellation, at: int) -> None:
    def refund(then: int) -> None:
        if cancellation.status == SUCCESS:
            world.cancellation_changed(cancellation, then, COMPLETE)
            _write(world, "cancellation.completed", cancellation, then, SYSTEM)

    if cancellation.refund_due is None:
        cancellation.refund_due = at + world.switches.refund_minutes * 60
    world.schedule.at(cancellation.refund_due, refund)


def _record(
    world: World, order: Order, lines: list[Line], reason: str, at: int, *, kind: str, role: str, status: str
) -> Cancellation:
    return Cancellation(
        id=world.ids.next("cancel"),
        order=order,
        kind=kind,
        status=status,
        role=role,
        reason=reason,
        create_time=at,
        update_time=at,
        lines=[CancelLine(world.ids.next("cancel_line"), line) for line in lines],
    )


def _cancel_lines(world: World, order: Order, lines: list[Line], reason: str, at: int, by: str) -> None:
    words = world.reasons.words(reason, order.shop.market.locale)
    for line in lines:
        line.status, line.cancel_user, line.cancel_reason = "CANCELLED", by, words
    gone = {line.id for line in lines}
    for package in order.packages:
        if gone & set(package.line_ids):
            package.line_ids = [each for each in package.line_ids if each not in gone]
            world.package_changed(package, at, None if package.line_ids else "CANCELLED")
    if order.open_lines:
        world.order_changed(order, at)
        return
    order.cancel_time, order.cancellation_initiator, order.cancel_reason = at, by, words
    world.order_changed(order, at, "CANCELLED")


def _write(world: World, effect: str, cancellation: Cancellation, at: int, doer: Doer, **detail: Any) -> None:
    world.ledger.write(
        at,
        effect,
        shop_id=cancellation.order.shop.id,
        order_id=cancellation.order.id,
        cancel_id=cancellation.id,
        line_item_ids=cancellation.line_ids,
        detail=detail,
        **doer.marks(),
    )


# ---- shipping ----------------------------------------------------------------------------------------------------


def ship(world: World, order: Order, package: Package, at: int, doer: Doer) -> None:
    """The package is ready for its carrier. In the US this rejects the buyer's pending request."""
    package.rts_time = order.rts_time = at
    world.tracking_numbers.add(package.tracking_number)
    for line in order.lines:
        if line.id in package.line_ids:
            line.status, line.package_id = "AWAITING_COLLECTION", package.id
    world.package_changed(package, at, "PROCESSING")
    world.ledger.write(
        at,
        "package.shipped",
        shop_id=order.shop.id,
        order_id=order.id,
        package_id=package.id,
        line_item_ids=list(package.line_ids),
        detail={"tracking_number": package.tracking_number},
        **doer.marks(),
    )
    all_shipped = all(line.status == "AWAITING_COLLECTION" for line in order.open_lines)
    world.order_changed(order, at, "AWAITING_COLLECTION" if all_shipped else "PARTIALLY_SHIPPING")
    if order.pending_cancel_id is not None:
        close(
            world,
            world.cancellations[order.pending_cancel_id],
            at,
            doer,
            "cancellation.rejected_by_shipping",
            package_id=package.id,
        )
    if all_shipped:
        expect_progress(world, order)


def split(world: World, order: Order, at: int) -> None:
    """The seller splits what has not left: each line gets a package of its own."""
    lines = {line.id: line for line in order.lines}
    for package in [one for one in order.packages if one.rts_time is None and len(one.line_ids) > 1]:
        first, *others = package.line_ids
        package.line_ids = [first]
        world.package_changed(package, at)
        for line_id in others:
            new = replace(package, id=world.ids.next("package"), line_ids=[line_id], create_time=at)
            lines[line_id].package_id = new.id
            order.packages.append(new)
            world.package_added(new, order.shop)
    world.order_changed(order, at)


# ---- time passing ------------------------------------------------------------------------------------------------


def expect_progress(world: World, order: Order) -> None:
    """Plan the one thing that happens next to an order if nobody interferes."""
    due = _next_step_at(order)
    if due is None:
        return
    status = order.status

    def step(at: int) -> None:
        if order.status == status:
            _take_step(world, order, at)
            expect_progress(world, order)

    world.schedule.at(due, step)


def _next_step_at(order: Order) -> int | None:
    match order.status:
        case "UNPAID":
            return order.create_time + UNPAID_SECONDS
        case "ON_HOLD":
            return (order.paid_time or order.create_time) + ON_HOLD_SECONDS
        case "AWAITING_SHIPMENT":
            return shipping_due(order)
        case "AWAITING_COLLECTION":
            return (order.rts_time or order.update_time) + COLLECTION_SECONDS
        case "IN_TRANSIT":
            return (order.collection_time or order.update_time) + TRANSIT_SECONDS
        case "DELIVERED":
            return (order.delivery_time or order.update_time) + COMPLETION_SECONDS
    return None


def _take_step(world: World, order: Order, at: int) -> None:
    match order.status:
        case "UNPAID":
            cancel_at_once(
                world,
                order,
                order.open_lines,
                system_reason(order, "system_cancel_unpaid_time_out"),
                at,
                role="SYSTEM",
                doer=SYSTEM,
            )
        case "AWAITING_SHIPMENT":
            _shipping_missed(world, order, at)
        case "ON_HOLD":
            _advance(world, order, at, "AWAITING_SHIPMENT", "TO_FULFILL")
        case "AWAITING_COLLECTION":
            order.collection_time = at
            _advance(world, order, at, "IN_TRANSIT", "FULFILLING")
        case "IN_TRANSIT":
            order.delivery_time = at
            _advance(world, order, at, "DELIVERED", "COMPLETED")
        case "DELIVERED":
            _advance(world, order, at, "COMPLETED", "COMPLETED")


def _shipping_missed(world: World, order: Order, at: int) -> None:
    if order.pending_cancel_id is not None:
        approve(world, world.cancellations[order.pending_cancel_id], at, SYSTEM, effect="cancellation.auto_approved")
    if order.open_lines:
        cancel_at_once(
            world,
            order,
            order.open_lines,
            system_reason(order, "system_cancel_order_reason_shipping_timeout"),
            at,
            role="SYSTEM",
            doer=SYSTEM,
        )


def _advance(world: World, order: Order, at: int, status: str, package_status: str) -> None:
    for line in order.open_lines:
        line.status = status
    for package in order.packages:
        if package.status != "CANCELLED":
            world.package_changed(package, at, package_status)
    world.order_changed(order, at, status)


def system_reason(order: Order, code: str) -> str:
    return code + "_uk" if order.shop.region == "GB" else code
