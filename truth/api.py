from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from cancellations.checks import NotAllowed
from config.api.documented import problems
from config.api.manners import Manners
from config.api.pages import FiltersLists
from config.api.problems import Problem, invalid
from shops.models import Shop
from shops.roles import must_be_agent
from truth import checking, repairing
from truth.filters import DisagreementFilter
from truth.models import Disagreement
from truth.serializers import CheckSerializer, DisagreementSerializer, RepairRequest

ROW = {
    "id": 12,
    "url": "https://countermand.example/api/v1/disagreements/12/",
    "shop": 7,
    "kind": "not_shown",
    "about": "decision:4711",
    "order": 815,
    "order_label": "577087614418520388",
    "cancellation": 4242,
    "decision": 4711,
    "at_stake": {"amount": "26.98", "currency": "GBP"},
    "ours": "approve: confirmed",
    "theirs": "The marketplace shows: request CANCELLATION_REQUEST_CANCEL.",
    "found_at": "2026-11-21T11:41:12Z",
    "last_seen_at": "2026-11-21T17:41:40Z",
    "settled_at": None,
    "how": "",
    "settled_by": None,
    "note": "",
    "repair": "",
    "repair_asked_at": None,
    "repairs": ["read_again", "leave"],
}
EXAMPLE = OpenApiExample("a disagreement", ROW, response_only=True, status_codes=["200"])
CHECK = OpenApiExample(
    "nothing differs",
    {
        "shop": 7,
        "is_running": False,
        "checked_at": "2026-11-21T11:42:31Z",
        "compared": {"decisions": 1204, "requests": 1310, "lines": 2877, "events": 6120, "unread": 0},
        "next_at": "2026-11-21T17:40:02Z",
        "problem": "",
        "disagreements": 0,
    },
    response_only=True,
    status_codes=["200"],
)


@extend_schema_view(
    list=extend_schema(
        summary="What does not agree: our decisions, the marketplace, and what others were told",
        description="Newest first; what is open unless `state` says otherwise. See the guide on the truth check.",
        examples=[EXAMPLE],
        responses={200: DisagreementSerializer(many=True), **problems("invalid")},
    ),
    retrieve=extend_schema(
        summary="A disagreement",
        examples=[EXAMPLE],
        responses={200: DisagreementSerializer, **problems("not-found")},
    ),
)
class DisagreementViewSet(
    FiltersLists, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Disagreement]
):
    queryset = Disagreement.objects.none()
    only_writes_rows = True
    serializer_class = DisagreementSerializer
    filterset_class = DisagreementFilter
    page_order = ("-pk",)
    lookup_value_regex = r"\d+"

    def get_queryset(self) -> QuerySet[Disagreement]:
        return Disagreement.objects.visible_to(self.request.user).with_columns()

    def get_serializer(self, rows: Any = None, *args: Any, **kwargs: Any) -> Any:
        """With the reader's roles in the shops of these rows, asked once."""
        several = rows if kwargs.get("many") else [rows] if rows else []
        roles = repairing.roles(self.request.user, [row.shop_id for row in several])  # type: ignore[arg-type]
        kwargs["context"] = {**self.get_serializer_context(), "roles": roles}
        return DisagreementSerializer(rows, *args, **kwargs)

    @extend_schema(
        summary="Repair a disagreement, or leave it as it is",
        description=(
            "Each `repair` is an ordinary verb: `ask_again` and `set_aside` of the decision, `tell_again` sends the "
            "event that is missing, `read_again` reads the request and its order and takes what is shown. The "
            "disagreement closes when the next look, seconds later, finds it no more. `leave` closes it at once, with "
            "a `note`: it is not listed anew while both sides say the same. `set_aside`, `tell_again` and `leave` are "
            "for managers of the shop, the others for its agents."
        ),
        request=RepairRequest,
        examples=[
            OpenApiExample("read again", {"repair": "read_again"}, request_only=True),
            OpenApiExample(
                "leave", {"repair": "leave", "note": "Agreed with the marketplace's support."}, request_only=True
            ),
            EXAMPLE,
        ],
        responses={
            200: DisagreementSerializer,
            **problems("malformed", "invalid", "forbidden", "not-found", "not-allowed"),
        },
    )
    @action(detail=True, methods=["post"])
    def repair(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        must_be_agent(request.user, row.shop)  # type: ignore[arg-type]
        told = RepairRequest(data=request.data)
        told.is_valid(raise_exception=True)
        try:
            repairing.repair(row, told.validated_data["repair"], request.user, told.validated_data["note"])  # type: ignore[arg-type]
        except DjangoValidationError as problem:
            raise invalid(problem.message_dict) from None
        except NotAllowed as refusal:
            raise Problem("not-allowed", str(refusal)) from None
        return self.retrieve(request)


class ShopTruthView(Manners, APIView):
    """The truth check of one shop."""

    only_writes_rows = True

    def shop(self, request: Request, pk: int) -> Shop:
        return get_object_or_404(Shop.objects.visible_to(request.user).defer("cipher"), pk=pk)

    @extend_schema(
        operation_id="shops_truth_retrieve",
        summary="When a shop was last compared with its marketplace, and how much",
        examples=[CHECK],
        responses={200: CheckSerializer, **problems("not-found")},
    )
    def get(self, request: Request, pk: int) -> Response:
        return Response(CheckSerializer(checking.of(self.shop(request, pk))).data)

    @extend_schema(
        operation_id="shops_truth_check",
        summary="Compare a shop with its marketplace now",
        description="For managers of the shop. A worker does it; `GET` says how far it is.",
        request=None,
        responses={202: CheckSerializer, **problems("forbidden", "not-found")},
    )
    def post(self, request: Request, pk: int) -> Response:
        check = repairing.check_now(self.shop(request, pk), request.user)  # type: ignore[arg-type]
        check.refresh_from_db()
        return Response(CheckSerializer(check).data, status=202)
