"""The one call that carries a decision out, made from its rows. Nothing here writes or retries: `delivery` does."""

from datetime import datetime

from cancellations.models import Decision, Verdict
from marketplaces.base import Adapter
from marketplaces.errors import Unsupported
from marketplaces.records import PickupSlot, Receipt, Shipment, UploadedImage


def make_the_call(decision: Decision, adapter: Adapter, images: list[UploadedImage]) -> Receipt:
    key = str(decision.key)
    cancellation, order = decision.cancellation, decision.order
    match decision.verdict:
        case Verdict.APPROVE if cancellation:
            return adapter.approve(cancellation.marketplace_id, key)
        case Verdict.REJECT if cancellation:
            return adapter.reject(cancellation.marketplace_id, key, decision.reason, decision.comment, images)
        case Verdict.SHIP_TO_REJECT if order:
            return adapter.ship(shipment_of(decision))
        case Verdict.CANCEL_ITEMS if order:
            return adapter.cancel_items(order.marketplace_id, decision.reason, items_of(decision))
    raise Unsupported(f"Nothing is known about sending “{decision.verdict}”.")


def items_of(decision: Decision) -> dict[str, int]:
    """{line item id: quantity}; empty for a whole order, which is another call than all of its lines."""
    order = decision.order
    assert order
    chosen = {line.line_item_id: line.quantity for line in decision.lines.all()}
    open_lines = [line for line in order.lines.all() if not line.is_cancelled or line.pk in chosen]
    if all(chosen.get(line.pk) == line.quantity for line in open_lines) and len(open_lines) == order.lines.count():
        return {}
    return {line.marketplace_id: chosen[line.pk] for line in open_lines if line.pk in chosen}


def shipment_of(decision: Decision) -> Shipment:
    order, told = decision.order, decision.shipment
    assert order
    slot = told.get("pickup_slot")
    return Shipment(
        order_id=order.marketplace_id,
        package_ids=told.get("package_ids") or list(order.packages.values_list("marketplace_id", flat=True)),
        line_item_ids=[line.marketplace_id for line in order.lines.all() if not line.is_cancelled],
        handover_method=told.get("handover_method", ""),
        pickup_slot=PickupSlot(datetime.fromisoformat(slot["start"]), datetime.fromisoformat(slot["end"]))
        if slot
        else None,
        tracking_number=told.get("tracking_number", ""),
        shipping_provider_id=told.get("shipping_provider_id", ""),
    )
