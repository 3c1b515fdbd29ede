from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from cancellations import checks, live, recording, rules
from cancellations.api.refusals import as_problems
from cancellations.filters import CancellationFilter
from cancellations.models import CancellationRequest, CommentTemplate
from cancellations.serializers.coming_in import LocaleQuery, NoteRequest, ineligible
from cancellations.serializers.going_out import (
    CancellationDetailSerializer,
    CancellationSerializer,
    CancelOptionsSerializer,
    CommentTemplatesSerializer,
    RejectReasonsSerializer,
    ShippingOptionsSerializer,
)
from cancellations.serializers.heard import RecordRequest
from cancellations.shipping import needs_tracking
from config.api.documented import US_REJECT, problems
from config.api.manners import Manners
from config.api.pages import FiltersLists
from config.api.problems import Problem
from orders.models import Order
from orders.parcels import parcels_to_ship
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
    only_writes_rows = True
    filterset_class = CancellationFilter
    lookup_value_regex = r"\d+"
    page_order: Any = {"newest": ("-created_at", "-pk"), "time_left": ("deadline", "created_at", "pk")}

    def get_serializer_class(self) -> type[CancellationSerializer]:
        return CancellationSerializer if self.action == "list" else CancellationDetailSerializer

    def get_queryset(self) -> QuerySet[CancellationRequest]:
        rows = CancellationRequest.objects.visible_to(self.request.user)
        if self.action == "list":
            return rows.with_decisions_in_brief().select_related("recorded_by", "assigned_to")
        return rows.with_queue_columns().select_related("shop__connection", "recorded_by", "assigned_to")

    @extend_schema(
        summary="Record a request that its marketplace does not show",
        description=(
            "For shops whose `rules` say `shows_requests: false`: their marketplace tells nobody which requests wait, "
            "so whoever hears of one records it. It then waits in the queue like any other and is answered by "
            "`decisions/`. Other shops' requests come in by themselves."
        ),
        request=RecordRequest,
        examples=[
            OpenApiExample("an order", {"shop": 7, "order_number": "PO-104417"}, request_only=True),
            OpenApiExample(
                "one line of it",
                {
                    "order": 815,
                    "line_item": 1631,
                    "asked_at": "2026-11-20T08:00:00Z",
                    "heard_through": "email",
                    "note": "Ordered twice, writes their buyer.",
                },
                request_only=True,
            ),
        ],
        responses={
            201: CancellationDetailSerializer,
            **problems(
                "malformed", "invalid", "forbidden", "already-recorded", "unsupported-media-type", "not-allowed"
            ),
        },
    )
    def create(self, request: Request) -> Response:
        told = RecordRequest(data=request.data, context=self.get_serializer_context())
        with as_problems(request):
            told.is_valid(raise_exception=True)
            made = told.record()
        body = self.get_serializer(self.get_queryset().get(pk=made.pk)).data
        there = reverse("api:cancellation-detail", [made.pk], request=request)
        return Response(body, status=201, headers={"Location": there})

    @extend_schema(
        summary="Close a recorded request that needs no answer",
        description="Withdrawn, settled elsewhere, or recorded by mistake. Nothing is sent to the marketplace.",
        request=NoteRequest,
        responses={
            200: CancellationDetailSerializer,
            **problems("malformed", "invalid", "forbidden", "not-found", "already-decided", "not-allowed"),
        },
    )
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str) -> Response:
        cancellation = self.get_object()
        told = NoteRequest(data=request.data)
        told.is_valid(raise_exception=True)
        with as_problems(request):
            recording.close(cancellation, request.user, told.validated_data["note"])  # type: ignore[arg-type]
        return self.retrieve(request)

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
        cancellation = self.get_object()
        market = markets.capabilities(cancellation.shop, timezone.now())
        none = checks.not_taken(market, {"reason"}).get("reason", "")
        reasons = [] if none else live.reject_reasons(cancellation, asked.validated_data["locale"])
        told = {"takes_reason": not none, "explanation": none, "reasons": reasons}
        return Response(RejectReasonsSerializer(told).data)

    @extend_schema(
        summary="The comments that the shop keeps for rejections, filled for this request",
        description="Managers keep them on the shop's page. One that names a reason is for that reason alone.",
        responses={200: CommentTemplatesSerializer, **problems("not-found")},
    )
    @action(detail=True, url_path="comment-templates")
    def comment_templates(self, request: Request, pk: str) -> Response:
        cancellation = self.get_object()
        market = markets.capabilities(cancellation.shop, timezone.now())
        kept = CommentTemplate.objects.of_shop(cancellation.shop) if market.takes_comment else []
        told = {
            "takes_comment": market.takes_comment,
            "max_length": market.comment_max_length,
            "templates": [
                {
                    "id": one.pk,
                    "name": one.name,
                    "language": one.language,
                    "reason": one.reason,
                    "text": one.filled(cancellation),
                }
                for one in kept
            ],
        }
        return Response(CommentTemplatesSerializer(told).data)

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
        own_carrier = needs_tracking(order)  # the marketplace tells carriers of no other order
        told = {
            "sent_by_seller": own_carrier,
            "package_ids": [package.marketplace_id for package, _ in parcels_to_ship(order)],
            "handover": None if own_carrier else live.handover_options(order),
            "carriers": live.shipping_providers(order) if own_carrier else [],
        }
        return Response(ShippingOptionsSerializer(told).data)


class OrderCancelOptionsView(Manners, GenericAPIView[Order]):
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
        market = markets.capabilities(order.shop, now)
        offer = rules.items_offer(order, now)
        told = {
            "offer": offer,
            "can_cancel_lines": market.can_cancel_lines,
            "takes_reason": market.takes_cancel_reason,
            "explanation": checks.no_cancel_reason(market),
            "reasons": rules.cancel_reasons(order, now, partial=False),
            "ineligible": ineligible(order) if offer.allowed else None,
        }
        return Response(self.get_serializer(told).data)
