from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SafetyConfig(AppConfig):
    """Nobody's silence decides unnoticed."""

    name = "safety"
    verbose_name = _("when nobody answers")
