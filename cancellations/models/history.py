"""What happened: every event, and the pushes that made us look."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cancellations.models.decisions import Decision
from cancellations.models.requests import CancellationRequest
from orders.models import Order
from shops.models import Shop


class PushedNotification(models.Model):
    """A verified push, stored once. It has only ever made a pull happen sooner."""

    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="notifications", db_index=False)
    notification_id = models.CharField(_("notification id"))
    topic = models.CharField(_("topic"))
    order_id = models.CharField(blank=True)
    cancellation_id = models.CharField(blank=True)
    sent_at = models.DateTimeField(_("sent"))
    received_at = models.DateTimeField(_("received"), default=timezone.now)

    class Meta:
        verbose_name = _("push")
        verbose_name_plural = _("pushes")
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["shop", "notification_id"], name="one_row_per_notification")]

    def __str__(self) -> str:
        return f"{self.topic} {self.notification_id}"


class Event(models.Model):
    """Who did what, when and with what result. Rows are added in the transaction of the change and never altered."""

    shop = models.ForeignKey(Shop, on_delete=models.PROTECT, related_name="events")
    order = models.ForeignKey(Order, on_delete=models.PROTECT, null=True, blank=True, related_name="events")
    cancellation = models.ForeignKey(
        CancellationRequest, on_delete=models.PROTECT, null=True, blank=True, related_name="events", db_index=False
    )
    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, null=True, blank=True, related_name="events")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True)
    name = models.CharField(_("what happened"), max_length=60)
    detail = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField(_("when"), default=timezone.now)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["cancellation", "at"], name="events_of_a_cancellation")]

    def __str__(self) -> str:
        return self.name
