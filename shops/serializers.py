"""Shops and their pulls as the API shows them. Nothing of a connection's secrets is a field here."""

from dataclasses import fields
from datetime import date
from typing import Any

from rest_framework import serializers

from config.api.bodies import Rows, Strict
from config.api.documented import US_REJECT, NoticeSerializer
from marketplaces.base import Capabilities
from shops.models import Connection, Role, Shop, SyncRun


class ShopSerializer(Rows):
    connection_state = serializers.ChoiceField(
        choices=Connection.State.choices,
        source="connection.state",
        help_text="Anything but `connected`: nothing can be sent or read for this shop until it is authorized again.",
    )
    connection_problem = serializers.CharField(
        source="connection.problem", help_text="In words; empty where there is none."
    )
    role = serializers.ChoiceField(
        choices=Role.choices, source="own_role", help_text="Your role in this shop, as far as your token goes."
    )
    rules = serializers.HyperlinkedIdentityField(
        view_name="api:shop-rules", help_text="What this shop's market allows today, and which rules have ended."
    )

    class Meta:
        model = Shop
        fields = [
            "id", "marketplace", "marketplace_id", "name", "code", "region", "seller_type", "time_zone", "is_active",
            "allows_reject", "connection_state", "connection_problem", "next_pull_at", "role", "rules",
        ]  # fmt: skip


class SetAsideSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="The record's id at the marketplace; empty when even that was unreadable.")
    problem = serializers.CharField(help_text="What could not be understood.")


class SyncRunSerializer(Rows):
    set_aside = SetAsideSerializer(many=True, help_text="Records that could not be understood; the run went on.")
    drift = serializers.ListField(
        child=serializers.CharField(),
        help_text="Words and fields that are new to us, such as `order.status: NEW_WORD`.",
    )
    percent = serializers.IntegerField(allow_null=True, help_text="Null before the marketplace said how much there is.")

    class Meta:
        model = SyncRun
        fields = [
            "id", "kind", "state", "is_full", "window_since", "window_until", "pages", "expected", "seen", "written",
            "percent", "set_aside", "drift", "error", "error_code", "request_id", "started_at", "finished_at",
        ]  # fmt: skip


class SyncRequest(Strict):
    full = serializers.BooleanField(default=False, help_text="Read the whole history again, not only changes.")


class SyncAsked(serializers.Serializer[Any]):
    full = serializers.BooleanField(help_text="Whether the whole history is read again.")
    sync_runs = serializers.URLField(help_text="Where the runs appear, within seconds.")


class SourceSerializer(serializers.Serializer[Any]):
    title = serializers.CharField()
    url = serializers.CharField()
    as_of = serializers.DateField(allow_null=True, help_text="The day of the copy that was read; null: it bore none.")


class MarketReasonSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="To be sent.")
    text = serializers.CharField()
    order_statuses = serializers.ListField(
        child=serializers.CharField(), help_text="Of orders that it can be given for."
    )
    cancels_lines = serializers.BooleanField(source="partial", help_text="It may cancel single line items.")
    seller_fault = serializers.BooleanField(allow_null=True, help_text="Null: no page says whose fault it is.")
    fault_since = serializers.DateField(allow_null=True, help_text="From this day on it is the seller's.")
    source = SourceSerializer(  # type: ignore[assignment]
        allow_null=True, help_text="The page that lists it; null: none does."
    )
    fault_source = SourceSerializer(allow_null=True, help_text="The page that says whose fault it is.")


class ListedReasonSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    text = serializers.CharField()
    source = SourceSerializer()  # type: ignore[assignment]


class ResponseTimeSerializer(serializers.Serializer[Any]):
    hours = serializers.IntegerField(help_text="How long sellers have to answer.")
    source = SourceSerializer()  # type: ignore[assignment]


class OrderStatusSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="The marketplace's word, as in an order's `status`.")
    label = serializers.CharField(help_text="What people say; else the same.")  # type: ignore[assignment]
    can_be_cancelled = serializers.BooleanField(help_text="By the seller.")
    can_be_shipped = serializers.BooleanField()


