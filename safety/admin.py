"""Nets, ladders and what people were told, to read: they are set on the shops' pages, by who may."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from config.admin import ForSuperusers, ReadOnly
from safety.models import Catch, ChatAddress, Rung, SafetyNet, Telling


@admin.register(SafetyNet)
class SafetyNetAdmin(ReadOnly, ForSuperusers):
    shop_path = ""
    list_display = ("shop", "is_on", "action", "minutes", "set_by", "set_at")
    list_select_related = ("shop", "set_by")
    list_filter = ("is_on", "action")
    search_fields = ("shop__name__istartswith",)


@admin.register(Catch)
class CatchAdmin(ReadOnly, ForSuperusers):
    shop_path = ""
    list_display = ("cancellation", "deadline", "decision", "minutes", "set_by", "made_at")
    list_select_related = ("cancellation", "decision__cancellation", "decision__order", "set_by")
    search_fields = ("cancellation__marketplace_id__exact",)
    ordering = ("-pk",)


@admin.register(Rung)
class RungAdmin(ReadOnly, ForSuperusers):
    shop_path = ""
    list_display = ("shop", "minutes", "who", "person", "channel")
    list_select_related = ("shop", "person")
    list_filter = ("who", "channel")


@admin.register(ChatAddress)
class ChatAddressAdmin(ReadOnly, ForSuperusers):
    """The address itself is not even read."""

    shop_path = ""
    list_display = ("shop", "failing_since", "problem", "set_by", "set_at")
    list_select_related = ("shop", "set_by")
    fields: ClassVar = ("shop", "failing_since", "problem", "set_by", "set_at")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("url")


@admin.register(Telling)
class TellingAdmin(ReadOnly, ForSuperusers):
    shop_path = ""
    list_display = ("told", "channel", "cancellation", "deadline", "why", "state", "attempts", "problem", "made_at")
    list_select_related = ("person", "cancellation")
    list_filter = ("state", "channel", "why")
    search_fields = ("cancellation__marketplace_id__exact",)
    ordering = ("-pk",)

    @admin.display(description=_("person"))
    def told(self, telling: Telling) -> str:
        return str(telling.person or "")
