from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cancellations import health
from cancellations.serializers.health import HealthSerializer, WholeSerializer
from config.api.documented import problems
from config.api.manners import Manners
from shops.models import Shop


class HealthView(Manners, APIView):
    @extend_schema(
        summary="How your shops stand, worst first",
        description="What was read and when, what failed, what ends, and what waits for people or is on its way out.",
        responses={200: WholeSerializer, **problems()},
    )
    def get(self, request: Request) -> Response:
        now = timezone.now()
        whole = health.of(Shop.objects.visible_to(request.user), now)
        return Response(WholeSerializer(whole, context={"request": request, "now": now}).data)


class ShopHealthView(Manners, APIView):
    @extend_schema(summary="How one shop stands", responses={200: HealthSerializer, **problems("not-found")})
    def get(self, request: Request, pk: int) -> Response:
        visible, now = Shop.objects.visible_to(request.user).filter(pk=pk), timezone.now()
        get_object_or_404(visible.only("pk"))
        (one,) = health.of(visible, now).shops
        return Response(HealthSerializer(one, context={"request": request, "now": now}).data)
