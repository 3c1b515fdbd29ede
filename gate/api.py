from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from config.api.documented import problems
from config.api.manners import Manners
from config.api.problems import Problem
from gate.asking import ask
from gate.finding import Ambiguous, Unknown
from gate.models import PullTask
from gate.pulled import NotToBePulled, NotToBePutBack, pull, put_back
from gate.serializers import (
    AnswerSerializer,
    CodeQuery,
    LiveQuery,
    PulledRequest,
    PulledSerializer,
    PullTasksSerializer,
)
from gate.to_pull import to_pull
from orders.models import Order

EXAMPLE = OpenApiExample(
    "packed, and the buyer asks",
    {
        "verdict": "pull",
        "reason": "request_waits",
        "words": "Somebody asks to cancel it, and it is packed already.",
        "order": {
            "id": 815,
            "url": "https://countermand.example/api/v1/orders/815/",
            "shop": 7,
            "marketplace_id": "577087614418520388",
            "number": "",
            "status": "AWAITING_COLLECTION",
        },
        "package": "1153132168123456789",
        "cancellation": {
            "id": 4711,
            "url": "https://countermand.example/api/v1/cancellations/4711/",
            "state": "waiting",
            "needs_answer": True,
            "deadline": "2026-11-22T08:00:00Z",
        },
        "decision": None,
        "lines": [
            {
                "line_item": 1631,
                "seller_sku": "TOTE-BLK",
                "product_name": "Cotton tote bag",
                "sku_name": "Black, Standard",
                "out": 0,
                "stays": 1,
            }
        ],
        "notice": None,
        "as_of": "2026-11-21T11:40:12Z",
        "is_stale": False,
        "caution": "",
        "live": None,
        "pulled": None,
        "together_with": [],
    },
    response_only=True,
    status_codes=["200"],
)
LIVE = (
    "Answered from what was read, and from what the marketplace has pushed since. In doubt a parcel stays: a push may "
    "hold or pull it within a second, but that it may leave again is believed once it was read. `is_stale` says that "
    "the shop was not read for some minutes: nothing is `ship` then. With `live` the marketplace is asked first."
)


def answer(request: Request, kinds: list[str], code: str, asked: dict[str, Any]) -> Response:
    try:
        found = ask(request.user, kinds, code, shop=asked.get("shop"), own_id="order" in kinds, live=asked["live"])
    except Unknown:
        raise Http404 from None
    except Ambiguous as several:
        urls = [reverse("api:order-detail", [order.pk], request=request) for order in several.orders]
        shops = [order.shop_id for order in several.orders]
        raise Problem("ambiguous", str(several), more={"orders": urls, "shops": shops}) from None
    return Response(AnswerSerializer(found, context={"request": request}).data)


class GateView(Manners, APIView):
    @extend_schema(
        summary="May this parcel leave? By tracking number, package or order",
        description=f"Give one of `tracking`, `package` and `order`. {LIVE}",
        parameters=[CodeQuery],
        examples=[EXAMPLE],
        responses={200: AnswerSerializer, **problems("invalid", "not-found", "ambiguous")},
    )
    def get(self, request: Request) -> Response:
        query = CodeQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        return answer(request, [query.validated_data["kind"]], query.validated_data["code"], query.validated_data)


class GateOrderView(Manners, APIView):
    @extend_schema(
        operation_id="gate_retrieve_order",
        summary="May this order leave?",
        description=f"`code` is the order's id at the marketplace, its number, or our `id`. {LIVE}",
        parameters=[LiveQuery],
        examples=[EXAMPLE],
        responses={200: AnswerSerializer, **problems("invalid", "not-found", "ambiguous")},
    )
    def get(self, request: Request, code: str) -> Response:
        query = LiveQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        return answer(request, ["order"], code, query.validated_data)


class PullTasksView(Manners, APIView):
    @extend_schema(
        summary="Parcels that are to be pulled, or put back, and that nobody has seen to yet",
        description=(
            "Orders with a label whose answer at the gate is `pull`, or whose `reason` is `put_back`, the next "
            "deadline first. They come and go by themselves: a request that is withdrawn takes its parcel off the list."
        ),
        responses={200: PullTasksSerializer, **problems()},
    )
    def get(self, request: Request) -> Response:
        answers, is_complete = to_pull(request.user, timezone.now())
        told = {"is_complete": is_complete, "results": answers}
        return Response(PullTasksSerializer(told, context={"request": request}).data)


class PullTaskDoneView(Manners, APIView):
    @extend_schema(
        summary="Say that an order's parcel was pulled, is not there, or was put back",
        description=(
            "For agents of the shop. A `photo` is cleaned as evidence is, stands on the request's page, and is offered "
            "to whoever rejects the request. Sending it again is answered with the first one, and 200."
        ),
        request={"application/json": PulledRequest, "multipart/form-data": PulledRequest},
        responses={
            200: PulledSerializer,
            201: PulledSerializer,
            **problems(
                "malformed", "invalid", "forbidden", "not-found", "too-large", "unsupported-media-type", "not-allowed"
            ),
        },
    )
    def post(self, request: Request, pk: int) -> Response:
        orders = Order.objects.visible_to(request.user).select_related("shop")
        order = get_object_or_404(orders.defer("shop__cipher"), pk=pk)
        told = PulledRequest(data=request.data)
        told.is_valid(raise_exception=True)
        sent = told.validated_data
        try:
            task, is_new = written_down(order, request.user, sent)
        except (NotToBePulled, NotToBePutBack) as refusal:
            raise Problem("not-allowed", str(refusal)) from None
        return Response(PulledSerializer(task).data, status=201 if is_new else 200)


def written_down(order: Order, user: Any, sent: dict[str, Any]) -> tuple[PullTask, bool]:
    if sent["is_put_back"]:
        return put_back(order, sent["package"], user)
    return pull(order, sent["package"], user, sent.get("photo"), is_there=sent["is_there"])
