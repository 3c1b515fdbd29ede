"""Exports of orders: asked for, ready after a while, fetched as a CSV file from where their link leads."""

from __future__ import annotations

import csv
import io
from datetime import datetime

from sandbox.crux_timp.call import Answer, Call
from sandbox.crux_timp.records import Export, Line, Order
from sandbox.crux_timp.refusals import Refusal
from sandbox.crux_timp.searching import read_search
from sandbox.crux_timp.world import World

LINK_SECONDS = 3600
COLUMNS = """
retailer_po_number order_uuid supplier_org_uuid requested_shipping_carrier requested_shipping_method sku_id
sku_title_variants retailer_provided_sku_cost line_item_uuid line_item_special_instructions quantity business_name
name phone address1 address2 city state country postal_code estimated_shipping_cost dropship_fee per_order_fee
estimated_tax retailer_provided_order_attributes retailer_provided_notes retailer_provided_line_item_attributes
""".split()


def export_orders(world: World, call: Call) -> Answer:
    uuids = call.body.texts("uuids")
    if not uuids:
        raise Refusal(400, "uuids: required.")
    return _start(world, call, [world.order_acted_on_by(call.organization, uuid) for uuid in uuids])


def export_search(world: World, call: Call) -> Answer:
    search = read_search(world, call.body, export=True)
    return _start(world, call, search.part(world, search.find(world, call.organization)))


def retrieve_export(world: World, call: Call) -> Answer:
    export = world.exports.get(call.names["export_uuid"])
    if export is None or export.owner is not call.organization:
        raise Refusal(404)
    ready = _is_ready(world, export, call.now)
    expires = int(call.now.timestamp()) + LINK_SECONDS
    url = f"{world.base_url}/crux/exports/{export.uuid}.csv?Expires={expires}" if ready else None
    return Answer(200, {"uuid": export.uuid, "status": "COMPLETED" if ready else "PENDING", "url": url})


def file_of(world: World, uuid: str) -> bytes | None:
    """The CSV behind a link, which needs no token; None where there is none (yet)."""
    export = world.exports.get(uuid)
    if export is None or not _is_ready(world, export, world.settle()):
        return None
    text = io.StringIO()
    sheet = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\r\n")
    sheet.writeheader()
    for order in export.orders:
        for line in world.lines_shown_to(export.owner, order):
            sheet.writerow(_row(order, line))
    return text.getvalue().encode("utf-8-sig")


def _start(world: World, call: Call, orders: list[Order]) -> Answer:
    export = Export(world.ids.uuid(), call.organization, orders, call.now)
    world.exports[export.uuid] = export
    return Answer(world.switches.export_status, {"uuid": export.uuid})


def _is_ready(world: World, export: Export, now: datetime) -> bool:
    return (now - export.asked).total_seconds() >= world.switches.export_seconds


def _row(order: Order, line: Line) -> dict[str, object]:
    address = order.address
    return {
        "retailer_po_number": order.po_number,
        "order_uuid": order.uuid,
        "supplier_org_uuid": line.supplier.uuid,
        "requested_shipping_carrier": order.shipping[0],
        "requested_shipping_method": order.shipping[1],
        "sku_id": line.sku.sku_id,
        "sku_title_variants": line.sku.name,
        "retailer_provided_sku_cost": line.cost,
        "line_item_uuid": line.uuid,
        "line_item_special_instructions": line.retailer_notes,
        "quantity": line.quantity,
        "phone": address["phone_number"],
        **{name: address[name] for name in COLUMNS if name in address},
        "estimated_shipping_cost": order.fees["shipping_cost"],
        "dropship_fee": order.fees["dropship_fee"],
        "per_order_fee": order.fees["order_fee"],
        "estimated_tax": order.fees["order_tax"],
        "retailer_provided_notes": order.notes,
    }
