"""Linen Lane, a marketplace that does not exist, as the third one that somebody would add.

It has what the real ones have between them, otherwise mixed: it lists requests and counts units, takes a reason but no
comment, and signs in with a password.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal

from marketplaces.base import Audience, CancelReason, Capabilities, Notice, Option, PushTopic
from marketplaces.errors import CredentialsRejected, OutcomeUnknown, Refused, TemporaryFailure, Unsupported
from marketplaces.records import (
    Announcement,
    CancellationRecord,
    CancellationState,
    CancellationTarget,
    Consent,
    Credentials,
    HandoverOptions,
    LineEligibility,
    LineItemRecord,
    Money,
    Notification,
    OrderRecord,
    PackageRecord,
    Page,
    Receipt,
    RefundParts,
    RegisteredPush,
    RejectReason,
    Shipment,
    ShippingProvider,
    ShopRecord,
    Tokens,
    UploadedImage,
)
from tests.marketplaces.fake.market import Item, Market, No, NoAnswer, Order, Request

OPTIONS = (Option("greeting", "How the seller is greeted.", "Hello"),)
STATUSES = {"new": "To be sent", "sent": "Sent", "cancelled": "Cancelled"}
STATES = {
    "open": CancellationState.WAITING,
    "approved": CancellationState.COMPLETED,
    "rejected": CancellationState.CLOSED,
}


class FakeAdapter:
    """One seller's Linen Lane."""

    marketplace = "linen_lane"

    def __init__(self, credentials: Credentials, market: Market) -> None:
        self._credentials = credentials
        self._market = market

    # The seller's authorization

    def tokens_from_code(self, auth_code: str) -> Tokens:
        raise Unsupported("Linen Lane gives no codes.")

    def refresh_tokens(self, refresh_token: str) -> Tokens:
        with _told(changes=False):
            token = self._market.sign_in(self._credentials.app_key, self._credentials.app_secret)
        shop = ShopRecord("linen-1", "Towels & Co", "US", "SELLER", "T1", "")
        return Tokens(token, self._market.now + timedelta(hours=8), "", None, shop.name, "US", ("all",), (shop,))

    def authorized_shops(self) -> Sequence[ShopRecord]:
        return ()

    # Orders and cancellations

    def orders_updated(self, since: datetime, until: datetime, cursor: str = "") -> Page[OrderRecord]:
        if since.tzinfo is None or until.tzinfo is None:
            raise ValueError("a time without time zone is no moment")
        with _told(changes=False):
            found = self._market.list_orders(self._token, since, until, cursor)
        return Page([_order(one) for one in found], found[-1].id if len(found) == 3 else "")

    def orders_with_cancel_requested(self, cursor: str = "") -> Page[OrderRecord]:
        return Page([])

    def orders_by_id(self, order_ids: Sequence[str]) -> Page[OrderRecord]:
        with _told(changes=False):
            found = [self._market.get_order(self._token, _plain(one)) for one in dict.fromkeys(order_ids)]
        return Page([_order(one) for one in found if one])

    def cancellations_updated(self, since: datetime, until: datetime, cursor: str = "") -> Page[CancellationRecord]:
        return Page([one for one in self._requests() if since <= one.updated_at < until])

    def cancellations_by_id(self, cancellation_ids: Sequence[str]) -> Page[CancellationRecord]:
        return Page([one for one in self._requests() if one.marketplace_id in cancellation_ids])

    def cancellations_of_order(self, order_id: str) -> Page[CancellationRecord]:
        return Page([one for one in self._requests() if one.order_id == order_id])

    def _requests(self) -> list[CancellationRecord]:
        with _told(changes=False):
            return [_cancellation(one) for one in self._market.list_requests(self._token)]

    def announcements(self) -> Sequence[Announcement]:
        raise Unsupported("Linen Lane lists its requests.")

    # What a decision needs to know

    def registered_pushes(self) -> Sequence[RegisteredPush]:
        raise Unsupported("Linen Lane pushes nothing.")

    def register_push(self, topic: str, address: str) -> None:
        raise Unsupported("Linen Lane pushes nothing.")

    def remove_push(self, topic: str) -> None:
        raise Unsupported("Linen Lane pushes nothing.")

    def reject_reasons(self, cancellation_id: str, locale: str) -> Sequence[RejectReason]:
        return (RejectReason("on_its_way", "It is on its way"),)

    def cancel_eligibility(self, order_id: str) -> Sequence[LineEligibility]:
        with _told(changes=False):
            order = self._market.get_order(self._token, order_id)
        return [LineEligibility((item.id,), item.id, item.left > 0) for item in order.items] if order else ()

    def refund_preview(self, order_id: str, reason: str, line_item_ids: Sequence[str]) -> RefundParts:
        raise Unsupported("Linen Lane has no preview.")

    def package(self, package_id: str) -> PackageRecord:
        raise Unsupported("Linen Lane has no packages.")

    def handover_options(self, package_id: str) -> HandoverOptions:
        raise Unsupported("Linen Lane arranges no handover.")

    def shipping_providers(self, delivery_option_id: str) -> Sequence[ShippingProvider]:
        return ()

    # Changes

    def upload_image(self, content: bytes, filename: str, mime_type: str) -> UploadedImage:
        raise Unsupported("Linen Lane takes no images.")

    def approve(self, target: CancellationTarget, key: str) -> Receipt:
        with _told(changes=True):
            self._market.answer(self._token, _plain(target.cancellation_id), "approved", "")
        return Receipt("")

    def reject(
        self, target: CancellationTarget, key: str, reason: str, comment: str, images: Sequence[UploadedImage]
    ) -> Receipt:
        if comment or images:
            raise Unsupported("Linen Lane takes a reason and nothing else.")
        with _told(changes=True):
            self._market.answer(self._token, _plain(target.cancellation_id), "rejected", reason)
        return Receipt("")

    def cancel_items(self, order_id: str, reason: str, line_items: Mapping[str, int]) -> Receipt:
        with _told(changes=True):
            order = self._market.get_order(self._token, _plain(order_id))
            left = {item.id: item.units - item.sent for item in order.items} if order else {}
            self._market.cancel(self._token, order_id, dict(line_items) or left, reason)
        return Receipt("")

    def ship(self, shipment: Shipment) -> Receipt:
        with _told(changes=True):
            self._market.send(self._token, _plain(shipment.order_id), shipment.tracking_number)
        return Receipt("")

    @property
    def _token(self) -> str:
        return self._credentials.access_token


