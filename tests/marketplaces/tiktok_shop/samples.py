"""Answers of TikTok Shop as its pages document them, made up."""

from typing import Any

from marketplaces.records import CancellationTarget


def line(number: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"57708761441871699{number}",
        "product_id": "1729386416015446952",
        "product_name": "Cotton tote bag",
        "sku_id": "1729386416015578024",
        "sku_name": "Black, Standard",
        "sku_image": "https://img.example.test/bag",
        "seller_sku": "TOTE-BLK",
        "display_status": "AWAITING_SHIPMENT",
        "currency": "MYR",
        "original_price": "14.00",
        "sale_price": "12.00",
        "is_gift": False,
        "package_id": "1153132168123859123",
        "package_status": "TO_FULFILL",
        "tracking_number": "",
    } | changes


def order(**changes: Any) -> dict[str, Any]:
    return {
        "id": "577087614418520388",
        "status": "AWAITING_SHIPMENT",
        "fulfillment_type": "FULFILLMENT_BY_SELLER",
        "shipping_type": "TIKTOK",
        "delivery_option_id": "7091146663229654785",
        "delivery_option_name": "Standard Shipping",
        "shipping_provider": "TT Virtual express",
        "tracking_number": "",
        "warehouse_id": "6955005333819123123",
        "user_id": "7021436810468230477",
        "buyer_message": "Please ship asap!",
        "is_cod": False,
        "is_on_hold_order": True,
        "is_buyer_request_cancel": True,
        "request_cancel_time": 1701007300,
        "payment_method_name": "CCDC",
        "create_time": 1701000000,
        "paid_time": 1701000035,
        "update_time": 1701007300,
        "shipping_due_time": 1701345600,
        "cancel_order_sla_time": 1701345700,
        "packages": [{"id": "1153132168123859123"}],
        "payment": {
            "currency": "MYR",
            "sub_total": "24.00",
            "shipping_fee": "2.98",
            "total_amount": "26.98",
            "tax": "0",
        },
        "recipient_address": {"full_address": "1** Jalan Contoh", "name": "A*** B***", "region_code": "MY"},
        "line_items": [line(0), line(1)],
    } | changes


def refund(total: str = "26.98", **changes: Any) -> dict[str, Any]:
    return {
        "currency": "MYR",
        "refund_total": total,
        "refund_subtotal": "24.00",
        "refund_shipping_fee": "2.98",
        "refund_tax": "0",
    } | changes


def cancellation(**changes: Any) -> dict[str, Any]:
    return {
        "cancel_id": "4035318504086604100",
        "order_id": "577087614418520388",
        "cancel_type": "BUYER_CANCEL",
        "cancel_status": "CANCELLATION_REQUEST_PENDING",
        "role": "BUYER",
        "cancel_reason": "ecom_order_to_ship_canceled_reason_created_by_mistakes",
        "cancel_reason_text": "Order created by mistake",
        "create_time": 1701007300,
        "update_time": 1701007301,
        "seller_next_action_response": [{"action": "SELLER_RESPOND_CANCEL", "deadline": 1701180100}],
        "refund_amount": refund(),
        "cancel_line_items": [
            {
                "cancel_line_item_id": "4035318504086669636",
                "order_line_item_id": "577087614418716990",
                "sku_id": "1729386416015578024",
                "sku_name": "Black, Standard",
                "product_name": "Cotton tote bag",
                "seller_sku": "TOTE-BLK",
                "product_image": {"url": "https://img.example.test/bag", "width": 200, "height": 200},
                "refund_amount": refund("13.49"),
            }
        ],
    } | changes


def without(raw: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in raw.items() if name not in names}


def target(cancellation_id: str) -> CancellationTarget:
    """The request with this id; which order it is for does not matter to TikTok Shop."""
    return CancellationTarget(cancellation_id, order_id="577087614418520388")
