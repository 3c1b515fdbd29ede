"""TikTok Shop as an Adapter and a Marketplace: the client's JSON through the mapper, in the words of `base`."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import TypeVar

from marketplaces.base import Audience, Capabilities, Option
from marketplaces.errors import BadRecord, CredentialsRejected, Refused, TemporaryFailure, Unsupported
from marketplaces.http import SHARED, Http
from marketplaces.reading import MOST_TOLD, UNASKED, only, told_once
from marketplaces.records import (
    Announcement,
    CancellationRecord,
    CancellationTarget,
    Consent,
    Credentials,
    HandoverOptions,
    LineEligibility,
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
from marketplaces.tiktok_shop import consent, details, mapper, rulebook, webhooks
from marketplaces.tiktok_shop.client import MAX_ORDER_IDS, MAX_SEARCH_IDS, Answer, TikTokShopClient
from marketplaces.tiktok_shop.shipping import ship

ORDERS_PER_PAGE = 100
CANCELLATIONS_PER_PAGE = 50
MOST_SEARCH_PAGES = 50  # of a search by ids, which finds a few for each

SOON = timedelta(days=1)

Record = TypeVar("Record")
Changing = TypeVar("Changing", OrderRecord, CancellationRecord)


class TikTokAdapter:
    """One seller's TikTok Shop, and one shop of it where the credentials hold its cipher.

    Raises what `base` says; an answer that cannot be understood as a whole is a TemporaryFailure.
    """

    marketplace = rulebook.MARKETPLACE

    def __init__(self, credentials: Credentials, http: Http = SHARED) -> None:
        self._client = TikTokShopClient(credentials, http)

    # The seller's authorization

    def tokens_from_code(self, auth_code: str) -> Tokens:
        """Tokens for the code that a seller's consent came back with; it works once, for 30 minutes."""
        return self._understand(details.tokens, self._client.get_tokens(auth_code))

    def refresh_tokens(self, refresh_token: str) -> Tokens:
        """Store what comes back in one piece: the old refresh token may be dead.

        Raises CredentialsRejected where there is no token, as before a seller's consent and after it ended.
        """
        if not refresh_token:
            raise CredentialsRejected("There is no refresh token: the seller has to consent again.")
        return self._understand(details.tokens, self._client.refresh_tokens(refresh_token))

    def authorized_shops(self) -> Sequence[ShopRecord]:
        return self._understand(details.shops, self._client.authorized_shops())

    # Orders and cancellations

    def orders_updated(self, since: datetime, until: datetime, cursor: str = "") -> Page[OrderRecord]:
        """Up to 100 orders, oldest change first. Times must be aware; a cursor goes with the times it came from."""
        answer = self._client.search_orders(
            page_size=ORDERS_PER_PAGE,
            page_token=cursor,
            update_time_ge=_seconds(since),
            update_time_lt=_seconds(until),
        )
        return _changed_before(until, self._page(mapper.order_page, answer, cursor, ORDERS_PER_PAGE))

    def orders_with_cancel_requested(self, cursor: str = "") -> Page[OrderRecord]:
        """Orders whose buyer waits for an answer, oldest change first."""
        answer = self._client.search_orders(page_size=ORDERS_PER_PAGE, page_token=cursor, is_buyer_request_cancel=True)
        return self._page(mapper.order_page, answer, cursor, ORDERS_PER_PAGE)

    def orders_by_id(self, order_ids: Sequence[str]) -> Page[OrderRecord]:
        """Any number of ids, 50 a call. An unknown order is left out, another shop's refuses its whole call."""
        pages = [
            told_once(self._understand(mapper.order_page, self._client.order_details(chunk)))
            for chunk in _chunks(order_ids, MAX_ORDER_IDS)
        ]
        return only(_joined(pages), lambda one: one.marketplace_id in order_ids, UNASKED)

    def cancellations_updated(self, since: datetime, until: datetime, cursor: str = "") -> Page[CancellationRecord]:
        """Up to 50 cancellations of every kind, oldest change first. Times and cursor as for `orders_updated`."""
        answer = self._client.search_cancellations(
            page_size=CANCELLATIONS_PER_PAGE,
            page_token=cursor,
            update_time_ge=_seconds(since),
            update_time_lt=_seconds(until),
        )
        return _changed_before(until, self._page(mapper.cancellation_page, answer, cursor, CANCELLATIONS_PER_PAGE))

    def cancellations_by_id(self, cancellation_ids: Sequence[str]) -> Page[CancellationRecord]:
        """Any number of ids, 50 a call. Unknown ones are left out."""
        chunks = _chunks(cancellation_ids, MAX_SEARCH_IDS)
        return _joined(
            [
                only(page, lambda one: one.marketplace_id in cancellation_ids, UNASKED)
                for chunk in chunks
                for page in self._search_all(cancel_ids=chunk)
            ]
        )

    def cancellations_of_order(self, order_id: str) -> Page[CancellationRecord]:
        pages = self._search_all(order_ids=[order_id])
        return _joined([only(page, lambda one: one.order_id == order_id, UNASKED) for page in pages])

    def _search_all(
        self, cancel_ids: Sequence[str] = (), order_ids: Sequence[str] = ()
    ) -> Iterator[Page[CancellationRecord]]:
        cursor = ""
        for _ in range(MOST_SEARCH_PAGES):
            answer = self._client.search_cancellations(
                page_size=CANCELLATIONS_PER_PAGE, page_token=cursor, cancel_ids=cancel_ids, order_ids=order_ids
            )
            page = self._page(mapper.cancellation_page, answer, cursor, CANCELLATIONS_PER_PAGE)
            yield page
            cursor = page.next_cursor
            if not cursor:
                return
        raise TemporaryFailure(f"The search does not end: {MOST_SEARCH_PAGES} pages for {MAX_SEARCH_IDS} ids at most.")

    def announcements(self) -> Sequence[Announcement]:
        """Requests have a list of their own here."""
        raise Unsupported("TikTok Shop announces nothing: its requests are listed.")

    # Pushes

    def registered_pushes(self) -> Sequence[RegisteredPush]:
        return self._understand(webhooks.registered, self._client.webhooks())

    def register_push(self, topic: str, address: str) -> None:
        self._client.put_webhook(webhooks.event_type(topic), address)

    def remove_push(self, topic: str) -> None:
        self._client.delete_webhook(webhooks.event_type(topic))

    # What a decision needs to know

    def reject_reasons(self, cancellation_id: str, locale: str) -> Sequence[RejectReason]:
        return self._understand(details.reject_reasons, self._client.reject_reasons(cancellation_id, locale=locale))

    def cancel_eligibility(self, order_id: str) -> Sequence[LineEligibility]:
        return self._understand(details.cancel_eligibility, self._client.aftersale_eligibility(order_id))

    def refund_preview(self, order_id: str, reason: str, line_item_ids: Sequence[str]) -> RefundParts:
        """What a cancellation would give back; with no line items, of the whole order."""
        answer = self._client.calculate_refund(order_id, reason=reason, line_item_ids=line_item_ids)
        return self._understand(details.refund_preview, answer)

    def package(self, package_id: str) -> PackageRecord:
        found = self._understand(details.package, self._client.package(package_id))
        if found.marketplace_id != package_id:
            raise TemporaryFailure("The answer is about another package than was asked for.")
        return found

    def handover_options(self, package_id: str) -> HandoverOptions:
        return self._understand(details.handover_options, self._client.handover_slots(package_id))

    def shipping_providers(self, delivery_option_id: str) -> Sequence[ShippingProvider]:
        return self._understand(details.shipping_providers, self._client.shipping_providers(delivery_option_id))

    # Changes

    def upload_image(self, content: bytes, filename: str, mime_type: str) -> UploadedImage:
        """Never OutcomeUnknown: an image uploaded twice does no harm."""
        answer = self._client.upload_image(content, filename=filename, mime_type=mime_type)
        return self._understand(lambda data: details.uploaded_image(data, mime_type), answer)

    def approve(self, target: CancellationTarget, key: str) -> Receipt:
        return _receipt(self._client.approve(target.cancellation_id, idempotency_key=key))

    def reject(
        self, target: CancellationTarget, key: str, reason: str, comment: str, images: Sequence[UploadedImage]
    ) -> Receipt:
        answer = self._client.reject(
            target.cancellation_id,
            reason=reason,
            comment=comment,
            images=[
                {
                    "image_id": image.image_id,
                    "mime_type": image.mime_type,
                    "width": image.width,
                    "height": image.height,
                }
                for image in images
            ],
            idempotency_key=key,
        )
        return _receipt(answer)

    def cancel_items(self, order_id: str, reason: str, line_items: Mapping[str, int]) -> Receipt:
        """Cancel these line items, or with none the whole order. One line item is one unit. There is no key."""
        if any(quantity != 1 for quantity in line_items.values()):
            raise Refused("A TikTok Shop line item is one unit: its quantity is 1.")
        return _receipt(self._client.cancel_order(order_id, reason=reason, line_item_ids=tuple(line_items)))

    def ship(self, shipment: Shipment) -> Receipt:
        return _receipt(ship(self._client, shipment))

    def _understand(self, read: Callable[[Mapping[str, object]], Record], answer: Answer) -> Record:
        with _understood(answer):
            return read(answer.data)

    def _page(
        self, read: Callable[[Mapping[str, object]], Page[Record]], answer: Answer, cursor: str, size: int
    ) -> Page[Record]:
        page = self._understand(read, answer)
        if len(page.records) + len(page.set_aside) > size:
            raise TemporaryFailure(f"The page holds more than the {size} asked for.", request_id=answer.request_id)
        if cursor and page.next_cursor == cursor:
            raise TemporaryFailure("The next page is the same page again.", request_id=answer.request_id)
        return told_once(page)


