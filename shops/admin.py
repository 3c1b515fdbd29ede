from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.db.models import OuterRef, QuerySet, Subquery
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.models import validate_time_zone
from config.admin import ForSuperusers, KeepsSecrets, ReadOnlyInline, Rows, SecretField, TypedKeys, is_stored
from marketplaces.base import Marketplace, Notice, Option
from marketplaces.registry import marketplace
from shops import connect_admin as connect_admin  # its pages are registered with these
from shops import pulling
from shops.markets import capabilities, check_options
from shops.models import (
    Connection,
    Membership,
    MoneyCap,
    Permission,
    Role,
    Shop,
    ShopGroup,
    ShopQuerySet,
    SyncRun,
)
from shops.outgoing import announce_shops
from shops.sync_admin import VisibleShops as VisibleShops  # and the rows of pulls with it


class TypedJson(forms.JSONField):
    """JSON that is shown again as it was typed: not all that can be read can be written."""

    def bound_data(self, data: Any, initial: Any) -> Any:
        return InvalidJSONInput(data or "")

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except RecursionError:
            raise forms.ValidationError(self.error_messages["invalid"], params={"value": value}) from None


class ConnectionForm(forms.ModelForm):  # type: ignore[type-arg]
    options = TypedJson(
        required=False, label=_("Options"), widget=forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField"})
    )
    new_app_secret = SecretField(_("New app secret"))
    new_access_token = SecretField(_("New access token"))
    new_refresh_token = SecretField(_("New refresh token"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["options"].help_text = explained(marketplace(self.instance.marketplace))

    def clean_options(self) -> dict[str, str]:
        """Empty is nothing that differs; anything else is an object of names and words that the marketplace knows."""
        options = self.cleaned_data["options"]
        if options is None:
            return {}
        if not isinstance(options, dict):
            raise forms.ValidationError(_('Write names and texts, such as {"name": "value"}.'))
        check_options(self.instance.marketplace, options)
        return options


def explained(platform: Marketplace) -> Any:
    """Every option that accounts at this marketplace have, with what its values mean."""
    if not platform.options:
        return _("Accounts at %(marketplace)s do not differ.") % {"marketplace": platform.name}
    rows = [(one.name, _(one.text), values_of(one)) for one in platform.options]
    return format_html(
        "{}<dl>{}</dl>",
        _("In what this account differs, as a JSON object of names and texts. What is left out is as marked."),
        format_html_join("", "<dt><code>{}</code></dt><dd>{}{}</dd>", rows),
    )


def values_of(option: Option) -> Any:
    if not option.choices:
        return format_html("<br>{} <code>{}</code>", _("Any text; without it:"), option.default)
    usual = _("(as it is without it)")
    rows = [(value, _(means), usual if value == option.default else "") for value, means in option.choices.items()]
    return format_html_join("", "<br><code>{}</code> – {} {}", rows)


AUTHORIZATION = (
    "authorized_at", "access_token_expires_at", "refresh_token_expires_at", "announced_end", "renewed_at",
    "renewal_failed_at", "renewal_problem", "scopes",
)  # fmt: skip


class ShopsInline(ReadOnlyInline):
    model = Shop
    fields = ("name", "region", "is_active")
    readonly_fields = fields
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Shop]:
        return super().get_queryset(request).defer("cipher")


@admin.register(Connection)
class ConnectionAdmin(KeepsSecrets, ForSuperusers, Rows):
    """Made by connecting a seller, never by hand; here an authorization can be looked into and mended."""

    shop_path = "shops"
    form = ConnectionForm
    formfield_overrides: ClassVar[Any] = {models.URLField: {"assume_scheme": "https"}}
    secrets = ("app_secret", "access_token", "refresh_token")
    kept = (
        is_stored("app_secret", _("app secret")),
        is_stored("access_token", _("access token")),
        is_stored("refresh_token", _("refresh token")),
    )
    list_display = (
        "seller_name",
        "marketplace",
        "state",
        "access_token_expires_at",
        "refresh_token_expires_at",
        "problem",
    )
    list_filter = ("marketplace", "state")
    search_fields = ("seller_name__istartswith", "app_key__exact")
    ordering = ("seller_name", "pk")
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("seller_name", "marketplace", "state", "problem", "created_at", "ways")}),
        (_("Where it speaks to"), {"fields": ("app", "app_key", "api_url", "auth_url")}),
        (_("In what it differs"), {"fields": ("options",)}),
        (_("Authorization"), {"fields": (*kept, *AUTHORIZATION)}),
    )
    readonly_fields: ClassVar[Any] = (
        "seller_name", "marketplace", "app", "state", "problem", "created_at", "ways", *AUTHORIZATION, *kept,
    )  # fmt: skip
    inlines = (ShopsInline,)

    @admin.display(description=_("what can be done"))
    def ways(self, connection: Connection) -> Any:
        """Renewing and disconnecting are asked for on pages, which say what they mean."""
        shop = connection.shops.order_by("pk").values_list("pk", flat=True).first()
        if shop is None:
            return "–"
        links = (
            (reverse("shops:shop", args=[shop]), _("Renew the authorization")),
            (reverse("cancellations:disconnect", args=[shop]), _("Disconnect")),
        )
        return format_html_join(" · ", '<a href="{}">{}</a>', links)

    def get_view_on_site_url(self, obj: Any = None) -> str | None:
        shop = obj.shops.order_by("pk").values_list("pk", flat=True).first() if obj else None
        return reverse("shops:shop", args=[shop]) if shop else None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """With something changed it is worth another try; the next call says whether it is right now."""
        super().save_model(request, obj, form, change)
        if form.has_changed():
            mended = Connection.objects.filter(pk=obj.pk, state=Connection.State.RECONNECT)
            if mended.update(state=Connection.State.CONNECTED, problem=""):
                announce_shops(obj.shops.all(), "shop.connected")


