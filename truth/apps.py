from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TruthConfig(AppConfig):
    """Do our decisions, the marketplace and what we told others agree? Looked at by schedule."""

    name = "truth"
    verbose_name = _("truth check")

    def ready(self) -> None:
        from cancellations import health
        from truth.standing import problems

        health.ALSO_KNOW.append(problems)
