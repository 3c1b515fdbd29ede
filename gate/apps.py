from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GateConfig(AppConfig):
    """May this parcel leave? Asked at the packing bench and by warehouse systems."""

    name = "gate"
    verbose_name = _("gate")
