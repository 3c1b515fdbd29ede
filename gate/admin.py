from django.contrib import admin

from config.admin import ReadOnly
from gate.models import PullTask


@admin.register(PullTask)
class PullTaskAdmin(ReadOnly):
    """What was found at the packing bench is not edited afterwards."""

    shop_path = "order__shop"
    list_display = ("order", "package_id", "state", "reason", "cancellation", "done_by", "done_at")
    list_select_related = ("order", "cancellation", "done_by")
    list_filter = ("state",)
    ordering = ("-pk",)