class RulesSerializer(serializers.Serializer[Any]):
    """A market's rules on one day."""

    day = serializers.DateField(help_text="The day that they are of, as the market counts it.")
    marketplace = serializers.CharField()
    marketplace_name = serializers.CharField()
    region = serializers.CharField(help_text="ISO 3166 code of the market; empty where there is but one.")
    market_name = serializers.CharField()
    time_zone = serializers.CharField(help_text="IANA name: rules change at its midnight.")
    language = serializers.CharField(help_text="ISO 639: what its buyers read.")
    shows_requests = serializers.BooleanField(
        help_text="Else nobody is told which requests wait: record them with `POST cancellations/`."
    )
    announces_requests = serializers.BooleanField(
        help_text="It says that somebody asks, not about which order: see `announcements/`."
    )
    requests_notice = NoticeSerializer(allow_null=True, help_text="How requests are learned of, where it shows none.")
    approve_notice = NoticeSerializer(allow_null=True, help_text="What to know before a whole order is cancelled.")
    can_reject = serializers.BooleanField(help_text="Whether `reject` works today.")
    reject_until = serializers.DateField(allow_null=True, help_text="From this day on `reject` is over. " + US_REJECT)
    reject_notice = NoticeSerializer(allow_null=True, help_text="What to know of rejecting.")
    shipping_rejects = serializers.BooleanField(help_text="Shipping the package rejects the request.")
    shipping_notice = NoticeSerializer(allow_null=True, help_text="What shipping does to a request.")
    shippable_order_statuses = serializers.ListField(
        child=serializers.CharField(), help_text="Of orders that `ship_to_reject` works for."
    )
    takes_reject_reason = serializers.BooleanField(help_text="With `reject`.")
    takes_comment = serializers.BooleanField(help_text="With `reject`.")
    comment_max_length = serializers.IntegerField(help_text="Characters.")
    takes_images = serializers.BooleanField(help_text="With `reject`.")
    max_images = serializers.IntegerField(help_text="How many may go with a rejection.")
    image_formats = serializers.ListField(
        child=serializers.CharField(),
        help_text="What the marketplace takes; others are converted before they are kept.",
    )
    max_image_bytes = serializers.IntegerField(help_text="Of one image; larger ones are made smaller.")
    min_image_side = serializers.IntegerField(help_text="Pixels.")
    max_image_side = serializers.IntegerField(help_text="Pixels.")
    can_cancel_order = serializers.BooleanField(help_text="The seller may cancel without being asked.")
    can_cancel_lines = serializers.BooleanField(help_text="Also single lines; else only the whole order.")
    takes_cancel_reason = serializers.BooleanField(help_text="With `cancel_items`.")
    previews_refunds = serializers.BooleanField(help_text="`orders/{id}/refund-preview/` tells what a buyer gets back.")
    honours_keys = serializers.BooleanField(
        source="approve_has_key", help_text="The marketplace knows a decision again by its `idempotency_key`."
    )
    items_notice = NoticeSerializer(allow_null=True, help_text="What to know before items are cancelled.")
    cancel_notice = NoticeSerializer(allow_null=True, help_text="Which orders can be cancelled, and why no others.")
    lines_notice = NoticeSerializer(allow_null=True, help_text="Why single line items cannot be cancelled.")
    order_statuses = OrderStatusSerializer(many=True, help_text="Those that an order goes through, in that order.")
    cancellable_order_statuses = serializers.ListField(
        child=serializers.CharField(), help_text="Of orders that a seller may cancel."
    )
    cancel_reasons = MarketReasonSerializer(
        many=True,
        help_text="As pages list them. For an order in a state outside `cancellable_order_statuses` none is offered.",
    )
    listed_reject_reasons = ListedReasonSerializer(
        many=True,
        help_text="As pages list them, to explain. Those of a request are its `reject_reasons`, which always win.",
    )
    known_reasons = serializers.ListField(
        child=serializers.CharField(), help_text="All that a request may name; empty: the market publishes none."
    )
    standing = serializers.DictField(
        child=NoticeSerializer(), help_text="By verdict, what it does to the shop's standing; without those unknown."
    )
    evidence_hints = serializers.DictField(
        child=NoticeSerializer(many=True),
        help_text="By reason to reject, what images the marketplace wants to see; under the empty name for all others.",
    )
    response_times = ResponseTimeSerializer(
        many=True,
        help_text="As pages say, which may contradict each other; empty: none says. A request's `deadline` counts.",
    )
    buyers = NoticeSerializer(many=True, help_text="What buyers may do.")
    policy_url = serializers.CharField(
        help_text="What the marketplace tells its sellers; empty: no such page is known."
    )
    sources = SourceSerializer(many=True, help_text="Every page that these rules were read from.")
    silence = serializers.ChoiceField(
        choices=["approves", "rejects", "nothing"], help_text="What the marketplace does at the deadline."
    )
    notices = NoticeSerializer(many=True, help_text="What else to know of this market.")

    def to_representation(self, rules: tuple[date, Capabilities]) -> dict[str, Any]:
        """Of a day and what can be done on it."""
        day, market = rules
        statuses = [
            {
                "name": name,
                "label": market.status_labels.get(name, name),
                "can_be_cancelled": name in market.cancellable_order_statuses,
                "can_be_shipped": name in market.shippable_order_statuses,
            }
            for name in market.order_statuses
        ]
        told = {field.name: getattr(market, field.name) for field in fields(market)}
        told |= {"day": day, "order_statuses": statuses, "known_reasons": sorted(market.known_reasons)}
        return super().to_representation(told)


class RulesQuery(Strict):
    on = serializers.DateField(required=False, help_text="Another day than today: rules begin and end.")
