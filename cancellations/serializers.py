"""Requests and decisions on the wire: rows going out, and a decision coming in."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from django.core.exceptions import ValidationError as DjangoValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cancellations import live, rules
from cancellations.decisions import (
    Details,
    Shipping,
    cancel_items,
    decide,
    must_be_offered,
    must_offer_items,
)
from cancellations.evidence import Picture, read_picture
from cancellations.models import (
    Attempt,
    CancellationLine,
    CancellationRequest,
    Decision,
    DecisionLine,
    Evidence,
    Verdict,
)
from config.api import US_REJECT, MarketplaceWords, MoneyField, NoticeSerializer, Rows, Strict, UtcTime, paths
from marketplaces.base import Capabilities
from marketplaces.errors import MarketplaceError
from orders.models import Order
from shops import markets
from shops.roles import must_be_agent

logger = structlog.get_logger(__name__)
VERDICTS = (
    "`approve` cancels the order and refunds the buyer; `reject` refuses a request; `ship_to_reject` ships the "
    "package, which rejects the request where the market works that way (US); `cancel_items` cancels items of an "
    "order that nobody has asked to cancel.\n\n" + US_REJECT
)

# --- going out ------------------------------------------------------------------------------------------------------


class OfferSerializer(serializers.Serializer[Any]):
    """A verdict as it can be offered now, by the market's rules and the request's state."""

    verdict = serializers.ChoiceField(choices=Verdict.choices)
    allowed = serializers.BooleanField()
    why_not = serializers.CharField(help_text="Empty exactly where it is allowed.")
    effect = serializers.CharField(help_text="What will happen, in one sentence.")
    notice = NoticeSerializer(allow_null=True, help_text="The rule to know before choosing this. " + US_REJECT)


class PersonSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField(source="__str__")


class DecisionBrief(Rows):
    class Meta:
        model = Decision
        fields = ["id", "verdict", "state"]


class DecisionSerializer(Rows):
    url = serializers.HyperlinkedIdentityField(view_name="api:decision-detail")
    made_by = PersonSerializer(allow_null=True)
    shipping = serializers.DictField(source="shipment", help_text="As it was sent with `ship_to_reject`; else empty.")
    marketplace = serializers.SerializerMethodField(help_text="What the marketplace said last.")
    can_be_withdrawn = serializers.SerializerMethodField(help_text="Not sent yet, so it can be taken back.")

    class Meta:
        model = Decision
        fields = [
            "id", "url", "shop", "cancellation", "order", "verdict", "state", "stalled_because", "reason",
            "reason_text", "comment", "shipping", "made_by", "made_at", "send_after", "can_be_withdrawn", "sent_at",
            "accepted_at", "settled_at", "marketplace", "note",
        ]  # fmt: skip

    @extend_schema_field(MarketplaceWords)
    def get_marketplace(self, decision: Decision) -> dict[str, str]:
        return {"code": decision.code, "message": decision.message, "request_id": decision.request_id}

    def get_can_be_withdrawn(self, decision: Decision) -> bool:
        return decision.can_be_withdrawn(timezone.now())


class AttemptSerializer(Rows):
    class Meta:
        model = Attempt
        fields = ["number", "purpose", "outcome", "code", "message", "request_id", "started_at", "finished_at"]


class DecisionLineSerializer(Rows):
    line_item_marketplace_id = serializers.CharField(source="line_item.marketplace_id")
    product_name = serializers.CharField(source="line_item.product_name")

    class Meta:
        model = DecisionLine
        fields = ["line_item", "line_item_marketplace_id", "product_name", "quantity"]


class EvidenceSerializer(Rows):
    class Meta:
        model = Evidence
        fields = ["id", "original_name", "mime_type", "width", "height", "marketplace_image_id", "created_at"]


class DecisionDetailSerializer(DecisionSerializer):
    idempotency_key = serializers.UUIDField(source="key", help_text="Sent with every attempt, where it is honoured.")
    attempts = AttemptSerializer(many=True, help_text="Every call made for it, written down before it was made.")
    lines = DecisionLineSerializer(many=True)
    evidence = EvidenceSerializer(many=True)

    class Meta(DecisionSerializer.Meta):
        fields = [*DecisionSerializer.Meta.fields, "idempotency_key", "attempts", "lines", "evidence"]


class CancellationLineSerializer(Rows):
    refund_total = MoneyField()
    refund_subtotal = MoneyField()
    refund_shipping_fee = MoneyField()
    refund_tax = MoneyField()
    refund_fees = MoneyField()

    class Meta:
        model = CancellationLine
        fields = [
            "id", "marketplace_id", "line_item_marketplace_id", "sku_id", "sku_name", "product_name", "seller_sku",
            "image_url", "quantity", "refund_total", "refund_subtotal", "refund_shipping_fee", "refund_tax",
            "refund_fees",
        ]  # fmt: skip


class CancellationSerializer(Rows):
    refund_total = MoneyField()
    deadline = UtcTime(allow_null=True, help_text="When the marketplace decides by itself; see `silence`.")
    decision = serializers.SerializerMethodField(help_text="The decision that is on its way, if there is one.")

    class Meta:
        model = CancellationRequest
        fields = [
            "id", "shop", "order", "marketplace_id", "order_marketplace_id", "state", "status", "kind", "needs_answer",
            "initiator", "reason", "reason_text", "deadline", "refund_total", "created_at", "updated_at",
            "first_seen_at", "decision",
        ]  # fmt: skip

    @extend_schema_field(DecisionBrief(allow_null=True))
    def get_decision(self, cancellation: CancellationRequest) -> Any:
        found = cancellation.live_decision
        return DecisionBrief(found).data if found else None


class CancellationDetailSerializer(CancellationSerializer):
    refund_subtotal = MoneyField()
    refund_shipping_fee = MoneyField()
    refund_tax = MoneyField()
    refund_fees = MoneyField()
    silence = serializers.SerializerMethodField(help_text="What the marketplace does at the deadline.")
    lines = CancellationLineSerializer(many=True)
    offers = serializers.SerializerMethodField(help_text=US_REJECT)
    decisions = DecisionSerializer(many=True, source="history", help_text="Newest first.")
    reject_reasons = serializers.HyperlinkedIdentityField(view_name="api:cancellation-reject-reasons")
    shipping_options = serializers.HyperlinkedIdentityField(view_name="api:cancellation-shipping-options")

    class Meta(CancellationSerializer.Meta):
        fields = [
            *CancellationSerializer.Meta.fields, "refund_subtotal", "refund_shipping_fee", "refund_tax", "refund_fees",
            "silence", "lines", "offers", "decisions", "reject_reasons", "shipping_options", "extra",
        ]  # fmt: skip

    @extend_schema_field(serializers.ChoiceField(choices=["approves", "rejects", "nothing"]))
    def get_silence(self, cancellation: CancellationRequest) -> str:
        return markets.capabilities(cancellation.shop, timezone.now()).silence

    @extend_schema_field(OfferSerializer(many=True))
    def get_offers(self, cancellation: CancellationRequest) -> Any:
        return OfferSerializer(list(rules.offers(cancellation, timezone.now()).values()), many=True).data


class CancelReasonSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="What to send as `reason`.")
    text = serializers.CharField()
    partial = serializers.BooleanField(  # type: ignore[assignment]
        help_text="Fits single items as well as the whole order."
    )


class CancelOptionsSerializer(serializers.Serializer[Any]):
    offer = OfferSerializer()
    can_cancel_lines = serializers.BooleanField(help_text="Else an order can only be cancelled as a whole.")
    reasons = CancelReasonSerializer(many=True)


class RejectReasonSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="What to send as `reason`.")
    text = serializers.CharField(help_text="What the buyer reads.")


class RejectReasonsSerializer(serializers.Serializer[Any]):
    reasons = RejectReasonSerializer(many=True)


class PickupSlotSerializer(serializers.Serializer[Any]):
    start = UtcTime()
    end = UtcTime()
    available = serializers.BooleanField()


class HandoverSerializer(serializers.Serializer[Any]):
    can_pickup = serializers.BooleanField()
    can_drop_off = serializers.BooleanField()
    pickup_slots = PickupSlotSerializer(many=True)


class CarrierSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(source="marketplace_id", help_text="What to send as `shipping.shipping_provider_id`.")
    name = serializers.CharField()


class ShippingOptionsSerializer(serializers.Serializer[Any]):
    sent_by_seller = serializers.BooleanField(help_text="Then a tracking number and a carrier are needed.")
    handover = HandoverSerializer(allow_null=True, help_text="Null while there is no package to hand over.")
    carriers = CarrierSerializer(many=True)


# --- coming in ------------------------------------------------------------------------------------------------------


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
    Verdict.REJECT: {"reason", "comment", "images"},
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
        help_text="For `reject` one of the request's `reject-reasons`; for `cancel_items` one of `cancel-options`.",
    )  # fmt: skip
    comment = serializers.CharField(required=False, allow_blank=True, help_text="For `reject`; the buyer reads it.")
    images = serializers.ListField(
        child=serializers.FileField(), required=False,
        help_text="For `reject`, as files of a multipart/form-data body. They are re-encoded before they are kept.",
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
        must_be_agent(self.context["request"].user, told[about].shop)
        return told

    def record(self) -> Decision:
        """Record the decision. Raises what `decisions.decide` raises, problems at the fields of this body."""
        told = self.validated_data
        user = self.context["request"].user
        if told["verdict"] == Verdict.CANCEL_ITEMS:
            must_offer_items(told["order"])
            return cancel_items(told["order"], own_items(told), user, told.get("reason", ""))
        market = must_be_offered(told["cancellation"], told["verdict"])
        details = Details(
            reason=told.get("reason", ""),
            reason_text=reason_text(told["cancellation"], told.get("reason", ""), market),
            comment=told.get("comment", ""),
            pictures=pictures(told.get("images", []), market),
            shipping=Shipping(**{name: value for name, value in told.get("shipping", {}).items() if value}),
        )
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
    if problems:
        raise serializers.ValidationError({"items": problems})
    return items


def reason_text(cancellation: CancellationRequest, reason: str, market: Capabilities) -> str:
    """What the buyer will read. A marketplace that does not answer now must not cost us the decision."""
    if not reason:
        return ""
    if not market.takes_reject_reason:
        raise serializers.ValidationError({"reason": [_("This marketplace takes no reason.")]})
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
