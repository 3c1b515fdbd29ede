"""What every marketplace adapter can be asked. Each method is one call (or one page) and raises marketplaces.errors.

Reads may raise TemporaryFailure, CredentialsRejected and Refused. The four changes (`approve`, `reject`, `ship`,
`cancel_items`) may also raise OutcomeUnknown, and Unsupported where `Capabilities` said that they can't work.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Protocol

from marketplaces.records import (
    Announcement,
    CancellationRecord,
    CancellationTarget,
    Consent,
    Credentials,
    HandoverOptions,
    LineEligibility,
    Money,
    Notification,
    OrderRecord,
    PackageRecord,
    Page,
    Progress,
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

Day = date  # inside Notice, `date` is the field


@dataclass(frozen=True, slots=True)
class Notice:
    """Something staff and integrators must know about a market, with the page that says so."""

    text: str  # with %(name)s where `values` has something for it
    url: str = ""
    date: Day | None = None  # the day from which a rule holds
    values: Mapping[str, "str | Day"] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Source:
    """A page that a rule was read from."""

    title: str
    url: str
    as_of: date | None = None  # the day from which the copy is that was read; None: it bore no date


@dataclass(frozen=True, slots=True)
class CancelReason:
    """A reason a seller may give for cancelling."""

    name: str
    text: str
    order_statuses: Sequence[str]
    partial: bool = False  # may cancel single line items
    seller_fault: bool | None = None  # None: the market does not say
    source: Source | None = None
    fault_since: date | None = None  # the day from which it is the seller's, which may be to come
    fault_source: Source | None = None


@dataclass(frozen=True, slots=True)
class ListedReason:
    """A reason to reject as a page lists it: to explain a market. What is sent is asked for with each request."""

    name: str
    text: str
    source: Source


@dataclass(frozen=True, slots=True)
class ResponseTime:
    """How long a page says that sellers have. Only the deadline of a request itself counts."""

    hours: int
    source: Source


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What can be done in one market on one day; made from the rulebook, asked by screens, API and decisions."""

    marketplace: str
    marketplace_name: str
    region: str
    market_name: str
    can_reject: bool
    reject_until: date | None  # from this day on reject is over, and shipping is the rejection
    reject_notice: Notice | None
    shipping_rejects: bool
    shipping_notice: Notice | None
    takes_reject_reason: bool
    takes_comment: bool
    comment_max_length: int  # characters
    takes_images: bool
    max_images: int
    image_formats: Sequence[str]  # as Pillow names them
    max_image_bytes: int
    min_image_side: int  # pixels
    max_image_side: int
    can_cancel_order: bool
    can_cancel_lines: bool
    cancellable_order_statuses: Sequence[str]
    shippable_order_statuses: Sequence[str]
    cancel_reasons: Sequence[CancelReason]
    takes_cancel_reason: bool  # False: `cancel_reasons` is empty and cancelling items needs none
    previews_refunds: bool  # `Adapter.refund_preview` can be asked
    shows_requests: bool  # False: requests have no list and no id; people write them down, and lines tell the outcome
    announces_requests: bool  # `Adapter.announcements` can be asked
    silence: str  # "approves", "rejects" or "nothing": what the marketplace does at the deadline
    time_zone: str  # IANA name of the market
    approve_has_key: bool  # the marketplace honours an idempotency key on approve and reject
    approve_notice: Notice | None = None  # what to know before a whole order is cancelled
    items_notice: Notice | None = None  # what to know before cancelling items
    requests_notice: Notice | None = None  # how a request is learned of, where `shows_requests` is False
    notices: Sequence[Notice] = ()
    language: str = "en"  # what its buyers read, as in ISO 639
    order_url: str = ""  # the order in the marketplace's own centre, with {order_id}
    messages_url: str = ""  # the shop's messages with buyers there, with {shop_id}
    status_labels: Mapping[str, str] = field(default_factory=dict)
    package_labels: Mapping[str, str] = field(default_factory=dict)  # what people say for a package's status
    progress: Mapping[str, Progress] = field(default_factory=dict)  # how far an order with this status is on its way
    order_statuses: Sequence[str] = ()  # those that an order goes through, in that order
    cancel_notice: Notice | None = None  # which orders a seller may cancel, and why no others
    lines_notice: Notice | None = None  # which of their line items, and why
    buyers: Sequence[Notice] = ()  # what buyers may do
    response_times: Sequence[ResponseTime] = ()  # empty: no page says how long sellers have; several contradict
    listed_reject_reasons: Sequence[ListedReason] = ()  # as pages list them; what the marketplace answers wins
    known_reasons: frozenset[str] = frozenset()  # all that a record may name, whoever cancelled; empty: not published
    policy_url: str = ""  # what the marketplace tells its sellers about cancelling
    standing: Mapping[str, Notice] = field(default_factory=dict)  # by verdict: what it does to the shop's standing
    evidence_hints: Mapping[str, Sequence[Notice]] = field(default_factory=dict)  # by reject reason; "": all others
    sources: Sequence[Source] = ()  # every page that these rules were read from


@dataclass(frozen=True, slots=True)
class Option:
    """Something that accounts at one marketplace differ in and that no call tells: an administrator sets it."""

    name: str
    text: str  # what it decides
    default: str
    choices: Mapping[str, str] = field(default_factory=dict)  # value: what it means; empty for free text


