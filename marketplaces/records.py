"""What marketplaces tell us, in one vocabulary. Frozen, no Django; times are aware UTC, ids are text, money is Money.

`extra` holds fields that the mapper does not know, as they came: they are stored, shown and reported as drift.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, TypeVar

Extra = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Money:
    amount: Decimal
    currency: str  # ISO 4217


@dataclass(frozen=True, slots=True)
class Credentials:
    """What one call needs to speak for a seller. Never printed: every secret is left out of the repr.

    Where a seller signs in with a user name and a password, they are `app_key` and `app_secret`. `shop_id` is the
    `ShopRecord.marketplace_id` of the shop, empty while none is known. `options` are those of `Marketplace.options`
    that differ from their defaults.
    """

    app_key: str
    app_secret: str = field(repr=False)
    access_token: str = field(default="", repr=False)
    shop_cipher: str = field(default="", repr=False)
    shop_id: str = ""
    api_url: str = ""  # empty: the marketplace's own host
    auth_url: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ShopRecord:
    marketplace_id: str
    name: str
    region: str  # two letters, ISO 3166
    seller_type: str
    code: str
    cipher: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tokens:
    access_token: str = field(repr=False)
    access_token_expires_at: datetime
    refresh_token: str = field(repr=False)  # empty where the user name and the password open the door again
    refresh_token_expires_at: datetime | None  # None: the authorization does not end by itself
    seller_name: str = ""
    seller_region: str = ""
    scopes: Sequence[str] = ()
    shops: Sequence[ShopRecord] = ()  # those that the sign-in itself named


@dataclass(frozen=True, slots=True)
class Consent:
    """What a seller came back with from the marketplace's own page."""

    state: str = ""  # empty where the seller began over there, and not with us
    code: str = field(default="", repr=False)  # empty where the seller did not allow it
    region: str = ""  # of the seller, where the marketplace says so
    app_key: str = ""


class Progress(StrEnum):
    """How far an order is on its way to the buyer, whatever words the marketplace has for it."""

    NO_LABEL = "no_label"
    LABEL_MADE = "label_made"  # shipping is arranged, and the seller still has it
    PARTLY_LABELLED = "partly_labelled"
    HANDED_OVER = "handed_over"
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True)
class LineItemRecord:
    marketplace_id: str
    status: str
    product_id: str
    product_name: str
    sku_id: str
    sku_name: str
    seller_sku: str
    image_url: str
    quantity: int
    price: Money  # what the buyer pays for one, after discounts
    original_price: Money
    package_id: str = ""
    package_status: str = ""
    tracking_number: str = ""
    cancelled_by: str = ""
    cancel_reason: str = ""
    is_gift: bool = False
    is_shipped: bool = False  # all that is not cancelled left the seller, whatever word the marketplace has for it
    is_cancelled: bool = False  # all of it
    cancelled_quantity: int = 0  # of `quantity`
    shipped_quantity: int = 0
    extra: Extra = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OrderRecord:
    marketplace_id: str
    status: str
    created_at: datetime
    updated_at: datetime
    total: Money
    subtotal: Money
    shipping_fee: Money
    tax: Money | None  # None: the marketplace does not say
    lines: Sequence[LineItemRecord]
    number: str = ""  # what people call the order, where that is not its id
    fees: Money | None = None  # other parts of the total
    fingerprint: str = ""  # changes with anything in the record, where `updated_at` is only when it was read
    package_ids: Sequence[str] = ()
    paid_at: datetime | None = None
    cancelled_at: datetime | None = None
    ship_by: datetime | None = None  # the marketplace cancels an order that is not shipped by then
    shipped_at: datetime | None = None
    hand_over_by: datetime | None = None  # the marketplace cancels an order that no carrier has by then
    collected_at: datetime | None = None  # a carrier has it
    delivered_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    is_cancel_requested: bool = False
    is_on_hold: bool = False
    is_shipped: bool = False  # every line that is not cancelled has left the seller
    is_cancelled: bool = False  # every line is cancelled
    is_cash_on_delivery: bool = False
    cancelled_by: str = ""
    cancel_reason: str = ""
    fulfillment_type: str = ""  # "seller", "marketplace", or the marketplace's own word when it is a new one
    shipping_type: str = ""  # whose carrier: "seller", "marketplace", or the marketplace's own word
    delivery_option_id: str = ""
    delivery_option_name: str = ""
    shipping_provider: str = ""
    tracking_number: str = ""
    warehouse_id: str = ""
    payment_method: str = ""
    buyer_id: str = ""
    buyer_name: str = ""  # the retailer, where a business buys
    buyer_message: str = ""
    recipient_name: str = ""
    recipient_region: str = ""
    recipient_address: str = ""
    extra: Extra = field(default_factory=dict)


class CancellationState(StrEnum):
    """Where a cancellation request stands, whatever words the marketplace has for it."""

    WAITING = "waiting"  # the seller has to answer
    APPROVED = "approved"  # accepted, the refund is under way
    COMPLETED = "completed"  # refunded
    CLOSED = "closed"  # ended without cancelling: withdrawn, rejected or closed by the marketplace
    UNKNOWN = "unknown"  # a status word that we have not met


@dataclass(frozen=True, slots=True)
class CancellationTarget:
    """Which request an answer is for: by its own id, or where requests have none by what is to be cancelled."""

    cancellation_id: str
    order_id: str
    line_item_id: str = ""  # empty: the whole order


