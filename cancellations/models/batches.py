"""Decisions taken together: many requests, one verdict, and what became of each."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Case, Count, Exists, OuterRef, Q, Value, When
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cancellations.models.decisions import Decision, Verdict
from cancellations.models.requests import CancellationRequest
from shops.models import Shop

if TYPE_CHECKING:
    from accounts.models import User


class Result(models.TextChoices):
    """How one request of a batch stands, as its rows, its counts and its filter tell."""

    WAITING = "waiting", _("waits its turn")
    UNDER_WAY = "under_way", _("under way")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    NEEDS_YOU = "needs_you", _("needs you")
    SECOND_PERSON = "second_person", _("waits for a second person")
    TAKEN_BACK = "taken_back", _("taken back")
    LEFT_OUT = "left_out", _("left out")

    @classmethod
    def moving(cls) -> "tuple[Result, ...]":
        """Those that become another one by themselves."""
        return cls.WAITING, cls.UNDER_WAY


class BatchQuerySet(models.QuerySet["Batch"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        """One's own: colleagues see the decisions, with the requests that they are about."""
        return self.filter(made_by=user.pk)

    def started(self) -> Self:
        return self.filter(started_at__isnull=False)

    def unseen(self) -> Self:
        """Those whose end their maker has not seen."""
        return self.started().filter(seen_at__isnull=True)

    def showing(self, user: "User | AnonymousUser") -> Self:
        """Those of whose requests this person still sees any."""
        return self.filter(Exists(BatchItem.objects.visible_to(user).wanted().filter(batch=OuterRef("pk"))))

    def due(self, now: datetime) -> Self:
        """Those in which a worker still has something to decide."""
        return self.started().filter(finished_at__isnull=True, due_at__lte=now)


class Batch(models.Model):
    """One verdict for many requests. Made when it is proposed, so that what was counted is what is decided.

    Until it is started it is a proposal and does nothing. Then a worker takes its items one by one and decides about
    each like a person would; `due_at` is when one is next needed. From there on each decision goes its own way.
    """

    VERDICTS: ClassVar = (Verdict.APPROVE, Verdict.REJECT)

    verdict = models.CharField(_("verdict"), max_length=20, choices=Verdict)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="batches", verbose_name=_("by"), db_index=False
    )
    made_at = models.DateTimeField(_("counted"), default=timezone.now)
    retry_of = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="retries", verbose_name=_("tries again")
    )

    # What goes with each of the decisions
    reason = models.CharField(_("reason code"), blank=True)
    reason_text = models.CharField(_("reason"), blank=True)
    comment = models.TextField(_("comment"), blank=True)

    language = models.CharField(
        _("language"), max_length=10, help_text=_("In which the worker says why something could not be decided.")
    )
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    due_at = models.DateTimeField(_("needs a worker"), default=timezone.now)
    finished_at = models.DateTimeField(_("all decided"), null=True, blank=True)
    seen_at = models.DateTimeField(_("end seen"), null=True, blank=True)

    objects = BatchQuerySet.as_manager()

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(verdict__in=("approve", "reject")), name="batches_approve_or_reject"),
        ]
        indexes = [
            models.Index(fields=["made_by", "-id"], name="batches_of_a_person"),
            models.Index(
                fields=["due_at"],
                name="batches_due",
                condition=Q(started_at__isnull=False, finished_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("cancellations:batch", args=[self.pk])

    @property
    def is_started(self) -> bool:
        return self.started_at is not None


class BatchItemQuerySet(models.QuerySet["BatchItem"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        return self.filter(batch__made_by=user.pk, cancellation__shop__in=Shop.objects.visible_to(user))

    def waiting(self) -> Self:
        return self.filter(state=BatchItem.State.WAITING)

    def wanted(self) -> Self:
        """All but those that were left out from the start."""
        return self.exclude(state=BatchItem.State.LEFT_OUT)

    def with_result(self) -> Self:
        """Each with its `result`."""
        return self.annotate(result=result_of_item())

    def with_columns(self) -> Self:
        """All that a row of a batch's page shows, in a fixed number of queries."""
        related = self.select_related("cancellation__shop", "decision").with_result()
        return related.prefetch_related("cancellation__lines")

    def of_result(self, result: str) -> Self:
        return self.with_result().filter(result=result)

    def counted(self) -> Iterator[tuple[int, Result, int]]:
        """Batch by batch how many items there are of each result."""
        rows: Any = self.with_result().order_by()
        counts = rows.values_list("batch", "result").annotate(Count("pk"))
        return ((batch, Result(result), count) for batch, result, count in counts)

    def to_try_again(self) -> Self:
        """Those that failed and whose requests still wait, with nothing on its way about them."""
        live = Decision.objects.live().filter(cancellation=OuterRef("cancellation"))
        return self.of_result(Result.FAILED).filter(cancellation__needs_answer=True).exclude(Exists(live))


def result_of_item() -> Case:
    """What the batch did about it and, where that is a decision, how that stands."""
    state, decided = BatchItem.State, Decision.State
    return Case(
        When(state=state.WAITING, then=Value(Result.WAITING)),
        When(state=state.LEFT_OUT, then=Value(Result.LEFT_OUT)),
        When(state=state.TAKEN_BACK, then=Value(Result.TAKEN_BACK)),
        When(state=state.FAILED, then=Value(Result.FAILED)),
        When(decision__state=decided.CONFIRMED, then=Value(Result.DONE)),
        When(decision__state=decided.REFUSED, then=Value(Result.FAILED)),
        When(decision__state=decided.STALLED, then=Value(Result.NEEDS_YOU)),
        When(decision__state=decided.UNSIGNED, then=Value(Result.SECOND_PERSON)),
        When(decision__state__in=(decided.WITHDRAWN, decided.SET_ASIDE), then=Value(Result.TAKEN_BACK)),
        default=Value(Result.UNDER_WAY),
        output_field=models.CharField(),
    )


class BatchItem(models.Model):
    """One request of a batch, and what the batch did about it. What became of that, the decision says."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waits its turn")
        DECIDED = "decided", _("decided")
        FAILED = "failed", _("could not be decided")
        TAKEN_BACK = "taken_back", _("taken back before it was decided")
        LEFT_OUT = "left_out", _("left out")

    batch = models.ForeignKey(
        Batch, verbose_name=_("batch"), on_delete=models.CASCADE, related_name="items", db_index=False
    )
    cancellation = models.ForeignKey(
        CancellationRequest, verbose_name=_("cancellation request"), on_delete=models.PROTECT, related_name="+"
    )
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.WAITING)
    decision = models.OneToOneField(
        Decision, on_delete=models.PROTECT, null=True, blank=True, related_name="batch_item", verbose_name=_("decision")
    )
    why = models.TextField(_("why not"), blank=True)

    objects = BatchItemQuerySet.as_manager()
    result: str  # with `with_result()`

    class Meta:
        verbose_name = _("item of a batch")
        verbose_name_plural = _("items of batches")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["batch", "cancellation"], name="one_item_per_batch_and_cancellation"),
            models.CheckConstraint(
                condition=Q(state="decided", decision__isnull=False) | (~Q(state="decided") & Q(decision__isnull=True)),
                name="decided_items_have_their_decision",
            ),
        ]
        indexes = [
            models.Index(fields=["batch", "id"], name="batch_items_waiting", condition=Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return f"{self.cancellation}: {self.get_state_display()}"
