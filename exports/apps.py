from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ExportsConfig(AppConfig):
    """Files of rows, written by a worker."""

    name = "exports"
    verbose_name = _("exports")
