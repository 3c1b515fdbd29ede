"""What the gate answers, and what it is asked with."""

from typing import Any

from rest_framework import serializers
from rest_framework.reverse import reverse

from config.api.bodies import Strict
from config.api.documented import NoticeSerializer
from config.api.fields import UtcTime
from gate.finding import LONGEST_CODE
from gate.models import PullTask
from gate.reasons import Reason, Verdict


class LiveQuery(serializers.Serializer[Any]):
    shop = serializers.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, help_text="Of this shop alone, where several know the code."
    )
    live = serializers.BooleanField(
        default=False,
        help_text=(
            "Ask the marketplace first, for 2.5 seconds at the most. Where it cannot be asked, the answer is from what "
            "is here, and `live` says why."
        ),
    )


class CodeQuery(LiveQuery):
    order = serializers.CharField(
        required=False, max_length=LONGEST_CODE, help_text="The order's id at the marketplace, its number, or our `id`."
    )
    package = serializers.CharField(
        required=False, max_length=LONGEST_CODE, help_text="The package's id at the marketplace."
    )
    tracking = serializers.CharField(
        required=False, max_length=LONGEST_CODE, help_text="The tracking number on the label, as it is scanned."
    )

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        given = [name for name in ("order", "package", "tracking") if name in values]
        if len(given) != 1:
            raise serializers.ValidationError(
                {name: ["Give one of order, package and tracking."] for name in given or ["order"]}
            )
        return {**values, "kind": given[0], "code": values[given[0]]}


class GateOrder(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="pk")
    url = serializers.HyperlinkedIdentityField(view_name="api:order-detail", source="*")
    shop = serializers.IntegerField(source="shop_id")
    marketplace_id = serializers.CharField(help_text="The marketplace's own id.")
    number = serializers.CharField()
    status = serializers.CharField(help_text="The marketplace's own word.")


class GateCancellation(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="pk")
    url = serializers.HyperlinkedIdentityField(view_name="api:cancellation-detail")
    state = serializers.CharField()
    needs_answer = serializers.BooleanField()
    deadline = UtcTime(allow_null=True)


class GateDecision(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="pk")
    url = serializers.HyperlinkedIdentityField(view_name="api:decision-detail")
    verdict = serializers.CharField()
    state = serializers.CharField()


class GateLine(serializers.Serializer[Any]):
    line_item = serializers.IntegerField(source="line.pk", help_text="Our `id` of the order's line.")
    seller_sku = serializers.CharField(source="line.seller_sku")
    product_name = serializers.CharField(source="line.product_name")
    sku_name = serializers.CharField(source="line.sku_name")
    out = serializers.IntegerField(help_text="How many must not leave.")
    stays = serializers.IntegerField(help_text="How many may.")


class GateLive(serializers.Serializer[Any]):
    asked = serializers.SerializerMethodField()
    at = UtcTime(allow_null=True)
    why_not = serializers.CharField(help_text="Empty where it was asked.")

    def get_asked(self, asked: Any) -> bool:
        return asked.at is not None


class PulledSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="pk")
    state = serializers.ChoiceField(PullTask.State.choices, help_text="`dropped`: looked for, and not there.")
    by = serializers.CharField(source="done_by")
    at = UtcTime(source="done_at")
    has_photo = serializers.SerializerMethodField()

    def get_has_photo(self, task: PullTask) -> bool:
        return task.photo_id is not None


class ParcelSerializer(serializers.Serializer[Any]):
    """May this parcel leave? Compare `verdict` and `reason`; `words` and `caution` are for people."""

    verdict = serializers.ChoiceField(
        Verdict.choices,
        help_text=(
            "`ship`: nothing stands against it. `hold`: leave it where it is. `pull`: take it, or what `lines` say, "
            "out of what leaves."
        ),
    )
    reason = serializers.ChoiceField(Reason.choices, help_text="Stable. docs/gate.md says what each means.")
    words = serializers.CharField()
    order = GateOrder()
    package = serializers.CharField(
        source="package_id", help_text="The package it is about; empty where that is all of the order."
    )
    cancellation = GateCancellation(allow_null=True, help_text="The request behind it.")
    decision = GateDecision(allow_null=True, help_text="What staff decided and is on its way, or stalled.")
    lines = GateLine(many=True)
    notice = NoticeSerializer(allow_null=True, help_text="The market's rule that makes it urgent.")
    as_of = UtcTime(
        allow_null=True,
        help_text="Everything that changed before is in this answer. Null: the shop was never read to the end.",
    )
    is_stale = serializers.BooleanField(help_text="`as_of` is too long ago, and nothing is `ship`: ask with `live`.")
    caution = serializers.CharField(help_text="The same in words; empty where it is fresh.")
    live = GateLive(source="asked", allow_null=True, help_text="Null where nobody wanted the marketplace asked.")
    pulled = PulledSerializer(
        allow_null=True, help_text="Who has seen to this very answer, if anybody; with `put_back`, who took it out."
    )


class AnswerSerializer(ParcelSerializer):
    """The strictest answer of a `gate.finding.Found`; a parcel may hold several orders."""

    together_with = ParcelSerializer(many=True, help_text="Other orders packed in it, the strictest first.")

    def to_representation(self, found: Any) -> Any:
        told = ParcelSerializer(found.answer, context=self.context).data
        return {**told, "together_with": ParcelSerializer(found.others, many=True, context=self.context).data}


class PullTaskSerializer(ParcelSerializer):
    done = serializers.SerializerMethodField(help_text="Where to post that it was pulled or put back.")

    def get_done(self, answer: Any) -> str:
        return reverse("api:pull-task-done", [answer.order.pk], request=self.context["request"])


class PullTasksSerializer(serializers.Serializer[Any]):
    is_complete = serializers.BooleanField(help_text="False where there are more than 200 to look at.")
    results = PullTaskSerializer(many=True)


class PulledRequest(Strict):
    package = serializers.CharField(required=False, default="", allow_blank=True, max_length=LONGEST_CODE)
    is_there = serializers.BooleanField(default=True, help_text="False: it was looked for, and is not there.")
    is_put_back = serializers.BooleanField(
        default=False, help_text="True: what was taken out is in it again, where the answer was `put_back`."
    )
    photo = serializers.FileField(required=False, help_text="Of the parcel; becomes evidence of the request.")
