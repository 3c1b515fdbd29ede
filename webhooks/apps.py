from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WebhooksConfig(AppConfig):
    """Integrators are told what happened."""

    name = "webhooks"
    verbose_name = _("webhooks")