@dataclass(frozen=True, slots=True)
class Audience:
    """Sellers who are asked with an app of ours of their own."""

    name: str
    text: str  # who they are, as people say it
    consent_url: str  # where they are asked, without its query
    regions: frozenset[str] = frozenset()  # of theirs alone; empty: all that are no other audience's


@dataclass(frozen=True, slots=True)
class PushTopic:
    """Something that a marketplace pushes when it is asked to, shop by shop."""

    name: str  # as in Notification.topic
    text: str  # what it tells of


class Adapter(Protocol):
    """One shop's marketplace, or one connection's where no shop is known yet."""

    marketplace: str

    # The seller's authorization
    def tokens_from_code(self, auth_code: str) -> Tokens: ...
    def refresh_tokens(self, refresh_token: str) -> Tokens:
        """New tokens. Where sellers have a user name and a password, this signs in and needs no refresh token."""

    def authorized_shops(self) -> Sequence[ShopRecord]:
        """Empty where only a sign-in names them, in `Tokens.shops`."""

    # Orders and cancellations; `since` is included, `until` is not
    def orders_updated(self, since: datetime, until: datetime, cursor: str = "") -> Page[OrderRecord]: ...
    def orders_with_cancel_requested(self, cursor: str = "") -> Page[OrderRecord]: ...
    def orders_by_id(self, order_ids: Sequence[str]) -> Page[OrderRecord]: ...
    def cancellations_updated(self, since: datetime, until: datetime, cursor: str = "") -> Page[CancellationRecord]: ...
    def cancellations_by_id(self, cancellation_ids: Sequence[str]) -> Page[CancellationRecord]: ...
    def cancellations_of_order(self, order_id: str) -> Page[CancellationRecord]: ...
    def announcements(self) -> Sequence[Announcement]:
        """Those that are new since the last call. Reading may use them up, so store them at once."""

    # Pushes of one shop, of the topics in `Marketplace.push_topics`; without any, these three are Unsupported
    def registered_pushes(self) -> Sequence[RegisteredPush]: ...
    def register_push(self, topic: str, address: str) -> None:
        """Creates or replaces; no harm done twice, as with `remove_push`."""

    def remove_push(self, topic: str) -> None: ...

    # What a decision needs to know
    def reject_reasons(self, cancellation_id: str, locale: str) -> Sequence[RejectReason]: ...
    def cancel_eligibility(self, order_id: str) -> Sequence[LineEligibility]: ...
    def refund_preview(self, order_id: str, reason: str, line_item_ids: Sequence[str]) -> RefundParts: ...
    def package(self, package_id: str) -> PackageRecord: ...
    def handover_options(self, package_id: str) -> HandoverOptions: ...
    def shipping_providers(self, delivery_option_id: str) -> Sequence[ShippingProvider]: ...

    # Changes. `key` is the decision's idempotency key, used where the marketplace honours one
    def upload_image(self, content: bytes, filename: str, mime_type: str) -> UploadedImage: ...
    def approve(self, target: CancellationTarget, key: str) -> Receipt: ...
    def reject(
        self, target: CancellationTarget, key: str, reason: str, comment: str, images: Sequence[UploadedImage]
    ) -> Receipt: ...
    def cancel_items(self, order_id: str, reason: str, line_items: Mapping[str, int]) -> Receipt:
        """`line_items` is {id: how many of it are cancelled afterwards, earlier ones included}, so that sending it
        twice does no more than once; empty for all that is left of the order."""

    def ship(self, shipment: Shipment) -> Receipt: ...


class Marketplace(Protocol):
    """A platform as a whole: what it can do where, how to open an adapter, how to trust its pushes."""

    name: str  # as people say it
    signs_in_with_password: bool  # else a seller consents on the marketplace's own page, which gives a code
    renew_before: timedelta  # an access token is renewed so long before it ends
    options: Sequence[Option]
    audiences: Sequence[Audience]  # empty where sellers have a password
    required_scopes: Sequence[str]  # rights without which Countermand can't do its work, by the marketplace's names
    apps_url: str  # where our apps are registered; empty where there are none
    texts: Sequence[str]  # every sentence of ours in all of these, for those who translate them

    def adapter(self, credentials: Credentials) -> Adapter: ...
    def capabilities(self, region: str, today: date) -> Capabilities: ...
    def consent_url(self, page: str, service_id: str, state: str) -> str:
        """Where to send the seller; `page` is an audience's, or another one that plays it. `state` comes back."""

    def read_consent(self, query: Mapping[str, str]) -> Consent:
        """What the seller came back with."""

    def read_notification(
        self, body: bytes, headers: Mapping[str, str], app_key: str, app_secret: str
    ) -> Notification | None:
        """The push, or None when its signature is wrong. Raises BadRecord when it is signed but not understood."""

    push_topics: Sequence[PushTopic]  # empty where a shop cannot ask for pushes

    def push_address_problem(self, address: str, api_url: str) -> str:
        """Why it would not push there, as one of `texts`; "" where it would. `api_url` is empty for its own."""

    def shop_id_of_notification(self, body: bytes) -> str:
        """Which shop an unverified push claims to be for, so that its secret can be found; "" when unreadable."""


__all__ = [
    "Adapter", "Audience", "CancelReason", "Capabilities", "ListedReason", "Marketplace", "Money", "Notice", "Option",
    "PushTopic", "ResponseTime", "Source",
]  # fmt: skip
