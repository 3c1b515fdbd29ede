"""What happened that others may want to hear of, written with the change itself."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shops.models.shops import Shop


class OutgoingEventQuerySet(models.QuerySet["OutgoingEvent"]):
    def untaken(self) -> Self:
        """Those that have not been handed on to whoever wants them, oldest first."""
        return self.filter(taken_at=None).order_by("pk")


class OutgoingEvent(models.Model):
    """One event on its way out of the house. Added by `shops.outgoing` in the transaction of the change.

    What is told of one object (`about`) goes out in the order of its rows: whoever changes the object holds its lock
    until the row is there.
    """

    event_id = models.CharField(_("id of the event"), max_length=60, unique=True)
    # Without a shop it is about an endpoint itself: a test.
    shop = models.ForeignKey(
        Shop, verbose_name=_("shop"), on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    type = models.CharField(_("type"), max_length=60)
    about = models.CharField(_("about"), max_length=60)
    data = models.JSONField(_("data"), default=dict)
    at = models.DateTimeField(_("when"), default=timezone.now)
    made_at = models.DateTimeField(_("written"), default=timezone.now)
    taken_at = models.DateTimeField(_("handed on"), null=True, blank=True)

    objects = OutgoingEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("outgoing event")
        verbose_name_plural = _("outgoing events")
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["id"], name="outgoing_untaken", condition=Q(taken_at__isnull=True)),
            models.Index(fields=["taken_at"], name="outgoing_taken"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.about}"
