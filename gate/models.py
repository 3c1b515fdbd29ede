"""What was taken out of the parcels that leave, by whom, and the photo that proves it."""

from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cancellations.models import CancellationRequest, Evidence
from orders.models import Order
from shops.models import Shop

if TYPE_CHECKING:
    from accounts.models import User


class PullTaskQuerySet(models.QuerySet["PullTask"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        return self.filter(order__shop__in=Shop.objects.visible_to(user))

    def of_parcel(self, order: Order, package_id: str) -> Self:
        """Those about all of the order count for each of its packages."""
        return self.filter(order=order, package_id__in={"", package_id})


class PullTask(models.Model):
    """A parcel that must not leave was looked for: it was pulled, or it is not there. Or it was put back.

    That one is to be pulled is no row: it follows from the order, its requests and its decisions (`gate.to_pull`), so
    that it can neither be forgotten nor stay when the buyer withdraws. `out` says what the answer was about, so that
    what is cancelled later has to be pulled by itself; of what was put back, what is still out.
    """

    class State(models.TextChoices):
        DONE = "done", _("pulled")
        DROPPED = "dropped", _("not there")
        PUT_BACK = "put_back", _("put back")

    order = models.ForeignKey(
        Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="pull_tasks", db_index=False
    )
    package_id = models.CharField(_("package"), blank=True, help_text=_("Empty: all of the order."))
    cancellation = models.ForeignKey(
        CancellationRequest,
        verbose_name=_("cancellation request"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    reason = models.CharField(_("reason"), max_length=40)
    out = models.JSONField(_("taken out"), default=dict, blank=True, help_text=_("Line item id: quantity"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DONE)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("by"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    done_at = models.DateTimeField(_("done"), default=timezone.now)
    photo = models.ForeignKey(
        Evidence, verbose_name=_("photo"), on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    objects = PullTaskQuerySet.as_manager()

    class Meta:
        verbose_name = _("pulled parcel")
        verbose_name_plural = _("pulled parcels")
        ordering = ["-pk"]
        indexes = [models.Index(F("order"), F("id").desc(), name="pull_tasks_of_an_order")]

    def __str__(self) -> str:
        return f"{self.order}: {self.get_state_display()}"

    def get_absolute_url(self) -> str:
        return reverse("orders:order", args=[self.order_id])
