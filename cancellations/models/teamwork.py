"""Who is on a request, and what colleagues tell each other about it."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cancellations.models.requests import CancellationRequest


class Claim(models.Model):
    """Somebody has this request open and is about to answer it. It ends by itself, and binds nobody."""

    cancellation = models.OneToOneField(
        CancellationRequest, verbose_name=_("cancellation request"), on_delete=models.CASCADE, related_name="claim"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("person"), on_delete=models.CASCADE, related_name="+"
    )
    since = models.DateTimeField(_("since"), default=timezone.now)
    until = models.DateTimeField(_("until"))

    class Meta:
        verbose_name = _("claim")
        verbose_name_plural = _("claims")

    def __str__(self) -> str:
        return f"{self.user} {self.since:%H:%M}"

    def holds(self, now: datetime) -> bool:
        return self.until > now


class Note(models.Model):
    """What one person of the staff wants the others to know about a request. The buyer never sees it."""

    cancellation = models.ForeignKey(
        CancellationRequest, verbose_name=_("cancellation request"), on_delete=models.CASCADE, related_name="notes"
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("author"), on_delete=models.PROTECT, related_name="+"
    )
    text = models.TextField(_("note"))
    at = models.DateTimeField(_("when"), default=timezone.now)

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return self.text[:80]