class TikTokShop:
    """TikTok Shop as a whole."""

    name = rulebook.MARKETPLACE_NAME
    signs_in_with_password = False
    renew_before = timedelta(days=1)  # of the seven that an access token lasts
    options: Sequence[Option] = ()
    audiences: Sequence[Audience] = consent.AUDIENCES
    required_scopes: Sequence[str] = consent.REQUIRED_SCOPES
    apps_url = consent.APPS_URL
    push_topics = webhooks.PUSH_TOPICS
    texts: Sequence[str] = (*rulebook.TEXTS, *webhooks.TEXTS, *(audience.text for audience in consent.AUDIENCES))

    def adapter(self, credentials: Credentials) -> TikTokAdapter:
        return TikTokAdapter(credentials)

    def capabilities(self, region: str, today: date) -> Capabilities:
        """From rulebook.toml; a region that is not in it gets what is safe everywhere."""
        return rulebook.capabilities(region, today)

    def consent_url(self, page: str, service_id: str, state: str) -> str:
        return consent.url(page, service_id, state)

    def read_consent(self, query: Mapping[str, str]) -> Consent:
        return consent.read(query)

    def read_notification(
        self, body: bytes, headers: Mapping[str, str], app_key: str, app_secret: str
    ) -> Notification | None:
        """The push, or None when its signature is wrong. Raises BadRecord when it is signed but not understood."""
        return webhooks.parse(body) if webhooks.verify(body, headers, app_key, app_secret) else None

    def push_address_problem(self, address: str, api_url: str) -> str:
        return "" if api_url else webhooks.address_problem(address)

    def shop_id_of_notification(self, body: bytes) -> str:
        return webhooks.claimed_shop_id(body)


