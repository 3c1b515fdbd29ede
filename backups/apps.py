from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BackupsConfig(AppConfig):
    """A copy of all that is kept, and the way back to it. It has no tables."""

    name = "backups"
    verbose_name = _("backups")
