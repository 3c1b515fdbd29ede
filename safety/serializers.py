"""Nets, ladders and what people were told, on the wire."""

from typing import Any

from rest_framework import serializers

from accounts.models import User
from config.api.bodies import Rows, Strict
from config.api.fields import UtcTime
from safety.ladder import MOST_RUNGS, Wish
from safety.models import FEWEST_MINUTES, MOST_MINUTES, Channel, Rung, SafetyNet, Telling
from safety.nets import Wish as NetWish

MINUTES: dict[str, Any] = {"min_value": FEWEST_MINUTES, "max_value": MOST_MINUTES}
LARGEST = 2**63 - 1
ACTION = "What is done when nobody has answered: `tell` only tells people."
WHO = "`assignee` is whoever has the request or has it open, `agents` all who answer the shop's requests."
CHANNEL = "`in_app` is a notice under the bell. What cannot be delivered goes by the next channel."


class ChoiceSerializer(serializers.Serializer[Any]):
    action = serializers.ChoiceField(SafetyNet.Action.choices, help_text=ACTION)
    allowed = serializers.SerializerMethodField(help_text="This market offers it today.")
    why_not = serializers.CharField(help_text="Empty where it is offered.")
    effect = serializers.CharField(help_text="What it does, held against silence; for people.")

    def get_allowed(self, choice: Any) -> bool:
        return not choice.why_not


class SafetyNetSerializer(serializers.Serializer[Any]):
    """What is done about a shop's requests before silence decides."""

    is_on = serializers.BooleanField(help_text="False: silence decides.")
    action = serializers.ChoiceField(SafetyNet.Action.choices, help_text=ACTION)
    minutes = serializers.IntegerField(help_text="How long before the deadline, when nobody has answered.")
    reason = serializers.CharField(help_text="The marketplace's code, for `reject`.")
    comment = serializers.CharField(help_text="What the buyer reads, for `reject`.")
    set_by = serializers.CharField(allow_null=True, help_text="In whose name it decides; null before it was ever set.")
    set_at = UtcTime(allow_null=True, help_text="When it was last set; null before it ever was.")
    silence = serializers.ChoiceField(
        ["approves", "rejects", "nothing"], help_text="What the marketplace does at the deadline."
    )
    choices = ChoiceSerializer(many=True, help_text="What can be chosen in this market today.")
    would_have_acted = serializers.IntegerField(
        help_text="On so many requests of the last 30 days nobody had decided by then."
    )


class SafetyNetRequest(Strict):
    """What the net shall be. It decides in the name of whoever sends this."""

    is_on = serializers.BooleanField(default=True, help_text="False: silence decides.")
    action = serializers.ChoiceField(SafetyNet.Action.choices, help_text=ACTION)
    minutes = serializers.IntegerField(**MINUTES, help_text="How long before the deadline, when nobody has answered.")
    reason = serializers.CharField(
        default="", allow_blank=True, max_length=200, help_text="The marketplace's code, for `reject`."
    )
    comment = serializers.CharField(
        default="", allow_blank=True, max_length=5000, help_text="What the buyer reads, for `reject`."
    )

    def wish(self) -> NetWish:
        return NetWish(**self.validated_data)


class RungSerializer(serializers.Serializer[Any]):
    minutes = serializers.IntegerField(help_text="Before the deadline.")
    who = serializers.ChoiceField(Rung.Who.choices, help_text=WHO)
    person = serializers.IntegerField(source="person_id", allow_null=True, help_text="With `who: person`, our id.")
    channel = serializers.ChoiceField(Channel.choices, help_text=CHANNEL)


class ChatSerializer(serializers.Serializer[Any]):
    host = serializers.CharField(help_text="The rest of the address is not told.")
    failing_since = UtcTime(allow_null=True, help_text="Since when it takes nothing; null while it does.")


class LadderSerializer(serializers.Serializer[Any]):
    """Who is told before a deadline, when nobody has answered."""

    is_own = serializers.BooleanField(help_text="False: these rungs hold in all shops that have none of their own.")
    rungs = RungSerializer(many=True, help_text="The earliest first.")
    chat = ChatSerializer(allow_null=True, help_text="The shop's chat channel, or that of all shops; set on its page.")
    problems = serializers.ListField(
        child=serializers.CharField(), help_text="Why not everybody would be told; for people. Empty: all is well."
    )


class RungRequest(Strict):
    minutes = serializers.IntegerField(**MINUTES, help_text="Before the deadline.")
    who = serializers.ChoiceField(Rung.Who.choices, help_text=WHO)
    person = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=1, max_value=LARGEST,
        help_text="With `who: person`: our id of a member, as `cancellations/{id}/assignee/` lists them.",
    )  # fmt: skip
    channel = serializers.ChoiceField(Channel.choices, help_text=CHANNEL)


class LadderRequest(Strict):
    rungs = RungRequest(  # type: ignore[call-arg]  # it is the list's
        many=True, max_length=MOST_RUNGS, help_text="Without any, those for all shops hold."
    )

    def wishes(self) -> list[Wish]:
        """Nobody of this number is nobody's member, and told so."""
        rungs = self.validated_data["rungs"]
        people = User.objects.in_bulk([one["person"] for one in rungs if one["person"]])
        return [
            Wish(one["minutes"], one["who"], one["channel"], people.get(one["person"]) if one["person"] else None)
            for one in rungs
        ]


class TellingSerializer(Rows):
    why = serializers.ChoiceField(
        Telling.Why.choices,
        help_text=(
            "`rung`: nobody had answered; `net`: the safety net only tells; `net_cannot`: it would not act, `detail` "
            "says why; `link`: it may not be answered from here in time; `test`."
        ),
    )
    detail = serializers.CharField(help_text="More about it, for people.")
    person = serializers.IntegerField(source="person_id", allow_null=True, help_text="Null for a chat channel.")
    person_name = serializers.SerializerMethodField(help_text="Empty for a chat channel.")
    problem = serializers.CharField(help_text="Why it could not be delivered, such as `mail`, `timeout` or `status`.")

    class Meta:
        model = Telling
        fields = [
            "id", "shop", "cancellation", "deadline", "why", "detail", "person", "person_name", "channel", "state",
            "attempts", "problem", "made_at", "settled_at",
        ]  # fmt: skip

    def get_person_name(self, telling: Telling) -> str:
        return str(telling.person or "")
