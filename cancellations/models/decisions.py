"""What staff decided, and every call made to carry it out."""

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Case, F, Q, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cancellations.models.words import WordsField
from marketplaces.records import Money
from orders.models import LineItem, Order, amount
from shops.models import Permission, Shop

if TYPE_CHECKING:
    from accounts.models import User
    from cancellations.models.requests import CancellationRequest

# How long a decision that no deadline hurries may wait behind others that one does.
UNHURRIED = timedelta(hours=1)

STALLED_COLUMNS = (
    "verdict", "state", "stalled_because", "gives_back", "currency", "shop__name", "shop__region",
    "order__marketplace_id", "order__number", "cancellation__order_marketplace_id", "cancellation__order_number",
    "made_by__first_name", "made_by__last_name", "made_by__email",
)  # fmt: skip


class Verdict(models.TextChoices):
    APPROVE = "approve", _("approve")
    REJECT = "reject", _("reject")
    SHIP_TO_REJECT = "ship_to_reject", _("ship to reject")
    CANCEL_ITEMS = "cancel_items", _("cancel items")


class DecisionQuerySet(models.QuerySet["Decision"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        return self.filter(shop__in=Shop.objects.visible_to(user))

    def live(self) -> Self:
        return self.filter(state__in=Decision.LIVE)

    def unsigned(self) -> Self:
        """Those that wait for a second person."""
        return self.filter(state=Decision.State.UNSIGNED)

    def to_countersign(self, user: "User") -> Self:
        """Those that wait for a second person, who this one may be."""
        may = {verdict: Shop.objects.where_may(user, Permission(verdict)) for verdict in Verdict}
        mine = Q()
        for verdict, shops in may.items():
            mine |= Q(verdict=verdict, shop__in=shops)
        return self.unsigned().filter(mine).exclude(made_by=user)

    def due(self, now: datetime) -> Self:
        """Decisions that need a worker: to be sent, to be asked about, or to be read back."""
        return self.filter(state__in=Decision.MOVING, due_at__lte=now)

    def with_stalled_columns(self) -> Self:
        """What a list of those that need somebody says of each, and no more than that, in one query."""
        return self.select_related("shop", "order", "cancellation", "made_by").only(*STALLED_COLUMNS)

    def most_urgent_first(self, now: datetime) -> Self:
        """In the order in which silence would decide; where it does not, or has, whatever has been due for an hour is
        as urgent as what is decided now.
        """
        silence_is_to_come = When(cancellation__deadline__gt=now, then=F("cancellation__deadline"))
        return self.order_by(Case(silence_is_to_come, default=F("due_at") + UNHURRIED), "due_at", "pk")


class Decision(models.Model):
    """What staff want done, as one row with one idempotency key for life. The row is the queue.

    recorded → sending → accepted → confirmed, or refused, or stalled, or withdrawn before it was sent. `due_at` is
    when a worker is next needed; claiming a decision moves it ahead by the lease, so a dead worker's claim runs out by
    itself. A stalled decision waits for a person, who asks again or sets it aside. What gives back more than its maker
    may give back alone begins unsigned, and is recorded when a second person has countersigned it.
    """

    class State(models.TextChoices):
        UNSIGNED = "unsigned", _("waits for a second person")
        RECORDED = "recorded", _("recorded")
        SENDING = "sending", _("sending")
        ACCEPTED = "accepted", _("accepted")
        CONFIRMED = "confirmed", _("confirmed")
        REFUSED = "refused", _("refused")
        STALLED = "stalled", _("needs you")
        WITHDRAWN = "withdrawn", _("withdrawn")
        SET_ASIDE = "set_aside", _("set aside")

    class Stalled(models.TextChoices):
        OUTCOME_UNKNOWN = "outcome_unknown", _("no answer came, and asking cannot tell what happened")
        RECONNECT = "reconnect", _("the shop has to be connected again")
        DISAGREEMENT = "disagreement", _("the marketplace shows something else")
        UNSUPPORTED = "unsupported", _("the marketplace cannot do this")
        BROKEN = "broken", _("an error of ours keeps it from going on")
        RESTORED = "restored", _("it came back with a copy of the database, and is not done")

    MOVING: ClassVar = (State.RECORDED, State.SENDING, State.ACCEPTED)
    LIVE: ClassVar = (State.UNSIGNED, *MOVING, State.STALLED)

    shop = models.ForeignKey(
        Shop, verbose_name=_("shop"), on_delete=models.PROTECT, related_name="decisions", db_index=False
    )
    order = models.ForeignKey(
        Order, verbose_name=_("order"), on_delete=models.PROTECT, null=True, blank=True, related_name="decisions"
    )
    cancellation = models.ForeignKey(
        "cancellations.CancellationRequest",
        verbose_name=_("cancellation request"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="decisions",
    )
    tries: int  # calls made for it so far; known to whoever has claimed it
    verdict = models.CharField(_("verdict"), max_length=20, choices=Verdict)
    key = models.UUIDField(_("idempotency key"), default=uuid.uuid4, unique=True, editable=False)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.RECORDED)
    stalled_because = models.CharField(_("needs you because"), max_length=20, choices=Stalled, blank=True)

    # What is sent
    reason = models.CharField(_("reason code"), blank=True)
    reason_text = models.CharField(_("reason"), blank=True)
    comment = models.TextField(_("comment"), blank=True)
    shipment = models.JSONField(
        _("shipment"),
        default=dict,
        blank=True,
        help_text=_("handover_method, pickup_slot {start, end}, tracking_number, shipping_provider_id, package_ids"),
    )

    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="decisions", verbose_name=_("by")
    )
    made_at = models.DateTimeField(_("made"), default=timezone.now)
    # What the API's request was called by whoever sent it, hashed: sent again, it finds this one.
    client_key = models.CharField(_("name of the request"), max_length=64, blank=True, db_default="", editable=False)
    gives_back = amount(_("gives back"), null=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True, db_default="")
    countersigned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+",
        verbose_name=_("countersigned by"), db_index=False,
    )  # fmt: skip
    countersigned_at = models.DateTimeField(_("countersigned"), null=True, blank=True)
    send_after = models.DateTimeField(_("not sent before"), help_text=_("Until then it can be taken back."))

    # Where it is on its way
    due_at = models.DateTimeField(_("needs a worker"), default=timezone.now)
    claim = models.UUIDField(_("claimed by worker"), null=True, blank=True, editable=False)
    is_outcome_unknown = models.BooleanField(_("an answer was lost"), default=False)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    # What happened to it since then was lost: it may have been sent, taken back or set aside. Until somebody says so
    # anew it is asked about, and not sent.
    restored_from = models.DateTimeField(_("came back with a copy of"), null=True, blank=True, editable=False)

    # What came of it
    sent_at = models.DateTimeField(_("first sent"), null=True, blank=True)
    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True)
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)
    code = models.CharField(_("the marketplace's code"), blank=True)
    message = models.TextField(_("the marketplace's words"), blank=True)
    request_id = models.CharField(_("the marketplace's request id"), blank=True)
    note = WordsField(_("what we can say about it"), blank=True)
    result = models.JSONField(_("what the marketplace gave back"), default=dict, blank=True)

    objects = DecisionQuerySet.as_manager()

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["cancellation"],
                condition=Q(state__in=("unsigned", "recorded", "sending", "accepted", "stalled")),
                name="one_live_decision_per_cancellation",
            ),
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(
                    state__in=("unsigned", "recorded", "sending", "accepted", "stalled"), verdict="cancel_items"
                ),
                name="one_live_item_cancellation_per_order",
            ),
            models.UniqueConstraint(
                fields=["made_by", "client_key"], condition=~Q(client_key=""), name="one_decision_per_client_key"
            ),
            models.CheckConstraint(
                condition=Q(verdict="cancel_items", order__isnull=False, cancellation__isnull=True)
                | (~Q(verdict="cancel_items") & Q(cancellation__isnull=False)),
                name="decision_is_about_a_cancellation_or_about_items",
            ),
            models.CheckConstraint(
                condition=Q(state="stalled") ^ Q(stalled_because=""), name="stalled_decisions_say_why"
            ),
            models.CheckConstraint(
                condition=Q(countersigned_by__isnull=True) | ~Q(countersigned_by=F("made_by")),
                name="nobody_countersigns_their_own_decision",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], name="decisions_due", condition=Q(state__in=("recorded", "sending", "accepted"))
            ),
            models.Index(F("shop"), F("id").desc(), name="decisions_of_a_shop"),
            models.Index(fields=["state"], name="decisions_stalled", condition=Q(state="stalled")),
            models.Index(fields=["state"], name="decisions_unsigned", condition=Q(state="unsigned")),
        ]

    def __str__(self) -> str:
        about = self.cancellation or self.order
        return f"{self.get_verdict_display()} {about}"

    def get_absolute_url(self) -> str:
        about = self.cancellation or self.order
        assert about is not None
        return about.get_absolute_url()

    @property
    def order_label(self) -> str:
        """What people call the order that it is about, even one that has not been read yet."""
        return self.order.label if self.order else self.cancellation.order_label  # type: ignore[union-attr]

    @property
    def pickup(self) -> list[datetime]:
        """When its packages are fetched, from and to; empty where nobody fetches them at a time."""
        slot = self.shipment.get("pickup_slot", {})
        return [datetime.fromisoformat(slot[name]) for name in ("start", "end") if name in slot]

    @property
    def is_live(self) -> bool:
        return self.state in self.LIVE

    @property
    def is_moving(self) -> bool:
        return self.state in self.MOVING

    def can_be_withdrawn(self, now: datetime) -> bool:
        """Never sent; the claim itself is the last word."""
        return self.state in (self.State.UNSIGNED, self.State.RECORDED) and not self.is_outcome_unknown

    @property
    def money(self) -> Money | None:
        """What the buyer gets back by it, as it was known when it was made."""
        return Money(self.gives_back, self.currency) if self.gives_back is not None else None

    def undo_seconds(self, now: datetime) -> int:
        """Whole seconds left of the undo window; 0 too where there is no hurry, before somebody countersigns."""
        if self.state == self.State.UNSIGNED:
            return 0
        return max(0, round((self.send_after - now).total_seconds()))


