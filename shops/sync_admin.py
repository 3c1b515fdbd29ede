"""What pulls and pushes left behind, to read in the admin: cursors, runs, what was new to us, and what went wrong."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from config.admin import ReadOnly
from shops.models import Alert, Drift, OutgoingEvent, PushRegistration, Shop, SyncCursor, SyncRun


class VisibleShops(admin.SimpleListFilter):
    """The shops that this person sees, by name alone."""

    title = _("shop")
    parameter_name = "shop"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        shops = Shop.objects.visible_to(request.user).order_by("name", "region")
        return [(str(pk), f"{name} ({region})") for pk, name, region in shops.values_list("pk", "name", "region")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = [pk for pk, _name in self.lookup_choices]
        return queryset.filter(shop=self.value()) if self.value() in known else queryset


@admin.register(SyncCursor)
class SyncCursorAdmin(ReadOnly):
    list_display = ("shop", "kind", "synced_until", "window_since", "window_until")
    list_select_related = ("shop",)
    fields: ClassVar = list_display


@admin.register(SyncRun)
class SyncRunAdmin(ReadOnly):
    list_display = (
        "shop", "kind", "state", "is_full", "pages", "seen", "written", "error_code", "error", "started_at",
        "finished_at",
    )  # fmt: skip
    list_select_related = ("shop",)
    list_filter = ("state", "kind", VisibleShops)
    search_fields = ("request_id__exact", "error_code__exact")
    ordering = ("-started_at", "-pk")


@admin.register(Drift)
class DriftAdmin(ReadOnly):
    """What the rulebook and the mapper have to learn: the newest first."""

    list_display = ("word", "marketplace", "market", "shop", "count", "first_seen_at", "last_seen_at")
    list_select_related = ("shop",)
    list_filter = ("shop__marketplace", "shop__region", VisibleShops)
    search_fields = ("word__istartswith",)
    ordering = ("-last_seen_at", "-pk")

    @admin.display(description=_("marketplace"), ordering="shop__marketplace")
    def marketplace(self, drift: Drift) -> str:
        return drift.shop.marketplace

    @admin.display(description=_("market"), ordering="shop__region")
    def market(self, drift: Drift) -> str:
        return drift.shop.region


@admin.register(PushRegistration)
class PushRegistrationAdmin(ReadOnly):
    list_display = (
        "shop",
        "topic",
        "is_wanted",
        "address",
        "since",
        "settled_at",
        "problem",
        "repaired_at",
        "check_at",
    )
    list_select_related = ("shop",)
    list_filter = (VisibleShops, "is_wanted")
    ordering = ("shop", "topic")


@admin.register(Alert)
class AlertAdmin(ReadOnly):
    list_display = ("shop", "kind", "opened_at", "closed_at", "detail")
    list_select_related = ("shop",)
    list_filter = (VisibleShops, "kind")
    ordering = ("-opened_at", "-pk")


@admin.register(OutgoingEvent)
class OutgoingEventAdmin(ReadOnly):
    """What was told outside, and whether it has been handed on to those who listen."""

    list_display = ("event_id", "type", "about", "shop", "at", "taken_at")
    list_select_related = ("shop",)
    list_filter = (VisibleShops,)
    search_fields = ("event_id__exact",)
    ordering = ("-pk",)
