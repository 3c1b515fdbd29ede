"""What happened: every event, the pushes that made us look, and what marketplaces announced."""

from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cancellations.models.decisions import Decision
from cancellations.models.requests import CancellationRequest
from orders.models import Order
from shops.models import Shop

if TYPE_CHECKING:
    from accounts.models import User


class PushedNotificationQuerySet(models.QuerySet["PushedNotification"]):
    def waiting(self) -> Self:
        """Those that no worker has acted on yet."""
        return self.filter(processed_at=None)


class PushedNotification(models.Model):
    """A verified push, stored once when it comes; a worker then does what it asks for."""

    class Outcome(models.TextChoices):
        PULLED = "pulled", _("had the shop pulled")
        DEAUTHORIZED = "deauthorized", _("told that the authorization was withdrawn")
        EXPIRING = "expiring", _("told when the authorization ends")
        NOTHING = "nothing", _("about nothing that is read here")

    class Says(models.TextChoices):
        """As `marketplaces.records.Told`."""

        ORDER_CANCELLED = "order_cancelled", _("the order is cancelled")
        WAITING = "waiting", _("a request waits for an answer")
        APPROVED = "approved", _("a request was approved")
        CLOSED = "closed", _("a request was closed")
        UNCLEAR = "unclear", _("something about a request that is not understood")

    shop = models.ForeignKey(
        Shop, verbose_name=_("shop"), on_delete=models.CASCADE, related_name="notifications", db_index=False
    )
    notification_id = models.CharField(_("notification id"))
    topic = models.CharField(_("topic"))
    order_id = models.CharField(_("order id"), blank=True)
    cancellation_id = models.CharField(_("request id at the marketplace"), blank=True)
    is_known = models.BooleanField(_("known topic"), default=True, db_default=True)
    says = models.CharField(_("says about cancelling"), max_length=16, choices=Says, blank=True, db_default="")
    ends_at = models.DateTimeField(_("says that the authorization ends"), null=True, blank=True)
    sent_at = models.DateTimeField(_("sent"))
    received_at = models.DateTimeField(_("received"), default=timezone.now)
    processed_at = models.DateTimeField(_("acted on"), null=True, blank=True)
    outcome = models.CharField(_("what it did"), max_length=12, choices=Outcome, blank=True, db_default="")

    objects = PushedNotificationQuerySet.as_manager()

    class Meta:
        verbose_name = _("push")
        verbose_name_plural = _("pushes")
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["shop", "notification_id"], name="one_row_per_notification")]
        indexes = [
            models.Index(fields=["shop", "-received_at"], name="pushes_of_a_shop"),
            models.Index(fields=["shop"], name="pushes_waiting", condition=Q(processed_at__isnull=True)),
            models.Index(fields=["processed_at"], name="pushes_acted_on"),
            models.Index(fields=["shop", "order_id"], name="pushes_about_an_order", condition=~Q(says="")),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.notification_id}"


class AnnouncementQuerySet(models.QuerySet["Announcement"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        return self.filter(shop__in=Shop.objects.visible_to(user))

    def waiting(self) -> Self:
        """Those that tell of a cancellation and that nobody has looked into yet."""
        return self.filter(is_cancellation=True, handled_at=None)

    def with_row_columns(self) -> Self:
        """All that a line about one says, and no more than that."""
        shop = ("shop__name", "shop__region", "shop__marketplace", "shop__time_zone")
        order = ("order__number", "order__marketplace_id")
        return self.select_related("shop", "order").only("title", "announced_at", "shop", "order", *shop, *order)


class Announcement(models.Model):
    """The marketplace said that something happened and not to which order, so a person has to find out."""

    shop = models.ForeignKey(
        Shop, verbose_name=_("shop"), on_delete=models.CASCADE, related_name="announcements", db_index=False
    )
    marketplace_id = models.CharField(_("id at the marketplace"))
    order = models.ForeignKey(
        Order, on_delete=models.CASCADE, null=True, blank=True, related_name="announcements", verbose_name=_("order")
    )
    title = models.CharField(_("title"))
    is_cancellation = models.BooleanField(_("somebody asks to cancel"), default=False)
    announced_at = models.DateTimeField(_("announced"))
    read_at = models.DateTimeField(_("read"), default=timezone.now)
    handled_at = models.DateTimeField(_("looked into"), null=True, blank=True)
    handled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("looked into by"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    cancellation = models.ForeignKey(
        CancellationRequest,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="announcements",
        verbose_name=_("cancellation request"),
    )

    objects = AnnouncementQuerySet.as_manager()

    class Meta:
        verbose_name = _("announcement")
        verbose_name_plural = _("announcements")
        ordering = ["announced_at", "pk"]
        constraints = [models.UniqueConstraint(fields=["shop", "marketplace_id"], name="one_row_per_announcement")]
        indexes = [
            models.Index(
                fields=["shop", "announced_at"],
                name="announcements_waiting",
                condition=Q(is_cancellation=True, handled_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return self.title


class Event(models.Model):
    """Who did what, when and with what result. Rows are added in the transaction of the change and never altered.

    But for what they tell in somebody's own words about a buyer, which `cancellations.forgetting` takes out.
    """

    shop = models.ForeignKey(Shop, verbose_name=_("shop"), on_delete=models.PROTECT, related_name="events")
    order = models.ForeignKey(
        Order, verbose_name=_("order"), on_delete=models.PROTECT, null=True, blank=True, related_name="events"
    )
    cancellation = models.ForeignKey(
        CancellationRequest,
        verbose_name=_("cancellation request"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="events",
        db_index=False,
    )
    decision = models.ForeignKey(
        Decision, verbose_name=_("decision"), on_delete=models.PROTECT, null=True, blank=True, related_name="events"
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("by"), on_delete=models.PROTECT, null=True, blank=True
    )
    name = models.CharField(_("what happened"), max_length=60)
    detail = models.JSONField(_("details"), default=dict, blank=True)
    at = models.DateTimeField(_("when"), default=timezone.now)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["cancellation", "at"], name="events_of_a_cancellation")]

    def __str__(self) -> str:
        return self.name