class DecisionLine(models.Model):
    """A line item to cancel, and how many of it: as many more than were cancelled when this was decided."""

    decision = models.ForeignKey(
        Decision, verbose_name=_("decision"), on_delete=models.CASCADE, related_name="lines", db_index=False
    )
    line_item = models.ForeignKey(LineItem, verbose_name=_("line item"), on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    cancelled_before = models.PositiveIntegerField(_("cancelled before"), default=0, db_default=0)

    class Meta:
        verbose_name = _("line of a decision")
        verbose_name_plural = _("lines of decisions")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["decision", "line_item"], name="one_row_per_decision_and_line_item"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="cancelled_quantity_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.line_item}"

    @property
    def cancelled_afterwards(self) -> int:
        """Of the line, in all. Sent like this, it does no more when it arrives twice."""
        return self.cancelled_before + self.quantity


class Attempt(models.Model):
    """One HTTP call made for a decision: written before it is sent, completed after."""

    class Purpose(models.TextChoices):
        SEND = "send", _("send")
        UPLOAD = "upload", _("upload an image")
        ASK = "ask", _("ask what became of it")
        READ_BACK = "read_back", _("read back")

    class Outcome(models.TextChoices):
        UNFINISHED = "", _("no answer written down")
        OK = "ok", _("answered")
        TEMPORARY = "temporary", _("not now")
        UNKNOWN = "unknown", _("answer lost")
        CREDENTIALS = "credentials", _("credentials rejected")
        REFUSED = "refused", _("refused")
        UNSUPPORTED = "unsupported", _("unsupported")

    decision = models.ForeignKey(
        Decision, verbose_name=_("decision"), on_delete=models.CASCADE, related_name="attempts", db_index=False
    )
    number = models.PositiveIntegerField(_("number"))
    purpose = models.CharField(_("for"), max_length=10, choices=Purpose)
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome, blank=True)
    code = models.CharField(_("code"), blank=True)
    message = models.TextField(_("words"), blank=True)
    request_id = models.CharField(_("request id"), blank=True)
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["decision", "number"], name="attempts_are_numbered")]

    def __str__(self) -> str:
        return f"{self.number} {self.get_purpose_display()}"


