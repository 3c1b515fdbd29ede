"""What people and other systems send: a decision, and what goes with it."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError as DjangoValidationError
from django.utils.translation import gettext as _
from rest_framework import serializers

from cancellations import live
from cancellations.checks import AlreadyDecided, Details, must_be_offered, must_offer_items, not_taken
from cancellations.decisions import Wanted, cancel_items, decide
from cancellations.evidence import Picture, read_picture
from cancellations.models import CancellationRequest, Decision, Verdict
from cancellations.serializers.evidence import own_drafts
from cancellations.shipping import Shipping, needs_tracking, wrong_packages
from config.api.bodies import Strict
from config.api.documented import US_REJECT
from config.api.fields import UtcTime
from config.api.problems import paths
from marketplaces.base import Capabilities
from marketplaces.errors import MarketplaceError
from marketplaces.records import RejectReason
from orders.models import Order
from shops.models import Permission, Shop
from shops.roles import must_be_allowed

logger = structlog.get_logger(__name__)
VERDICTS = (
    "`approve` cancels the order and refunds the buyer; `reject` refuses a request; `ship_to_reject` ships the "
    "package, which rejects the request where the market works that way (US); `cancel_items` cancels items of an "
    "order that nobody has asked to cancel.\n\n" + US_REJECT
)


class ShippingRequest(Strict):
    handover_method = serializers.ChoiceField(
        choices=["PICKUP", "DROP_OFF"],
        required=False,
        allow_blank=True,
        help_text="One of the ways in `shipping-options`, where the marketplace's carrier takes it.",
    )
    pickup_start = UtcTime(required=False, allow_null=True, help_text="One of the slots in `shipping-options`.")
    pickup_end = UtcTime(required=False, allow_null=True, help_text="The end of the same slot.")
    tracking_number = serializers.CharField(
        required=False, allow_blank=True, max_length=100, help_text="Of your own carrier."
    )
    shipping_provider_id = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=100,
        help_text="The `id` of one of the `carriers` in `shipping-options`.",
    )
    package_ids = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Without it all leave."
    )

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        if bool(values.get("pickup_start")) != bool(values.get("pickup_end")):
            raise serializers.ValidationError({"pickup_end": [_("A slot has a start and an end.")]})
        return values


class ItemRequest(Strict):
    line_item = serializers.IntegerField(min_value=1, help_text="Our `id` of a line of the order.")
    quantity = serializers.IntegerField(min_value=1, default=1, help_text="How many of it, up to its `open_quantity`.")


# What goes with each verdict; anything else would be ignored, so it is refused.
NEEDS: Mapping[Verdict, str] = {
    Verdict.APPROVE: "cancellation",
    Verdict.REJECT: "cancellation",
    Verdict.SHIP_TO_REJECT: "cancellation",
    Verdict.CANCEL_ITEMS: "order",
}
TAKES: Mapping[Verdict, set[str]] = {
    Verdict.APPROVE: set(),
    Verdict.REJECT: {"reason", "comment", "images", "evidence"},
    Verdict.SHIP_TO_REJECT: {"shipping"},
    Verdict.CANCEL_ITEMS: {"reason", "items"},
}


class DecisionRequest(Strict):
    """What to decide, about what, and what goes with it."""

    verdict = serializers.ChoiceField(choices=Verdict.choices, help_text=VERDICTS)
    cancellation = serializers.PrimaryKeyRelatedField(
        queryset=CancellationRequest.objects.none(), pk_field=serializers.IntegerField(), required=False,
        help_text="For all but `cancel_items`.",
    )  # fmt: skip
    order = serializers.PrimaryKeyRelatedField(
        queryset=Order.objects.none(), pk_field=serializers.IntegerField(), required=False,
        help_text="For `cancel_items`.",
    )  # fmt: skip
    reason = serializers.CharField(
        required=False, allow_blank=True, max_length=200,
        help_text="For `reject` one of the request's `reject-reasons`; for `cancel_items` one of `cancel-options`. Not "
        "where the marketplace takes none.",
    )  # fmt: skip
    comment = serializers.CharField(required=False, allow_blank=True, help_text="For `reject`; the buyer reads it.")
    images = serializers.ListField(
        child=serializers.FileField(), required=False,
        help_text="For `reject`, as files of a multipart/form-data body. They are re-encoded before they are kept.",
    )  # fmt: skip
    evidence = serializers.ListField(
        child=serializers.IntegerField(min_value=1), required=False,
        help_text="For `reject`: the `id`s of images that you have uploaded ahead (`cancellations/{id}/evidence/`).",
    )  # fmt: skip
    shipping = ShippingRequest(required=False, help_text="For `ship_to_reject`.")
    items = ItemRequest(many=True, required=False, help_text="For `cancel_items`.")
    undo_seconds = serializers.IntegerField(
        required=False, min_value=0,
        help_text="For how long it can be taken back before it is sent; 0: at once. Never longer than without it.",
    )  # fmt: skip

    # Whether the marketplace is asked what it would say before anything is recorded.
    asks_first: ClassVar[bool] = True

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        if request := self.context.get("request"):
            seen = CancellationRequest.objects.visible_to(request.user), Order.objects.visible_to(request.user)
            for name, rows in zip(("cancellation", "order"), seen, strict=True):
                fields[name].queryset = rows.select_related("shop__connection")
        return fields

    def validate(self, told: dict[str, Any]) -> dict[str, Any]:
        verdict = Verdict(told["verdict"])
        about = NEEDS[verdict]
        problems = {
            name: [_("%(verdict)s takes no %(field)s.") % {"verdict": verdict, "field": name}]
            for name in told
            if told[name] and name not in {"verdict", "undo_seconds", about, *TAKES[verdict]}
        }
        if about not in told:
            problems[about] = [_("Say what this is about.")]
        if told.get("undo_seconds", 0) > settings.UNDO_SECONDS:
            problems["undo_seconds"] = [_("At most %(most)d.") % {"most": settings.UNDO_SECONDS}]
        if problems:
            raise serializers.ValidationError(problems)
        self.must_be_allowed(told[about].shop, Permission(told["verdict"]))
        return told

    def must_be_allowed(self, shop: Shop, permission: Permission) -> None:
        must_be_allowed(self.context["request"].user, shop, permission)

    def reasons(self, cancellation: CancellationRequest) -> Sequence[RejectReason]:
        """Raises MarketplaceError where nobody tells."""
        return live.reject_reasons(cancellation)

    def record(self, client_key: str = "") -> Decision:
        """Record the decision, or find the one that the request of this name made before its answer was lost.

        Raises what `decisions.decide` raises, problems at the fields of this body.
        """
        told, user = self.validated_data, self.context["request"].user
        try:
            if told["verdict"] == Verdict.CANCEL_ITEMS:
                return self.cancel_items(told, user, client_key)
            wanted = self.wanted(told, client_key)
            return decide(
                wanted.cancellation, wanted.verdict, user, wanted.details,
                undo_seconds=wanted.undo_seconds, client_key=client_key,
            )  # fmt: skip
        except Exception as no:
            return found_or_raised(no, client_key)

    def cancel_items(self, told: Mapping[str, Any], user: Any, client_key: str) -> Decision:
        if self.asks_first:
            must_offer_items(told["order"])
        items = own_items(told)
        if self.asks_first:
            must_be_cancellable(told["order"], list(items))
        return cancel_items(
            told["order"], items, user, told.get("reason", ""),
            undo_seconds=told.get("undo_seconds"), client_key=client_key,
        )  # fmt: skip

    def wanted(self, told: Mapping[str, Any], client_key: str) -> Wanted:
        """What a validated body wants done about a request. Raises as `record` does."""
        user = self.context["request"].user
        market = must_be_offered(told["cancellation"], told["verdict"])
        given = {"images" if name == "evidence" else name for name in told if told[name]}
        if problems := not_taken(market, given):
            at = {"images": "images" if told.get("images") else "evidence"}
            raise serializers.ValidationError({at.get(name, name): why for name, why in problems.items()})
        shipping = Shipping(**{name: value for name, value in told.get("shipping", {}).items() if value})
        details = Details(
            reason=told.get("reason", ""),
            reason_text=self.reason_text(told["cancellation"], told.get("reason", "")),
            comment=told.get("comment", ""),
            pictures=[
                *own_drafts(told["cancellation"], user, told.get("evidence", [])),
                *pictures(told.get("images", []), market),
            ],
            shipping=shipping,
        )
        if told["verdict"] == Verdict.SHIP_TO_REJECT and self.asks_first:
            must_be_on_offer(told["cancellation"].order, shipping)
        return Wanted(
            told["cancellation"], Verdict(told["verdict"]), details, told.get("undo_seconds"), client_key
        )  # fmt: skip

    def reason_text(self, cancellation: CancellationRequest, reason: str) -> str:
        """What the buyer will read. A marketplace that does not answer now must not cost us the decision."""
        if not reason:
            return ""
        try:
            reasons = self.reasons(cancellation)
        except MarketplaceError as error:
            logger.warning("reason.not_checked", cancellation=cancellation.pk, code=error.code, error=error.message)
            return ""
        for known in reasons:
            if known.name == reason:
                return known.text
        names = ", ".join(known.name for known in reasons)
        raise serializers.ValidationError(
            {
                "reason": [
                    _("This request cannot be rejected with this reason. Choose one of: %(names)s.") % {"names": names}
                ]
            }
        )


def found_or_raised(no: Exception, client_key: str) -> Decision:
    """The decision that the request of this name made before, else what `decide` raised, at the fields of a body."""
    if isinstance(no, AlreadyDecided) and client_key and no.decision.client_key == client_key:
        return no.decision
    if isinstance(no, DjangoValidationError):
        raise at_our_fields(no) from None
    raise no


def own_items(told: Mapping[str, Any]) -> dict[int, int]:
    """{LineItem.pk: quantity}; a line of another order is a problem at its own place in the list."""
    own = {line.pk for line in told["order"].lines.all()}
    items: dict[int, int] = {}
    problems: dict[Any, Any] = {}
    for number, item in enumerate(told.get("items", [])):
        if item["line_item"] not in own:
            problems[number] = {"line_item": [_("This order has no such line item.")]}
        elif item["line_item"] in items:
            problems[number] = {"line_item": [_("This line item is named twice.")]}
        items[item["line_item"]] = item["quantity"]
    if problems:
        raise serializers.ValidationError({"items": problems})
    return items


def must_be_cancellable(order: Order, items: Sequence[int]) -> None:
    """Raises at the place in the list of what the marketplace would not cancel now."""
    why_not = (ineligible(order) if items else None) or {}
    ids = {line.pk: line.marketplace_id for line in order.lines.all()}
    problems: dict[Any, Any] = {
        number: {"line_item": [_("The marketplace would not cancel it: %(why)s") % {"why": why_not[ids[pk]]}]}
        for number, pk in enumerate(items)
        if ids[pk] in why_not
    }
    if problems:
        raise serializers.ValidationError({"items": problems})


def ineligible(order: Order) -> dict[str, str] | None:
    """{line item id: why the marketplace would not cancel it}; None where it does not answer, and it is tried."""
    try:
        return live.ineligible(order)
    except MarketplaceError as error:
        logger.warning("items.not_checked", order=order.pk, code=error.code, error=error.message)
        return None


def must_be_on_offer(order: Order, shipping: Shipping) -> None:
    """Raises at the carrier or the way that the marketplace does not offer now. Without its answer it is tried."""
    problems = {}
    try:
        if needs_tracking(order) and shipping.shipping_provider_id:
            known = {carrier.marketplace_id for carrier in live.shipping_providers(order)}
            if shipping.shipping_provider_id not in known:
                problems["shipping_provider_id"] = [_("The marketplace does not take this carrier for this order.")]
        elif shipping.handover_method and not wrong_packages(order, shipping):
            options = live.handover_options(order, shipping.package_ids)
            if options and not options.has(shipping.handover_method, shipping.pickup_start, shipping.pickup_end):
                problems["handover_method"] = [_("This way or time is not on offer (any more): choose again.")]
    except MarketplaceError as error:
        logger.warning("shipping.not_checked", order=order.pk, code=error.code, error=error.message)
    if problems:
        raise serializers.ValidationError({"shipping": problems})


def pictures(uploads: Sequence[Any], market: Capabilities) -> list[Picture]:
    if len(uploads) > market.max_images:
        raise serializers.ValidationError({"images": [_("At most %(limit)d images.") % {"limit": market.max_images}]})
    read: list[Picture] = []
    problems: dict[Any, Any] = {}
    for number, upload in enumerate(uploads):
        try:
            read.append(read_picture(upload, market))
        except DjangoValidationError as problem:
            problems[number] = list(problem.messages)
    if problems:
        raise serializers.ValidationError({"images": problems})
    return read


def at_our_fields(problem: DjangoValidationError) -> serializers.ValidationError:
    """A decision's problems by name, those of a shipment at `shipping.…`."""
    shipping = ShippingRequest().fields
    ours: dict[str, Any] = {}
    for name, words in paths(serializers.as_serializer_error(problem)):
        if name in shipping:
            ours.setdefault("shipping", {})[name] = words
        else:
            ours[name] = words
    return serializers.ValidationError(ours)


class NoteRequest(Strict):
    note = serializers.CharField(max_length=2000, help_text="What you found, for those who come after you.")


class LocaleQuery(Strict):
    locale = serializers.RegexField(r"\A[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z", max_length=35)
