"""What does not agree: a row for each, and for each shop how far the comparing is."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cancellations.models import CancellationRequest, Decision
from cancellations.models.words import WordsField
from marketplaces.records import Money
from orders.models import Order, amount
from shops.models import Connection, Shop

if TYPE_CHECKING:
    from accounts.models import User


class CheckQuerySet(models.QuerySet["Check"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        return self.filter(shop__in=Shop.objects.visible_to(user))

    def possible(self) -> Self:
        """Of shops that can be asked."""
        return self.filter(shop__is_active=True, shop__connection__state=Connection.State.CONNECTED)

    def due(self, now: datetime) -> Self:
        # Who asks for a look need not care where a worker is: it is due once the check rests.
        asked = Q(wants_look=True, step=Check.Step.RESTS)
        return self.possible().filter(Q(due_at__lte=now) | asked)


class Check(models.Model):
    """How far the comparing of one shop is. The row is the queue: `due_at` is when a worker is next needed.

    A worker compares one page and hands on; what it found stands in the transaction that moves `after`, so that one
    that dies leaves nothing half done, and its lease runs out by itself.
    """

    class Step(models.TextChoices):
        RESTS = "", _("rests")
        DECISIONS = "decisions", _("compares decisions")
        REQUESTS = "requests", _("compares requests that wait")
        AGAIN = "again", _("looks again at what differed")

    shop = models.OneToOneField(Shop, verbose_name=_("shop"), on_delete=models.CASCADE, related_name="truth_check")
    step = models.CharField(_("step"), max_length=10, choices=Step, default=Step.RESTS, blank=True)
    after = models.BigIntegerField(_("after row"), default=0)
    counts = models.JSONField(_("compared so far"), default=dict, blank=True)
    due_at = models.DateTimeField(_("needs a worker"), default=timezone.now)
    claim = models.UUIDField(_("claimed by worker"), null=True, blank=True, editable=False)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    problem = models.CharField(_("what is wrong"), max_length=500, blank=True)

    # What is to be done once it rests
    full_at = models.DateTimeField(_("next check of everything"), default=timezone.now)
    wants_look = models.BooleanField(_("somebody waits for another look"), default=False)

    # The last check of everything that came to its end
    started_at = models.DateTimeField(_("begun"), null=True, blank=True)
    checked_at = models.DateTimeField(_("last checked"), null=True, blank=True)
    compared = models.JSONField(_("compared"), default=dict, blank=True)

    objects = CheckQuerySet.as_manager()

    class Meta:
        verbose_name = _("truth check")
        verbose_name_plural = _("truth checks")
        indexes = [models.Index(fields=["due_at"], name="truth_checks_due")]

    def __str__(self) -> str:
        return f"{self.shop_id} {self.get_step_display()}"


class DisagreementQuerySet(models.QuerySet["Disagreement"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        return self.listed().filter(shop__in=Shop.objects.visible_to(user))

    def open(self) -> Self:
        return self.filter(settled_at=None)

    def listed(self) -> Self:
        """Those that were there at a second look as well: what is only suspected is shown to nobody."""
        return self.filter(found_at__isnull=False)

    def with_columns(self) -> Self:
        """All that a row of the list shows."""
        rows = self.select_related("shop", "order", "cancellation", "decision", "settled_by", "repair_asked_by")
        return rows.defer("shop__cipher")


class Disagreement(models.Model):
    """Our rows, the marketplace and what we told others do not agree. Closed by the check that finds it no more.

    `about` is what it is about, as of events: "decision:17", "cancellation:5", "line:33", "cancelled_line:8".
    """

    class Kind(models.TextChoices):
        NOT_SHOWN = "not_shown", _("Confirmed here, not shown there")
        DONE_ANYWAY = "done_anyway", _("Not done here, done there")
        WAITS_HERE = "waits_here", _("Settled there, waits here")
        OTHER_STATE = "other_state", _("Stands otherwise there")
        CANCELLED_LINES = "cancelled_lines", _("Cancelled lines differ")
        MORE_DONE = "more_done", _("More was done than decided")
        REFUND = "refund", _("Another refund than decided")
        EVENT_MISSING = "event_missing", _("Others were not told")
        EVENT_WRONG = "event_wrong", _("Others were told something else")
        TOLD_TWICE = "told_twice", _("Others were told twice")
        STUCK = "stuck", _("A decision does not move")

    class How(models.TextChoices):
        OPEN = "", _("open")
        REPAIRED = "repaired", _("repaired")
        BY_ITSELF = "by_itself", _("gone by itself")
        LEFT = "left", _("left as it is")
        READ = "read", _("put right by reading it again")

    class Repair(models.TextChoices):
        ASK_AGAIN = "ask_again", _("Ask the marketplace again")
        SET_ASIDE = "set_aside", _("Set the decision aside")
        TELL_AGAIN = "tell_again", _("Tell others again")
        READ_AGAIN = "read_again", _("Read it again")
        LEAVE = "leave", _("Leave it as it is")

    shop = models.ForeignKey(
        Shop, verbose_name=_("shop"), on_delete=models.CASCADE, related_name="disagreements", db_index=False
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    about = models.CharField(_("about"), max_length=60)
    order = models.ForeignKey(
        Order, verbose_name=_("order"), on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    cancellation = models.ForeignKey(
        CancellationRequest, verbose_name=_("cancellation request"), on_delete=models.CASCADE, null=True, blank=True,
        related_name="+",
    )  # fmt: skip
    decision = models.ForeignKey(
        Decision, verbose_name=_("decision"), on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    amount = amount(_("at stake"), null=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    ours = WordsField(_("we say"))
    theirs = WordsField(_("against it"))

    suspected_at = models.DateTimeField(_("first seen"), default=timezone.now)
    found_at = models.DateTimeField(_("found"), null=True, blank=True, help_text=_("When it was there a second time."))
    last_seen_at = models.DateTimeField(_("last seen"), default=timezone.now)

    repair = models.CharField(_("repair asked for"), max_length=12, choices=Repair, blank=True)
    repair_asked_at = models.DateTimeField(_("asked for"), null=True, blank=True)
    repair_asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("asked for by"), on_delete=models.PROTECT, null=True, blank=True,
        related_name="+", db_index=False,
    )  # fmt: skip
    settled_at = models.DateTimeField(_("over"), null=True, blank=True)
    how = models.CharField(_("how"), max_length=10, choices=How, default=How.OPEN, blank=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("by"), on_delete=models.PROTECT, null=True, blank=True,
        related_name="+", db_index=False,
    )  # fmt: skip
    note = models.TextField(_("note"), blank=True)

    objects = DisagreementQuerySet.as_manager()

    class Meta:
        verbose_name = _("disagreement")
        verbose_name_plural = _("disagreements")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "about"], condition=Q(settled_at__isnull=True), name="one_open_disagreement_of_a_kind"
            ),
            models.CheckConstraint(
                condition=Q(settled_at__isnull=True) ^ ~Q(how=""), name="settled_disagreements_say_how"
            ),
        ]
        indexes = [
            models.Index(F("shop"), F("id").desc(), name="disagreements_of_a_shop"),
            models.Index(fields=["shop"], name="disagreements_open", condition=Q(settled_at__isnull=True)),
            models.Index(fields=["kind", "about"], name="disagreements_left", condition=Q(how="left")),
            models.Index(fields=["settled_at"], name="disagreements_over", condition=Q(settled_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.about}"

    def get_absolute_url(self) -> str:
        return reverse("truth:disagreement", args=[self.pk])

    @property
    def money(self) -> Money | None:
        return Money(self.amount, self.currency) if self.amount is not None else None

    @property
    def is_open(self) -> bool:
        return self.settled_at is None

    @property
    def is_looked_at_again(self) -> bool:
        """Whether no look has come since somebody had it repaired."""
        return self.is_open and self.repair_asked_at is not None and self.last_seen_at <= self.repair_asked_at

    @property
    def order_label(self) -> str:
        """What people call the order that it is about."""
        if self.order:
            return self.order.label
        return self.cancellation.order_label if self.cancellation else ""

    @property
    def subject_url(self) -> str:
        """Where staff see what it is about."""
        subject = self.cancellation or self.order
        return subject.get_absolute_url() if subject else ""
