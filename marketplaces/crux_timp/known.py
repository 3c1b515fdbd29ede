"""The fields and words of Crux Connect's orders that we have met. Whatever is not here is drift, not an error.

Field lists and examples: the pages Get Orders and Get Order Detail. The two name the same things differently, and each
page's list of fields differs from its example.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Invoices, and what organizations add as they please, may tell of a person; nothing here needs them: never kept.
PERSONAL_FIELDS = _words(
    """
    invoice_attributes invoices retailer_provided_order_attributes supplier_provided_order_attributes
    supplier_provided_order_notes
    """
)

ORDER_FIELDS = PERSONAL_FIELDS | _words(
    """
    address created_date fees is_allocated line_items order_uuid po_number purchase_order_id requested_shipping retailer
    retailer_provided_fees retailer_provided_order_notes sent_to_supplier uuid
    """
)

FEE_FIELDS = _words("drop_ship_fee dropship_fee estimated_shipping_cost order_fee order_tax shipping_cost")

LINE_FIELDS = _words(
    """
    allocation cost invoice_item_attributes item_name item_uuid line_item_designation line_item_uuid product_codes
    quantity_ordered retailer_item_notes retailer_provided_item_attributes retailer_provided_sku_cost sku_id sku_name
    sku_special_instructions sku_title_variants sku_uuid status supplier supplier_item_notes supplier_name
    supplier_provided_item_attributes supplier_uuid tracking tracking_numbers uuid
    """
)

UNALLOCATED, PARTIAL, ALLOCATED = "Unallocated", "Partial", "Allocated"
NEEDS_TRACKING, HAS_TRACKING, BACKORDERED = "NeedsTracking", "HasTracking", "Backordered"
REJECTED, CANCELLED = "Rejected", "Cancelled"

# How far a line is, the least far first.
PROGRESS = (UNALLOCATED, PARTIAL, BACKORDERED, NEEDS_TRACKING, ALLOCATED, HAS_TRACKING)
# Which of several designations says the most about a line.
WEIGHTIEST = (CANCELLED, REJECTED, HAS_TRACKING, BACKORDERED, NEEDS_TRACKING)
LINE_STATUSES = frozenset({*PROGRESS, REJECTED, CANCELLED, ""})
