"""What every page of the admin shares: the site, rows that only sync and decisions may write, secrets nobody reads."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar

from allauth.account.decorators import secure_admin_login
from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.widgets import AutocompleteMixin
from django.core.exceptions import BadRequest, ValidationError
from django.core.paginator import Paginator
from django.db import models
from django.db.models import QuerySet
from django.db.models.functions import Length
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from audit import changes, log
from audit.changes import thing

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:
    ModelAdmin, TabularInline = admin.ModelAdmin, admin.TabularInline


class Site(admin.AdminSite):
    """The admin, entered through the same sign-in (and the same limits) as every other page."""

    site_header = _("Countermand")
    site_title = _("Countermand")
    index_title = _("Everything, as it is stored")

    @method_decorator(secure_admin_login)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().login(request, extra_context)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Turn away what no page here sends and no page has to deal with."""

        @wraps(view)
        def unless_forged(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            # No row holds a null character, and PostgreSQL breaks off at one.
            if any("\0" in text for name, values in request.GET.lists() for text in (name, *values)):
                raise BadRequest("There is a null character in the address.")
            must_be_rows(getattr(view, "__self__", None), request.POST.getlist(ACTION_CHECKBOX_NAME))
            return view(request, *args, **kwargs)

        return super().admin_view(unless_forged, cacheable)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Packages of others under names that say what they are for."""
        found: list[Any] = super().get_app_list(request, app_label)
        names = {
            "account": _("Sign-in"), "admin": _("Log"), "mfa": _("Second factors"), "usersessions": _("Sessions"),
            "socialaccount": _("OpenID Connect"),
        }  # fmt: skip
        return [{**app, "name": names.get(app["app_label"], app["name"])} for app in found]


def must_be_rows(model_admin: Any, chosen: Sequence[str]) -> None:
    """Raises BadRequest for a row that cannot be one: Django looks for it as it comes."""
    model: Any = getattr(model_admin, "model", None)
    for value in chosen if model else ():
        if not is_key(model._meta.pk, value):
            raise BadRequest("One of the chosen rows is none.")


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than anybody pages: counting a million orders costs more than showing fifty of them."""

    MOST = 10_000

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: self.MOST].count())


