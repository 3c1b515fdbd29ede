"""What the list of orders can be narrowed to: one filter set for screens and API."""

from typing import ClassVar

import django_filters
from django import forms
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orders.models import Order, OrderQuerySet
from shops.filters import LeanSelect, ShopFilterSet
from shops.markets import capabilities


class OrderFilter(ShopFilterSet):
    status = django_filters.CharFilter(label=_("Status"))
    is_cancel_requested = django_filters.BooleanFilter(label=_("Somebody asks to cancel"), method="by_request")

    def by_request(self, rows: OrderQuerySet, name: str, is_asked: bool) -> OrderQuerySet:
        """As the order says itself, or as a request about it does that waits: some marketplaces' orders never say."""
        asked = Q(is_cancel_requested=True) | Q(
            pk__in=Order.objects.filter(cancellations__needs_answer=True).values("pk")
        )
        return rows.filter(asked) if is_asked else rows.exclude(asked)

    def get_form_class(self) -> type[forms.Form]:
        form_class = super().get_form_class()
        now = timezone.now()
        known = {
            status: market.status_labels.get(status, status)
            for market in {capabilities(shop, now).marketplace: capabilities(shop, now) for shop in self.shops}.values()
            for status in market.order_statuses
        }
        form_class.base_fields["status"].widget = LeanSelect(choices=[("", _("Every status")), *known.items()])
        form_class.base_fields["is_cancel_requested"].widget = forms.NullBooleanSelect()
        form_class.base_fields["is_cancel_requested"].widget.choices = [
            ("unknown", _("Does not matter")), ("true", _("Yes")), ("false", _("No")),
        ]  # fmt: skip
        return form_class

    class Meta:
        model = Order
        fields: ClassVar[list[str]] = []
