"""The ledger of cancelled lines for those who missed what was told of it."""

import django_filters
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers, viewsets

from config.api.bodies import Rows
from config.api.documented import problems
from config.api.fields import MoneyField, UtcTime
from config.api.pages import FiltersLists
from orders.cancelled import money_id, stock_id
from orders.models import CancelledLine
from shops.filters import shops_of


class CancelledLineFilter(django_filters.FilterSet):  # type: ignore[misc]
    shop = django_filters.ModelChoiceFilter(queryset=shops_of)
    order = extend_schema_field(OpenApiTypes.INT)(
        django_filters.NumberFilter(field_name="order", min_value=1, max_value=2**63 - 1, decimal_places=0)
    )
    since = django_filters.IsoDateTimeFilter(field_name="noted_at", lookup_expr="gte", label="Written since then.")

    class Meta:
        model = CancelledLine
        fields: tuple[str, ...] = ()


class CancelledLineSerializer(Rows):
    """So many units of a line that came to be cancelled."""

    line_item_marketplace_id = serializers.CharField(source="line_item.marketplace_id")
    order_marketplace_id = serializers.CharField(source="order.marketplace_id", help_text="The order's id there.")
    order_number = serializers.CharField(
        source="order.number", help_text="What people call the order; empty where that is its id."
    )
    sku_id = serializers.CharField(source="line_item.sku_id", help_text="The variant's id at the marketplace.")
    seller_sku = serializers.CharField(source="line_item.seller_sku", help_text="Your own number of the article.")
    quantity = serializers.IntegerField(help_text="How many more came to be cancelled.")
    cancelled_in_all = serializers.IntegerField(help_text="How many of the line are cancelled with these.")
    amount = MoneyField(help_text="Price × quantity as the order has them; the refund is the request's.")
    was_shipped = serializers.BooleanField(help_text="These units had left the seller: they are not back in stock.")
    was_paid = serializers.BooleanField(
        help_text="The order shows as paid, so that money goes back; false too where the marketplace does not tell."
    )
    cancelled_at = UtcTime(help_text="As the order tells it; else when we read it.")
    noted_at = UtcTime(help_text="When we wrote it down; `since` asks for this.")
    stock_event = serializers.SerializerMethodField(
        help_text="The id of its `stock.released`; null where there is none."
    )
    money_event = serializers.SerializerMethodField(
        help_text="The id of its `money.returned`; null where there is none."
    )

    class Meta:
        model = CancelledLine
        fields = [
            "id", "shop", "order", "order_marketplace_id", "order_number", "line_item", "line_item_marketplace_id",
            "sku_id", "seller_sku", "quantity", "cancelled_in_all", "amount", "was_shipped", "was_paid",
            "cancelled_at", "noted_at", "stock_event", "money_event",
        ]  # fmt: skip

    def get_stock_event(self, row: CancelledLine) -> str | None:
        return stock_id(row)

    def get_money_event(self, row: CancelledLine) -> str | None:
        return money_id(row)


@extend_schema_view(
    list=extend_schema(
        summary="Every cancelled line, oldest first",
        description="What `stock.released` and `money.returned` told, to be compared by whoever may have missed some: "
        "read from the last page on. Of lines that were cancelled before their shop was connected here nothing was "
        "told, so that they have no ids of events.",
        responses={200: CancelledLineSerializer(many=True), **problems("invalid")},
    )
)
class CancelledLineViewSet(FiltersLists, mixins.ListModelMixin, viewsets.GenericViewSet[CancelledLine]):
    queryset = CancelledLine.objects.none()
    serializer_class = CancelledLineSerializer
    filterset_class = CancelledLineFilter
    page_order = ("pk",)

    def get_queryset(self) -> QuerySet[CancelledLine]:
        return CancelledLine.objects.visible_to(self.request.user).select_related("order", "line_item")
