"""Who did what to what, when and from where. Rows are added and never altered: the database itself refuses it."""

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Entry(models.Model):
    """One thing that somebody did, written in the transaction of the change.

    What it was done to is named and not referred to, so that the entry stays when that is gone.
    """

    class Via(models.TextChoices):
        PAGE = "page", _("page")
        API = "api", _("API")
        ADMIN = "admin", _("admin")
        PUSH = "push", _("push from a marketplace")
        COMMAND = "command", _("command")
        WORKER = "worker", _("worker")

    at = models.DateTimeField(_("when"), default=timezone.now)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("by"), on_delete=models.PROTECT, null=True, blank=True,
        related_name="audit_entries", db_index=False,
    )  # fmt: skip
    actor_name = models.CharField(_("by name"), max_length=254, blank=True)
    action = models.CharField(_("what was done"), max_length=60)
    about_type = models.CharField(_("kind of thing"), max_length=60, blank=True)
    about_id = models.CharField(_("its number"), max_length=64, blank=True)
    about = models.CharField(_("to what"), max_length=300, blank=True)
    shop_id = models.BigIntegerField(_("shop"), null=True, blank=True)
    order_id = models.BigIntegerField(_("order"), null=True, blank=True)
    cancellation_id = models.BigIntegerField(_("cancellation request"), null=True, blank=True)
    before = models.JSONField(_("before"), default=dict, blank=True, encoder=DjangoJSONEncoder)
    after = models.JSONField(_("after"), default=dict, blank=True, encoder=DjangoJSONEncoder)
    via = models.CharField(_("through"), max_length=10, choices=Via)
    address = models.GenericIPAddressField(_("from address"), null=True, blank=True)
    user_agent = models.CharField(_("with"), max_length=300, blank=True)
    token = models.CharField(_("API token"), max_length=15, blank=True, help_text=_("How it begins."))

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["-at", "-id"], name="audit_newest_first"),
            models.Index(fields=["actor", "-at"], name="audit_of_a_person"),
            models.Index(fields=["shop_id", "-at"], name="audit_of_a_shop"),
            models.Index(fields=["order_id", "-at"], name="audit_of_an_order"),
            models.Index(fields=["cancellation_id", "-at"], name="audit_of_a_request"),
            models.Index(fields=["action", "-at"], name="audit_of_an_action"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.about}".strip()
