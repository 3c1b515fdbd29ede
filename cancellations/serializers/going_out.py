"""Requests and decisions as the API shows them."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cancellations.models import (
    Announcement,
    Attempt,
    CancellationLine,
    CancellationRequest,
    Decision,
    DecisionLine,
    Evidence,
    Verdict,
)
from cancellations.offers import offers_to
from config.api.bodies import Rows
from config.api.documented import US_REJECT, MarketplaceWords, NoticeSerializer
from config.api.fields import MoneyField, UtcTime
from shops import markets


class OfferSerializer(serializers.Serializer[Any]):
    """A verdict as it can be offered now, by the market's rules and the request's state."""

    verdict = serializers.ChoiceField(choices=Verdict.choices)
    allowed = serializers.BooleanField()
    why_not = serializers.CharField(help_text="Empty exactly where it is allowed.")
    effect = serializers.CharField(help_text="What will happen, in one sentence.")
    notice = NoticeSerializer(allow_null=True, help_text="The rule to know before choosing this. " + US_REJECT)
    refund = MoneyField(help_text="What the buyer gets back by it; null where the marketplace does not tell.")
    second_person = serializers.BooleanField(
        help_text="Only approving tells: your role does not give back so much alone, so somebody has to countersign."
    )
    standing = NoticeSerializer(
        allow_null=True, help_text="What it does to the shop's standing, such as whose fault it counts as, if known."
    )


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
    gives_back = MoneyField(
        source="money",
        help_text=(
            "What the buyer gets back by it at most, as known when it was made; null where nothing was. For an "
            "approval the request's refund, else all that the order cost. For `cancel_items` what `refund-preview` "
            "told in the five minutes before; else what the items cost and all that the order cost beside its "
            "items (shipping, taxes). What is really refunded is the marketplace's to tell."
        ),
    )
    countersigned_by = PersonSerializer(
        allow_null=True,
        help_text="The second person, where the amount needed one: state `unsigned` until then.",
    )
    shipping = serializers.DictField(source="shipment", help_text="As it was sent with `ship_to_reject`; else empty.")
    marketplace = serializers.SerializerMethodField(help_text="What the marketplace said last.")
    can_be_withdrawn = serializers.SerializerMethodField(help_text="Not sent yet, so it can be taken back.")

    class Meta:
        model = Decision
        fields = [
            "id", "url", "shop", "cancellation", "order", "verdict", "state", "stalled_because", "reason",
            "reason_text", "comment", "shipping", "made_by", "made_at", "gives_back", "countersigned_by",
            "countersigned_at", "send_after", "can_be_withdrawn", "sent_at",
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
    cancelled_afterwards = serializers.IntegerField(help_text="Of the line in all, once this is done.")

    class Meta:
        model = DecisionLine
        fields = ["line_item", "line_item_marketplace_id", "product_name", "quantity", "cancelled_afterwards"]


class EvidenceSerializer(Rows):
    class Meta:
        model = Evidence
        fields = ["id", "original_name", "mime_type", "width", "height", "marketplace_image_id", "created_at"]


class DecisionDetailSerializer(DecisionSerializer):
    idempotency_key = serializers.UUIDField(
        source="key",
        help_text="Ours, sent to the marketplace with every attempt where it is honoured; not your `Idempotency-Key`.",
    )
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


class RecordedSerializer(serializers.Serializer[Any]):
    """How a request came to us that its marketplace does not show."""

    at = UtcTime(source="recorded_at", help_text="When it was recorded.")
    by = PersonSerializer(source="recorded_by", allow_null=True)
    heard_through = serializers.ChoiceField(choices=CancellationRequest.Channel.choices)
    note = serializers.CharField()


class CancellationSerializer(Rows):
    refund_total = MoneyField()
    deadline = UtcTime(allow_null=True, help_text="When the marketplace decides by itself; see `silence`.")
    recorded = serializers.SerializerMethodField(help_text="Null where the marketplace lists its requests itself.")
    assigned_to = PersonSerializer(allow_null=True, help_text="Whose it is among the staff; null: nobody's.")
    decision = DecisionBrief(
        source="standing_decision",
        allow_null=True,
        help_text="The decision that is on its way, else the last one that the marketplace shows as done; see `state`.",
    )

    class Meta:
        model = CancellationRequest
        fields = [
            "id", "shop", "order", "order_number", "line_item", "marketplace_id", "order_marketplace_id", "state",
            "status", "kind", "needs_answer", "initiator", "reason", "reason_text", "deadline", "refund_total",
            "created_at", "updated_at", "first_seen_at", "recorded", "assigned_to",
            "decision",
        ]  # fmt: skip
        extra_kwargs = {"line_item": {"help_text": "Our `id` of the one line it is about; null for all of the order."}}

    @extend_schema_field(RecordedSerializer(allow_null=True))
    def get_recorded(self, cancellation: CancellationRequest) -> Any:
        return RecordedSerializer(cancellation).data if cancellation.is_recorded else None


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
    evidence = serializers.HyperlinkedIdentityField(
        view_name="api:request-evidence-list", lookup_url_kwarg="cancellation_pk"
    )
    notes = serializers.HyperlinkedIdentityField(view_name="api:note-list", lookup_url_kwarg="cancellation_pk")
    history = serializers.HyperlinkedIdentityField(
        view_name="api:cancellation-history", help_text="What happened to it and its order."
    )

    class Meta(CancellationSerializer.Meta):
        fields = [
            *CancellationSerializer.Meta.fields, "refund_subtotal", "refund_shipping_fee", "refund_tax", "refund_fees",
            "silence", "lines", "offers", "decisions", "reject_reasons", "shipping_options", "evidence",
            "notes", "history", "extra",
        ]  # fmt: skip

    @extend_schema_field(serializers.ChoiceField(choices=["approves", "rejects", "nothing"]))
    def get_silence(self, cancellation: CancellationRequest) -> str:
        return markets.capabilities(cancellation.shop, timezone.now()).silence

    @extend_schema_field(OfferSerializer(many=True))
    def get_offers(self, cancellation: CancellationRequest) -> Any:
        offers = offers_to(self.context["request"].user, cancellation, timezone.now())
        return OfferSerializer(list(offers.values()), many=True).data


class CancelReasonSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="What to send as `reason`.")
    text = serializers.CharField()
    partial = serializers.BooleanField(  # type: ignore[assignment]
        help_text="Fits single items as well as the whole order."
    )
    seller_fault = serializers.BooleanField(
        allow_null=True, help_text="Counts as the seller's fault in this market; null where the market does not say."
    )


class CancelOptionsSerializer(serializers.Serializer[Any]):
    offer = OfferSerializer()
    can_cancel_lines = serializers.BooleanField(help_text="Else an order can only be cancelled as a whole.")
    takes_reason = serializers.BooleanField(help_text="Else `reason` must be left out.")
    explanation = serializers.CharField(help_text="Why there are no reasons to choose from; empty where there are.")
    reasons = CancelReasonSerializer(many=True)
    ineligible = serializers.DictField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="By marketplace id of a line, why the marketplace would not cancel it; null where it did not say.",
    )


class RejectReasonSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="What to send as `reason`.")
    text = serializers.CharField(help_text="What the buyer reads.")


class RejectReasonsSerializer(serializers.Serializer[Any]):
    takes_reason = serializers.BooleanField(help_text="Else `reason` must be left out.")
    explanation = serializers.CharField(help_text="Why there are no reasons to choose from; empty where there are.")
    reasons = RejectReasonSerializer(many=True)


class CommentTemplateSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    language = serializers.CharField(help_text="ISO 639.")
    reason = serializers.CharField(help_text="The reason that it is for; empty: for any.")
    text = serializers.CharField(help_text="Filled for this request: what to send as `comment`.")


class CommentTemplatesSerializer(serializers.Serializer[Any]):
    takes_comment = serializers.BooleanField(help_text="Else `comment` must be left out, and there are no templates.")
    max_length = serializers.IntegerField(help_text="Characters.")
    templates = CommentTemplateSerializer(many=True)


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
    package_ids = serializers.ListField(
        child=serializers.CharField(),
        help_text="Those that have not left, of which `shipping.package_ids` may name some; without it all leave.",
    )
    handover = HandoverSerializer(
        allow_null=True, help_text="Null where the seller's own carrier takes it, and while there is no package."
    )
    carriers = CarrierSerializer(many=True, help_text="Of the seller's own; empty where the marketplace's takes it.")


class HandledSerializer(serializers.Serializer[Any]):
    at = UtcTime(source="handled_at")
    by = PersonSerializer(source="handled_by", allow_null=True)


class AnnouncementSerializer(Rows):
    url = serializers.HyperlinkedIdentityField(view_name="api:announcement-detail")
    handled = serializers.SerializerMethodField(help_text="Who looked into it, and when; null while nobody has.")

    class Meta:
        model = Announcement
        fields = [
            "id", "url", "shop", "order", "marketplace_id", "title", "is_cancellation", "announced_at", "read_at",
            "handled", "cancellation",
        ]  # fmt: skip
        extra_kwargs = {
            "order": {"help_text": "Where the marketplace names it; most announcements name none."},
            "cancellation": {"help_text": "The request that came of it."},
        }

    @extend_schema_field(HandledSerializer(allow_null=True))
    def get_handled(self, announcement: Announcement) -> Any:
        return HandledSerializer(announcement).data if announcement.handled_at else None
