"""One verdict for many requests on the wire: what is sent to begin a batch, and how far it is."""

from collections.abc import Callable, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from cancellations import batches, rules
from cancellations.checks import Details, NotAllowed, not_taken
from cancellations.filters import CancellationFilter
from cancellations.forms.batches import FORMS
from cancellations.models import Batch, BatchItem, CancellationQuerySet, CancellationRequest, Result, Verdict
from cancellations.serializers.going_out import DecisionBrief
from config.api.bodies import Rows, Strict
from config.api.documented import MarketplaceWords, NoticeSerializer
from config.api.fields import UtcTime
from config.api.problems import Problem

MOST = 500
LARGEST_ID = 2**63 - 1


class BatchRequest(Strict):
    """One verdict, and which requests get it: named one by one, or all that a filter finds."""

    verdict = serializers.ChoiceField(
        choices=[(verdict.value, verdict.label) for verdict in Batch.VERDICTS],
        help_text="What every one of them gets. Shipping and cancelling items differ by order: post `decisions/`.",
    )
    cancellations = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_ID), required=False, max_length=MOST,
        help_text="The `id`s of the requests, each once. Send this or `filter`.",
    )  # fmt: skip
    filter = serializers.CharField(
        required=False, max_length=2000,
        help_text=f"What stands behind the “?” of `GET cancellations/`, such as `needs_answer=true&shop=7`. It may "
        f"find {MOST} requests at most, and means those that it finds now.",
    )  # fmt: skip
    reason = serializers.CharField(
        required=False, allow_blank=True, max_length=200,
        help_text="For `reject`: one of the `reject-reasons/` that all of these requests have.",
    )  # fmt: skip
    comment = serializers.CharField(
        required=False, allow_blank=True, help_text="For `reject`; each of the buyers may read it."
    )

    def validate(self, told: dict[str, Any]) -> dict[str, Any]:
        named = [name for name in ("cancellations", "filter") if told.get(name)]
        if len(named) != 1:
            why = _("Say which requests: by `cancellations` or by `filter`.")
            raise serializers.ValidationError({name: [why] for name in named or ["cancellations"]})
        if told["verdict"] != Verdict.REJECT:
            words = _("%(verdict)s takes no %(field)s.")
            given = [name for name in ("reason", "comment") if told.get(name)]
            if given:
                raise serializers.ValidationError(
                    {name: [words % {"verdict": told["verdict"], "field": name}] for name in given}
                )
        return told

    def checked(self) -> Callable[[], Batch]:
        """What starts the batch, which asks no marketplace any more.

        Raises PermissionDenied, NotAllowed, and MarketplaceError where its reasons are unknown.
        """
        user, verdict = self.context["request"].user, Verdict(self.validated_data["verdict"])
        chosen = self.named() if "cancellations" in self.validated_data else self.found()
        rows = list(chosen.with_standing().by_time_left())
        if not rows:
            raise serializers.ValidationError({"filter": [_("It finds no request.")]})
        may_in = batches.shops_to_answer_in(user, verdict)
        if not any(row.shop_id in may_in for row in rows):
            raise PermissionDenied(batches.why_not(rows[0], verdict, may_in))
        why_not = {row.pk: batches.why_not(row, verdict, may_in) for row in rows}
        details = self.details([row for row in rows if not why_not[row.pk]]) if not all(why_not.values()) else Details()

        def begin() -> Batch:
            try:
                return batches.begin(chosen, verdict, user, details)
            except NotAllowed as no:
                raise Problem("not-allowed", str(no), self.at_places(why_not), notice_of(rows, verdict)) from None

        return begin

    def visible(self) -> CancellationQuerySet:
        return CancellationRequest.objects.visible_to(self.context["request"].user)

    def named(self) -> CancellationQuerySet:
        ids = self.validated_data["cancellations"]
        known = set(self.visible().filter(pk__in=ids).values_list("pk", flat=True))
        problems: dict[Any, list[str]] = {}
        for number, pk in enumerate(ids):
            if pk not in known:
                problems[number] = [_("There is no such request.")]
            elif pk in ids[:number]:
                problems[number] = [_("This request is named twice.")]
        if problems:
            raise serializers.ValidationError({"cancellations": problems})
        return CancellationRequest.objects.filter(pk__in=known)

    def found(self) -> CancellationQuerySet:
        """What the filter finds now, fixed: between the count and the start nothing comes in."""
        asked = QueryDict(self.validated_data["filter"])
        chosen = CancellationFilter(asked, queryset=self.visible(), request=self.context["request"])
        # A name that is passed over would widen what is answered.
        unknown = [name for name in asked if name not in chosen.filters]
        problems = [_("There is no filter “%(name)s”.") % {"name": name} for name in unknown]
        if not chosen.is_valid():
            problems += [f"{name}: {error}" for name, errors in chosen.errors.items() for error in errors]
        if problems:
            raise serializers.ValidationError({"filter": problems})
        ids = list(chosen.qs.order_by("pk").values_list("pk", flat=True)[: MOST + 1])
        if len(ids) > MOST:
            why = _("It finds more than %(most)d requests. Narrow it.") % {"most": MOST}
            raise serializers.ValidationError({"filter": [why]})
        return CancellationRequest.objects.filter(pk__in=ids)

    def details(self, rows: Sequence[CancellationRequest]) -> Details:
        """What goes with the verdict, checked by the form of the screens for those that can get it."""
        told = {name: self.validated_data.get(name, "") for name in ("reason", "comment")}
        given = {name for name, value in told.items() if value}
        for market in {row.shop_id: rules.capabilities(row.shop, timezone.now()) for row in rows}.values():
            if problems := not_taken(market, given):
                raise serializers.ValidationError({name: [why] for name, why in problems.items()})
        verdict = Verdict(self.validated_data["verdict"])
        data = QueryDict(mutable=True)
        data.update(told)
        form = FORMS[verdict](Batch(verdict=verdict), rows, data)
        if form.why_not:
            raise Problem("not-allowed", form.why_not)
        if problem := getattr(form, "problem", None):
            raise problem
        if not form.is_valid():
            raise serializers.ValidationError(
                {name: [str(one) for one in words] for name, words in form.errors.items()}
            )
        return form.details()

    def at_places(self, why_not: dict[int, str]) -> dict[str, list[str]]:
        """Why none of them could be answered, where they were named; with their ids where a filter found them."""
        if "cancellations" not in self.validated_data:
            return {"filter": [f"{pk}: {why}" for pk, why in why_not.items() if why]}
        ids = self.validated_data["cancellations"]
        return {f"cancellations[{number}]": [why_not[pk]] for number, pk in enumerate(ids) if why_not.get(pk)}


