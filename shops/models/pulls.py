"""Pulls: how far each has read, what each run saw, and what came that we do not know."""

from typing import TYPE_CHECKING, Self

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shops.models.shops import Shop

if TYPE_CHECKING:
    from accounts.models import User


class SyncKind(models.TextChoices):
    SHOPS = "shops", _("shops")
    ORDERS = "orders", _("orders")
    CANCELLATIONS = "cancellations", _("cancellation requests")
    ANNOUNCEMENTS = "announcements", _("announcements")


class SyncCursor(models.Model):
    """How far one kind has been read for one shop, and where inside the open window the next page starts.

    Everything updated before `synced_until` is stored. While a window is open, `window_until` and `page_token` say
    where to go on after a crash, or `parts` where it is read in parts.
    """

    shop = models.ForeignKey(Shop, verbose_name=_("shop"), on_delete=models.CASCADE, related_name="cursors")
    kind = models.CharField(_("kind"), max_length=20, choices=SyncKind)
    synced_until = models.DateTimeField(_("everything is here until"), null=True, blank=True)
    window_since = models.DateTimeField(_("from"), null=True, blank=True)
    window_until = models.DateTimeField(_("to"), null=True, blank=True)
    page_token = models.TextField(_("page"), blank=True)
    # Of a window that is read in parts: what is left of which one; see shops/parts.py.
    parts = models.JSONField(_("parts"), null=True, blank=True, editable=False)
    doubtful_since = models.DateTimeField(
        _("read again from"),
        null=True,
        blank=True,
        help_text=_("What changed since then was not all understood; it is read again now and then until it is."),
    )

    class Meta:
        verbose_name = _("place in a pull")
        verbose_name_plural = _("places in pulls")
        constraints = [models.UniqueConstraint(fields=["shop", "kind"], name="one_cursor_per_shop_and_kind")]

    def __str__(self) -> str:
        return f"{self.shop_id} {self.kind}"


class SyncRunQuerySet(models.QuerySet["SyncRun"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        return self.filter(shop__in=Shop.objects.visible_to(user))

    def running(self) -> Self:
        return self.filter(state=SyncRun.State.RUNNING)

    def uneventful(self) -> Self:
        """Runs that went well and wrote nothing, as most do."""
        return self.filter(state=SyncRun.State.SUCCEEDED, written=0, set_aside=[], drift=[])

    def latest_of_each_shop(self) -> Self:
        # Asked of each shop, which is one look into an index; DISTINCT ON would read every run there ever was.
        newest = SyncRun.objects.filter(shop=OuterRef("pk")).order_by("-started_at").values("pk")[:1]
        return self.filter(pk__in=Shop.objects.values_list(Subquery(newest)))


class SyncRun(models.Model):
    """One pull of one kind for one shop: what it saw, what it wrote, what it had to leave, how it ended."""

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        SUCCEEDED = "succeeded", _("succeeded")
        FAILED = "failed", _("failed")

    shop = models.ForeignKey(
        Shop, verbose_name=_("shop"), on_delete=models.CASCADE, related_name="sync_runs", db_index=False
    )
    kind = models.CharField(_("kind"), max_length=20, choices=SyncKind)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.RUNNING)
    is_full = models.BooleanField(_("full"), default=False)
    window_since = models.DateTimeField(_("from"), null=True, blank=True)
    window_until = models.DateTimeField(_("to"), null=True, blank=True)
    pages = models.PositiveIntegerField(_("pages"), default=0)
    expected = models.PositiveIntegerField(_("expected"), null=True, blank=True)
    seen = models.PositiveIntegerField(_("seen"), default=0)
    written = models.PositiveIntegerField(_("written"), default=0)
    set_aside = models.JSONField(_("set aside"), default=list, blank=True)
    drift = models.JSONField(_("unknown words and fields"), default=list, blank=True)
    error = models.TextField(_("error"), blank=True)
    error_code = models.CharField(_("code"), max_length=40, blank=True)
    request_id = models.CharField(_("request id at the marketplace"), max_length=100, blank=True)
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    heard_at = models.DateTimeField(_("last sign of life"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    objects = SyncRunQuerySet.as_manager()

    class Meta:
        verbose_name = _("sync run")
        verbose_name_plural = _("sync runs")
        ordering = ["-started_at"]
        indexes = [
            models.Index(F("shop"), F("started_at").desc(), name="sync_runs_of_a_shop"),
            models.Index(F("shop"), F("started_at").desc(), name="sync_runs_that_failed", condition=Q(state="failed")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["shop", "kind"], condition=Q(state="running"), name="one_running_sync_per_shop_and_kind"
            )
        ]

    def __str__(self) -> str:
        return f"{self.shop_id} {self.kind} {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def percent(self) -> int | None:
        """How much of what the marketplace said there is has been seen; None before it said."""
        if self.state == self.State.SUCCEEDED:
            return 100
        return min(99, 100 * self.seen // self.expected) if self.expected else None


class Drift(models.Model):
    """A word, field or reason that a marketplace sent and that we do not know; it stays when the run is forgotten."""

    shop = models.ForeignKey(
        Shop, verbose_name=_("shop"), on_delete=models.CASCADE, related_name="drift", db_index=False
    )
    word = models.CharField(_("what was sent"), max_length=300, help_text=_("Such as “order.status: NEW_WORD”."))
    count = models.PositiveIntegerField(_("times"), default=1, help_text=_("In how many pulls."))
    first_seen_at = models.DateTimeField(_("first seen"))
    last_seen_at = models.DateTimeField(_("last seen"))

    class Meta:
        verbose_name = _("unknown word")
        verbose_name_plural = _("unknown words")
        constraints = [models.UniqueConstraint(fields=["shop", "word"], name="one_row_per_shop_and_unknown_word")]

    def __str__(self) -> str:
        return self.word
