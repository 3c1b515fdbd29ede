"""What happens when nobody answers, for programs."""

from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api.documented import problems
from config.api.manners import Manners
from config.api.pages import FiltersLists
from safety import ladder, nets, offered, reach
from safety.filters import TellingFilter
from safety.models import Telling
from safety.serializers import (
    LadderRequest,
    LadderSerializer,
    SafetyNetRequest,
    SafetyNetSerializer,
    TellingSerializer,
)
from shops.markets import capabilities
from shops.models import Role, Shop
from shops.roles import must_have_role

CHANGED = problems("malformed", "invalid", "forbidden", "not-found")


def visible_shop(request: Request, pk: int) -> Shop:
    return get_object_or_404(Shop.objects.visible_to(request.user).defer("cipher"), pk=pk)


class SafetyNetView(Manners, APIView):
    @extend_schema(
        summary="What is done before silence decides",
        description="Off until somebody sets it. `choices` says what this market offers today, and why not the rest.",
        responses={200: SafetyNetSerializer, **problems("not-found")},
    )
    def get(self, request: Request, pk: int) -> Response:
        return self.told(visible_shop(request, pk))

    @extend_schema(
        summary="Set a shop's safety net",
        description=(
            "For managers who may decide this themselves. It decides once for a request and its deadline, in the name "
            "of whoever sends this, with their rights and up to the money that they may give back alone; where it may "
            "not, people are told instead. `is_on: false` switches it off."
        ),
        request=SafetyNetRequest,
        examples=[
            OpenApiExample("approve half an hour before", {"action": "approve", "minutes": 30}, request_only=True)
        ],
        responses={200: SafetyNetSerializer, **CHANGED},
    )
    def put(self, request: Request, pk: int) -> Response:
        shop = visible_shop(request, pk)
        must_have_role(request.user, shop, Role.MANAGER)  # type: ignore[arg-type]
        told = SafetyNetRequest(data=request.data)
        told.is_valid(raise_exception=True)
        nets.set_net(shop, request.user, told.wish())  # type: ignore[arg-type]
        return self.told(shop)

    def told(self, shop: Shop) -> Response:
        now, net = timezone.now(), nets.net_of(shop)
        kept = nets.told(net) if net else {**asdict(nets.Wish()), "is_on": False}
        body: dict[str, Any] = {
            **kept, "set_by": net and str(net.set_by), "set_at": net and net.set_at,
            "silence": capabilities(shop, now).silence, "choices": offered.choices(shop, now),
            "would_have_acted": nets.would_have_caught(shop, kept["minutes"], now),
        }  # fmt: skip
        return Response(SafetyNetSerializer(body).data)


class LadderView(Manners, APIView):
    @extend_schema(
        summary="Who is told when nobody answers",
        responses={200: LadderSerializer, **problems("not-found")},
    )
    def get(self, request: Request, pk: int) -> Response:
        return self.told(visible_shop(request, pk))

    @extend_schema(
        summary="Set who is told when nobody answers",
        description=(
            "For managers. The shop's own rungs replace those for all shops. Each rung tells of a request once for its "
            "deadline, and none does once somebody has decided. What cannot be delivered is tried again, then goes by "
            "the next channel: `chat`, `email`, `in_app`."
        ),
        request=LadderRequest,
        responses={200: LadderSerializer, **CHANGED},
    )
    def put(self, request: Request, pk: int) -> Response:
        shop = visible_shop(request, pk)
        must_have_role(request.user, shop, Role.MANAGER)  # type: ignore[arg-type]
        told = LadderRequest(data=request.data)
        told.is_valid(raise_exception=True)
        ladder.set_ladder(shop, request.user, told.wishes())  # type: ignore[arg-type]
        return self.told(shop)

    def told(self, shop: Shop) -> Response:
        body = {
            "is_own": ladder.rungs_of(shop).exists(), "rungs": ladder.effective(shop),
            "chat": ladder.chat_of(shop) or ladder.chat_of(None), "problems": reach.problems(shop),
        }  # fmt: skip
        return Response(LadderSerializer(body).data)


@extend_schema_view(
    list=extend_schema(
        summary="Who was told of what, newest first, and who could not be",
        responses={200: TellingSerializer(many=True), **problems("invalid")},
    )
)
class TellingViewSet(FiltersLists, mixins.ListModelMixin, viewsets.GenericViewSet[Telling]):
    queryset = Telling.objects.none()
    serializer_class = TellingSerializer
    filterset_class = TellingFilter
    page_order = ("-pk",)

    def get_queryset(self) -> QuerySet[Telling]:
        return Telling.objects.visible_to(self.request.user).select_related("person")
