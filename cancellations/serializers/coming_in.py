"""What people and other systems send: a decision, and what goes with it."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from django.core.exceptions import ValidationError as DjangoValidationError
from django.utils.translation import gettext as _
from rest_framework import serializers

from cancellations import live
from cancellations.checks import Details, must_be_offered, must_offer_items, not_taken
from cancellations.decisions import cancel_items, decide
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
from orders.models import Order
from shops.models import Permission
from shops.roles import must_be_allowed

logger = structlog.get_logger(__name__)
VERDICTS = (
    "`approve` cancels the order and refunds the buyer; `reject` refuses a request; `ship_to_reject` ships the "
    "package, which rejects the request where the market works that way (US); `cancel_items` cancels items of an "
    "order that nobody has asked to cancel.\n\n" + US_REJECT
)


class ShippingRequest(Strict):
    handover_method = serializers.ChoiceField(choices=["PICKUP", "DROP_OFF"], required=False, allow_blank=True)
    pickup_start = UtcTime(required=False, allow_null=True, help_text="One of the slots in `shipping-options`.")
    pickup_end = UtcTime(required=False, allow_null=True)
    tracking_number = serializers.CharField(required=False, allow_blank=True, max_length=100)
    shipping_provider_id = serializers.CharField(required=False, allow_blank=True, max_length=100)
    package_ids = serializers.ListField(child=serializers.CharField(), required=False)

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        if bool(values.get("pickup_start")) != bool(values.get("pickup_end")):
            raise serializers.ValidationError({"pickup_end": [_("A slot has a start and an end.")]})
        return values


class ItemRequest(Strict):
    line_item = serializers.IntegerField(min_value=1, help_text="Our `id` of a line of the order.")
    quantity = serializers.IntegerField(min_value=1, default=1)


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
            if told[name] and name not in {"verdict", about, *TAKES[verdict]}
        }
        if about not in told:
            problems[about] = [_("Say what this is about.")]
        if problems:
            raise serializers.ValidationError(problems)
        must_be_allowed(self.context["request"].user, told[about].shop, Permission(told["verdict"]))
        return told

    def record(self) -> Decision:
        """Record the decision. Raises what `decisions.decide` raises, problems at the fields of this body."""
        told = self.validated_data
        user = self.context["request"].user
        if told["verdict"] == Verdict.CANCEL_ITEMS:
            must_offer_items(told["order"])
            return cancel_items(told["order"], own_items(told), user, told.get("reason", ""))
        market = must_be_offered(told["cancellation"], told["verdict"])
        given = {"images" if name == "evidence" else name for name in told if told[name]}
        if problems := not_taken(market, given):
            at = {"images": "images" if told.get("images") else "evidence"}
            raise serializers.ValidationError({at.get(name, name): why for name, why in problems.items()})
        shipping = Shipping(**{name: value for name, value in told.get("shipping", {}).items() if value})
        details = Details(
            reason=told.get("reason", ""),
            reason_text=reason_text(told["cancellation"], told.get("reason", "")),
            comment=told.get("comment", ""),
            pictures=[
                *own_drafts(told["cancellation"], user, told.get("evidence", [])),
                *pictures(told.get("images", []), market),
            ],
            shipping=shipping,
        )
        if told["verdict"] == Verdict.SHIP_TO_REJECT:
            must_be_on_offer(told["cancellation"].order, shipping)
        try:
            return decide(told["cancellation"], told["verdict"], user, details)
        except DjangoValidationError as problem:
            raise at_our_fields(problem) from None


def own_items(told: Mapping[str, Any]) -> dict[int, int]:
    """{LineItem.pk: quantity}; a line of another order is a problem at its own place in the list."""
    own = set(told["order"].lines.values_list("pk", flat=True))
    items: dict[int, int] = {}
    problems: dict[Any, Any] = {}
    for number, item in enumerate(told.get("items", [])):
        if item["line_item"] not in own:
            problems[number] = {"line_item": [_("This order has no such line item.")]}
        elif item["line_item"] in items:
            problems[number] = {"line_item": [_("This line item is named twice.")]}
        items[item["line_item"]] = item["quantity"]
    if problems := problems or not_cancellable(told["order"], list(items)):
        raise serializers.ValidationError({"items": problems})
    return items


def not_cancellable(order: Order, items: Sequence[int]) -> dict[Any, Any]:
    """By place in the list, what the marketplace would not cancel now."""
    why_not = ineligible(order) if items else None
    if not why_not:
        return {}
    ids = dict(order.lines.values_list("pk", "marketplace_id"))
    return {
        number: {"line_item": [_("The marketplace would not cancel it: %(why)s") % {"why": why_not[ids[pk]]}]}
        for number, pk in enumerate(items)
        if ids[pk] in why_not
    }


def ineligible(order: Order) -> dict[str, str] | None:
    """{line item id: why the marketplace would not cancel it}; None where it does not answer, and it is tried."""
    try:
        return live.ineligible(order)
    except MarketplaceError as error:
        logger.warning("items.not_checked", order=order.pk, code=error.code, error=error.message)
        return None


def reason_text(cancellation: CancellationRequest, reason: str) -> str:
    """What the buyer will read. A marketplace that does not answer now must not cost us the decision."""
    if not reason:
        return ""
    try:
        reasons = live.reject_reasons(cancellation)
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
