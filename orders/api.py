from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import viewsets

from config.api.documented import problems
from config.api.pages import FiltersLists
from orders.filters import OrderFilter
from orders.models import Order
from orders.serializers import OrderDetailSerializer, OrderSerializer


@extend_schema_view(
    list=extend_schema(
        summary="Orders, newest first", responses={200: OrderSerializer(many=True), **problems("invalid")}
    ),
    retrieve=extend_schema(
        summary="An order with its lines and packages", responses={200: OrderDetailSerializer, **problems("not-found")}
    ),
)
class OrderViewSet(FiltersLists, viewsets.ReadOnlyModelViewSet[Order]):
    queryset = Order.objects.none()
    filterset_class = OrderFilter
    page_order = ("-created_at", "-pk")
    lookup_value_regex = r"\d+"

    def get_serializer_class(self) -> type[OrderSerializer]:
        return OrderSerializer if self.action == "list" else OrderDetailSerializer

    def get_queryset(self) -> QuerySet[Order]:
        orders = Order.objects.visible_to(self.request.user)
        return orders if self.action == "list" else orders.prefetch_related("lines", "packages", "cancellations")
