"""Crux Connect as an Adapter and a Marketplace: the client's JSON through the mapper, in the words of `base`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from marketplaces.base import Audience, Capabilities, Option, PushTopic
from marketplaces.crux_timp import details, orders, rulebook
from marketplaces.crux_timp.allocation import NOT_FOUND, allocations, changes, left_out
from marketplaces.crux_timp.client import Answer, CruxTimpClient
from marketplaces.crux_timp.lines import Line
from marketplaces.crux_timp.mapper import Reader
from marketplaces.crux_timp.readings import OPTION_TEXTS, OPTIONS, readings
from marketplaces.errors import BadRecord, MarketplaceError, OutcomeUnknown, Refused, TemporaryFailure, Unsupported
from marketplaces.http import SHARED, Http
from marketplaces.reading import Record
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


class CruxTimpAdapter:
    """One supplier's Crux Connect, spoken to as one of its users.

    Raises what `base` says; an answer that cannot be understood as a whole is a TemporaryFailure. Making one raises
    CredentialsRejected where the connection has an option that makes no sense.
    """

    marketplace = rulebook.MARKETPLACE

    def __init__(
        self, credentials: Credentials, http: Http = SHARED, clock: Callable[[], datetime] = orders.now
    ) -> None:
        self._readings = readings(credentials.options)
        self._credentials = credentials
        self._http = http
        self._clock = clock
        self._client = CruxTimpClient(credentials, self._readings, http)
        self._orders = orders.Orders(self._client, Reader(self._readings, credentials.shop_id), clock)

    # The supplier's authorization

    def tokens_from_code(self, auth_code: str) -> Tokens:
        raise Unsupported("Crux Connect gives no codes: its users sign in with a name and a password.")

    def refresh_tokens(self, refresh_token: str) -> Tokens:
        """Sign in. There are no refresh tokens, so the argument is not looked at; older tokens live on to their end.

        The answer names no organization, so a look at an order does, where the user may have one; else the user's name
        has to serve.
        """
        asked_at = self._clock()
        data = self._client.sign_in()
        tokens = _understood(lambda: details.tokens(data, self._credentials.app_key, asked_at))
        speaker = CruxTimpAdapter(replace(self._credentials, access_token=tokens.access_token), self._http, self._clock)
        return details.named(tokens, speaker._supplier_name(tokens.shops[0].marketplace_id))

    def _supplier_name(self, organization: str) -> str:
        """What orders call this organization; "" where there are none, or none may be read."""
        try:
            return self._orders.supplier_name(organization)
        except (MarketplaceError, BadRecord):
            return ""

    def authorized_shops(self) -> Sequence[ShopRecord]:
        """No call lists them: the sign-in names the one there is."""
        return ()

    # Orders and cancellations

    def orders_updated(self, since: datetime, until: datetime, cursor: str = "") -> Page[OrderRecord]:
        """Orders made since some days before `since`, oldest first by windows of time. A cursor goes with its times.

        Crux Connect can be asked for orders by when they were made, not by when they changed. So those of the last
        days (the option `look_back_days`) are read again each time, and what did not change has the same fingerprint.
        A page may be empty and not the last one: its window was too full, and the next one is smaller.
        """
        return self._orders.made(since - self._readings.look_back, until, cursor)

    def orders_with_cancel_requested(self, cursor: str = "") -> Page[OrderRecord]:
        """None: an order does not show that its retailer asks, unless the option `cancelled_word` says that it does."""
        return self._orders.requested(cursor) if self._readings.cancelled_word == "requested" else Page([])

    def orders_by_id(self, order_ids: Sequence[str]) -> Page[OrderRecord]:
        """Any number of ids, one a call. Unknown ones are left out."""
        return self._orders.by_id(order_ids)

    def cancellations_updated(self, since: datetime, until: datetime, cursor: str = "") -> Page[CancellationRecord]:
        """None: Crux Connect shows no requests."""
        return Page([])

    def cancellations_by_id(self, cancellation_ids: Sequence[str]) -> Page[CancellationRecord]:
        return Page([])

    def cancellations_of_order(self, order_id: str) -> Page[CancellationRecord]:
        return Page([])

    def announcements(self) -> Sequence[Announcement]:
        """The user's dashboard notifications since the last call, unless the option `notifications` is "leave".

        What is read here may count as seen, so the person whose account it is may not find it on the dashboard.
        """
        if self._readings.notifications == "leave":
            return ()
        now = self._clock()
        data = self._client.notifications()
        return _understood(lambda: details.announcements(data, self._readings.cancel_title, now))

    # What a decision needs to know

    def registered_pushes(self) -> Sequence[RegisteredPush]:
        raise Unsupported("Crux Connect pushes nothing.")

    def register_push(self, topic: str, address: str) -> None:
        raise Unsupported("Crux Connect pushes nothing.")

    def remove_push(self, topic: str) -> None:
        raise Unsupported("Crux Connect pushes nothing.")

    def reject_reasons(self, cancellation_id: str, locale: str) -> Sequence[RejectReason]:
        return ()

    def cancel_eligibility(self, order_id: str) -> Sequence[LineEligibility]:
        """What of our lines is neither cancelled nor shipped."""
        return details.eligibility(self._orders.lines(order_id))

    def refund_preview(self, order_id: str, reason: str, line_item_ids: Sequence[str]) -> RefundParts:
        raise Unsupported("Crux Connect does not know what a buyer gets back: its retailers refund.")

    def package(self, package_id: str) -> PackageRecord:
        raise Unsupported("Crux Connect shows packages only as the tracking of an order's lines.")

    def handover_options(self, package_id: str) -> HandoverOptions:
        raise Unsupported("Crux Connect has no carriers: suppliers ship themselves.")

    def shipping_providers(self, delivery_option_id: str) -> Sequence[ShippingProvider]:
        """None: a carrier's name is free text."""
        return ()

    # Changes. None of them has a key.

    def upload_image(self, content: bytes, filename: str, mime_type: str) -> UploadedImage:
        raise Unsupported("Crux Connect takes no images.")

    def approve(self, target: CancellationTarget, key: str) -> Receipt:
        """Confirm that the line, or all our open lines of the order, are cancelled."""
        if target.line_item_id:
            return _receipt(self._client.confirm_item(self._order_item(target)))
        return _receipt(self._client.confirm_order(target.order_id))

    def reject(
        self, target: CancellationTarget, key: str, reason: str, comment: str, images: Sequence[UploadedImage]
    ) -> Receipt:
        """Let the line or the order stand. Raises Unsupported, before anything is sent, for anything to go with it."""
        if reason or comment or images:
            raise Unsupported("Crux Connect takes no reason, comment or image with a rejection.")
        if target.line_item_id:
            return _receipt(self._client.reject_item(self._order_item(target)))
        return _receipt(self._client.reject_order(target.order_id))

    def _order_item(self, target: CancellationTarget) -> str:
        """The UUID that answers about a line are given for: no page says which one it is."""
        if self._readings.order_item == "line":
            return target.line_item_id
        lines = self._orders.lines(target.order_id)
        items = [line.record.product_id for line in lines if line.record.marketplace_id == target.line_item_id]
        if not items:
            raise Refused("The order has no such line of ours.")
        return items[0]

    def cancel_items(self, order_id: str, reason: str, line_items: Mapping[str, int]) -> Receipt:
        """Reject units by allocating the order again; what is not rejected stays as it was or is accepted.

        A line that Crux Connect passed over, because it was cancelled meanwhile, is named in the receipt's warning.
        """
        if reason:
            raise Unsupported("Crux Connect takes no reason for cancelling items.")
        lines = self._orders.lines(order_id)
        changed = changes(lines, line_items)
        if not changed:
            return Receipt("", code="", warning="The order showed all of it cancelled already: nothing was sent.")
        rows = allocations(lines, changed, all_lines=self._readings.allocated_lines == "all")
        answer = self._client.allocate(order_id, rows)
        try:
            passed_over = left_out(answer.data, list(changed))
        except BadRecord as problem:
            message = f"The answer to the allocation is not as documented: {problem}."
            raise OutcomeUnknown(message, code=str(answer.status)) from None
        return _allocated(answer, passed_over, lines, len(changed))

    def ship(self, shipment: Shipment) -> Receipt:
        """Say that one package left with all that is left of these lines, or where none are named of all our lines.

        `shipping_provider_id` is the carrier's name.
        """
        if shipment.handover_method or shipment.pickup_slot:
            raise Unsupported("Crux Connect arranges no handover.")
        if not shipment.tracking_number:
            raise Refused("Crux Connect needs a tracking number.")
        contents = _contents(self._orders.lines(shipment.order_id), shipment.line_item_ids)
        package: dict[str, Any] = {"tracking_number": shipment.tracking_number, "line_items": contents}
        if shipment.shipping_provider_id:
            package["supplier_provided_carrier"] = shipment.shipping_provider_id
        answer = self._client.add_tracking(shipment.order_id, package)
        package_id = answer.data.get("package_uuid") if isinstance(answer.data, dict) else None
        return replace(_receipt(answer), package_id=package_id if isinstance(package_id, str) else "")