class EvidenceQuerySet(models.QuerySet["Evidence"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        """What goes with a decision, and photos from the packing bench, to all who see the shop; a draft to nobody but
        who uploaded it.
        """
        shops = Shop.objects.visible_to(user)
        own = Q(uploaded_by=user.pk, cancellation__shop__in=shops)
        return self.filter(Q(decision__shop__in=shops) | own | Q(is_from_bench=True, cancellation__shop__in=shops))

    def drafts(self, cancellation: "CancellationRequest", user: "User") -> Self:
        """What this person uploaded ahead about a request."""
        return self.filter(decision=None, cancellation=cancellation, uploaded_by=user, is_from_bench=False)

    def from_bench(self, cancellation: "CancellationRequest") -> Self:
        """Photos that were taken when its parcel was pulled, and that no decision has taken yet."""
        return self.filter(decision=None, cancellation=cancellation, is_from_bench=True)

    def offered(self, cancellation: "CancellationRequest", user: "User") -> Self:
        """What this person may send with a rejection without uploading it."""
        return self.drafts(cancellation, user) | self.from_bench(cancellation).exclude(image="")


class Evidence(models.Model):
    """An image that goes with a rejection; re-encoded by us, kept privately, sent when the rejection is.

    Uploaded ahead, it is a draft of one person about one request; with the decision it becomes the decision's. A photo
    that was taken at the packing bench is a draft for whoever answers the request, and stays.
    """

    decision = models.ForeignKey(
        Decision, verbose_name=_("decision"), on_delete=models.CASCADE, null=True, blank=True, related_name="evidence"
    )
    cancellation = models.ForeignKey(
        "cancellations.CancellationRequest",
        verbose_name=_("cancellation request"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="drafts",
    )
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+",
        verbose_name=_("uploaded by"),
    )  # fmt: skip
    image = models.ImageField(_("image"), upload_to="evidence/%Y/%m/", width_field="width", height_field="height")
    width = models.PositiveIntegerField(_("width"), default=0, editable=False)
    height = models.PositiveIntegerField(_("height"), default=0, editable=False)
    mime_type = models.CharField(_("file type"), max_length=50)
    original_name = models.CharField(_("file"), max_length=200)
    size = models.PositiveIntegerField(_("bytes"), default=0, db_default=0)
    sha256 = models.CharField(_("SHA-256"), max_length=64, blank=True, db_default="")
    original_format = models.CharField(_("was uploaded as"), max_length=20, blank=True, db_default="")
    original_width = models.PositiveIntegerField(_("width as uploaded"), default=0, db_default=0)
    original_height = models.PositiveIntegerField(_("height as uploaded"), default=0, db_default=0)
    marketplace_image_id = models.CharField(_("image id at the marketplace"), blank=True)
    is_from_bench = models.BooleanField(_("taken at the packing bench"), default=False, db_default=False)
    created_at = models.DateTimeField(_("made"), auto_now_add=True)

    objects = EvidenceQuerySet.as_manager()

    class Meta:
        verbose_name = _("evidence")
        verbose_name_plural = _("evidence")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(decision__isnull=False, cancellation__isnull=True, uploaded_by__isnull=True)
                | Q(decision__isnull=True, cancellation__isnull=False, uploaded_by__isnull=False),
                name="evidence_is_a_draft_or_of_a_decision",
            ),
            models.UniqueConstraint(
                fields=["decision", "sha256"], condition=~Q(sha256=""), name="one_of_each_picture_per_decision"
            ),
            models.UniqueConstraint(
                fields=["cancellation", "uploaded_by", "sha256", "is_from_bench"], name="one_of_each_picture_per_draft"
            ),
        ]
        indexes = [
            models.Index(fields=["created_at"], name="evidence_drafts", condition=Q(decision__isnull=True)),
            models.Index(
                fields=["created_at"], name="evidence_with_files", condition=Q(decision__isnull=False) & ~Q(image="")
            ),
        ]

    def __str__(self) -> str:
        return self.original_name

    @property
    def was_converted(self) -> bool:
        return bool(self.original_format) and not self.mime_type.endswith(f"/{self.original_format.lower()}")

    @property
    def was_shrunk(self) -> bool:
        return bool(self.original_width) and (self.original_width, self.original_height) != (self.width, self.height)

    @property
    def format(self) -> str:
        return self.mime_type.rpartition("/")[2].upper()
