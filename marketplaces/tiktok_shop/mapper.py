"""TikTok Shop's orders and cancellations as records. Pure: the same JSON gives the same records.

Each record stands or falls alone: one that cannot be understood becomes a SetAside with its id and the path to what is
wrong. A page whose list is no list raises BadRecord. Fields and words that we do not know are kept and reported.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from marketplaces.errors import BadRecord
from marketplaces.reading import (
    LONGEST_ID,
    MOST_MEMBERS,
    Drift,
    Json,
    Record,
    an_object,
    each,
    each_text,
    flag,
    identifier,
    inside,
    members,
    number,
    objects,
    short,
    text,
    unknown,
)
from marketplaces.records import (
    CancellationLineRecord,
    CancellationRecord,
    CancellationState,
    LineItemRecord,
    OrderRecord,
    Page,
    RefundParts,
    SetAside,
)
from marketplaces.tiktok_shop.known import (
    BUYER_CANCEL,
    CANCELLATION_FIELDS,
    CANCELLATION_KINDS,
    CANCELLATION_LINE_FIELDS,
    CANCELLATION_STATES,
    FULFILLMENT_TYPES,
    LINE_FIELDS,
    LINE_STATUSES,
    ORDER_FIELDS,
    ORDER_STATUSES,
    PACKAGE_STATUSES,
    PAYMENT_FIELDS,
    REFUND_FIELDS,
    RESPOND_ACTION,
    SHIPPED_STATUSES,
    SHIPPING_TYPES,
)
from marketplaces.tiktok_shop.reading import currency_code, moment, money, required_moment, required_money

LONGEST_WORD = 200  # of what is told about a page; what is stored keeps its length
LONGEST_TOKEN = 4000  # of the next page
LONGEST_PATIENCE = timedelta(days=400)  # with a seller; of all markets the longest is some days
LONGEST_STATUS = 10_000  # no word that we have never met may stop a record
MOST_RECORDS = 2**31 - 1


_RECIPIENT_TEXTS = ("name", "region_code", "full_address")
_ORDER_TEXTS = (
    "fulfillment_type", "shipping_type", "cancellation_initiator", "cancel_reason", "delivery_option_name",
    "shipping_provider", "payment_method_name", "buyer_message",
)  # fmt: skip
_ORDER_IDS = ("delivery_option_id", "tracking_number", "warehouse_id", "user_id")
_LINE_TEXTS = (
    "display_status", "package_status", "product_name", "sku_name", "sku_image", "cancel_user", "cancel_reason",
)  # fmt: skip
_LINE_IDS = ("product_id", "sku_id", "seller_sku", "package_id", "tracking_number")


def order_page(data: Json) -> Page[OrderRecord]:
    """`data` of Get Order List or Get Order Detail. Raises BadRecord when the page is none."""
    return _page(data, "orders", "id", order)


def cancellation_page(data: Json) -> Page[CancellationRecord]:
    """`data` of Search Cancellations. Raises BadRecord when the page is none."""
    return _page(data, "cancellations", "cancel_id", cancellation)


def _page(data: Json, name: str, id_name: str, read: Callable[[Json, Drift], Record]) -> Page[Record]:
    items = data.get(name)
    is_doubtful = items is None  # "nothing" would be an empty list, or no list and a count of 0
    items = [] if items is None else items
    if not isinstance(items, list):
        raise BadRecord(name, "must be a list")
    if len(items) > MOST_MEMBERS:
        raise BadRecord(name, f"has more than {MOST_MEMBERS} members")
    records: list[Record] = []
    set_aside: list[SetAside] = []
    drift: Drift = {}
    for item in items:
        try:
            records.append(read(an_object(item, name), drift))
        except BadRecord as problem:
            set_aside.append(SetAside(_id_of(item, id_name), str(problem)))
    total = number(data, "total_count") if data.get("total_count") is not None else None
    if total is not None and not 0 <= total <= MOST_RECORDS:
        total = None  # it is only good for a progress bar
    token, words = short(data, "next_page_token", LONGEST_TOKEN), [word[:LONGEST_WORD] for word in drift]
    return Page(records, token, total, set_aside, words, is_doubtful=is_doubtful and total != 0)


def _id_of(item: Any, id_name: str) -> str:
    value = item.get(id_name) if isinstance(item, dict) else None
    return value[:LONGEST_WORD] if isinstance(value, str) else ""


def order(raw: Json, drift: Drift) -> OrderRecord:
    """One order; `drift` is added to. Raises BadRecord naming the field."""
    payment = members(raw, "payment")
    try:
        currency = currency_code(payment, "currency")
        total = required_money(payment, "total_amount", currency)
        subtotal = money(payment, "sub_total", currency)
        shipping_fee = money(payment, "shipping_fee", currency)
        tax = money(payment, "tax", currency)
    except BadRecord as problem:
        raise inside("payment", problem) from None
    recipient = members(raw, "recipient_address")
    try:
        recipient_name, recipient_region, recipient_address = each_text(recipient, _RECIPIENT_TEXTS)
    except BadRecord as problem:
        raise inside("recipient_address", problem) from None
    status = identifier(raw, "status", LONGEST_STATUS)
    if status not in ORDER_STATUSES:
        drift[f"order.status: {status}"] = None
    (
        fulfillment, shipping, cancelled_by, cancel_reason, delivery_option_name, shipping_provider, payment_method,
        buyer_message,
    ) = each_text(raw, _ORDER_TEXTS)  # fmt: skip
    delivery_option_id, tracking_number, warehouse_id, buyer_id = each_text(raw, _ORDER_IDS, LONGEST_ID)
    if fulfillment not in FULFILLMENT_TYPES:
        drift[f"order.fulfillment_type: {fulfillment}"] = None
    if shipping not in SHIPPING_TYPES:
        drift[f"order.shipping_type: {shipping}"] = None
    extra = unknown(raw, ORDER_FIELDS, "order", drift)
    if not PAYMENT_FIELDS.issuperset(payment):
        extra = {**extra, "payment": unknown(payment, PAYMENT_FIELDS, "order.payment", drift)}
    lines = each(raw, "line_items", lambda item: order_line(item, currency, drift))
    live = [line for line in lines if not line.is_cancelled]
    return OrderRecord(
        marketplace_id=identifier(raw, "id"),
        status=status,
        created_at=required_moment(raw, "create_time"),
        updated_at=required_moment(raw, "update_time"),
        total=total,
        subtotal=subtotal,
        shipping_fee=shipping_fee,
        tax=tax,
        lines=lines,
        package_ids=_package_ids(raw, lines),
        paid_at=moment(raw, "paid_time"),
        cancelled_at=moment(raw, "cancel_time"),
        ship_by=moment(raw, "shipping_due_time") or moment(raw, "cancel_order_sla_time"),
        shipped_at=moment(raw, "rts_time"),
        hand_over_by=moment(raw, "collection_due_time"),
        collected_at=moment(raw, "collection_time"),
        delivered_at=moment(raw, "delivery_time"),
        cancel_requested_at=moment(raw, "request_cancel_time"),
        is_cancel_requested=flag(raw, "is_buyer_request_cancel"),
        # is_on_hold_order also says that an order was or will be on hold; only the status says that it is.
        is_on_hold=status == "ON_HOLD",
        is_shipped=status in SHIPPED_STATUSES or (bool(live) and all(line.is_shipped for line in live)),
        is_cancelled=status == "CANCELLED" or (bool(lines) and not live),
        is_cash_on_delivery=flag(raw, "is_cod"),
        cancelled_by=cancelled_by,
        cancel_reason=cancel_reason,
        fulfillment_type=FULFILLMENT_TYPES.get(fulfillment, fulfillment),
        shipping_type=SHIPPING_TYPES.get(shipping, shipping),
        delivery_option_id=delivery_option_id,
        delivery_option_name=delivery_option_name,
        shipping_provider=shipping_provider,
        tracking_number=tracking_number,
        warehouse_id=warehouse_id,
        payment_method=payment_method,
        buyer_id=buyer_id,
        buyer_message=buyer_message,
        recipient_name=recipient_name,
        recipient_region=recipient_region,
        recipient_address=recipient_address,
        extra=extra,
    )


def order_line(raw: Json, currency: str, drift: Drift) -> LineItemRecord:
    """One line item, which is one unit. A missing price counts as 0 in `currency`."""
    currency = currency_code(raw, "currency") if raw.get("currency") else currency
    status, package_status, product_name, sku_name, image_url, cancelled_by, cancel_reason = each_text(raw, _LINE_TEXTS)
    product_id, sku_id, seller_sku, package_id, tracking_number = each_text(raw, _LINE_IDS, LONGEST_ID)
    if status not in LINE_STATUSES:
        drift[f"order.line_items.display_status: {status}"] = None
    if package_status not in PACKAGE_STATUSES:
        drift[f"order.line_items.package_status: {package_status}"] = None
    is_shipped, is_cancelled = status in SHIPPED_STATUSES, status == "CANCELLED"
    return LineItemRecord(
        marketplace_id=identifier(raw, "id"),
        status=status,
        product_id=product_id,
        product_name=product_name,
        sku_id=sku_id,
        sku_name=sku_name,
        seller_sku=seller_sku,
        image_url=image_url,
        quantity=1,
        price=money(raw, "sale_price", currency),
        original_price=money(raw, "original_price", currency),
        package_id=package_id,
        package_status=package_status,
        tracking_number=tracking_number,
        cancelled_by=cancelled_by,
        cancel_reason=cancel_reason,
        is_gift=flag(raw, "is_gift"),
        is_shipped=is_shipped,
        is_cancelled=is_cancelled,
        cancelled_quantity=int(is_cancelled),
        shipped_quantity=int(is_shipped),
        extra=unknown(raw, LINE_FIELDS, "order.line_items", drift),
    )


def cancellation(raw: Json, drift: Drift) -> CancellationRecord:
    """One cancellation, the buyer's or the seller's; `drift` is added to. Raises BadRecord naming the field."""
    status = identifier(raw, "cancel_status", LONGEST_STATUS)
    kind = text(raw, "cancel_type")
    state = CANCELLATION_STATES.get(status, CancellationState.UNKNOWN)
    if state is CancellationState.UNKNOWN:
        drift[f"cancellation.cancel_status: {status}"] = None
    if kind not in CANCELLATION_KINDS:
        drift[f"cancellation.cancel_type: {kind}"] = None
    must_respond, deadline = _response_due(raw, drift)
    created_at = required_moment(raw, "create_time")
    if deadline and deadline - created_at > LONGEST_PATIENCE:
        raise BadRecord("seller_next_action_response", "names a deadline that is years away")
    return CancellationRecord(
        marketplace_id=identifier(raw, "cancel_id"),
        order_id=identifier(raw, "order_id"),
        state=state,
        status=status,
        kind=kind,
        # A kind that we have not met still needs an answer where the record asks the seller for one.
        needs_answer=state is CancellationState.WAITING and (kind == BUYER_CANCEL or must_respond),
        initiator=text(raw, "role").lower(),
        reason=text(raw, "cancel_reason"),
        reason_text=text(raw, "cancel_reason_text"),
        created_at=created_at,
        updated_at=required_moment(raw, "update_time"),
        deadline=deadline,
        refund=_optional_refund(raw, "cancellation.refund_amount", drift),
        lines=each(raw, "cancel_line_items", lambda item: cancellation_line(item, drift)),
        extra=unknown(raw, CANCELLATION_FIELDS, "cancellation", drift),
    )


def cancellation_line(raw: Json, drift: Drift) -> CancellationLineRecord:
    """One line item of a cancellation; unknown fields are reported, there is no place to keep them."""
    image = members(raw, "product_image")
    try:
        image_url = text(image, "url")
    except BadRecord as problem:
        raise inside("product_image", problem) from None
    unknown(raw, CANCELLATION_LINE_FIELDS, "cancellation.cancel_line_items", drift)
    return CancellationLineRecord(
        marketplace_id=identifier(raw, "cancel_line_item_id"),
        line_item_id=identifier(raw, "order_line_item_id"),
        sku_id=short(raw, "sku_id"),
        sku_name=text(raw, "sku_name"),
        product_name=text(raw, "product_name"),
        seller_sku=short(raw, "seller_sku"),
        image_url=image_url,
        quantity=1,
        refund=_optional_refund(raw, "cancellation.cancel_line_items.refund_amount", drift),
    )


def refund_parts(raw: Json) -> RefundParts:
    """An amount object such as `refund_amount` or `order_refund_amount`; what is absent counts as 0."""
    currency = currency_code(raw, "currency")
    fees = money(raw, "retail_delivery_fee", currency)
    service = money(raw, "buyer_service_fee", currency)
    return RefundParts(
        total=required_money(raw, "refund_total", currency),
        subtotal=money(raw, "refund_subtotal", currency),
        shipping_fee=money(raw, "refund_shipping_fee", currency),
        tax=money(raw, "refund_tax", currency),
        fees=type(fees)(fees.amount + service.amount, currency) if service.amount else fees,
    )


def _optional_refund(raw: Json, where: str, drift: Drift) -> RefundParts | None:
    amounts = members(raw, "refund_amount")
    if not amounts:
        return None
    unknown(amounts, REFUND_FIELDS, where, drift)
    try:
        return refund_parts(amounts)
    except BadRecord as problem:
        raise inside("refund_amount", problem) from None


def _response_due(raw: Json, drift: Drift) -> tuple[bool, Any]:
    """Whether the seller is asked to respond, and until when; the earliest where several are named."""
    deadlines = []
    asked = False
    for index, action in enumerate(objects(raw, "seller_next_action_response")):
        try:
            name = text(action, "action")
            deadline = moment(action, "deadline")
        except BadRecord as problem:
            raise inside(f"seller_next_action_response[{index}]", problem) from None
        if name == RESPOND_ACTION:
            asked = True
            deadlines.append(deadline)
        else:
            drift[f"cancellation.seller_next_action_response.action: {name}"] = None
    return asked, min((deadline for deadline in deadlines if deadline), default=None)


def _package_ids(raw: Json, lines: Sequence[LineItemRecord]) -> tuple[str, ...]:
    """The order's packages; where the order names none, those that its line items are in."""
    packages = objects(raw, "packages")
    if not packages:
        return tuple(dict.fromkeys(line.package_id for line in lines if line.package_id))
    try:
        return tuple(identifier(package, "id") for package in packages)
    except BadRecord as problem:
        raise inside("packages", problem) from None
