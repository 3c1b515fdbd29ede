from django.contrib import admin

from config.admin import ReadOnly
from truth.models import Check, Disagreement


@admin.register(Disagreement)
class DisagreementAdmin(ReadOnly):
    list_display = (
        "pk",
        "shop",
        "kind",
        "about",
        "amount",
        "currency",
        "found_at",
        "last_seen_at",
        "settled_at",
        "how",
    )
    list_select_related = ("shop",)
    list_filter = ("kind", "how")
    ordering = ("-pk",)


@admin.register(Check)
class CheckAdmin(ReadOnly):
    list_display = ("shop", "step", "due_at", "checked_at", "failures", "problem")
    list_select_related = ("shop",)
    list_filter = ("step",)
    ordering = ("-pk",)
