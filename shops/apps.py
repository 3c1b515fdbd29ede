from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ShopsConfig(AppConfig):
    name = "shops"
    verbose_name = _("Shops")

    def ready(self) -> None:
        from shops import lookups, pacing  # noqa: F401 - importing it teaches lookups, and hands out turns
