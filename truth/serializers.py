"""What does not agree, and how far the comparing is, on the wire."""

from typing import Any

from rest_framework import serializers

from config.api.bodies import Rows, Strict
from config.api.fields import MoneyField, UtcTime
from truth import repairing
from truth.models import Check, Disagreement


class DisagreementSerializer(Rows):
    url = serializers.HyperlinkedIdentityField(view_name="api:disagreement-detail")
    about = serializers.CharField(
        help_text="What it is about: `decision:17`, `cancellation:5`, `line:33` (a line item), `cancelled_line:8`."
    )
    order_label = serializers.CharField(help_text="What people call the order; empty where there is none.")
    at_stake = MoneyField(source="money", help_text="What is given back, or is not, if our side is wrong.")
    ours = serializers.CharField(help_text="What we say, in words for people.")
    theirs = serializers.CharField(help_text="What the marketplace shows, or others were told.")
    found_at = UtcTime(help_text="When it was there at a second look; what is only suspected is not listed.")
    settled_at = UtcTime(allow_null=True, help_text="When it was found no more; null while it is open.")
    how = serializers.ChoiceField(choices=Disagreement.How.choices, help_text="How it ended; empty while it is open.")
    settled_by = serializers.SerializerMethodField(help_text="Who asked for the repair, or left it as it is.")
    repair_asked_at = UtcTime(allow_null=True, help_text="Since when it is hoped that the last repair helps.")
    repairs = serializers.SerializerMethodField(help_text="What you may post to `repair/` now, the most likely first.")

    class Meta:
        model = Disagreement
        fields = [
            "id", "url", "shop", "kind", "about", "order", "order_label", "cancellation", "decision", "at_stake",
            "ours", "theirs", "found_at", "last_seen_at", "settled_at", "how", "settled_by", "note", "repair",
            "repair_asked_at", "repairs",
        ]  # fmt: skip

    def get_settled_by(self, row: Disagreement) -> str | None:
        return str(row.settled_by) if row.settled_by else None

    def get_repairs(self, row: Disagreement) -> list[str]:
        roles = self.context.get("roles", {})
        return [one.value for one in repairing.offers(row, roles.get(row.shop_id))]


class RepairRequest(Strict):
    repair = serializers.ChoiceField(choices=Disagreement.Repair.choices, help_text="One of its `repairs`.")
    note = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=2000,
        help_text="What you found: with `set_aside` and `leave`.",
    )  # fmt: skip


class Compared(serializers.Serializer[Any]):
    decisions = serializers.IntegerField(default=0, help_text="Those of the last days (`TRUTH_DAYS`).")
    requests = serializers.IntegerField(default=0, help_text="Theirs, and those that wait.")
    lines = serializers.IntegerField(default=0, help_text="Line items of the decisions' orders.")
    events = serializers.IntegerField(default=0, help_text="What other systems were told.")
    unread = serializers.IntegerField(default=0, help_text="Orders and requests that the marketplace refused to show.")


class CheckSerializer(Rows):
    """How far the comparing of a shop is, and what the last one compared."""

    is_running = serializers.SerializerMethodField(help_text="A worker is at it, or about to be.")
    checked_at = UtcTime(allow_null=True, help_text="When the last check of everything ended; null before the first.")
    compared = Compared(help_text="By that check.")
    next_at = UtcTime(source="full_at", help_text="When everything is compared again.")
    problem = serializers.CharField(help_text="Why it does not go on; else empty. It tries again by itself.")
    disagreements = serializers.SerializerMethodField(help_text="How many are open.")

    class Meta:
        model = Check
        fields = ["shop", "is_running", "checked_at", "compared", "next_at", "problem", "disagreements"]

    def get_is_running(self, check: Check) -> bool:
        return bool(check.step)

    def get_disagreements(self, check: Check) -> int:
        return Disagreement.objects.open().listed().filter(shop=check.shop_id).count()
