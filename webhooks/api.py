"""Endpoints and what was delivered to them, for programs."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.documented import problems
from config.api.pages import FiltersLists
from config.api.problems import Problem
from shops.models import Shop
from webhooks import endpoints
from webhooks.filters import DeliveriesOfAll
from webhooks.models import Delivery, Endpoint
from webhooks.serializers import (
    DeliverySerializer,
    EndpointRequest,
    EndpointSerializer,
    EndpointWithSecret,
    ReplayAnswer,
    ReplayRequest,
)

CHANGED = {200: EndpointSerializer, **problems("forbidden", "not-found")}


@extend_schema_view(
    list=extend_schema(
        summary="Your endpoints for webhooks",
        description="For managers of a shop. See the guide for how deliveries are signed, retried and ordered.",
        responses={200: EndpointSerializer(many=True), **problems("invalid")},
    ),
    retrieve=extend_schema(summary="An endpoint", responses={200: EndpointSerializer, **problems("not-found")}),
)
class EndpointViewSet(
    FiltersLists, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Endpoint]
):
    queryset = Endpoint.objects.none()
    only_writes_rows = True
    serializer_class = EndpointSerializer
    page_order = ("pk",)
    lookup_value_regex = r"\d+"

    def get_queryset(self) -> QuerySet[Endpoint]:
        own = Endpoint.objects.visible_to(self.request.user).without_secrets()
        return own.prefetch_related(Prefetch("shops", Shop.objects.only("pk")))

    def shown(self, endpoint: Endpoint, *, with_secret: bool = False, status: int = 200) -> Response:
        shape = EndpointWithSecret if with_secret else EndpointSerializer
        response = Response(shape(endpoint).data, status=status)
        response["Cache-Control"] = "no-store"
        return response

    def read(self, request: Request, endpoint: Endpoint | None = None) -> Any:
        told = EndpointRequest(data=request.data, partial=endpoint is not None, context={"request": request})
        told.is_valid(raise_exception=True)
        return told.wish(endpoint)

    @extend_schema(
        summary="Add an endpoint",
        description="The answer holds its `secret`, with which the receiver checks signatures. It is not told again.",
        request=EndpointRequest,
        responses={201: EndpointWithSecret, **problems("malformed", "invalid", "forbidden")},
    )
    def create(self, request: Request) -> Response:
        endpoints.must_be_manager(request.user)  # type: ignore[arg-type]
        made = endpoints.make(request.user, self.read(request))  # type: ignore[arg-type]
        return self.shown(made, with_secret=True, status=201)

    @extend_schema(
        summary="Change an endpoint",
        description="What is not sent stays as it is. What waits goes to the new address.",
        request=EndpointRequest,
        responses={200: EndpointSerializer, **problems("malformed", "invalid", "forbidden", "not-found")},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        endpoint = self.get_object()
        endpoints.must_be_manager(request.user)  # type: ignore[arg-type]
        endpoints.change(endpoint, request.user, self.read(request, endpoint))  # type: ignore[arg-type]
        return self.shown(self.get_object())

    @extend_schema(
        summary="Remove an endpoint with its log",
        responses={204: None, **problems("forbidden", "not-found")},
    )
    def destroy(self, request: Request, pk: str) -> Response:
        endpoints.remove(self.get_object(), request.user)  # type: ignore[arg-type]
        return Response(status=204)

    @extend_schema(
        summary="Give an endpoint a new secret",
        description="For a day both sign, so that the receiver can change over in its own time.",
        request=None,
        responses={200: EndpointWithSecret, **problems("forbidden", "not-found")},
    )
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: str) -> Response:
        return self.shown(endpoints.rotate(self.get_object(), request.user), with_secret=True)  # type: ignore[arg-type]

    @extend_schema(summary="Pause an endpoint: what happens waits", request=None, responses=CHANGED)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        endpoints.pause(self.get_object(), request.user)  # type: ignore[arg-type]
        return self.shown(self.get_object())

    @extend_schema(summary="Resume an endpoint: what waits goes out now", request=None, responses=CHANGED)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        endpoints.resume(self.get_object(), request.user)  # type: ignore[arg-type]
        return self.shown(self.get_object())

    @extend_schema(
        summary="Send a test",
        description="An event `endpoint.test`, whatever the endpoint is told of otherwise. Read the delivery for the "
        "outcome.",
        request=None,
        responses={201: DeliverySerializer, **problems("forbidden", "not-found", "not-allowed")},
    )
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        try:
            sent = endpoints.test(self.get_object(), request.user)  # type: ignore[arg-type]
        except ValidationError as problem:
            raise Problem("not-allowed", " ".join(problem.messages)) from None
        return Response(DeliverySerializer(sent).data, status=201)

    @extend_schema(
        summary="Send what failed once more",
        request=ReplayRequest,
        responses={202: ReplayAnswer, **problems("malformed", "invalid", "forbidden", "not-found")},
    )
    @action(detail=True, methods=["post"], url_path="replay-failed")
    def replay_failed(self, request: Request, pk: str) -> Response:
        endpoint = self.get_object()
        endpoints.must_be_manager(request.user)  # type: ignore[arg-type]
        told = ReplayRequest(data=request.data)
        told.is_valid(raise_exception=True)
        since = told.validated_data.get("since")
        return Response({"replayed": endpoints.replay_failed(endpoint, request.user, since)}, status=202)  # type: ignore[arg-type]


@extend_schema_view(
    list=extend_schema(
        summary="What was, or is to be, delivered to your endpoints, newest first",
        responses={200: DeliverySerializer(many=True), **problems("invalid")},
    ),
    retrieve=extend_schema(summary="A delivery", responses={200: DeliverySerializer, **problems("not-found")}),
)
class DeliveryViewSet(
    FiltersLists, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Delivery]
):
    queryset = Delivery.objects.none()
    only_writes_rows = True
    serializer_class = DeliverySerializer
    filterset_class = DeliveriesOfAll
    page_order = ("-pk",)
    lookup_value_regex = r"\d+"

    def get_queryset(self) -> QuerySet[Delivery]:
        rows = Delivery.objects.visible_to(self.request.user).select_related("event", "endpoint")
        return rows.defer("endpoint__secret", "endpoint__previous_secret")

    @extend_schema(
        summary="Send an event once more",
        description="Under the same `webhook-id`, so that whoever took it knows it again.",
        request=None,
        responses={202: DeliverySerializer, **problems("forbidden", "not-found")},
    )
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: str) -> Response:
        delivery = self.get_object()
        endpoints.replay(delivery, request.user)  # type: ignore[arg-type]
        return Response(DeliverySerializer(self.get_object()).data, status=202)