@contextmanager
def _understood(answer: Answer) -> Iterator[None]:
    try:
        yield
    except BadRecord as problem:
        message = f"The answer is not as documented: {problem}."
        raise TemporaryFailure(message, request_id=answer.request_id) from None


def _changed_before(until: datetime, page: Page[Changing]) -> Page[Changing]:
    """What changed while it was read may say so; what says a year to come would count as newer than all the truth."""
    return only(page, lambda one: one.updated_at < until + SOON, "says that it changed in the future")


def _receipt(answer: Answer) -> Receipt:
    return details.receipt(answer.data, answer.request_id, answer.message)


def _seconds(moment: datetime) -> int:
    """The first whole second not before `moment`: right for an included start and for an excluded end."""
    if moment.tzinfo is None:
        raise ValueError("a time without time zone is no moment")
    return math.ceil(moment.timestamp())


def _chunks(ids: Sequence[str], size: int) -> list[list[str]]:
    unique = list(dict.fromkeys(ids))
    return [unique[start : start + size] for start in range(0, len(unique), size)]


def _joined(pages: Sequence[Page[Record]]) -> Page[Record]:
    return Page(
        records=[record for page in pages for record in page.records],
        set_aside=[one for page in pages for one in page.set_aside][:MOST_TOLD],
        drift=list(dict.fromkeys(word for page in pages for word in page.drift)),
    )
