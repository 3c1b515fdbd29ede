from typing import Any, cast

import allauth.account.admin
from allauth.account.models import EmailAddress
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION, DELETION, LogEntry
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

import accounts.sign_in_admin  # noqa: F401 - registers second factors, sessions and OpenID Connect
from accounts.forms import NewTokenForm
from accounts.models import ApiToken, IdempotencyKey, User
from accounts.tokens import end_token, make_token
from config.admin import ForSuperusers, ReadOnly

admin.site.unregister(Group)  # what people may do is said by their memberships in shops
admin.site.unregister(EmailAddress)


class NewUserForm(AdminUserCreationForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("email",)


class UserForm(UserChangeForm):  # type: ignore[type-arg]
    password = None  # type: ignore[assignment]


@admin.register(User)
class UserAdmin(ForSuperusers, DjangoUserAdmin):  # type: ignore[type-arg]
    form, add_form = UserForm, NewUserForm
    fieldsets = (
        (None, {"fields": ("email", "first_name", "last_name", "time_zone", "language", "password_is")}),
        (_("Permissions"), {"fields": ("is_active", "is_staff", "is_superuser", "user_permissions")}),
        (_("Important dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)
    readonly_fields = ("password_is", "last_login", "date_joined")
    list_display = ("email", "first_name", "last_name", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "first_name", "last_name")
    ordering = ("email",)
    filter_horizontal = ("user_permissions",)

    def get_view_on_site_url(self, obj: Any = None) -> str | None:
        """What they did."""
        return f"{reverse('cancellations:audit')}?person={obj.pk}" if obj else None

    @admin.display(description=_("password"))
    def password_is(self, user: User) -> str:
        """Not even which algorithm: who needs to know can read the settings."""
        state = _("set") if user.has_usable_password() else _("none")
        change = reverse("admin:auth_user_password_change", args=[user.pk])
        return format_html('{} · <a href="{}">{}</a>', state, change, _("Set a new one"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What people decided stays theirs: end an account by making it inactive."""
        return False


class TokenForAnyoneForm(NewTokenForm):
    user = forms.ModelChoiceField(User.objects.filter(is_active=True), label=_("For"))
    field_order = ("user",)


@admin.register(EmailAddress)
class EmailAddressAdmin(ForSuperusers, allauth.account.admin.EmailAddressAdmin):  # type: ignore[misc]
    """Who has an address here can sign in with it, so these are doors as well."""


@admin.register(ApiToken)
class ApiTokenAdmin(ForSuperusers):
    """Tokens are made and ended here. No page names a digest, and a token is seen once, by who made it."""

    list_display = ("begin", "name", "user", "scope", "is_limited", "created", "last_used_at", "expiry", "end_link")
    list_display_links = None
    list_select_related = ("user",)
    list_filter = ("scope", "is_limited")
    search_fields = ("user__email", "name")
    ordering = ("-created",)
    actions = None

    @admin.display(description=_("token"))
    def begin(self, token: ApiToken) -> str:
        return f"{token.begins_with}…"

    @admin.display(description="")
    def end_link(self, token: ApiToken) -> str:
        address = reverse("admin:accounts_apitoken_end", args=[token.user_id, token.begins_with])
        return format_html('<a href="{}">{}</a>', address, _("End it"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("", own(self.changelist_view), name="accounts_apitoken_changelist"),
            path("add/", own(self.make_view), name="accounts_apitoken_add"),
            path("<int:user>/<str:begin>/end/", own(self.end_view), name="accounts_apitoken_end"),
        ]

    def make_view(self, request: HttpRequest) -> HttpResponse:
        """The answer to the form holds the token; it is not stored, so there is no second look."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = TokenForAnyoneForm(cast(User, request.user), request.POST or None)
        if not form.is_valid():
            return self.page(request, "new.html", _("Make an API token"), form=form)
        user = form.cleaned_data["user"]
        token, text = make_token(user, **form.verb(), made_by=request.user)
        self.log(request, token, ADDITION)
        return self.page(request, "made.html", _("The token, once"), token=text, about=user)

    def end_view(self, request: HttpRequest, user: int, begin: str) -> HttpResponse:
        if not self.has_delete_permission(request):
            raise PermissionDenied
        tokens = ApiToken.objects.filter(user=user, token_key__startswith=begin).select_related("user")
        token = get_object_or_404(tokens.order_by("created")[:1])
        if request.method != "POST":
            return self.page(request, "end.html", _("End an API token"), begin=begin, about=token.user)
        self.log(request, token, DELETION)
        end_token(token)
        messages.success(request, _("The token is ended: whoever holds it is no longer let in."))
        return HttpResponseRedirect(reverse("admin:accounts_apitoken_changelist"))

    def page(self, request: HttpRequest, template: str, title: Any, **more: Any) -> TemplateResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, **more}
        return TemplateResponse(request, f"admin/accounts/apitoken/{template}", context)

    def log(self, request: HttpRequest, token: ApiToken, flag: int) -> None:
        """Who made or ended whose token, without the digest that is the row's key."""
        LogEntry.objects.create(
            user=cast(User, request.user),
            content_type=ContentType.objects.get_for_model(ApiToken),
            object_repr=f"{token.begins_with}… ({token.user.email})",
            action_flag=flag,
        )


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnly, ForSuperusers):
    """What integrations sent under a name of their own. No page shows an answer: some hold what is shown once."""

    shop_path = ""
    list_display = ("key", "user", "made_at", "status", "leased_until")
    list_select_related = ("user",)
    fields = ("key", "user", "made_at", "leased_until", "status", "headers", "fingerprint")
    search_fields = ("key__startswith",)
    ordering = ("-made_at",)


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnly, ForSuperusers):
    shop_path = ""
    list_display = ("action_time", "user", "content_type", "object_repr", "action_flag")
    list_select_related = ("user", "content_type")
    list_filter = ("action_flag",)
    search_fields = ("object_repr__startswith",)
    ordering = ("-action_time",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
