"""What a supplier does with an order: allocating its lines, shipping and invoicing them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.crux_timp import cancelling
from sandbox.crux_timp.cancelling import Doer
from sandbox.crux_timp.records import Allocation, Invoice, Line, Order, Organization, Package
from sandbox.crux_timp.refusals import Refusal
from sandbox.crux_timp.world import World


def allocate(
    world: World, order: Order, supplier: Organization, wanted: Mapping[str, Allocation], doer: Doer
) -> dict[str, str]:
    """All or nothing. Answers a word for each line asked about, of a cancelled or unknown one too, which stay as they
    are. What was allocated already in the same way has no effect."""
    own = {line.uuid: line for line in order.lines_of(supplier)}
    _check_not_blocked(world, order, supplier)
    if world.switches.allocation_all_lines and set(own) - set(wanted):
        raise Refusal(400, "line_items: every line of the order has to be there.")
    changes: dict[Line, Allocation] = {}
    for uuid, allocation in wanted.items():
        line = own.get(uuid)
        if line is not None and not line.cancelled:
            _check_allocation(world, line, allocation)
            if line.allocation != allocation:
                changes[line] = allocation
    for line, allocation in changes.items():
        line.allocation = allocation
    if changes:
        quantities = {
            line.uuid: {
                "quantity_accepted": each.accepted,
                "quantity_rejected": each.rejected,
                "quantity_backordered": each.backordered,
            }
            for line, each in changes.items()
        }
        _write(world, "line_items.allocated", order, supplier, changes, doer, detail=quantities)
    return {uuid: word_of(own.get(uuid)) for uuid in wanted}


def _check_allocation(world: World, line: Line, allocation: Allocation) -> None:
    if world.switches.allocation_sum and allocation.total != line.quantity:
        raise Refusal(400, f"The quantities of {line.uuid} have to add up to {line.quantity}.")
    if line.shipped and line.allocation != allocation:
        raise Refusal(422, f"{line.uuid} has shipped.")


def word_of(line: Line | None) -> str:
    """How the answer to an allocation calls a line."""
    if line is None:
        return "Item Not Found"
    if line.cancelled:
        return "Cancelled"
    allocation = line.allocation
    if allocation is None or allocation.accepted:
        return "Allocated" if allocation else "Unallocated"
    if allocation.backordered:
        return "Backordered"
    return "Rejected" if allocation.rejected else "Unallocated"


def ship(world: World, order: Order, package: Package, doer: Doer) -> None:
    supplier = package.supplier
    lines = _live_lines(order, supplier, package.quantities)
    _check_not_blocked(world, order, supplier)
    if any(each.tracking_number == package.tracking_number for each in order.packages):
        raise Refusal(422, "The order has this tracking number already.")
    for line in lines:
        accepted = line.allocation.accepted if line.allocation else 0
        if world.switches.tracking_limits and line.shipped + package.quantities[line.uuid] > accepted:
            raise Refusal(422, f"{line.uuid}: more than was accepted.")
    if world.switches.while_pending == "shipping_rejects":
        cancelling.reject_by_shipping(world, order, lines, doer)
    order.packages.append(package)
    detail = {"tracking_number": package.tracking_number, "quantities": dict(package.quantities)}
    _write(world, "package.shipped", order, supplier, lines, doer, package_id=package.uuid, detail=detail)


def invoice(
    world: World, order: Order, supplier: Organization, paper: Invoice, line_uuids: list[str], doer: Doer
) -> str:
    """Returns the UUID of the invoice, that of the replaced one where a number may be used again."""
    lines = _live_lines(order, supplier, line_uuids)
    _check_not_blocked(world, order, supplier)
    invoices = order.side_of(supplier).invoices
    earlier = next((each for each in invoices if each.number == paper.number), None)
    if earlier is not None:
        if world.switches.invoice_again == "refused":
            raise Refusal(422, "The order has an invoice of this number already.")
        invoices.remove(earlier)
        paper.uuid = earlier.uuid
    invoices.append(paper)
    _write(world, "invoice.submitted", order, supplier, lines, doer, detail={"invoice_number": paper.number})
    return paper.uuid


def _live_lines(order: Order, supplier: Organization, uuids: Iterable[str]) -> list[Line]:
    """The supplier's own lines of these names, none of them cancelled."""
    own = {line.uuid: line for line in order.lines_of(supplier)}
    lines = [own.get(uuid) for uuid in uuids]
    live = [line for line in lines if line is not None and not line.cancelled]
    if len(live) != len(lines):
        raise Refusal(422, "A line is cancelled or not yours.")
    return live


def _check_not_blocked(world: World, order: Order, supplier: Organization) -> None:
    if world.switches.while_pending == "blocked" and cancelling.pending(order, supplier):
        raise Refusal(422, "A cancelation is requested.")


def _write(
    world: World, effect: str, order: Order, supplier: Organization, lines: Iterable[Line], doer: Doer, **more: Any
) -> None:
    world.ledger.write(
        int(doer.moment.timestamp()),
        effect,
        shop_id=supplier.uuid,
        order_id=order.uuid,
        line_item_ids=[line.uuid for line in lines],
        actor=doer.actor,
        request_id=doer.request_id,
        **more,
    )
