"""What staff keep among themselves, and the history of a request, on the wire."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from accounts.models import User
from cancellations.history import Entry
from cancellations.models import Claim, Note
from cancellations.serializers.going_out import PersonSerializer
from cancellations.teamwork import LONGEST_NOTE, may_be_assigned
from config.api.bodies import Rows, Strict
from config.api.fields import UtcTime
from shops.models import Shop


class NoteSerializer(Rows):
    """What one person of the staff wants the others to know. The buyer never sees it."""

    author = PersonSerializer()

    class Meta:
        model = Note
        fields = ["id", "author", "text", "at"]


class NewNote(Strict):
    text = serializers.CharField(max_length=LONGEST_NOTE, help_text="Plain text.")


class ClaimSerializer(Rows):
    """Who is about to answer a request. It binds nobody, and ends by itself."""

    by = PersonSerializer(source="user")
    is_yours = serializers.SerializerMethodField(help_text="It is you.")

    class Meta:
        model = Claim
        fields = ["by", "since", "until", "is_yours"]

    def get_is_yours(self, claim: Claim) -> bool:
        return bool(claim.user_id == self.context["request"].user.pk)


class ClaimRequest(Strict):
    take_over = serializers.BooleanField(default=False, help_text="Although somebody else is on it.")


class AssignRequest(Strict):
    to = serializers.IntegerField(
        min_value=1, max_value=2**63 - 1, allow_null=True, help_text="The `id` of one of its `people`; null: nobody's."
    )

    def person(self, shop: Shop) -> User | None:
        pk = self.validated_data["to"]
        found = pk and may_be_assigned(shop).filter(pk=pk).first()
        if pk and not found:
            raise serializers.ValidationError({"to": [_("There is no such person who may decide in this shop.")]})
        return found or None


class AssigneeSerializer(serializers.Serializer[Any]):
    assigned_to = PersonSerializer(allow_null=True, help_text="Null: nobody's.")
    people = PersonSerializer(many=True, help_text="Those who may decide in its shop.")


class HistoryEntrySerializer(serializers.Serializer[Entry]):
    at = UtcTime(help_text="When; of what happened several times in a row, the last time.")
    since = UtcTime(allow_null=True, help_text="The first time, where it happened several times in a row.")
    times = serializers.IntegerField(help_text="How often in a row.")
    is_ahead = serializers.BooleanField(help_text="It is to come: a deadline, or a decision that is to be sent.")
    name = serializers.CharField(
        help_text="Such as `decision.confirmed`, `call.send` or `note`; empty for what the order tells of itself."
    )
    text = serializers.CharField(help_text="What happened, in words.")
    who = serializers.CharField(help_text="The person; empty where nobody did it.")
    detail = serializers.CharField(help_text="A reason, a comment, or what the marketplace said.")
    code = serializers.CharField(help_text="The marketplace's, where it spoke.")
    request_id = serializers.CharField(help_text="What the marketplace's support asks for.")
    cancellation = serializers.IntegerField(
        source="about.pk", default=None, allow_null=True, help_text="The request, where one would not know which."
    )


class HistorySerializer(serializers.Serializer[Any]):
    entries = HistoryEntrySerializer(many=True, help_text="What is to come, then what happened, newest first.")
