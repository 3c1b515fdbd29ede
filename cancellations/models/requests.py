"""Cancellation requests, and the lines they are about."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce, Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from cancellations.models.decisions import Decision, Verdict
from cancellations.models.search import WORDS_OF_LINE, SearchedQuerySet, Trigrams
from marketplaces.records import Money
from orders.models import LineItem, Order, amount
from shops.models import Shop

if TYPE_CHECKING:
    from accounts.models import User
    from cancellations.models.teamwork import Claim


class TimeLeft(models.TextChoices):
    """Bands of the time left until silence decides; they are colours on screens and a filter everywhere."""

    OVER = "over", _("over")
    SOON = "soon", _("under 2 hours")
    TODAY = "today", _("under 12 hours")
    LATER = "later", _("later")

    @classmethod
    def until(cls, deadline: datetime | None, now: datetime) -> "TimeLeft":
        """The band of a deadline; none at all is later."""
        if deadline is None:
            return cls.LATER
        left = deadline - now
        return next((band for band, end in BAND_ENDS.items() if left <= end), cls.LATER)

    def q(self, now: datetime) -> Q:
        """This band as a condition on `deadline`."""
        if self == TimeLeft.LATER:
            return Q(deadline__isnull=True) | Q(deadline__gt=now + BAND_ENDS[TimeLeft.TODAY])
        ends = list(BAND_ENDS)
        q = Q(deadline__lte=now + BAND_ENDS[self])
        before = ends.index(self) - 1
        return q & Q(deadline__gt=now + BAND_ENDS[ends[before]]) if before >= 0 else q


BAND_ENDS = {
    TimeLeft.OVER: timedelta(0),
    TimeLeft.SOON: timedelta(hours=2),
    TimeLeft.TODAY: timedelta(hours=12),
}


END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)


ROW_COLUMNS = (
    "shop", "order_marketplace_id", "order_number", "state", "status", "needs_answer", "reason", "reason_text",
    "deadline", "currency", "refund_total", "created_at", "updated_at", "note", "assigned_to",
    "order__status", "order__buyer_name",
)  # fmt: skip


class CancellationQuerySet(SearchedQuerySet["CancellationRequest"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        return self.filter(shop__in=Shop.objects.visible_to(user))

    def waiting(self) -> Self:
        """Those that the seller has to answer."""
        return self.filter(needs_answer=True)

    def by_time_left(self) -> Self:
        """What silence decides first comes first; requests without a deadline come last, oldest first."""
        return self.order_by(F("deadline").asc(nulls_last=True), "created_at", "pk")

    def with_waits_until(self) -> Self:
        """`waits_until`: when silence decides, the end of time where it never does; nothing where no answer waits."""
        until = Coalesce("deadline", Value(END_OF_TIME))
        return self.annotate(waits_until=Case(When(needs_answer=True, then=until)))

    def with_queue_columns(self) -> Self:
        """All that a row of the queue shows, in a fixed number of queries."""
        related = self.select_related("shop", "order", "assigned_to", "claim__user")
        return related.prefetch_related("lines").with_decisions()

    def with_page_columns(self) -> Self:
        """All that its own page shows of a request and that the rules ask of it, in a fixed number of queries."""
        related = self.select_related("shop__connection", "order", "assigned_to", "claim__user")
        return related.prefetch_related("lines", *standing())

    def with_row_columns(self) -> Self:
        """All that a row of the queue shows but its shop, and no more than that, in a fixed number of queries.

        People by queries of their own: to plan one that joins all tables takes longer than to ask them one by one.
        """
        rows = self.select_related("order").only(*ROW_COLUMNS).with_decisions_in_brief()
        return rows.prefetch_related("lines", "assigned_to", "claim__user")

    def with_standing(self) -> Self:
        """All that the rules ask of a request, in a fixed number of queries."""
        return self.select_related("order").prefetch_related("shop__connection", *standing())

    def with_decisions(self) -> Self:
        """Each with its decisions, newest first, as `history`."""
        return self.prefetch_related(decisions_made())

    def with_decisions_in_brief(self) -> Self:
        """As `with_decisions`, but of each no more than what was decided and how far that is."""
        made = Decision.objects.only("cancellation", "verdict", "state", "accepted_at").order_by("-pk")
        return self.prefetch_related(models.Prefetch("decisions", made, to_attr="history"))


def standing() -> "list[models.Prefetch[Any]]":
    """What was decided about a request and its order, as the rules look for it."""
    of_items = Decision.objects.live().filter(verdict=Verdict.CANCEL_ITEMS).select_related("made_by")
    order = models.Prefetch("order__decisions", of_items.order_by("pk"), to_attr="live_item_cancellations")
    return [order, decisions_made()]


def decisions_made() -> "models.Prefetch[Any]":
    made = Decision.objects.select_related("made_by").order_by("-pk")
    return models.Prefetch("decisions", made, to_attr="history")


class CancellationRequest(models.Model):
    """A buyer (or retailer) asks to cancel. Written by `cancellations.sync` alone where the marketplace shows it.

    Where it shows none, people record them (`cancellations.recording`): `recorded_at` is set, `marketplace_id` is one
    of ours, and what became of it is read from the order's lines (`cancellations.following`).
    """

    class Channel(models.TextChoices):
        EMAIL = "email", _("e-mail")
        PHONE = "phone", _("telephone or chat")
        DASHBOARD = "dashboard", _("the marketplace's own screens")
        SYSTEM = "system", _("another system")
        ORDER = "order", _("the order itself")

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        APPROVED = "approved", _("approved")
        COMPLETED = "completed", _("refunded")
        CLOSED = "closed", _("closed")
        UNKNOWN = "unknown", _("unknown")

    # Without an index of its own: others begin with it, here as elsewhere where it says so.
    shop = models.ForeignKey(
        Shop, verbose_name=_("shop"), on_delete=models.PROTECT, related_name="cancellations", db_index=False
    )
    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, null=True, blank=True, related_name="cancellations", verbose_name=_("order")
    )
    order_marketplace_id = models.CharField(_("order id"))
    order_number = models.CharField(_("order number"), blank=True, db_default="")
    line_item = models.ForeignKey(
        LineItem,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("about this line alone"),
    )
    marketplace_id = models.CharField(_("request id"))
    state = models.CharField(_("state"), max_length=12, choices=State)
    status = models.CharField(_("the marketplace's word for it"))
    kind = models.CharField(_("kind"), blank=True)
    needs_answer = models.BooleanField(_("the seller has to answer"), default=False)
    initiator = models.CharField(_("asked by"), blank=True)
    reason = models.CharField(_("reason code"), blank=True)
    reason_text = models.CharField(_("reason"), blank=True)
    deadline = models.DateTimeField(
        _("deadline"), null=True, blank=True, help_text=_("When the marketplace decides by itself.")
    )
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    refund_total = amount(_("refund"), null=True)
    refund_subtotal = amount(_("refund of products"), null=True)
    refund_shipping_fee = amount(_("refund of shipping"), null=True)
    refund_tax = amount(_("refund of tax"), null=True)
    refund_fees = amount(_("refund of fees"), null=True)
    created_at = models.DateTimeField(_("asked"))
    updated_at = models.DateTimeField(_("changed at the marketplace"))
    first_seen_at = models.DateTimeField(_("first seen"), db_default=Now(), editable=False)
    extra = models.JSONField(_("fields we do not know"), default=dict, blank=True)

    # Of a request that was written down here
    recorded_at = models.DateTimeField(_("recorded"), null=True, blank=True, editable=False)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("recorded by"),
    )
    heard_through = models.CharField(_("heard through"), max_length=20, choices=Channel, blank=True, db_default="")
    note = models.TextField(_("note"), blank=True, db_default="")

    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="assigned_cancellations",
        db_index=False,
        verbose_name=_("assigned to"),
    )

    objects = CancellationQuerySet.as_manager()
    history: "list[Decision]"

    class Meta:
        verbose_name = _("cancellation request")
        verbose_name_plural = _("cancellation requests")
        constraints = [
            models.UniqueConstraint(
                fields=["shop", "marketplace_id"], name="one_cancellation_per_shop_and_marketplace_id"
            ),
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(needs_answer=True, recorded_at__isnull=False, line_item__isnull=True),
                name="one_recorded_request_waits_per_order",
            ),
            models.UniqueConstraint(
                fields=["line_item"],
                condition=Q(needs_answer=True, recorded_at__isnull=False),
                name="one_recorded_request_waits_per_line",
            ),
        ]
        indexes = [
            models.Index(
                F("deadline").asc(nulls_last=True),
                F("created_at"),
                F("id"),
                name="queue_by_time_left",
                condition=Q(needs_answer=True),
            ),
            models.Index(
                F("shop"),
                F("deadline").asc(nulls_last=True),
                F("created_at"),
                F("id"),
                name="queue_of_a_shop_by_time_left",
                condition=Q(needs_answer=True),
            ),
            models.Index(fields=["assigned_to"], name="queue_of_a_person", condition=Q(needs_answer=True)),
            # All that the filter by reason asks, so that it is read from here alone.
            models.Index(
                fields=["reason", "reason_text", "shop"], name="queue_by_reason", condition=Q(needs_answer=True)
            ),
            models.Index(F("created_at").desc(), F("id").desc(), name="cancellations_newest_first"),
            models.Index(F("shop"), F("created_at").desc(), F("id").desc(), name="cancellations_of_a_shop"),
            models.Index(F("state"), F("created_at").desc(), F("id").desc(), name="cancellations_of_a_state"),
            GinIndex(Trigrams("order_number"), name="cancel_order_no_holds", condition=~Q(order_number="")),
            models.Index(fields=["marketplace_id"], name="cancel_id_starts_with", opclasses=["varchar_pattern_ops"]),
            models.Index(
                fields=["order_marketplace_id"], name="cancel_order_id_starts_with", opclasses=["varchar_pattern_ops"]
            ),
            models.Index(
                fields=["order_number"],
                name="cancel_order_no_starts_with",
                opclasses=["varchar_pattern_ops"],
                condition=~Q(order_number=""),
            ),
        ]

    def __str__(self) -> str:
        return self.marketplace_id

    def get_absolute_url(self) -> str:
        return reverse("cancellations:cancellation", args=[self.pk])

    @property
    def order_label(self) -> str:
        """What people call the order."""
        return self.order_number or self.order_marketplace_id

    def on_it(self, now: datetime) -> "Claim | None":
        """Who has it open at this moment; needs `with_queue_columns()` or costs a query."""
        claim = getattr(self, "claim", None)
        return claim if claim and claim.holds(now) else None

    def lines_in_question(self) -> list[LineItem]:
        """The order's lines that it is about, as they were last read."""
        if self.order is None:
            return []
        lines = self.order.lines.all()
        return [line for line in lines if self.line_item_id in (None, line.pk)]

    @property
    def is_recorded(self) -> bool:
        """Written down here, because the marketplace does not show requests."""
        return self.recorded_at is not None

    def seconds_left(self, now: datetime) -> float | None:
        return (self.deadline - now).total_seconds() if self.deadline else None

    def is_over(self, now: datetime) -> bool:
        """Whether the marketplace must have decided by now, even if it has not told us yet."""
        return bool(self.deadline and self.deadline <= now)

    def refund(self) -> Money | None:
        return Money(self.refund_total, self.currency) if self.refund_total is not None else None

    @property
    def live_decision(self) -> "Decision | None":
        """The decision that is on its way; needs `with_queue_columns()` or costs a query."""
        return next((decision for decision in self.made_so_far() if decision.is_live), None)

    @property
    def confirmed_decision(self) -> "Decision | None":
        """The last decision that the marketplace shows as done; at the same cost."""
        confirmed = Decision.State.CONFIRMED
        return next((decision for decision in self.made_so_far() if decision.state == confirmed), None)

    @property
    def standing_decision(self) -> "Decision | None":
        """The one that is on its way, else the last one that the marketplace shows as done; at the same cost."""
        return self.live_decision or self.confirmed_decision

    def made_so_far(self) -> "list[Decision]":
        """Newest first."""
        return self.history if hasattr(self, "history") else list(self.decisions.order_by("-pk"))


