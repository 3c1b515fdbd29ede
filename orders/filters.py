"""What the list of orders can be narrowed to: one filter set for screens and API."""

from typing import ClassVar

import django_filters
from django.utils.translation import gettext_lazy as _

from orders.models import Order
from shops.filters import ShopFilterSet


class OrderFilter(ShopFilterSet):
    status = django_filters.CharFilter(label=_("Status"))
    is_cancel_requested = django_filters.BooleanFilter(label=_("Buyer asks to cancel"))

    class Meta:
        model = Order
        fields: ClassVar[list[str]] = []