class FakeMarketplace:
    """Linen Lane as a whole."""

    name = "Linen Lane"
    signs_in_with_password = True
    renew_before = timedelta(hours=1)
    push_topics: Sequence[PushTopic] = ()
    options: Sequence[Option] = OPTIONS
    audiences: Sequence[Audience] = ()
    required_scopes: Sequence[str] = ()
    apps_url = ""
    texts: Sequence[str] = ("Shipping answers nothing.", "How the seller is greeted.", *STATUSES.values())

    def __init__(self, market: Market) -> None:
        self._market = market

    def adapter(self, credentials: Credentials) -> FakeAdapter:
        return FakeAdapter(credentials, self._market)

    def capabilities(self, region: str, today: date) -> Capabilities:
        reasons = (CancelReason("sold_out", "Sold out", ("new",), partial=True),)
        return Capabilities(
            "linen_lane", self.name, region, region, can_reject=True, reject_until=None, reject_notice=None,
            shipping_rejects=False, shipping_notice=Notice("Shipping answers nothing."), takes_reject_reason=True,
            takes_comment=False, comment_max_length=0, takes_images=False, max_images=0, image_formats=(),
            max_image_bytes=0, min_image_side=0, max_image_side=0, can_cancel_order=True, can_cancel_lines=True,
            cancellable_order_statuses=("new",), shippable_order_statuses=("new",), cancel_reasons=reasons,
            takes_cancel_reason=True, previews_refunds=False, shows_requests=True, announces_requests=False,
            silence="rejects", time_zone="America/New_York", approve_has_key=False, status_labels=STATUSES,
            order_statuses=tuple(STATUSES),
        )  # fmt: skip

    def consent_url(self, page: str, service_id: str, state: str) -> str:
        raise Unsupported("Linen Lane asks nobody.")

    def read_consent(self, query: Mapping[str, str]) -> Consent:
        return Consent()

    def read_notification(
        self, body: bytes, headers: Mapping[str, str], app_key: str, app_secret: str
    ) -> Notification | None:
        return None

    def push_address_problem(self, address: str, api_url: str) -> str:
        return ""

    def shop_id_of_notification(self, body: bytes) -> str:
        return ""


@contextmanager
def _told(*, changes: bool) -> Iterator[None]:
    """The marketplace's words as errors: what is known decides, not what was said."""
    try:
        yield
    except NoAnswer:
        raise (OutcomeUnknown if changes else TemporaryFailure)("Linen Lane did not answer.") from None
    except No as no:
        word = str(no)
        match word:
            case "token_ended" | "wrong_password":
                raise CredentialsRejected("Not let in.", code=word, expired=word == "token_ended") from None
            case "busy":
                raise TemporaryFailure("Busy.", code=word, retry_after=3) from None
        raise Refused("No.", code=word, already_processed=word == "not_open") from None


def _plain(value: str) -> str:
    if not (value.isascii() and value.replace("-", "").isalnum()):
        raise Refused("This is not an id of Linen Lane.")
    return value


def _order(order: Order) -> OrderRecord:
    lines = [_line(item) for item in order.items]
    live = [line for line in lines if not line.is_cancelled]
    goods = _usd(sum((line.price.amount * line.quantity for line in lines), start=Decimal(0)))
    is_shipped = bool(live) and all(line.is_shipped for line in live)
    return OrderRecord(
        order.id, "sent" if is_shipped else "new" if live else "cancelled", order.changed, order.changed,
        total=goods, subtotal=goods, shipping_fee=_usd(Decimal(0)), tax=_usd(Decimal(0)), lines=lines,
        is_shipped=is_shipped, is_cancelled=not live,
    )  # fmt: skip


def _line(item: Item) -> LineItemRecord:
    price = _usd(Decimal(item.price))
    return LineItemRecord(
        item.id, "new", item.id, item.name, item.id, item.name, item.id, "", item.units, price, price,
        is_shipped=item.sent > 0 and not item.left, is_cancelled=item.cancelled == item.units,
        cancelled_quantity=item.cancelled, shipped_quantity=item.sent,
    )  # fmt: skip


def _cancellation(request: Request) -> CancellationRecord:
    state, at = STATES[request.state], request.order.changed
    return CancellationRecord(
        request.id, request.order.id, state, request.state, "buyer", state is CancellationState.WAITING, "buyer",
        "changed_mind", "Changed my mind", at, at, deadline=None, refund=None,
    )  # fmt: skip


def _usd(amount: Decimal) -> Money:
    return Money(amount, "USD")
