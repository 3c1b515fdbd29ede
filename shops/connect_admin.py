"""Our apps, the ways to a connection, and what was said before an authorization ended."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db import models
from django.db.models.functions import Length
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from config.admin import ForSuperusers, ReadOnly, Rows, is_stored
from marketplaces.registry import MARKETPLACES
from shops.models import App, AuthorizationNotice, ConnectAttempt


class AppForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        slug, audience = (told.get(name, getattr(self.instance, name)) for name in ("marketplace", "audience"))
        platform = MARKETPLACES.get(slug)
        if platform is None:
            raise forms.ValidationError(_("Known marketplaces: %(known)s.") % {"known": ", ".join(MARKETPLACES)})
        known = [one.name for one in platform.audiences]
        if audience not in (known or [""]):
            raise forms.ValidationError(
                _("For which sellers, at this marketplace: %(known)s.") % {"known": ", ".join(known) or _("all")}
            )
        return told


@admin.register(App)
class AppAdmin(ForSuperusers, Rows):
    """Keys and secrets are entered on the page “Connect a seller”; here is where an app speaks to."""

    shop_path = ""
    form = AppForm
    formfield_overrides: ClassVar[Any] = {models.URLField: {"assume_scheme": "https"}}
    secret_is = is_stored("app_secret", _("app secret"))
    list_display = ("marketplace", "audience", "app_key", "service_id", "consent_url", "api_url")
    list_filter = ("marketplace",)
    search_fields = ("app_key__exact", "service_id__exact")
    ordering = ("marketplace", "audience")
    fields: ClassVar[Any] = (
        "marketplace", "audience", "app_key", secret_is, "service_id", "consent_url", "api_url", "auth_url",
        "created_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> Any:
        length = Length("app_secret", output_field=models.IntegerField())
        return super().get_queryset(request).defer("app_secret").annotate(app_secret_length=length)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        written_elsewhere = ("app_key", self.fields[3], "service_id", "created_at")
        return (*written_elsewhere, "marketplace", "audience") if obj else written_elsewhere


@admin.register(ConnectAttempt)
class ConnectAttemptAdmin(ReadOnly, ForSuperusers):
    shop_path = ""
    list_display = ("marketplace", "user", "is_renewal", "state", "failure", "started_at", "settled_at")
    list_select_related = ("user",)
    list_filter = ("marketplace", "state", "failure")
    search_fields = ("user__email__istartswith",)
    ordering = ("-started_at", "pk")
    fields: ClassVar = (
        "marketplace", "app", "connection", "is_renewal", "user", "user_name", "options", "state", "failure", "detail",
        "started_at", "consented_at", "tokens_at", "shops_at", "tested_at", "settled_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("code", "password", "authorization")


@admin.register(AuthorizationNotice)
class AuthorizationNoticeAdmin(ReadOnly, ForSuperusers):
    shop_path = ""
    list_display = ("connection", "days", "ends_at", "made_at", "mailed_at")
    list_select_related = ("connection",)
    list_filter = ("days",)
    ordering = ("-made_at", "-pk")
    fields: ClassVar = list_display

    def get_queryset(self, request: HttpRequest) -> Any:
        secrets = ("app_secret", "access_token", "refresh_token")
        rows = super().get_queryset(request).select_related("connection")
        return rows.defer(*(f"connection__{name}" for name in secrets))
