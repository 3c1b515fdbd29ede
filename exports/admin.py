from django.contrib import admin

from config.admin import ForSuperusers, ReadOnly
from exports.models import Export


@admin.register(Export)
class ExportAdmin(ReadOnly, ForSuperusers):
    shop_path = ""  # it may be of many
    list_display = (
        "pk",
        "made_by",
        "made_at",
        "kind",
        "format",
        "state",
        "rows_done",
        "bytes",
        "finished_at",
        "ends_at",
    )
    list_select_related = ("made_by",)
    list_filter = ("kind", "state")
    ordering = ("-pk",)
    exclude = ("folder", "parts")
