"""What every list across shops can be narrowed to: shop, market, text."""

from collections.abc import Sequence
from typing import Any

import django_filters
from django import forms
from django.forms.utils import flatatt
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field

from shops.markets import capabilities
from shops.models import Shop, ShopQuerySet


def shops_of(request: HttpRequest | None) -> ShopQuerySet:
    if request is None:
        return Shop.objects.none()
    return Shop.objects.visible_to(request.user).without_secrets().order_by("name", "region")


class LeanSelect(forms.Select):
    """Django's own asks a template for each option: a third of what the queue's templates took. Without groups."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        chosen = self.format_value(value)
        selected = mark_safe(" selected")
        options = format_html_join(
            "", '<option value="{}"{}>{}</option>',
            ((key, selected if str(key) in chosen else "", label) for key, label in self.choices),
        )  # fmt: skip
        attributes = flatatt(self.build_attrs(self.attrs, {"name": name, **(attrs or {})}))
        return format_html("<select{}>{}</select>", attributes, options)


SEARCHED = (
    "An id or an order number, or the beginning of one; a part of a product's name; a SKU or the beginning of one. Of "
    "requests also a list of ids and order numbers, with spaces or commas between them."
)


class ShopFilterSet(django_filters.FilterSet):  # type: ignore[misc]
    """The queryset must already be `visible_to` the person of `request`, whose shops can be chosen."""

    q = extend_schema_field({"type": "string", "description": SEARCHED})(
        django_filters.CharFilter(method="by_text", label=_("Search"))
    )
    shop = django_filters.ModelChoiceFilter(queryset=shops_of, label=_("Shop"), empty_label=_("Every shop"))
    market = django_filters.CharFilter(field_name="shop__region", lookup_expr="iexact", label=_("Market"))

    def by_text(self, rows: Any, name: str, text: str) -> Any:
        return rows.search(text.strip()) if text.strip() else rows

    @cached_property
    def shops(self) -> Sequence[Shop]:
        """The shops that this person sees."""
        return list(shops_of(self.request))

    def get_form_class(self) -> type[forms.Form]:
        form_class: type[forms.Form] = super().get_form_class()
        form_class.base_fields["market"].widget = LeanSelect(choices=[("", _("Every market")), *self.markets()])
        for field in form_class.base_fields.values():
            if type(own := field.widget) is forms.Select:
                field.widget = LeanSelect(choices=own.choices)
        return form_class

    def markets(self) -> list[tuple[str, str]]:
        """(region, name) of the markets that these shops sell in, by name; a market without one has its code."""
        now = timezone.now()
        names = {shop.region: capabilities(shop, now).market_name for shop in self.shops}
        found = [(region, f"{name} ({region})" if name else region) for region, name in names.items()]
        return sorted(found, key=lambda one: one[1].casefold())

    def rows(self) -> Any:
        """What was asked for; nothing when a choice is not there, so that no wrong choice ever widens the answer."""
        return self.qs if self.is_valid() else self.queryset.none()