class CruxTimp:
    """Crux Connect as a whole."""

    name = rulebook.MARKETPLACE_NAME
    signs_in_with_password = True
    renew_before = timedelta(minutes=15)  # of the two hours that a token lasts
    push_topics: Sequence[PushTopic] = ()
    options: Sequence[Option] = OPTIONS
    audiences: Sequence[Audience] = ()
    required_scopes: Sequence[str] = ("view_order", "cancel_order", "allocate_order", "add_order_tracking")
    apps_url = ""
    texts: Sequence[str] = (*rulebook.TEXTS, *OPTION_TEXTS)

    def adapter(self, credentials: Credentials) -> CruxTimpAdapter:
        return CruxTimpAdapter(credentials)

    def capabilities(self, region: str, today: date) -> Capabilities:
        return rulebook.capabilities(region, today)

    def consent_url(self, page: str, service_id: str, state: str) -> str:
        raise Unsupported("Crux Connect asks nobody for consent: its users sign in with a name and a password.")

    def read_consent(self, query: Mapping[str, str]) -> Consent:
        return Consent()

    def read_notification(
        self, body: bytes, headers: Mapping[str, str], app_key: str, app_secret: str
    ) -> Notification | None:
        """Crux Connect sends no pushes, so there is none to believe."""
        return None

    def push_address_problem(self, address: str, api_url: str) -> str:
        return ""

    def shop_id_of_notification(self, body: bytes) -> str:
        return ""