class ShopForm(forms.ModelForm):  # type: ignore[type-arg]
    new_cipher = SecretField(_("New shop cipher"))

    def clean_time_zone(self) -> str:
        """Every page about the shop shows its clock, so a zone that nobody knows would break them all."""
        name: str = self.cleaned_data["time_zone"]
        validate_time_zone(name)
        return name


class MembershipForm(forms.ModelForm):  # type: ignore[type-arg]
    permissions = forms.MultipleChoiceField(
        label=_("May do"),
        choices=Permission.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("With nothing ticked it is what the role brings. Viewers read, whatever is ticked."),
    )

    def clean_permissions(self) -> list[str] | None:
        return self.cleaned_data["permissions"] or None


class MembershipInline(TypedKeys, admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    form = MembershipForm
    fields = ("user", "role", "permissions")
    extra = 0
    autocomplete_fields = ("user",)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    has_change_permission = has_delete_permission = has_view_permission

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)


@admin.register(Shop)
class ShopAdmin(KeepsSecrets, Rows):
    """What the marketplace says about a shop is sync's to write; what we decide about it is written here."""

    shop_path = "pk"
    form = ShopForm
    secrets = ("cipher",)
    cipher_is = is_stored("cipher", _("shop cipher"))
    list_display = (
        "name", "region", "marketplace", "marketplace_id", "authorization", "last_run", "is_active", "allows_reject",
        "next_pull_at",
    )  # fmt: skip
    list_select_related = ("connection",)
    list_filter = ("marketplace", "region", "is_active", "allows_reject", "connection__state")
    search_fields = ("name__istartswith", "marketplace_id__startswith", "code__exact")
    ordering = ("name", "pk")
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("name", "region", "marketplace", "marketplace_id", "code", "seller_type", "connection")}),
        (_("Authorization"), {"fields": ("authorization", cipher_is)}),
        (_("Rules"), {"fields": ("notices", "allows_reject")}),
        (_("Sync"), {"fields": ("is_active", "time_zone", "next_pull_at", "wants_full_pull", "last_run")}),
    )
    readonly_fields: ClassVar[Any] = (
        "name", "region", "marketplace", "marketplace_id", "code", "seller_type", "connection", "authorization",
        cipher_is, "notices", "next_pull_at", "wants_full_pull", "last_run",
    )  # fmt: skip
    inlines = (MembershipInline,)
    actions = ("pull_now", "pull_everything")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Shop]:
        runs = SyncRun.objects.filter(shop=OuterRef("pk")).order_by("-started_at")
        rows: QuerySet[Shop] = super().get_queryset(request).annotate(last_state=Subquery(runs.values("state")[:1]))
        return rows.select_related("connection").defer(
            "cipher", *(f"connection__{name}" for name in ConnectionAdmin.secrets)
        )

    @admin.display(description=_("authorization"), ordering="connection__state")
    def authorization(self, shop: Shop) -> str:
        return shop.connection.get_state_display()

    @admin.display(description=_("last run"))
    def last_run(self, shop: Any) -> Any:
        return SyncRun.State(shop.last_state).label if shop.last_state else _("never")

    @admin.display(description=_("what holds in this market"))
    def notices(self, shop: Shop) -> Any:
        market = capabilities(shop, timezone.now())
        told = (
            market.requests_notice, market.approve_notice, market.reject_notice, market.shipping_notice,
            market.items_notice, *market.notices,
        )  # fmt: skip
        shown = [(notice.text, link_of(notice)) for notice in told if notice]
        return format_html_join("", '<p class="notice-of-market">{} {}</p>', shown) or "–"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_change_permission(request, obj)
        rules = Shop.objects.where_may(request.user, Permission.RULES)
        return allowed and (obj is None or rules.filter(pk=obj.pk).exists())

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(description=_("Pull now"), permissions=["change"])
    def pull_now(self, request: HttpRequest, queryset: ShopQuerySet) -> None:
        self.ask(request, queryset, full=False)

    @admin.action(description=_("Pull everything"), permissions=["change"])
    def pull_everything(self, request: HttpRequest, queryset: ShopQuerySet) -> None:
        self.ask(request, queryset, full=True)

    def ask(self, request: HttpRequest, queryset: ShopQuerySet, *, full: bool) -> None:
        shops = [shop for shop in queryset if shop.pk in set(managed(request).values_list("pk", flat=True))]
        for shop in shops:
            pulling.ask_for_pull(shop, full=full, by=request.user)
        told = ngettext("%(n)d shop is pulled within seconds.", "%(n)d shops are pulled within seconds.", len(shops))
        messages.success(request, told % {"n": len(shops)})


