"""TikTok Shop's smaller answers as records: tokens, shops, reasons, eligibility, packages, carriers. Pure.

Every function takes the `data` of an answer and raises BadRecord where it cannot be understood.
"""

from collections.abc import Sequence
from functools import partial

from marketplaces.errors import BadRecord
from marketplaces.reading import Json, each, flag, identifier, inside, members, number, objects, text, texts
from marketplaces.records import (
    HandoverOptions,
    LineEligibility,
    PackageRecord,
    PickupSlot,
    Receipt,
    RefundParts,
    RejectReason,
    ShippingProvider,
    ShopRecord,
    Tokens,
    UploadedImage,
)
from marketplaces.tiktok_shop.mapper import refund_parts
from marketplaces.tiktok_shop.reading import moment, required_moment

LONGEST_TOKEN = 4000  # characters


def tokens(data: Json) -> Tokens:
    """Both `…_expire_in` are moments, not durations, despite their names. authorization-overview-202407"""
    return Tokens(
        access_token=identifier(data, "access_token", LONGEST_TOKEN),
        access_token_expires_at=required_moment(data, "access_token_expire_in"),
        refresh_token=identifier(data, "refresh_token", LONGEST_TOKEN),
        refresh_token_expires_at=required_moment(data, "refresh_token_expire_in"),
        seller_name=text(data, "seller_name"),
        seller_region=text(data, "seller_base_region"),
        scopes=texts(data, "granted_scopes"),
    )


def shops(data: Json) -> Sequence[ShopRecord]:
    return each(data, "shops", _shop)


def _shop(raw: Json) -> ShopRecord:
    return ShopRecord(
        marketplace_id=identifier(raw, "id"),
        name=text(raw, "name"),
        region=identifier(raw, "region"),
        seller_type=text(raw, "seller_type"),
        code=text(raw, "code"),
        cipher=identifier(raw, "cipher", LONGEST_TOKEN),
    )


def reject_reasons(data: Json) -> Sequence[RejectReason]:
    """Two names may share one text, so texts are shown and names are sent."""
    return each(data, "reasons", lambda raw: RejectReason(identifier(raw, "name"), text(raw, "text")))


def cancel_eligibility(data: Json) -> Sequence[LineEligibility]:
    """What may be cancelled by the seller; entries about returns and refunds are passed over."""
    found: list[LineEligibility] = []
    for sku_index, sku in enumerate(objects(data, "sku_eligibility")):
        where = f"sku_eligibility[{sku_index}]"
        try:
            sku_id = text(sku, "sku_id")
            found += each(sku, "line_item_eligibility", partial(_eligibility, sku_id=sku_id))
        except BadRecord as problem:
            raise inside(where, problem) from None
    return [one for one in found if one.line_item_ids]


def _eligibility(raw: Json, sku_id: str) -> LineEligibility:
    if text(raw, "request_type") != "CANCEL":
        return LineEligibility((), sku_id, eligible=False)
    return LineEligibility(
        line_item_ids=texts(raw, "order_line_items_ids"),  # as the page spells it
        sku_id=sku_id,
        eligible=flag(raw, "eligible"),
        code=str(number(raw, "ineligible_code") or ""),
        reason=text(raw, "ineligible_reason"),
    )


def refund_preview(data: Json) -> RefundParts:
    try:
        return refund_parts(members(data, "order_refund_amount"))
    except BadRecord as problem:
        raise inside("order_refund_amount", problem) from None


def package(data: Json) -> PackageRecord:
    return PackageRecord(
        marketplace_id=identifier(data, "package_id"),
        status=text(data, "package_status"),
        tracking_number=text(data, "tracking_number"),
        shipping_provider=text(data, "shipping_provider_name"),
        handover_method=text(data, "handover_method"),
        order_ids=each(data, "orders", lambda raw: identifier(raw, "id")),
        line_item_ids=texts(data, "order_line_item_ids"),
        updated_at=moment(data, "update_time"),
    )


def handover_options(data: Json) -> HandoverOptions:
    return HandoverOptions(
        can_pickup=flag(data, "can_pickup"),
        can_drop_off=flag(data, "can_drop_off"),
        pickup_slots=each(data, "pickup_slots", _slot),
    )


def _slot(raw: Json) -> PickupSlot:
    spelled = "avaliable" if "avaliable" in raw else "available"  # the page misspells it
    return PickupSlot(
        start=required_moment(raw, "start_time"),
        end=required_moment(raw, "end_time"),
        available=flag(raw, spelled) if spelled in raw else True,
    )


def shipping_providers(data: Json) -> Sequence[ShippingProvider]:
    return each(data, "shipping_providers", lambda raw: ShippingProvider(identifier(raw, "id"), text(raw, "name")))


def uploaded_image(data: Json, mime_type: str) -> UploadedImage:
    return UploadedImage(
        identifier(data, "uri", LONGEST_TOKEN), mime_type, number(data, "width"), number(data, "height")
    )


def receipt(data: Json, request_id: str, message: str) -> Receipt:
    """What a change answered. Never raises: the change is done, so nothing in its answer may undo that."""
    warning = data.get("warning")
    return Receipt(
        request_id=request_id,
        message=message,
        status=_said(data, "cancel_status") or _said(data, "status"),
        cancellation_id=_said(data, "cancel_id"),
        package_id=_said(data, "package_id"),
        warning=_said(warning, "message") if isinstance(warning, dict) else "",
    )


def _said(raw: Json, name: str) -> str:
    value = raw.get(name)
    return value if isinstance(value, str) else ""
