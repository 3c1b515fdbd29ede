from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cancellations import history, rules, teamwork
from cancellations.models import CancellationRequest, Note
from cancellations.serializers.teamwork import (
    AssigneeSerializer,
    AssignRequest,
    ClaimRequest,
    ClaimSerializer,
    HistorySerializer,
    NewNote,
    NoteSerializer,
)
from config.api.documented import problems
from config.api.manners import Manners
from config.api.problems import Problem
from orders.models import Order
from shops.roles import must_be_agent


def visible_cancellation(request: Request, pk: int | str) -> CancellationRequest:
    rows = CancellationRequest.objects.visible_to(request.user).with_queue_columns()
    return get_object_or_404(rows.select_related("shop__connection"), pk=pk)


@extend_schema_view(
    list=extend_schema(
        summary="What the staff noted about a request, newest first",
        responses={200: NoteSerializer(many=True), **problems("invalid", "not-found")},
    )
)
class NoteViewSet(Manners, mixins.ListModelMixin, viewsets.GenericViewSet[Note]):
    queryset = Note.objects.none()
    only_writes_rows = True
    serializer_class = NoteSerializer
    page_order = ("-at", "-pk")

    def get_queryset(self) -> QuerySet[Note]:
        rows = CancellationRequest.objects.visible_to(self.request.user).only("pk")
        asked = get_object_or_404(rows, pk=self.kwargs["cancellation_pk"])
        return Note.objects.filter(cancellation=asked).select_related("author")

    @extend_schema(
        summary="Note something for colleagues",
        description="The buyer never sees it. Notes are neither edited nor deleted.",
        request=NewNote,
        examples=[OpenApiExample("a note", {"text": "Called the carrier: it is still there."}, request_only=True)],
        responses={201: NoteSerializer, **problems("malformed", "invalid", "forbidden", "not-found")},
    )
    def create(self, request: Request, cancellation_pk: str) -> Response:
        asked = visible_cancellation(request, cancellation_pk)
        must_be_agent(request.user, asked.shop)  # type: ignore[arg-type]
        told = NewNote(data=request.data)
        told.is_valid(raise_exception=True)
        note = teamwork.add_note(asked, request.user, told.validated_data["text"])  # type: ignore[arg-type]
        return Response(self.get_serializer(note).data, status=201)


class ClaimView(Manners, APIView):
    @extend_schema(
        summary="Be on a request",
        description=(
            "Colleagues see that you are about to answer it. It ends after two minutes: send it again while you are. "
            "Where somebody else is on it that stands, and `is_yours` is false."
        ),
        request=ClaimRequest,
        responses={
            200: ClaimSerializer,
            **problems("malformed", "invalid", "forbidden", "not-found", "not-allowed"),
        },
    )
    def put(self, request: Request, pk: int) -> Response:
        asked = visible_cancellation(request, pk)
        must_be_agent(request.user, asked.shop)  # type: ignore[arg-type]
        told = ClaimRequest(data=request.data)
        told.is_valid(raise_exception=True)
        verb = teamwork.take_over if told.validated_data["take_over"] else teamwork.claim
        if not asked.needs_answer:
            raise Problem("not-allowed", rules.not_now(asked))
        claim = verb(asked, request.user)  # type: ignore[arg-type]
        return Response(ClaimSerializer(claim, context={"request": request}).data)

    @extend_schema(
        summary="Leave a request to others", responses={204: None, **problems("forbidden", "not-found")}, request=None
    )
    def delete(self, request: Request, pk: int) -> Response:
        teamwork.let_go(visible_cancellation(request, pk), request.user)  # type: ignore[arg-type]
        return Response(status=204)


class AssigneeView(Manners, APIView):
    @extend_schema(
        summary="Whose a request is, and whose it can be",
        responses={200: AssigneeSerializer, **problems("not-found")},
    )
    def get(self, request: Request, pk: int) -> Response:
        return self.told(visible_cancellation(request, pk))

    @extend_schema(
        summary="Make a request somebody's, or nobody's",
        request=AssignRequest,
        responses={200: AssigneeSerializer, **problems("malformed", "invalid", "forbidden", "not-found")},
    )
    def put(self, request: Request, pk: int) -> Response:
        asked = visible_cancellation(request, pk)
        must_be_agent(request.user, asked.shop)  # type: ignore[arg-type]
        told = AssignRequest(data=request.data)
        told.is_valid(raise_exception=True)
        teamwork.assign(asked, told.person(asked.shop), request.user)  # type: ignore[arg-type]
        return self.told(asked)

    def told(self, asked: CancellationRequest) -> Response:
        body = {"assigned_to": asked.assigned_to, "people": teamwork.may_be_assigned(asked.shop)}
        return Response(AssigneeSerializer(body).data)


class CancellationHistoryView(Manners, APIView):
    @extend_schema(
        summary="What happened to a request and its order, and what is to come",
        responses={200: HistorySerializer, **problems("not-found")},
    )
    def get(self, request: Request, pk: int) -> Response:
        entries = history.of_cancellation(visible_cancellation(request, pk), timezone.now())
        return Response(HistorySerializer({"entries": entries}).data)


class OrderHistoryView(Manners, APIView):
    @extend_schema(
        summary="What happened to an order and to all requests about it, and what is to come",
        responses={200: HistorySerializer, **problems("not-found")},
    )
    def get(self, request: Request, pk: int) -> Response:
        orders = Order.objects.visible_to(request.user).select_related("shop")
        about = Prefetch("cancellations", CancellationRequest.objects.with_queue_columns())
        found = get_object_or_404(orders.prefetch_related(about), pk=pk)
        return Response(HistorySerializer({"entries": history.of_order(found, timezone.now())}).data)
