"""The one call that carries a decision out, made from its rows. Nothing here writes or retries: `delivery` does."""

from datetime import datetime

from cancellations.models import CancellationRequest, Decision, Verdict
from marketplaces.base import Adapter
from marketplaces.errors import Unsupported
from marketplaces.records import CancellationTarget, PickupSlot, Receipt, Shipment, UploadedImage
from orders.parcels import lines_to_ship, parcels_to_ship


def make_the_call(decision: Decision, adapter: Adapter, images: list[UploadedImage]) -> Receipt:
    key = str(decision.key)
    cancellation, order = decision.cancellation, decision.order
    match decision.verdict:
        case Verdict.APPROVE if cancellation:
            return adapter.approve(target_of(cancellation), key)
        case Verdict.REJECT if cancellation:
            return adapter.reject(target_of(cancellation), key, decision.reason, decision.comment, images)
        case Verdict.SHIP_TO_REJECT if order:
            return adapter.ship(shipment_of(decision))
        case Verdict.CANCEL_ITEMS if order:
            return adapter.cancel_items(order.marketplace_id, decision.reason, items_of(decision))
    raise Unsupported(f"Nothing is known about sending “{decision.verdict}”.")


def target_of(cancellation: CancellationRequest) -> CancellationTarget:
    return CancellationTarget(
        cancellation_id=cancellation.marketplace_id,
        order_id=cancellation.order_marketplace_id,
        line_item_id=cancellation.line_item.marketplace_id if cancellation.line_item else "",
    )


def items_of(decision: Decision) -> dict[str, int]:
    """{line item id: how many of it are cancelled afterwards}.

    Empty for an order all of whose units are chosen, which is another call than each of its lines.
    """
    order = decision.order
    assert order
    afterwards = {line.line_item_id: line.cancelled_afterwards for line in decision.lines.all()}
    lines = list(order.lines.all())
    nothing_before = not any(line.cancelled_before for line in decision.lines.all())
    if nothing_before and all(afterwards.get(line.pk) == line.quantity for line in lines):
        return {}
    return {line.marketplace_id: afterwards[line.pk] for line in lines if line.pk in afterwards}


def shipment_of(decision: Decision) -> Shipment:
    order, told = decision.order, decision.shipment
    assert order
    slot = told.get("pickup_slot")
    waiting = [package.marketplace_id for package, _ in parcels_to_ship(order)]
    return Shipment(
        order_id=order.marketplace_id,
        package_ids=told.get("package_ids") or waiting,
        line_item_ids=[line.marketplace_id for line in lines_to_ship(order)],
        handover_method=told.get("handover_method", ""),
        pickup_slot=PickupSlot(datetime.fromisoformat(slot["start"]), datetime.fromisoformat(slot["end"]))
        if slot
        else None,
        tracking_number=told.get("tracking_number", ""),
        shipping_provider_id=told.get("shipping_provider_id", ""),
    )