def notice_of(rows: Sequence[CancellationRequest], verdict: Verdict) -> dict[str, Any]:
    """The market's rule that keeps one of them from this verdict, if it is one that does."""
    now = timezone.now()
    offers = (rules.offer(row, verdict, rules.capabilities(row.shop, now), rules.not_now(row)) for row in rows)
    found = next((offer.notice for offer in offers if offer.notice and not offer.allowed), None)
    return {"notice": NoticeSerializer(found).data} if found else {}


class ResultCounts(serializers.Serializer[Any]):
    """How many requests stand how."""

    def get_fields(self) -> dict[str, Any]:
        return {result.value: serializers.IntegerField(help_text=MEANS[result]) for result in Result}


MEANS = {
    Result.WAITING: "No worker has come to it yet.",
    Result.UNDER_WAY: "Decided, and on its way to the marketplace.",
    Result.DONE: "The marketplace shows it.",
    Result.FAILED: "Not decided, or refused: `why` says why.",
    Result.NEEDS_YOU: "Its decision is stalled: a person has to look.",
    Result.SECOND_PERSON: "Its decision waits to be countersigned.",
    Result.TAKEN_BACK: "Taken back before it was sent.",
    Result.LEFT_OUT: "Could not get this verdict when the batch began: `why` says why.",
}


class ProgressSerializer(serializers.Serializer[Any]):
    total = serializers.IntegerField(help_text="Without those that were left out.")
    settled = serializers.IntegerField(help_text="Of those, how many change no more by themselves.")
    is_moving = serializers.BooleanField(help_text="Whether anything is still to come.")
    results = ResultCounts()


class BatchSerializer(Rows):
    url = serializers.HyperlinkedIdentityField(view_name="api:batch-detail")
    progress = serializers.SerializerMethodField(help_text="Of the requests that you see now.")
    items = serializers.SerializerMethodField(help_text="The URL of its rows: what became of each request.")
    finished_at = UtcTime(
        allow_null=True, help_text="When a worker had come to all of them; what became of each decision is `progress`."
    )

    class Meta:
        model = Batch
        fields = [
            "id", "url", "verdict", "reason", "reason_text", "comment", "started_at", "finished_at", "retry_of",
            "progress", "items",
        ]  # fmt: skip
        extra_kwargs = {"retry_of": {"help_text": "The batch of which this one tries again what failed."}}

    def progress_of(self, batch: Batch) -> batches.Progress:
        known: dict[int, batches.Progress] = self.context["progress"]
        return known[batch.pk]

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, batch: Batch) -> Any:
        found = self.progress_of(batch)
        return {
            "total": found.total, "settled": found.settled, "is_moving": found.is_moving,
            "results": {result.value: found.of(result) for result in Result},
        }  # fmt: skip

    @extend_schema_field(serializers.URLField)
    def get_items(self, batch: Batch) -> str:
        return reverse("api:batch-item-list", [batch.pk], request=self.context["request"])


class TakenBackSerializer(serializers.Serializer[Any]):
    said = serializers.CharField(help_text="How many were taken back, and why others were not.")
    batch = BatchSerializer()


class BatchItemSerializer(Rows):
    order_number = serializers.CharField(source="cancellation.order_label", help_text="What people call the order.")
    shop = serializers.IntegerField(source="cancellation.shop_id")
    result = serializers.ChoiceField(choices=Result.choices)
    why = serializers.SerializerMethodField(help_text="Why it was left out or failed; else empty.")
    decision = DecisionBrief(allow_null=True, help_text="What was decided; null while or where nothing was.")
    marketplace = serializers.SerializerMethodField(help_text="What the marketplace said last about the decision.")

    class Meta:
        model = BatchItem
        fields = ["id", "cancellation", "shop", "order_number", "result", "why", "decision", "marketplace"]

    def get_why(self, item: BatchItem) -> str:
        return item.why or (item.decision.message if item.decision and item.result == Result.FAILED else "")

    @extend_schema_field(MarketplaceWords(allow_null=True))
    def get_marketplace(self, item: BatchItem) -> Any:
        made = item.decision
        return {"code": made.code, "message": made.message, "request_id": made.request_id} if made else None
