"""Filters of the queue that people come back to."""

from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from accounts.models import User


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def visible_to(self, user: "User | AnonymousUser") -> Self:
        """One's own, and those that colleagues share."""
        return self.filter(Q(owner=user.pk) | Q(is_shared=True)) if user.is_authenticated else self.none()

    def kept_by(self, user: "User | AnonymousUser") -> Self:
        """Those that this person may change: their own, and for a superuser all that are shared."""
        mine = Q(owner=user.pk)
        return self.visible_to(user).filter(mine | Q(is_shared=True) if user.is_superuser else mine)


class SavedView(models.Model):
    """A filter of the queue under a name. It holds no rows: whoever opens it sees what they may see."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        on_delete=models.CASCADE,
        related_name="saved_views",
        db_index=False,
    )
    name = models.CharField(_("name"), max_length=60)
    query = models.TextField(_("filters"), help_text=_("As the address of the queue has them."))
    is_shared = models.BooleanField(_("shared with everybody"), default=False)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        ordering = [Lower("name"), "pk"]
        constraints = [models.UniqueConstraint(F("owner"), Lower("name"), name="one_view_per_person_and_name")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """The queue as this view has it."""
        return f"{reverse('cancellations:queue')}?{self.query}"