class CancellationLine(models.Model):
    """A line item that the request is about, with the part of the refund that belongs to it."""

    cancellation = models.ForeignKey(
        CancellationRequest,
        verbose_name=_("cancellation request"),
        on_delete=models.CASCADE,
        related_name="lines",
        db_index=False,
    )
    marketplace_id = models.CharField(_("id at the marketplace"))
    line_item_marketplace_id = models.CharField(_("line item id"), blank=True)
    sku_id = models.CharField(_("SKU id"), blank=True)
    sku_name = models.CharField(_("variant"), blank=True)
    product_name = models.CharField(_("product"), blank=True)
    seller_sku = models.CharField(_("SKU"), blank=True)
    image_url = models.CharField(_("picture"), blank=True)
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    refund_total = amount(_("refund"), null=True)
    refund_subtotal = amount(_("refund of products"), null=True)
    refund_shipping_fee = amount(_("refund of shipping"), null=True)
    refund_tax = amount(_("refund of tax"), null=True)
    refund_fees = amount(_("refund of fees"), null=True)

    class Meta:
        verbose_name = _("line of a request")
        verbose_name_plural = _("lines of a request")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["cancellation", "marketplace_id"], name="one_line_per_cancellation_and_marketplace_id"
            )
        ]
        indexes = [
            GinIndex(Trigrams(WORDS_OF_LINE), name="cancel_line_holds"),
            models.Index(fields=["sku_id"], name="cancellation_lines_of_a_sku"),
            models.Index(
                fields=["seller_sku"], name="cancel_seller_sku_starts_with", opclasses=["varchar_pattern_ops"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product_name} {self.sku_name}".strip()
