"""The fields and words of TikTok Shop's answers that we have met. Whatever is not here is drift, not an error.

Field lists: the pages get-order-list, get-order-detail and search-cancellations, with what newer copies of them add.
"""

from marketplaces.records import CancellationState, Progress


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# They tell of a person, or are for the seller's eyes alone, and nothing here needs them: known, and never kept.
PERSONAL_FIELDS = _words(
    """
    buyer_avatar buyer_email buyer_nickname channel_entity_national_registry_id consultation_id cpf cpf_name
    payment_auth_code payment_card_type seller_note
    """
)
# The same of `recipient_address`, of which its name, market and one line of address are read.
PERSONAL_RECIPIENT_FIELDS = _words(
    """
    address_detail address_line1 address_line2 address_line3 address_line4 delivery_preferences district_info first_name
    first_name_local_script last_name last_name_local_script phone_number post_town postal_code
    """
)

ORDER_FIELDS = PERSONAL_FIELDS | _words(
    """
    auto_combine_group_id buyer_message cancel_order_sla_time cancel_reason cancel_time cancellation_initiator
    collection_due_time collection_time commerce_platform create_time delivery_due_time delivery_option_id
    delivery_option_name delivery_option_required_delivery_time delivery_sla_time delivery_time delivery_type
    exchange_source_order_id fast_delivery_program fast_dispatch_sla_time fulfillment_priority_level
    fulfillment_type handling_duration has_updated_recipient_address id is_buyer_request_cancel is_cod
    is_exchange_order is_on_hold_order is_replacement_order is_sample_order is_subscription_order line_items
    need_upload_invoice order_rights order_type packages paid_time payment payment_method_code payment_method_name
    pick_up_cut_off_time recipient_address recommended_shipping_time release_date replaced_order_id
    request_cancel_time room_id rts_sla_time rts_time shipping_due_time shipping_provider shipping_provider_id
    shipping_type split_or_combine_tag status tracking_number tts_sla_time update_time user_id warehouse_id
    """
)

LINE_FIELDS = _words(
    """
    buyer_service_fee cancel_reason cancel_user combined_listing_skus currency display_status distance_fee
    distance_shipping_fee gift_retail_price handling_duration_days id is_dangerous_good is_gift is_unboxing_item
    item_tax needs_prescription original_price package_id package_status pfand_fee platform_discount product_id
    product_name retail_delivery_fee rts_time sale_price seller_discount seller_sku shipping_provider_id
    shipping_provider_name sku_id sku_image sku_name sku_type small_order_fee tracking_number unboxing_sku_code
    """
)

PAYMENT_FIELDS = _words(
    """
    buyer_service_fee currency distance_fee distance_shipping_fee handling_fee item_insurance_fee item_insurance_tax
    original_shipping_fee original_total_product_price payment_discount_service_fee payment_platform_discount
    platform_discount product_tax retail_delivery_fee seller_discount shipping_fee shipping_fee_cofunded_discount
    shipping_fee_platform_discount shipping_fee_seller_discount shipping_fee_tax shipping_insurance_fee
    small_order_fee sub_total tax total_amount
    """
)

CANCELLATION_FIELDS = _words(
    """
    cancel_id cancel_line_items cancel_reason cancel_reason_text cancel_status cancel_type create_time order_id
    refund_amount role seller_next_action_response should_replenish_stock update_time
    """
)

CANCELLATION_LINE_FIELDS = _words(
    """
    cancel_line_item_id order_line_item_id product_image product_name refund_amount seller_sku sku_id sku_name
    """
)

REFUND_FIELDS = _words(
    """
    buyer_service_fee currency refund_shipping_fee refund_subtotal refund_tax refund_total retail_delivery_fee
    """
)

ORDER_STATUSES = _words(
    """
    UNPAID ON_HOLD AWAITING_SHIPMENT PARTIALLY_SHIPPING AWAITING_COLLECTION IN_TRANSIT DELIVERED COMPLETED CANCELLED
    """
)
# TO_SHIP stands in a sample of get-order-detail; a line item that does not apply has none.
LINE_STATUSES = ORDER_STATUSES | {"TO_SHIP", ""}
# From AWAITING_COLLECTION on, shipping was arranged and a buyer's request cannot stop it (order-api-overview).
SHIPPED_STATUSES = frozenset({"AWAITING_COLLECTION", "IN_TRANSIT", "DELIVERED", "COMPLETED"})
# Ship Package makes the label and leads to AWAITING_COLLECTION; a package of its own is there before that.
PROGRESS = {
    "AWAITING_SHIPMENT": Progress.NO_LABEL,
    "PARTIALLY_SHIPPING": Progress.PARTLY_LABELLED,
    "AWAITING_COLLECTION": Progress.LABEL_MADE,
    "IN_TRANSIT": Progress.HANDED_OVER,
    "DELIVERED": Progress.DELIVERED,
}
PACKAGE_STATUSES = frozenset({"TO_FULFILL", "PROCESSING", "FULFILLING", "COMPLETED", "CANCELLED", ""})

# Who ships, in the words of all marketplaces.
FULFILLMENT_TYPES = {
    "": "",
    "FULFILLMENT_BY_SELLER": "seller",
    "FULFILLMENT_BY_TIKTOK": "marketplace",
    "FULFILLMENT_BY_DILAYANI_TOKOPEDIA": "marketplace",
}
# Whose carrier takes the parcel, likewise.
SHIPPING_TYPES = {"": "", "SELLER": "seller", "TIKTOK": "marketplace"}

CANCELLATION_STATES = {
    "CANCELLATION_REQUEST_PENDING": CancellationState.WAITING,
    "CANCELLATION_REQUEST_SUCCESS": CancellationState.APPROVED,
    "CANCELLATION_REQUEST_COMPLETE": CancellationState.COMPLETED,
    # The search page documents the first spelling for the filter and the second one for the answer.
    "CANCELLATION_REQUEST_CANCEL": CancellationState.CLOSED,
    "CANCELLATION_REQUEST_CANCELLED": CancellationState.CLOSED,
}
BUYER_CANCEL = "BUYER_CANCEL"  # needs a decision; CANCEL was decided when it was made
CANCELLATION_KINDS = frozenset({BUYER_CANCEL, "CANCEL"})
RESPOND_ACTION = "SELLER_RESPOND_CANCEL"
