"""What can be cancelled of an order on one's own initiative, and what the buyer would get back for it."""

from collections.abc import Iterator
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cancellations import live, rules
from cancellations.serializers.items import EligibilitySerializer, RefundPreviewRequest, RefundPreviewSerializer
from config.api.documented import problems
from config.api.manners import Manners
from marketplaces.records import LineEligibility
from orders.models import LineItem, Order
from shops.models import Permission
from shops.roles import must_be_allowed

LIVE = ("not-allowed", "marketplace-refused", "marketplace-unavailable", "reconnect")


def visible_order(request: Request, pk: int) -> Order:
    return get_object_or_404(Order.objects.visible_to(request.user).with_lines(), pk=pk)


class EligibilityView(Manners, APIView):
    @extend_schema(
        summary="Which lines of an order can be cancelled now, asked of the marketplace",
        description="Where the market's rules or the order's state already say no, the marketplace is not asked.",
        responses={200: EligibilitySerializer, **problems("not-found", *LIVE)},
    )
    def get(self, request: Request, pk: int) -> Response:
        order = visible_order(request, pk)
        offer = rules.items_offer(order, timezone.now())
        asked = live.eligibility(order) if offer.allowed else []
        no = {line_id: answer for answer in asked if not answer.eligible for line_id in answer.line_item_ids}
        lines = list(of_lines(order, offer.why_not, no))
        can = any(line["can_be_cancelled"] for line in lines)
        told = {"can_be_cancelled": can, "why_not": offer.why_not, "notice": offer.notice, "lines": lines}
        return Response(EligibilitySerializer(told).data)


def of_lines(order: Order, why_not: str, no: dict[str, LineEligibility]) -> Iterator[dict[str, Any]]:
    for line in order.lines.all():
        answer = no.get(line.marketplace_id)
        why = why_not or not_open(line) or (answer and (answer.reason or answer.code)) or ""
        yield {
            "line_item": line.pk,
            "line_item_marketplace_id": line.marketplace_id,
            "product_name": line.product_name,
            "open_quantity": line.open_quantity,
            "can_be_cancelled": not why,
            "why_not": why,
            "code": answer.code if answer else "",
        }


def not_open(line: LineItem) -> str:
    if line.open_quantity:
        return ""
    return _("“%(item)s” is %(status)s and cannot be cancelled.") % {"item": line, "status": line.status}


class RefundPreviewView(Manners, APIView):
    @extend_schema(
        summary="What the buyer would get back for these items, asked of the marketplace",
        description=(
            "Nothing is recorded. Send what `decisions/` would get with `cancel_items`. What approving a request gives "
            "back stands in its `offers`."
        ),
        request=RefundPreviewRequest,
        examples=[
            OpenApiExample(
                "one line",
                {"items": [{"line_item": 1631, "quantity": 1}], "reason": "seller_cancel_reason_out_of_stock"},
                request_only=True,
            )
        ],
        responses={
            200: RefundPreviewSerializer,
            **problems("malformed", "invalid", "forbidden", "not-found", *LIVE),
        },
    )
    def post(self, request: Request, pk: int) -> Response:
        order = visible_order(request, pk)
        must_be_allowed(request.user, order.shop, Permission.CANCEL_ITEMS)  # type: ignore[arg-type]
        told = RefundPreviewRequest(data=request.data)
        told.is_valid(raise_exception=True)
        items, reason = told.chosen(order), told.validated_data.get("reason", "")
        previews = rules.capabilities(order.shop, timezone.now()).previews_refunds
        refund = live.refund_preview(order, items, reason) if previews else None
        left = [(line, line.quantity - line.cancelled_in_all - items.get(line.pk, 0)) for line in order.lines.all()]
        stays = [
            {"line_item": line.pk, "product_name": line.product_name, "quantity": quantity}
            for line, quantity in left
            if quantity > 0
        ]
        return Response(RefundPreviewSerializer({"refund": refund, "stays": stays}).data)
