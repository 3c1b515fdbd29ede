from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from cancellations import live, rules
from cancellations.filters import CancellationFilter
from cancellations.models import CancellationRequest
from cancellations.serializers.coming_in import LocaleQuery
from cancellations.serializers.going_out import (
    CancellationDetailSerializer,
    CancellationSerializer,
    CancelOptionsSerializer,
    RejectReasonsSerializer,
    ShippingOptionsSerializer,
)
from config.api.documented import US_REJECT, problems
from config.api.pages import FiltersLists
from config.api.problems import Problem
from orders.models import Order
from shops import markets


@extend_schema_view(
    list=extend_schema(
        summary="Cancellation requests, newest first or by time left",
        responses={200: CancellationSerializer(many=True), **problems("invalid")},
    ),
    retrieve=extend_schema(
        summary="A request with its lines, its decisions and what can be decided now",
        description=US_REJECT,
        responses={200: CancellationDetailSerializer, **problems("not-found")},
    ),
)
class CancellationViewSet(FiltersLists, viewsets.ReadOnlyModelViewSet[CancellationRequest]):
    queryset = CancellationRequest.objects.none()
    filterset_class = CancellationFilter
    lookup_value_regex = r"\d+"
    page_order: Any = {"newest": ("-created_at", "-pk"), "time_left": ("deadline", "created_at", "pk")}

    def get_serializer_class(self) -> type[CancellationSerializer]:
        return CancellationSerializer if self.action == "list" else CancellationDetailSerializer

    def get_queryset(self) -> QuerySet[CancellationRequest]:
        rows = CancellationRequest.objects.visible_to(self.request.user)
        if self.action == "list":
            return rows.with_decisions()
        return rows.with_queue_columns().select_related("shop__connection")

    @extend_schema(
        summary="The reasons that this very request may be rejected with, asked of the marketplace",
        parameters=[OpenApiParameter("locale", str, description="Language of the texts (BCP 47).", default="en-US")],
        responses={
            200: RejectReasonsSerializer,
            **problems(
                "invalid", "not-found", "not-allowed", "marketplace-refused", "marketplace-unavailable", "reconnect"
            ),
        },
    )
    @action(detail=True, url_path="reject-reasons")
    def reject_reasons(self, request: Request, pk: str) -> Response:
        asked = LocaleQuery(data={"locale": request.query_params.get("locale", "en-US")})
        asked.is_valid(raise_exception=True)
        reasons = live.reject_reasons(self.get_object(), asked.validated_data["locale"])
        return Response(RejectReasonsSerializer({"reasons": reasons}).data)

    @extend_schema(
        summary="How the order's package can leave, asked of the marketplace",
        description="For `ship_to_reject`.",
        responses={
            200: ShippingOptionsSerializer,
            **problems("not-found", "not-allowed", "marketplace-refused", "marketplace-unavailable", "reconnect"),
        },
    )
    @action(detail=True, url_path="shipping-options")
    def shipping_options(self, request: Request, pk: str) -> Response:
        cancellation = self.get_object()
        order = cancellation.order
        market = markets.capabilities(cancellation.shop, timezone.now())
        if order is None or not market.shipping_rejects:
            raise Problem("not-allowed", rules.cannot_ship(order, market))
        told = {
            "sent_by_seller": order.is_sent_by_seller,
            "handover": live.handover_options(order),
            "carriers": live.shipping_providers(order),
        }
        return Response(ShippingOptionsSerializer(told).data)


class OrderCancelOptionsView(GenericAPIView[Order]):
    queryset = Order.objects.none()
    serializer_class = CancelOptionsSerializer

    def get_queryset(self) -> QuerySet[Order]:
        return Order.objects.visible_to(self.request.user).select_related("shop__connection")

    @extend_schema(
        summary="Whether you may cancel items of an order on your own initiative, and why",
        responses={200: CancelOptionsSerializer, **problems("not-found")},
    )
    def get(self, request: Request, pk: int) -> Response:
        order, now = self.get_object(), timezone.now()
        told = {
            "offer": rules.items_offer(order, now),
            "can_cancel_lines": markets.capabilities(order.shop, now).can_cancel_lines,
            "reasons": rules.cancel_reasons(order, now, partial=False),
        }
        return Response(self.get_serializer(told).data)
