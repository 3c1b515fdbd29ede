"""Shops and their pulls as the API shows them. Nothing of a connection's secrets is a field here."""

from typing import Any

from rest_framework import serializers

from config.api.bodies import Rows, Strict
from config.api.documented import US_REJECT, NoticeSerializer
from shops.models import Connection, Role, Shop, SyncRun


class ShopSerializer(Rows):
    connection_state = serializers.ChoiceField(
        choices=Connection.State.choices,
        source="connection.state",
        help_text="Anything but `connected`: nothing can be sent or read for this shop until it is authorized again.",
    )
    connection_problem = serializers.CharField(source="connection.problem")
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
    problem = serializers.CharField()


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
    full = serializers.BooleanField()
    sync_runs = serializers.URLField(help_text="Where the runs appear, within seconds.")


class SourceSerializer(serializers.Serializer[Any]):
    title = serializers.CharField()
    url = serializers.CharField()
    as_of = serializers.DateField(allow_null=True, help_text="The day of the copy that was read; null: it bore none.")


class MarketReasonSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="To be sent.")
    text = serializers.CharField()
    order_statuses = serializers.ListField(child=serializers.CharField())
    cancels_lines = serializers.BooleanField(source="partial", help_text="It may cancel single line items.")
    seller_fault = serializers.BooleanField(allow_null=True, help_text="Null: no page says whose fault it is.")
    fault_since = serializers.DateField(allow_null=True, help_text="From this day on it is the seller's.")
    source = SourceSerializer(allow_null=True)  # type: ignore[assignment]


class ListedReasonSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    text = serializers.CharField()
    source = SourceSerializer()  # type: ignore[assignment]


class ResponseTimeSerializer(serializers.Serializer[Any]):
    hours = serializers.IntegerField()
    source = SourceSerializer()  # type: ignore[assignment]


class RulesSerializer(serializers.Serializer[Any]):
    """A market's rules on this day."""

    marketplace = serializers.CharField()
    marketplace_name = serializers.CharField()
    market_name = serializers.CharField()
    shows_requests = serializers.BooleanField(
        help_text="Else nobody is told which requests wait: record them with `POST cancellations/`."
    )
    announces_requests = serializers.BooleanField(
        help_text="It says that somebody asks, not about which order: see `announcements/`."
    )
    requests_notice = NoticeSerializer(allow_null=True, help_text="How requests are learned of, where it shows none.")
    approve_notice = NoticeSerializer(allow_null=True)
    can_reject = serializers.BooleanField()
    reject_until = serializers.DateField(allow_null=True, help_text="From this day on `reject` is over. " + US_REJECT)
    reject_notice = NoticeSerializer(allow_null=True)
    shipping_rejects = serializers.BooleanField(help_text="Shipping the package rejects the request.")
    shipping_notice = NoticeSerializer(allow_null=True)
    takes_reject_reason = serializers.BooleanField()
    takes_comment = serializers.BooleanField()
    comment_max_length = serializers.IntegerField(help_text="Characters.")
    takes_images = serializers.BooleanField()
    max_images = serializers.IntegerField()
    image_formats = serializers.ListField(child=serializers.CharField())
    max_image_bytes = serializers.IntegerField()
    min_image_side = serializers.IntegerField(help_text="Pixels.")
    max_image_side = serializers.IntegerField(help_text="Pixels.")
    can_cancel_order = serializers.BooleanField()
    can_cancel_lines = serializers.BooleanField()
    takes_cancel_reason = serializers.BooleanField(help_text="With `cancel_items`.")
    items_notice = NoticeSerializer(allow_null=True)
    cancel_notice = NoticeSerializer(allow_null=True, help_text="Which orders can be cancelled, and why no others.")
    lines_notice = NoticeSerializer(allow_null=True, help_text="Why single line items cannot be cancelled.")
    cancellable_order_statuses = serializers.ListField(child=serializers.CharField())
    cancel_reasons = MarketReasonSerializer(
        many=True,
        help_text="As pages list them. For an order in a state outside `cancellable_order_statuses` none is offered.",
    )
    listed_reject_reasons = ListedReasonSerializer(
        many=True,
        help_text="As pages list them, to explain. Those of a request are its `reject_reasons`, which always win.",
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
    silence = serializers.ChoiceField(choices=["approves", "rejects", "nothing"])
    notices = NoticeSerializer(many=True)
