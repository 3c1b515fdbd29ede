"""Which topics a marketplace pushes for a shop, and what has gone wrong with that."""

from typing import TYPE_CHECKING, Self

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shops.models.shops import Shop

if TYPE_CHECKING:
    from accounts.models import User


class PushRegistration(models.Model):
    """One topic of one shop: whether it shall be pushed to us, and what the marketplace last said of it.

    The row is the queue: `check_at` is when a worker next has to ask the marketplace and put right what differs.
    """

    shop = models.ForeignKey(
        Shop, verbose_name=_("shop"), on_delete=models.CASCADE, related_name="push_registrations", db_index=False
    )
    topic = models.CharField(_("topic"), max_length=40)
    is_wanted = models.BooleanField(_("wanted"), default=True)
    address = models.CharField(_("goes to"), max_length=300, blank=True)
    since = models.DateTimeField(_("since"), null=True, blank=True)
    asked_at = models.DateTimeField(_("asked for"), default=timezone.now)
    settled_at = models.DateTimeField(_("last looked at"), null=True, blank=True)
    problem = models.CharField(_("what is wrong"), max_length=500, blank=True)
    repaired_at = models.DateTimeField(_("last put right"), null=True, blank=True)
    check_at = models.DateTimeField(_("next look"), default=timezone.now)

    class Meta:
        verbose_name = _("registered push")
        verbose_name_plural = _("registered pushes")
        ordering = ["shop", "topic"]
        constraints = [models.UniqueConstraint(fields=["shop", "topic"], name="one_registration_per_shop_and_topic")]
        indexes = [models.Index(fields=["check_at"], name="registrations_to_look_at")]

    def __str__(self) -> str:
        return f"{self.shop_id} {self.topic}"

    @property
    def is_settling(self) -> bool:
        """Whether a worker has still to do what was asked for."""
        return self.settled_at is None or self.settled_at < self.asked_at


class AlertQuerySet(models.QuerySet["Alert"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        return self.filter(shop__in=Shop.objects.visible_to(user))

    def open(self) -> Self:
        return self.filter(closed_at=None)


class Alert(models.Model):
    """Something about a shop that people have to look into. It closes by itself once it is over."""

    class Kind(models.TextChoices):
        PUSHES_MISSING = "pushes_missing", _("Pulls find changes that no push told of")
        PULLS_MISSING = "pulls_missing", _("Pushes come, but pulls do not succeed")
        NOBODY_TOLD = "nobody_told", _("Not everybody would be told when nobody answers")

    shop = models.ForeignKey(Shop, verbose_name=_("shop"), on_delete=models.CASCADE, related_name="alerts")
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    detail = models.JSONField(_("details"), default=dict, blank=True)
    opened_at = models.DateTimeField(_("since"), default=timezone.now)
    closed_at = models.DateTimeField(_("until"), null=True, blank=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering = ["-opened_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["shop", "kind"], condition=Q(closed_at__isnull=True), name="one_open_alert_per_shop_and_kind"
            )
        ]

    def __str__(self) -> str:
        return f"{self.shop_id} {self.kind}"
