from typing import ClassVar

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from config.api.documented import US_REJECT, problems
from config.api.manners import Manners
from config.api.pages import FiltersLists
from config.api.problems import Problem
from shops.markets import capabilities_on, market_day
from shops.models import Connection, Role, Shop, SyncRun
from shops.pulling import ask_for_pull
from shops.serializers import (
    RulesQuery,
    RulesSerializer,
    ShopSerializer,
    SyncAsked,
    SyncRequest,
    SyncRunSerializer,
)


@extend_schema_view(
    list=extend_schema(
        summary="Shops that you are a member of", responses={200: ShopSerializer(many=True), **problems("invalid")}
    ),
    retrieve=extend_schema(summary="A shop", responses={200: ShopSerializer, **problems("not-found")}),
)
class ShopViewSet(FiltersLists, viewsets.ReadOnlyModelViewSet[Shop]):
    queryset = Shop.objects.none()
    serializer_class = ShopSerializer
    page_order = ("pk",)
    lookup_value_regex = r"\d+"
    filterset_fields: ClassVar = ["marketplace", "region", "is_active", "marketplace_id"]

    def get_queryset(self) -> QuerySet[Shop]:
        if not self.request.user.is_authenticated:
            return Shop.objects.none()
        return (
            Shop.objects.visible_to(self.request.user)
            .select_related("connection")
            .defer("cipher", "connection__app_secret", "connection__access_token", "connection__refresh_token")
            .with_role_of(self.request.user)
        )

    @extend_schema(
        summary="What the shop's market allows today, or on another day",
        description="The rulebook: every rule with the page that says so, and the day from which it holds.\n\n"
        + US_REJECT,
        parameters=[RulesQuery],
        responses={200: RulesSerializer, **problems("invalid", "not-found")},
    )
    @action(detail=True)
    def rules(self, request: Request, pk: str) -> Response:
        shop = self.get_object()
        on = request.query_params.get("on")
        asked = RulesQuery(data={"on": on} if on else {})
        asked.is_valid(raise_exception=True)
        day = asked.validated_data.get("on") or market_day(shop, timezone.now())
        return Response(RulesSerializer((day, capabilities_on(shop, day))).data)

    @extend_schema(
        summary="Have a shop pulled now",
        description="For managers. A worker begins within seconds; watch the shop's sync runs.",
        request=SyncRequest,
        responses={202: SyncAsked, **problems("malformed", "invalid", "forbidden", "not-found", "not-allowed")},
    )
    @action(detail=True, methods=["post"])
    def sync(self, request: Request, pk: str) -> Response:
        shop = self.get_object()
        if not Shop.objects.where_role(request.user, Role.MANAGER).filter(pk=shop.pk).exists():
            raise PermissionDenied(_("Only a manager of this shop may have it pulled."))
        asked = SyncRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        if not shop.is_active or shop.connection.state != Connection.State.CONNECTED:
            raise Problem("not-allowed", _("This shop is not synced now: it is inactive or has to be connected again."))
        ask_for_pull(shop, full=asked.validated_data["full"], by=request.user)
        runs = reverse("api:sync-run-list", [shop.pk], request=request)
        return Response({"full": asked.validated_data["full"], "sync_runs": runs}, status=202)


@extend_schema_view(
    list=extend_schema(
        summary="A shop's pulls, newest first",
        responses={200: SyncRunSerializer(many=True), **problems("invalid", "not-found")},
    )
)
class SyncRunViewSet(Manners, mixins.ListModelMixin, viewsets.GenericViewSet[SyncRun]):
    queryset = SyncRun.objects.none()
    serializer_class = SyncRunSerializer
    page_order = ("-started_at", "-pk")
    filterset_fields: ClassVar = ["kind", "state"]

    def get_queryset(self) -> QuerySet[SyncRun]:
        return SyncRun.objects.filter(
            shop=get_object_or_404(Shop.objects.visible_to(self.request.user).only("pk"), pk=self.kwargs["shop_pk"])
        )
