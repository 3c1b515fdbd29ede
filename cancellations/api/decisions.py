from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from cancellations import decisions
from cancellations.api.bulk import decide_in_bulk, told_of
from cancellations.api.refusals import as_problems
from cancellations.decisions import found_again
from cancellations.models import CancellationRequest, Decision
from cancellations.serializers.coming_in import VERDICTS, DecisionRequest, NoteRequest
from cancellations.serializers.going_out import DecisionDetailSerializer, DecisionSerializer
from cancellations.serializers.in_bulk import BulkAnswer, BulkRequest
from config.api.bodies import JSON_ALONE
from config.api.documented import problems
from config.api.pages import FiltersLists
from config.api.schema import WAITS
from config.api.waiting import hold
from orders.models import Order
from shops.filters import shops_of
from shops.models import Permission
from shops.roles import must_be_allowed


def requests_of(request: Any) -> Any:
    return CancellationRequest.objects.visible_to(request.user) if request else CancellationRequest.objects.none()


def orders_of(request: Any) -> Any:
    return Order.objects.visible_to(request.user) if request else Order.objects.none()


class DecisionFilter(django_filters.FilterSet):  # type: ignore[misc]
    shop = django_filters.ModelChoiceFilter(queryset=shops_of)
    cancellation = django_filters.ModelChoiceFilter(queryset=requests_of, label="The request that they are about.")
    order = django_filters.ModelChoiceFilter(queryset=orders_of, label="The order that they are about.")

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
        parameters=WAITS,
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
        return DecisionSerializer if self.action in ("list", "bulk") else DecisionDetailSerializer

    def get_queryset(self) -> QuerySet[Decision]:
        rows = Decision.objects.visible_to(self.request.user).select_related("made_by", "countersigned_by")
        if self.action in ("list", "bulk"):
            return rows
        return rows.select_related("shop").prefetch_related("attempts", "lines__line_item", "evidence")

    @extend_schema(
        summary="Decide",
        description=(
            "Records a decision; a worker sends it when the undo window ends, and `decisions/{id}/` tells what came of "
            "it. Send JSON, or multipart/form-data where images go with a rejection. Every name must be known and fit "
            "the verdict: what would be ignored is refused.\n\n" + VERDICTS
        ),
        parameters=WAITS,
        request={"application/json": DecisionRequest, "multipart/form-data": DecisionRequest},
        examples=[
            OpenApiExample("approve", {"verdict": "approve", "cancellation": 4711}, request_only=True),
            OpenApiExample(
                "reject (not in the US)",
                {
                    "verdict": "reject",
                    "cancellation": 4711,
                    "reason": "order_manage_list_action_respond_popup_reject_reason_delivered_uk",
                    "comment": "It left yesterday.",
                },
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
        decision = found_again(request.user, [self.client_key()]).first() or self.recorded(request)  # type: ignore[arg-type]
        headers = self.hold(decision)
        body = self.get_serializer(self.get_queryset().get(pk=decision.pk)).data
        return Response(body, status=201, headers={"Location": str(body["url"]), **headers})

    def recorded(self, request: Request) -> Decision:
        told = DecisionRequest(data=request.data, context=self.get_serializer_context())
        told.is_valid(raise_exception=True)
        with as_problems(request):
            return told.record(self.client_key())

    def hold(self, decision: Decision) -> dict[str, str]:
        """Keep whoever prefers to wait until the decision no longer moves by itself."""
        moving = Decision.objects.filter(pk=decision.pk, state__in=Decision.MOVING)
        return hold(self.request, lambda: not moving.exists())

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        decision = self.get_object()
        if headers := self.hold(decision):
            decision = self.get_object()
        return Response(self.get_serializer(decision).data, headers=headers)

    @extend_schema(
        summary="Decide about many at once",
        description=(
            "Up to 500 decisions, each judged by itself: one that is refused keeps none of the others from being "
            "recorded. `results` tells for each, in the order in which they were sent, what a single one would have "
            "been answered with. Images are uploaded ahead and named in `evidence`. Whether the marketplace would "
            "cancel an item, or take a parcel this way, is not asked beforehand; its no comes with the decision. With "
            "an `Idempotency-Key` the same body can be sent again after a lost answer: what is recorded is found, and "
            "nothing is recorded twice."
        ),
        request=BulkRequest,
        examples=[
            OpenApiExample(
                "two of them",
                {
                    "decisions": [
                        {"verdict": "approve", "cancellation": 4711, "undo_seconds": 0},
                        {
                            "verdict": "reject",
                            "cancellation": 4712,
                            "reason": "order_manage_list_action_respond_popup_reject_reason_delivered_uk",
                        },
                    ]
                },
                request_only=True,
            )
        ],
        responses={200: BulkAnswer, **problems("malformed", "invalid", "too-large", "unsupported-media-type")},
    )
    @action(detail=False, methods=["post"], parser_classes=JSON_ALONE)
    def bulk(self, request: Request) -> Response:
        told = BulkRequest(data=request.data)
        told.is_valid(raise_exception=True)
        named = {number: self.client_key(number) for number in range(len(told.validated_data["decisions"]))}
        outcomes = decide_in_bulk(request, told.validated_data["decisions"], named)
        made = self.get_queryset().in_bulk([one for one in outcomes if isinstance(one, int)])
        shown = self.get_serializer()
        return Response(told_of(outcomes, {pk: shown.to_representation(row) for pk, row in made.items()}))

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
        summary="Be the second person for a decision that waits for one",
        description=(
            "A decision in the state `unsigned` gives back more money than its maker's role gives back alone. Somebody "
            "else who may give the same verdict in this shop countersigns it, and it is sent."
        ),
        request=None,
        responses={**CHANGED, **problems("forbidden", "not-found", "not-allowed", "not-unsigned")},
    )
    @action(detail=True, methods=["post"])
    def countersign(self, request: Request, pk: str) -> Response:
        decision = self.get_object()
        with as_problems(request, about=decision):
            decisions.countersign(decision, request.user)  # type: ignore[arg-type]
        return self.retrieve(request)

    @extend_schema(
        summary="Say no to a decision that waits for a second person",
        description="Nothing is sent, and what it was about can be decided anew.",
        request=NoteRequest,
        responses={
            **CHANGED,
            **problems("malformed", "invalid", "forbidden", "not-found", "not-allowed", "not-unsigned"),
        },
    )
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, pk: str) -> Response:
        decision = self.get_object()
        must_be_allowed(request.user, decision.shop, Permission(decision.verdict))  # type: ignore[arg-type]
        told = NoteRequest(data=request.data)
        told.is_valid(raise_exception=True)
        with as_problems(request, about=decision):
            decisions.decline(decision, request.user, told.validated_data["note"])  # type: ignore[arg-type]
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
