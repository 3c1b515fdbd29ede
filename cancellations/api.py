from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from cancellations import decisions, live, rules
from cancellations.decisions import AlreadyDecided, NotAllowed, TooLate
from cancellations.filters import CancellationFilter
from cancellations.models import CancellationRequest, Decision
from cancellations.serializers import (
    VERDICTS,
    CancellationDetailSerializer,
    CancellationSerializer,
    CancelOptionsSerializer,
    DecisionDetailSerializer,
    DecisionRequest,
    DecisionSerializer,
    LocaleQuery,
    NoteRequest,
    RejectReasonsSerializer,
    ShippingOptionsSerializer,
)
from config.api import US_REJECT, FiltersLists, NoticeSerializer, Problem, problems
from orders.models import Order
from shops import markets
from shops.filters import shops_of


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


class DecisionFilter(django_filters.FilterSet):  # type: ignore[misc]
    shop = django_filters.ModelChoiceFilter(queryset=shops_of)

    class Meta:
        model = Decision
        fields = ("verdict", "state", "stalled_because")


CHANGED = {200: DecisionDetailSerializer}


@extend_schema_view(
    list=extend_schema(
        summary="Decisions, newest first", responses={200: DecisionSerializer(many=True), **problems("invalid")}
    ),
    retrieve=extend_schema(
        summary="A decision with every call made for it",
        responses={200: DecisionDetailSerializer, **problems("not-found")},
    ),
)
class DecisionViewSet(
    FiltersLists, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Decision]
):
    queryset = Decision.objects.none()
    filterset_class = DecisionFilter
    page_order = ("-pk",)
    lookup_value_regex = r"\d+"

    def get_serializer_class(self) -> type[DecisionSerializer]:
        return DecisionSerializer if self.action == "list" else DecisionDetailSerializer

    def get_queryset(self) -> QuerySet[Decision]:
        rows = Decision.objects.visible_to(self.request.user).select_related("made_by")
        if self.action == "list":
            return rows
        return rows.select_related("shop").prefetch_related("attempts", "lines__line_item", "evidence")

    @extend_schema(
        summary="Decide",
        description=(
            "Records a decision; a worker sends it when the undo window ends, and `decisions/{id}/` tells what came of "
            "it. Send JSON, or multipart/form-data where images go with a rejection. Every name must be known and fit "
            "the verdict: what would be ignored is refused.\n\n" + VERDICTS
        ),
        request={"application/json": DecisionRequest, "multipart/form-data": DecisionRequest},
        examples=[
            OpenApiExample("approve", {"verdict": "approve", "cancellation": 4711}, request_only=True),
            OpenApiExample(
                "reject (not in the US)",
                {"verdict": "reject", "cancellation": 4711, "reason": "package_sent", "comment": "It left yesterday."},
                request_only=True,
            ),
            OpenApiExample(
                "ship to reject (US)",
                {
                    "verdict": "ship_to_reject",
                    "cancellation": 4711,
                    "shipping": {"tracking_number": "9400111899223197", "shipping_provider_id": "7117858858072016686"},
                },
                request_only=True,
            ),
            OpenApiExample(
                "cancel items",
                {
                    "verdict": "cancel_items",
                    "order": 815,
                    "reason": "seller_cancel_reason_out_of_stock",
                    "items": [{"line_item": 1631, "quantity": 1}],
                },
                request_only=True,
            ),
        ],
        responses={
            201: DecisionDetailSerializer,
            **problems(
                "malformed", "invalid", "forbidden", "already-decided", "too-large", "unsupported-media-type",
                "not-allowed",
            ),
        },
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        told = DecisionRequest(data=request.data, context=self.get_serializer_context())
        told.is_valid(raise_exception=True)
        with as_problems(request):
            decision = told.record()
        body = self.get_serializer(self.get_queryset().get(pk=decision.pk)).data
        return Response(body, status=201, headers={"Location": body["url"]})

    @extend_schema(
        summary="Take a decision back before it is sent",
        request=None,
        responses={**CHANGED, **problems("forbidden", "not-found", "too-late")},
    )
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        decision = self.get_object()
        with as_problems(request, about=decision):
            decisions.withdraw(decision, request.user)  # type: ignore[arg-type]
        return self.retrieve(request)

    @extend_schema(
        summary="Have the marketplace asked once more about a stalled decision",
        request=None,
        responses={**CHANGED, **problems("forbidden", "not-found", "not-stalled")},
    )
    @action(detail=True, methods=["post"], url_path="ask-again")
    def ask_again(self, request: Request, pk: str) -> Response:
        decision = self.get_object()
        with as_problems(request, about=decision):
            decisions.ask_again(decision, request.user)  # type: ignore[arg-type]
        return self.retrieve(request)

    @extend_schema(
        summary="End a stalled decision that a manager has looked into",
        request=NoteRequest,
        responses={**CHANGED, **problems("malformed", "invalid", "forbidden", "not-found", "not-stalled")},
    )
    @action(detail=True, methods=["post"], url_path="set-aside")
    def set_aside(self, request: Request, pk: str) -> Response:
        decision = self.get_object()
        told = NoteRequest(data=request.data)
        told.is_valid(raise_exception=True)
        with as_problems(request, about=decision):
            decisions.set_aside(decision, request.user, told.validated_data["note"])  # type: ignore[arg-type]
        return self.retrieve(request)


@contextmanager
def as_problems(request: Request, about: Decision | None = None) -> Iterator[None]:
    """Say no in the words of `decisions`, with the decision that is in the way or the rule behind it."""
    try:
        yield
    except AlreadyDecided as no:
        raise Problem("already-decided", str(no), more={"decision": address(no.decision, request)}) from None
    except TooLate as no:
        assert about
        raise Problem("too-late", str(no), more={"decision": address(about, request)}) from None
    except NotAllowed as no:
        if about:
            raise Problem("not-stalled", str(no), more={"decision": address(about, request)}) from None
        notice = {"notice": NoticeSerializer(no.notice).data} if no.notice else {}
        raise Problem("not-allowed", str(no), more=notice) from None


def address(decision: Decision, request: Request) -> str:
    return reverse("api:decision-detail", [decision.pk], request=request)
