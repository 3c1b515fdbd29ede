"""Orders, cancellations, packages and refunds as the API's JSON: names and types of the Partner Center pages,
keys that do not apply left out, money and ids as text, times in seconds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sandbox.tiktok_shop.reasons import Reasons
from sandbox.tiktok_shop.records import PENDING, Cancellation, Line, Market, Order, Package, Shop, Sku

Json = dict[str, Any]
SHIPPED = frozenset({"PARTIALLY_SHIPPING", "AWAITING_COLLECTION", "IN_TRANSIT", "DELIVERED", "COMPLETED"})
DAY = 86_400


def dumps(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class Encoder:
    """``base_url`` is what pictures are linked with; ``drift`` adds keys and words no page documents."""

    def __init__(self, base_url: str, reasons: Reasons) -> None:
        self._base_url = base_url
        self._reasons = reasons
        self.drift = False

    def order(self, order: Order) -> bytes:
        if order.encoded is None:
            order.encoded = dumps(self.order_json(order))
        return order.encoded

    def cancellation(self, cancellation: Cancellation, locale: str) -> bytes:
        known = cancellation.encoded.get(locale)
        if known is None:
            known = cancellation.encoded[locale] = dumps(self.cancellation_json(cancellation, locale))
        return known

    def order_json(self, order: Order) -> Json:
        shop, market = order.shop, order.shop.market
        provider = order.packages[0] if order.packages else None
        found: Json = {
            "id": order.id,
            "status": order.status,
            "order_type": "NORMAL",
            "commerce_platform": "TIKTOK_SHOP",
            "fulfillment_type": "FULFILLMENT_BY_SELLER",
            "shipping_type": order.shipping_type,
            "delivery_type": "HOME_DELIVERY",
            "delivery_option_id": _option_id(order),
            "delivery_option_name": market.delivery_option,
            "warehouse_id": shop.warehouse_id,
            "user_id": order.user_id,
            "buyer_email": f"v{order.user_id[-7:]}@chat.seller.example",
            "buyer_message": order.buyer_message,
            "seller_note": order.seller_note,
            "is_cod": False,
            "is_sample_order": False,
            "is_replacement_order": False,
            "is_exchange_order": False,
            "is_on_hold_order": True,
            "is_buyer_request_cancel": order.pending_cancel_id is not None,
            "has_updated_recipient_address": False,
            "payment_method_name": order.payment_method,
            "create_time": order.create_time,
            "update_time": order.update_time,
            "packages": [{"id": package.id} for package in order.packages],
            "payment": _payment(order, market),
            "recipient_address": _recipient(order, market),
            "line_items": [self._line(line, order, market) for line in order.lines],
        }
        found.update(_times(order))
        if provider and provider.provider_id:
            found["shipping_provider"] = provider.provider_name
            found["shipping_provider_id"] = provider.provider_id
        if provider and provider.tracking_number:
            found["tracking_number"] = provider.tracking_number
        if order.cancellation_initiator:
            found["cancellation_initiator"] = order.cancellation_initiator
            found["cancel_reason"] = order.cancel_reason or ""
        if self.drift:
            found.update({"is_subscription_order": False, "buyer_mood": {"score": 7, "words": ["calm"]}})
        return found

    def _line(self, line: Line, order: Order, market: Market) -> Json:
        sku, money = line.sku, market.money
        found: Json = {
            "id": line.id,
            "product_id": sku.product_id,
            "product_name": sku.product_name,
            "sku_id": sku.id,
            "sku_name": sku.name,
            "sku_image": self._base_url + sku.picture,
            "seller_sku": sku.seller_sku,
            "sku_type": "NORMAL",
            "display_status": line.status,
            "currency": market.currency,
            "original_price": money(line.original),
            "sale_price": money(line.sale),
            "seller_discount": money(line.seller_discount),
            "platform_discount": money(line.platform_discount),
            "is_gift": False,
            "is_dangerous_good": False,
        }
        package = next((each for each in order.packages if each.id == line.package_id), None)
        if package and _shows_package(order, package):
            found |= {"package_id": package.id, "package_status": package.status}
            if package.provider_id:
                found |= {"shipping_provider_id": package.provider_id, "shipping_provider_name": package.provider_name}
            if package.rts_time:
                found |= {"tracking_number": package.tracking_number, "rts_time": package.rts_time}
        if line.tax:
            found["item_tax"] = [
                {"tax_type": "SALES_TAX", "tax_amount": money(line.tax), "tax_rate": f"0.{market.tax_percent:02d}"}
            ]
        if line.cancel_user:
            found |= {"cancel_user": line.cancel_user, "cancel_reason": line.cancel_reason or ""}
        if self.drift and line.status == "AWAITING_SHIPMENT":
            found["display_status"] = "TO_SHIP"
        return found

    def cancellation_json(self, cancellation: Cancellation, locale: str) -> Json:
        order = cancellation.order
        lines = [each.line for each in cancellation.lines]
        found: Json = {
            "cancel_id": cancellation.id,
            "order_id": order.id,
            "cancel_type": cancellation.kind,
            "cancel_status": cancellation.status,
            "role": cancellation.role,
            "cancel_reason": cancellation.reason,
            "cancel_reason_text": self._reasons.words(cancellation.reason, locale),
            "create_time": cancellation.create_time,
            "update_time": cancellation.update_time,
            "refund_amount": refund_json(order, lines),
            "cancel_line_items": [
                {
                    "cancel_line_item_id": each.id,
                    "order_line_item_id": each.line.id,
                    **self._sku(each.line.sku),
                    "refund_amount": refund_json(order, [each.line]),
                }
                for each in cancellation.lines
            ],
        }
        if cancellation.status == PENDING:
            found["seller_next_action_response"] = [
                {"action": "SELLER_RESPOND_CANCEL", "deadline": cancellation.deadline}
            ]
        if self.drift:
            found["should_replenish_stock"] = True
            if cancellation.kind == "CANCEL":
                found["cancel_type"] = "REQUEST_CANCEL_REFUND"
        return found

    def _sku(self, sku: Sku) -> Json:
        return {
            "sku_id": sku.id,
            "sku_name": sku.name,
            "product_name": sku.product_name,
            "seller_sku": sku.seller_sku,
            "product_image": {"url": self._base_url + sku.picture, "width": 320, "height": 320},
        }

    def package_json(self, package: Package, order: Order) -> Json:
        shop = order.shop
        found: Json = {
            "package_id": package.id,
            "orders": [{"id": order.id}],
            "order_line_item_ids": package.line_ids,
            "package_status": package.status,
            "split_and_combine_tag": "DEFAULT",
            "has_multi_skus": len({line.sku.id for line in order.lines if line.id in package.line_ids}) > 1,
            "note_tag": "BUYER_NOTED" if order.buyer_message else "BUYER_UNNOTED",
            "shipping_type": order.shipping_type,
            "delivery_option_id": _option_id(order),
            "delivery_option_name": shop.market.delivery_option,
            "create_time": package.create_time,
            "update_time": package.update_time,
            "weight": {"value": "640", "unit": "GRAM"},
            "dimension": {"length": "30", "width": "20", "height": "12", "unit": "CM"},
            "recipient_address": {
                name: value
                for name, value in _recipient(order, shop.market).items()
                if name
                in {
                    "full_address",
                    "phone_number",
                    "name",
                    "postal_code",
                    "address_detail",
                    "region_code",
                    "address_line1",
                    "address_line2",
                    "address_line3",
                    "address_line4",
                }
            },
        }
        if package.rts_time:
            found |= {
                "shipping_provider_id": package.provider_id,
                "shipping_provider_name": package.provider_name,
                "tracking_number": package.tracking_number,
            }
        if package.handover_method:
            found["handover_method"] = package.handover_method
        if package.pickup_slot:
            found["pickup_slot"] = package.pickup_slot
        return found


def package_summary(package: Package) -> Json:
    """A package as Search Package lists it."""
    return {
        "id": package.id,
        "orders": [{"id": package.order_id}],
        "status": package.status,
        "tracking_number": package.tracking_number,
        "shipping_provider_id": package.provider_id,
        "shipping_provider_name": package.provider_name,
        "order_line_item_ids": package.line_ids,
        "create_time": package.create_time,
        "update_time": package.update_time,
    }


def refund_json(order: Order, lines: Iterable[Line]) -> Json:
    """What the buyer gets back for these lines; the shipping fee only with the last of them, split evenly."""
    market, wanted = order.shop.market, list(lines)
    subtotal = sum(line.sale for line in wanted)
    tax = sum(line.tax for line in wanted)
    fee = shipping_share(order, wanted)
    found = {
        "currency": market.currency,
        "refund_total": market.money(subtotal + tax + fee),
        "refund_subtotal": market.money(subtotal),
        "refund_shipping_fee": market.money(fee),
        "refund_tax": market.money(tax),
    }
    if market.region == "US":
        found["retail_delivery_fee"] = market.money(0)
    return found


def shipping_share(order: Order, lines: list[Line]) -> int:
    """The part of the shipping fee that goes with these lines; earlier lines carry the odd cents."""
    count = len(order.lines)
    wanted = {line.id for line in lines}
    return sum(
        order.shipping_fee // count + (1 if place < order.shipping_fee % count else 0)
        for place, line in enumerate(order.lines)
        if line.id in wanted
    )


def shop_json(shop: Shop) -> Json:
    return {
        "id": shop.id,
        "name": shop.name,
        "region": shop.region,
        "seller_type": shop.seller_type,
        "cipher": shop.cipher,
        "code": shop.code,
    }


def _option_id(order: Order) -> str:
    return order.shop.platform_option_id if order.shipping_type == "TIKTOK" else order.shop.own_option_id


def _shows_package(order: Order, package: Package) -> bool:
    """Local US and UK orders keep package_id and package_status to themselves until the package is shipped."""
    return package.rts_time is not None or order.shop.region not in ("US", "GB")


def _times(order: Order) -> Json:
    found: Json = {}
    if order.paid_time is not None:
        paid = order.paid_time
        found |= {
            "paid_time": paid,
            "rts_sla_time": paid + 2 * DAY,
            "tts_sla_time": paid + 3 * DAY,
            "shipping_due_time": shipping_due(order),
            "cancel_order_sla_time": shipping_due(order),
            "collection_due_time": paid + 10 * DAY,
            "delivery_due_time": paid + 40 * DAY,
        }
    for name in ("rts_time", "collection_time", "delivery_time", "request_cancel_time", "cancel_time"):
        if getattr(order, name) is not None:
            found[name] = getattr(order, name)
    return found


def shipping_due(order: Order) -> int:
    """When the platform cancels an order that was not shipped."""
    return (order.paid_time or order.create_time) + 7 * DAY


def _payment(order: Order, market: Market) -> Json:
    money = market.money
    original = sum(line.original for line in order.lines)
    seller = sum(line.seller_discount for line in order.lines)
    platform = sum(line.platform_discount for line in order.lines)
    tax = sum(line.tax for line in order.lines)
    subtotal = original - seller - platform
    return {
        "currency": market.currency,
        "sub_total": money(subtotal),
        "shipping_fee": money(order.shipping_fee),
        "seller_discount": money(seller),
        "platform_discount": money(platform),
        "total_amount": money(subtotal + order.shipping_fee + tax),
        "original_total_product_price": money(original),
        "original_shipping_fee": money(order.shipping_fee),
        "shipping_fee_seller_discount": money(0),
        "shipping_fee_platform_discount": money(0),
        "shipping_fee_cofunded_discount": money(0),
        "tax": money(tax),
    }


def _recipient(order: Order, market: Market) -> Json:
    """Empty until the order left UNPAID and ON_HOLD; name, phone and house number masked where TikTok ships."""
    if order.status in ("UNPAID", "ON_HOLD"):
        return {}
    given_at, family_at, street_at, place_at, house = order.recipient
    given, family = market.given[given_at % len(market.given)], market.family[family_at % len(market.family)]
    street = market.streets[street_at % len(market.streets)]
    state, city, postal_code = market.places[place_at % len(market.places)]
    masked = order.shipping_type == "TIKTOK" or order.status == "CANCELLED"
    if masked:
        given, family = given[0] + "***", family[0] + "***"
    number = f"{str(house)[0]}**" if masked else str(house)
    address = f"{number} {street}" if market.region in ("US", "GB") else f"{street} {number}"
    phone = f"{market.phone}{'*' * 7}{house % 100:02d}" if masked else f"{market.phone}5550{house:04d}"
    return {
        "full_address": f"{market.region}, {state}, {city}, {address}",
        "phone_number": phone,
        "name": f"{given} {family}",
        "first_name": given,
        "last_name": family,
        "first_name_local_script": "",
        "last_name_local_script": "",
        "address_detail": address,
        "address_line1": address,
        "address_line2": "",
        "address_line3": "",
        "address_line4": "",
        "postal_code": postal_code,
        "region_code": market.region,
        "district_info": [
            {"address_level": "L0", "address_level_name": "Country", "address_name": market.region},
            {"address_level": "L1", "address_level_name": "State", "address_name": state},
            {"address_level": "L2", "address_level_name": "City", "address_name": city},
        ],
    }
