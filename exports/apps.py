from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ExportsConfig(AppConfig):
    """Files of rows, written by a worker."""

    name = "exports"
    verbose_name = _("exports")

    def ready(self) -> None:
        from cancellations import forgetting
        from exports.exporting import forget_files

        forgetting.ALSO_FORGETS.append(forget_files)