def link_of(notice: Notice) -> Any:
    """The page that says so, by the day from which it holds; nothing where there is none to read."""
    if not notice.url:
        return notice.date or ""
    return format_html('<a href="{}" rel="noreferrer">{}</a>', notice.url, notice.date or _("the notice"))


def managed(request: HttpRequest) -> ShopQuerySet:
    return Shop.objects.where_role(request.user, Role.MANAGER)


@admin.register(Membership)
class MembershipAdmin(ForSuperusers, Rows):
    form = MembershipForm
    fields = ("user", "shop", "group", "role", "permissions")
    list_display = ("user", "shop", "group", "role", "may_do")
    list_select_related = ("user", "shop", "group")
    list_filter = ("role", "group")
    search_fields = ("user__email__istartswith", "shop__name__istartswith", "group__name__istartswith")
    autocomplete_fields = ("user", "shop", "group")

    def get_view_on_site_url(self, obj: Any = None) -> str | None:
        return reverse("shops:members", args=[obj.shop_id]) if obj and obj.shop_id else None

    @admin.display(description=_("may do"))
    def may_do(self, membership: Membership) -> Any:
        if membership.permissions is None:
            return _("what the role brings")
        return ", ".join(str(Permission(name).label) for name in membership.permissions)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "shop":
            kwargs["queryset"] = Shop.objects.defer("cipher")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


@admin.register(ShopGroup)
class ShopGroupAdmin(ForSuperusers, Rows):
    shop_path = ""
    list_display = ("name",)
    search_fields = ("name__istartswith",)
    autocomplete_fields = ("shops",)
    ordering = ("name",)


@admin.register(MoneyCap)
class MoneyCapAdmin(ForSuperusers, Rows):
    shop_path = ""
    list_display = ("role", "currency", "amount")
    list_filter = ("role",)
    search_fields = ("currency__exact",)
    ordering = ("role", "currency")