@dataclass(frozen=True, slots=True)
class Announcement:
    """The marketplace's word that something happened, without saying to which order."""

    marketplace_id: str
    title: str
    announced_at: datetime
    is_cancellation: bool  # somebody asks to cancel, so a person has to find out what


@dataclass(frozen=True, slots=True)
class RefundParts:
    total: Money
    subtotal: Money
    shipping_fee: Money
    tax: Money
    fees: Money  # what markets add: retail delivery fee (US), buyer service fee (ID)


@dataclass(frozen=True, slots=True)
class CancellationLineRecord:
    marketplace_id: str
    line_item_id: str  # the order's line item
    sku_id: str
    sku_name: str
    product_name: str
    seller_sku: str
    image_url: str
    quantity: int = 1
    refund: RefundParts | None = None


@dataclass(frozen=True, slots=True)
class CancellationRecord:
    marketplace_id: str
    order_id: str
    state: CancellationState
    status: str  # the marketplace's own word
    kind: str  # the marketplace's own word, such as BUYER_CANCEL
    needs_answer: bool  # waiting, and it is the seller who must answer
    initiator: str  # buyer, seller, system; the marketplace's own word in lower case
    reason: str
    reason_text: str
    created_at: datetime
    updated_at: datetime
    deadline: datetime | None  # None: the marketplace named none
    refund: RefundParts | None
    lines: Sequence[CancellationLineRecord] = ()
    extra: Extra = field(default_factory=dict)


Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class SetAside:
    """A record that could not be understood; the run goes on without it."""

    marketplace_id: str  # empty when even the id could not be read
    problem: str


@dataclass(frozen=True, slots=True)
class Page(Generic[Record]):
    records: Sequence[Record]
    next_cursor: str = ""  # empty on the last page
    total: int | None = None  # in the window that was asked for; told where any part of it can be asked for as well
    set_aside: Sequence[SetAside] = ()
    drift: Sequence[str] = ()  # "order.status: NEW_WORD", "order.new_field"
    is_doubtful: bool = False  # it holds nothing, but did not say so either


@dataclass(frozen=True, slots=True)
class RejectReason:
    name: str  # the code to send; may hold any character
    text: str


@dataclass(frozen=True, slots=True)
class LineEligibility:
    line_item_ids: Sequence[str]
    sku_id: str
    eligible: bool
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PickupSlot:
    start: datetime
    end: datetime
    available: bool = True


@dataclass(frozen=True, slots=True)
class HandoverOptions:
    can_pickup: bool
    can_drop_off: bool
    pickup_slots: Sequence[PickupSlot] = ()

    def has(self, method: str, start: datetime | None = None, end: datetime | None = None) -> bool:
        """Whether packages can be handed over this way, at this time; where there are times, one has to be chosen."""
        if method != "PICKUP":
            return self.can_drop_off
        if start is None:
            return self.can_pickup and not self.pickup_slots
        slots = {(slot.start, slot.end) for slot in self.pickup_slots if slot.available}
        return self.can_pickup and (start, end) in slots


@dataclass(frozen=True, slots=True)
class ShippingProvider:
    marketplace_id: str
    name: str


@dataclass(frozen=True, slots=True)
class PackageRecord:
    marketplace_id: str
    status: str
    tracking_number: str
    shipping_provider: str
    handover_method: str
    order_ids: Sequence[str]
    line_item_ids: Sequence[str]
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class UploadedImage:
    """An image that the marketplace keeps for us; `image_id` is what a rejection refers to."""

    image_id: str
    mime_type: str
    width: int  # pixels
    height: int


@dataclass(frozen=True, slots=True)
class Shipment:
    """How packages leave: handed over to the marketplace's carrier, or sent by the seller with an own number.

    With no `package_ids` the marketplace makes the package from `line_item_ids` (all of them when empty).
    """

    order_id: str
    package_ids: Sequence[str] = ()
    line_item_ids: Sequence[str] = ()
    handover_method: str = ""  # PICKUP, DROP_OFF or empty
    pickup_slot: PickupSlot | None = None
    tracking_number: str = ""
    shipping_provider_id: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a marketplace said when it took a change. `status` and `cancellation_id` are empty where it said none."""

    request_id: str
    code: str = "0"
    message: str = ""
    status: str = ""
    cancellation_id: str = ""
    package_id: str = ""
    warning: str = ""


class Told(StrEnum):
    """What a push says about cancelling, before anything is read: enough to hold a parcel, never to let one leave."""

    ORDER_CANCELLED = "order_cancelled"
    WAITING = "waiting"  # a request waits for an answer
    APPROVED = "approved"  # a request was approved, for all or a part of the order
    CLOSED = "closed"  # a request ended without cancelling
    UNCLEAR = "unclear"  # something about a request, in a word that we have not met


@dataclass(frozen=True, slots=True)
class Notification:
    """A verified push. It names what to read again, and may say what became of an order or a request."""

    notification_id: str
    shop_id: str
    topic: str  # "order", "package", "cancellation", "deauthorized", "expiring", "other", or the marketplace's number
    sent_at: datetime
    order_id: str = ""
    cancellation_id: str = ""
    ends_at: datetime | None = None  # when the authorization ends, where it is expiring
    is_known: bool = True  # False: nobody has told us what this topic is about
    says: Told | None = None  # None: nothing about cancelling


@dataclass(frozen=True, slots=True)
class RegisteredPush:
    """A topic that the marketplace pushes for a shop; one that is none of ours goes by its own word."""

    topic: str
    address: str
    since: datetime | None = None
