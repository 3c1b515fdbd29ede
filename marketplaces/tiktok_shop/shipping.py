"""Which of TikTok Shop's three ways of shipping fits a shipment, and what a batch that half failed means.

https://partner.tiktokshop.com/docv2/page/ship-package, batch-ship-packages, mark-package-as-shipped
"""

from collections.abc import Mapping, Sequence
from typing import Any

from marketplaces.errors import MarketplaceError, OutcomeUnknown, Refused, TemporaryFailure
from marketplaces.http import Effect
from marketplaces.records import Shipment
from marketplaces.tiktok_shop.client import Answer, TikTokShopClient
from marketplaces.tiktok_shop.failures import error_for


def ship(client: TikTokShopClient, shipment: Shipment) -> Answer:
    """No package: mark the order as shipped; one: ship it; several: ship them together.

    Raises Refused before anything is sent where the order has no package and no tracking number was given.
    """
    how = _how(shipment)
    if not shipment.package_ids:
        if "self_shipment" not in how:
            raise Refused("Without a package, shipping needs a tracking number and a shipping provider.")
        return client.mark_as_shipped(
            shipment.order_id,
            tracking_number=shipment.tracking_number,
            shipping_provider_id=shipment.shipping_provider_id,
            line_item_ids=shipment.line_item_ids,
        )
    if len(shipment.package_ids) == 1:
        return client.ship_package(shipment.package_ids[0], how)
    answer = client.batch_ship_packages([{"id": package_id, **how} for package_id in shipment.package_ids])
    failure = batch_failure(shipment.package_ids, answer)
    if failure:
        raise failure
    return answer


def _how(shipment: Shipment) -> dict[str, Any]:
    how: dict[str, Any] = {}
    if shipment.handover_method:
        how["handover_method"] = shipment.handover_method
    if shipment.pickup_slot:
        how["pickup_slot"] = {
            "start_time": int(shipment.pickup_slot.start.timestamp()),
            "end_time": int(shipment.pickup_slot.end.timestamp()),
        }
    if shipment.tracking_number and shipment.shipping_provider_id:
        how["self_shipment"] = {
            "tracking_number": shipment.tracking_number,
            "shipping_provider_id": shipment.shipping_provider_id,
        }
    return how


def batch_failure(package_ids: Sequence[str], answer: Answer) -> MarketplaceError | None:
    """What the `errors[]` inside a successful batch answer amount to; None when every package was shipped.

    Where some packages were shipped and some not, it is Refused(already_processed=True): sending all again would be
    wrong and so would "nothing happened", so the order has to be read before anybody is told anything.
    """
    errors = answer.data.get("errors")
    if not errors:
        return None
    if not isinstance(errors, list):
        return OutcomeUnknown("The list of failed packages cannot be read.", request_id=answer.request_id)
    failures = [_failure(one, answer.request_id) for one in errors]
    failed = {_package_id(one) for one in errors}
    text = "; ".join(f"package {_package_id(one) or '?'}: {_words(one)}" for one in errors)[:500]
    code = next((failure.code for failure in failures if failure.code), "")
    if not failed.issuperset(package_ids):
        text = f"{len(failed)} of {len(package_ids)} packages were not shipped: {text}"
        return Refused(text, code=code, request_id=answer.request_id, already_processed=True)
    if any(isinstance(failure, OutcomeUnknown) for failure in failures):
        return OutcomeUnknown(text, code=code, request_id=answer.request_id)
    if all(isinstance(failure, TemporaryFailure) for failure in failures):
        return TemporaryFailure(text, code=code, request_id=answer.request_id)
    decided = any(isinstance(failure, Refused) and failure.already_processed for failure in failures)
    return Refused(text, code=code, request_id=answer.request_id, already_processed=decided)


def _failure(one: object, request_id: str) -> MarketplaceError:
    code = one.get("code") if isinstance(one, Mapping) else None
    if type(code) is not int:
        return OutcomeUnknown("The error of a package cannot be read.", request_id=request_id)
    return error_for(code, _words(one), effect=Effect.CHANGE, request_id=request_id)


def _words(one: object) -> str:
    message = one.get("message") if isinstance(one, Mapping) else None
    return message if isinstance(message, str) else "no reason given"


def _package_id(one: object) -> str:
    detail = one.get("detail") if isinstance(one, Mapping) else None
    package_id = detail.get("package_id") if isinstance(detail, Mapping) else None
    return package_id if isinstance(package_id, str) else ""