class TypedKeys:
    """Chooses rows by typing. What is sent instead of a key is said to be wrong; Django would look for it and break."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]
        widget: Any = getattr(getattr(field, "widget", None), "widget", None) or getattr(field, "widget", None)
        if isinstance(widget, AutocompleteMixin):
            chosen, key = widget.optgroups, db_field.related_model._meta.pk
            widget.optgroups = lambda name, value, attr=None: chosen(  # type: ignore[method-assign]
                name, [one for one in value if not one or is_key(key, one)], attr
            )
        return field


def is_key(key: Any, value: Any) -> bool:
    try:
        key.clean(value, None)
    except ValidationError:
        return False
    return True


# What a row without a page of its own belongs to, the nearest first.
BELONGS_TO = ("decision", "cancellation", "order", "shop")


def staff_page(row: Any) -> str | None:
    """Where staff see this row in the product, or what it belongs to."""
    if hasattr(row, "get_absolute_url"):
        return str(row.get_absolute_url())
    return next((staff_page(owner) for name in BELONGS_TO if (owner := getattr(row, name, None)) is not None), None)


class OnTheirPage(ModelAdmin):
    """Leads straight to where staff see a row; Django would lead over an address that looks it up once more."""

    def get_view_on_site_url(self, obj: Any = None) -> str | None:
        return staff_page(obj) if obj is not None and self.view_on_site else None

    def get_list_display(self, request: HttpRequest) -> Any:
        columns = list(super().get_list_display(request))
        has_page = self.view_on_site and hasattr(self.model, "get_absolute_url")
        return [*columns, self.on_page] if has_page else columns

    @admin.display(description=_("staff page"))
    def on_page(self, row: Any) -> Any:
        return format_html('<a href="{}">{}</a>', self.get_view_on_site_url(row), _("Open"))


class Audited(OnTheirPage, TypedKeys, ModelAdmin):
    """What is made, changed or deleted here stands in the audit log, in the transaction of the change."""

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """Django asks for its own message once everything is saved: the moment to write down what that changed."""
        row = getattr(form, "instance", None) or form.user  # the form that sets a password has a user instead
        if add:
            log.write(f"{thing(type(row))}.added", about=row, after=changes.of_form(form)[1])
        elif form.has_changed():
            before, after = changes.of_form(form)
            log.write(f"{thing(type(row))}.changed", about=row, before=before, after=after)
        for formset in formsets or ():
            self.tell_of_rows(formset)
        return super().construct_change_message(request, form, formsets, add)

    def tell_of_rows(self, formset: Any) -> None:
        for row in formset.deleted_objects:
            log.write(f"{thing(type(row))}.deleted", about=row, before=changes.columns_of(row))
        for form in formset.forms:
            added = form.instance in formset.new_objects
            if added or form.instance in [row for row, _names in formset.changed_objects]:
                before, after = changes.of_form(form)
                verb = "added" if added else "changed"
                log.write(f"{thing(type(form.instance))}.{verb}", about=form.instance, before=before, after=after)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for row in queryset:
            log.write(f"{thing(type(row))}.deleted", about=row, before=changes.columns_of(row))
        return super().log_deletions(request, queryset)


class Rows(Audited):
    """A list that stays fast over a million rows, of what this person may see.

    `shop_path` is the way to the shop, such as "order__shop"; a superuser sees all rows, other staff those of the
    shops that they are members of.
    """

    shop_path: ClassVar[str] = "shop"
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    list_per_page = 50
    list_max_show_all = 200
    search_help_text = _("From its start, or in full: nothing is searched that has no index.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        if self.shop_path.endswith("shop"):
            # A row names its shop; that must not mean reading, and decrypting, the shop's secret.
            related: Sequence[str] = self.list_select_related or ()  # type: ignore[assignment]
            rows = rows.select_related(*related, self.shop_path).defer(f"{self.shop_path}__cipher")
        if request.user.is_superuser or not self.shop_path:
            return rows
        from shops.models import Shop

        return rows.filter(**{f"{self.shop_path}__in": Shop.objects.visible_to(request.user)}).distinct()


class FoundByNumber(ModelAdmin):
    """Searched in each of `search_fields` by itself: within one OR they would lose their indexes.

    Of columns that are mostly empty only what is not empty is indexed.
    """

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        text = search_term.strip()
        if not text:
            return queryset, False
        found = [
            self.model._default_manager.filter(**{field: text})
            .exclude(**{field.partition("__")[0]: ""})
            .values("pk")
            .order_by()
            for field in self.search_fields
        ]
        return queryset.filter(pk__in=found[0].union(*found[1:])), False


class ReadOnly(Rows):
    """Rows that are written elsewhere: by sync from what marketplaces say, or by `decisions` with all its checks.

    It comes before `ForSuperusers`, which would let them write.
    """

    actions_selection_counter = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyInline(TabularInline):
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ForSuperusers(Audited):
    """What opens doors: people, their roles, their tokens, sellers' authorizations."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)


class SecretField(forms.CharField):
    """Takes a new secret and never gives one back."""

    def __init__(self, label: Any) -> None:
        super().__init__(
            label=label,
            required=False,
            max_length=4000,
            widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}, render_value=False),
            help_text=_("Leave empty to keep what is stored. What is stored is never shown."),
        )


def is_stored(name: str, label: Any) -> Callable[[Any], str]:
    """A column that says whether there is a secret, and nothing about it."""

    @admin.display(description=label)
    def told(row: Any) -> Any:
        return _("stored") if getattr(row, f"{name}_length", 0) else _("empty")

    return told


class KeepsSecrets(ModelAdmin):
    """Rows with encrypted columns. They are not even read: a page that never had a secret cannot show one.

    The form has a SecretField `new_<name>` for each of `secrets`, for superusers alone.
    """

    secrets: ClassVar[Sequence[str]] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        lengths = {f"{name}_length": Length(name, output_field=models.IntegerField()) for name in self.secrets}
        rows: QuerySet[Any] = super().get_queryset(request).defer(*self.secrets)
        measured: QuerySet[Any] = rows.annotate(**lengths)
        return measured

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if request.user.is_superuser:
            replace = {"fields": [f"new_{name}" for name in self.secrets], "classes": ["collapse"]}
            return [*fieldsets, (_("Replace a secret"), replace)]
        return fieldsets

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write what was changed and nothing else: workers renew tokens and move times in the same row."""
        columns = {field.name for field in obj._meta.concrete_fields} & set(form.changed_data)
        if request.user.is_superuser:
            for name in self.secrets:
                if secret := form.cleaned_data.get(f"new_{name}"):
                    setattr(obj, name, secret)
                    columns.add(name)
        if columns:
            obj.save(update_fields=columns)
