"""The page's part for Crux Connect: a supplier's orders, and a person who plays their retailers."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from sandbox.crux_timp import cancelling, inspection, retailer
from sandbox.crux_timp.encoding import allocation_status, designation
from sandbox.crux_timp.records import Line, Order, Organization
from sandbox.crux_timp.world import World
from sandbox.markup import form, hidden, orders_section

SHOWN = 30
STATES = {"can": "open", "waiting": "pending"}


def ask(world: World, sent: Mapping[str, str]) -> None:
    """One form was sent: for a line when it names one, else for the order."""
    named = {name: sent[name] for name in ("order_uuid", "line_item_uuid") if sent.get(name)}
    retailer.act(world, {"action": "request", **named})


def orders(world: World, supplier: Organization, only: str) -> str:
    wanted = STATES.get(only)
    found = [
        order
        for order in world.orders.values()
        if supplier in order.suppliers and wanted in (None, inspection.state_of(order, supplier))
    ]
    found.sort(key=lambda order: order.created, reverse=True)
    rows = [_order(world, order, supplier, only) for order in found[:SHOWN]]
    return orders_section(supplier.uuid, supplier.name, only, rows, len(found))


def _order(world: World, order: Order, supplier: Organization, only: str) -> str:
    fields = hidden(shop=supplier.uuid, only=only, do="ask", order_uuid=order.uuid)
    whole = any(each.line is None for each in cancelling.pending(order))
    state = '<span class="word wait">asked to cancel the order</span>' if whole else ""
    button = ""
    if not whole and any(line.is_open for line in order.lines):
        button = '<button class="main" name="line_item_uuid" value="">Ask to cancel the order</button>'
    lines = "".join(_line(world, line, supplier) for line in order.lines)
    return (
        f'<div class="order"><img src="{order.lines[0].sku.picture}" alt=""><div>'
        f"<strong>{escape(order.po_number)}, {escape(order.retailer.name)}</strong>"
        f'<span class="id">{order.uuid}</span> {state}</div>'
        f'{form(fields)}<ul class="lines">{lines}</ul>{button}</form></div>'
    )


def _line(world: World, line: Line, supplier: Organization) -> str:
    others = "" if line.supplier is supplier else f" ({line.supplier.name})"
    asked = cancelling.concerns_line(line)
    words = f'<span class="word">{designation(world, line) or allocation_status(line)}</span>'
    if asked:
        words += ' <span class="word wait">asked to cancel</span>'
    button = ""
    if line.is_open and not asked:
        button = f'<button name="line_item_uuid" value="{line.uuid}">Ask to cancel this line</button>'
    return f"<li><span>{line.quantity} × {escape(line.sku.name + others)}</span>{words}{button}</li>"