def _understood(read: Callable[[], Record]) -> Record:
    try:
        return read()
    except BadRecord as problem:
        raise TemporaryFailure(f"The answer is not as documented: {problem}.") from None


def _receipt(answer: Answer) -> Receipt:
    """Crux Connect tells nothing but the status; requests have no ids."""
    return Receipt("", code=str(answer.status))


def _allocated(answer: Answer, passed_over: Mapping[str, str], lines: Sequence[Line], sent: int) -> Receipt:
    """What an allocation did, where the answer names lines that it did nothing with."""
    names = {line.record.marketplace_id: line.record.seller_sku or line.record.marketplace_id for line in lines}
    told = "; ".join(f"{names[line_id]}: {word}" for line_id, word in passed_over.items())
    if passed_over and len(passed_over) == sent:
        decided = any(word != NOT_FOUND for word in passed_over.values())
        raise Refused(f"Crux Connect allocated nothing. {told}", code=str(answer.status), already_processed=decided)
    return replace(_receipt(answer), warning=f"Some lines were passed over. {told}" if told else "")


def _contents(lines: Sequence[Line], wanted: Sequence[str]) -> list[dict[str, Any]]:
    inside = [
        {"line_item_uuid": line.record.marketplace_id, "quantity_shipped": line.to_ship}
        for line in lines
        if line.to_ship and (not wanted or line.record.marketplace_id in wanted)
    ]
    if not inside:
        raise Refused("Nothing of these lines is left to ship.", already_processed=True)
    return inside
