"""Endpoints and deliveries, to read: they are made and mended by their owners, and stopped by whoever has to."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from config.admin import ForSuperusers, ReadOnly
from webhooks import endpoints
from webhooks.models import Delivery, Endpoint


@admin.register(Endpoint)
class EndpointAdmin(ReadOnly, ForSuperusers):
    """Of the address only the host: the rest may open doors over there. The secrets are not even read."""

    shop_path = ""
    view_on_site = False  # its page is its owner's
    list_display = ("name", "owner", "at", "state", "failing_since", "created_at")
    list_select_related = ("owner",)
    list_filter = ("state",)
    search_fields = ("owner__email__istartswith",)
    ordering = ("name", "pk")
    actions = ("pause",)
    fields: ClassVar = (
        "name", "owner", "at", "types", "is_limited", "shops", "state", "failing_since", "failures", "rests_until",
        "previous_until", "is_mail_due", "created_at",
    )  # fmt: skip
    readonly_fields = ("at", "created_at")

    @admin.display(description=_("address"))
    def at(self, endpoint: Endpoint) -> str:
        return endpoint.host

    @admin.action(description=_("Pause"))
    def pause(self, request: HttpRequest, endpoints_: "QuerySet[Endpoint]") -> None:
        assert isinstance(request.user, User)
        for endpoint in endpoints_:
            endpoints.pause(endpoint, request.user)
        self.message_user(request, _("Paused: what happens now waits."))

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("secret", "previous_secret")


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly, ForSuperusers):
    shop_path = ""
    view_on_site = False
    list_display = ("event", "endpoint", "about", "state", "attempts", "status", "problem", "due_at", "settled_at")
    list_filter = ("state", "problem")
    search_fields = ("event__event_id__exact",)
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request).select_related("event", "endpoint")
        return rows.defer("endpoint__secret", "endpoint__previous_secret")
