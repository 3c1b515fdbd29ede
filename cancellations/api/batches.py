from collections.abc import Sequence
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from cancellations import batches
from cancellations.api.refusals import as_problems
from cancellations.models import Batch, BatchItem, BatchItemQuerySet, Result
from cancellations.serializers.together import (
    BatchItemSerializer,
    BatchRequest,
    BatchSerializer,
    TakenBackSerializer,
)
from config.api.documented import problems
from config.api.manners import Manners
from config.api.pages import FiltersLists

NOT_STARTED = ("forbidden", "not-allowed", "marketplace-refused", "marketplace-unavailable", "reconnect")


@extend_schema_view(
    list=extend_schema(
        summary="Your batches, newest first", responses={200: BatchSerializer(many=True), **problems("invalid")}
    ),
    retrieve=extend_schema(
        summary="A batch and how far it is", responses={200: BatchSerializer, **problems("not-found")}
    ),
)
class BatchViewSet(FiltersLists, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Batch]):
    queryset = Batch.objects.none()
    serializer_class = BatchSerializer
    page_order = ("-pk",)
    lookup_value_regex = r"\d+"

    def get_queryset(self) -> QuerySet[Batch]:
        return Batch.objects.visible_to(self.request.user).started()

    def get_serializer(self, *rows: Any, **options: Any) -> BaseSerializer[Any]:
        """With the progress of the rows, in one query."""
        serializer: BaseSerializer[Any] = super().get_serializer(*rows, **options)
        if rows:
            found: Sequence[Batch] = rows[0] if options.get("many") else rows
            context: Any = serializer.context
            context["progress"] = batches.progress(found, self.request.user)  # type: ignore[arg-type]
        return serializer

    @extend_schema(
        summary="Give one verdict to many requests",
        description=(
            "A worker decides about each of them like `decisions/` does, and each decision then goes its own way. "
            "What a request's own `offers` do not allow is left out with the reason; where that is all of them, "
            "nothing is begun. **202**: follow the batch at its `Location`, and its `items/` for each request."
        ),
        request=BatchRequest,
        examples=[
            OpenApiExample("approve", {"verdict": "approve", "cancellations": [4711, 4712, 4713]}, request_only=True),
            OpenApiExample(
                "reject all that a filter finds",
                {
                    "verdict": "reject",
                    "filter": "needs_answer=true&shop=7&left=soon",
                    "reason": "order_manage_list_action_respond_popup_reject_reason_delivered_uk",
                    "comment": "It left yesterday.",
                },
                request_only=True,
            ),
        ],
        responses={
            202: BatchSerializer, **problems("malformed", "invalid", *NOT_STARTED, "unsupported-media-type"),
        },
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        told = BatchRequest(data=request.data, context=self.get_serializer_context())
        told.is_valid(raise_exception=True)
        with as_problems(request):
            begin = told.checked()
            return self.with_its_answer(lambda: self.begun(begin()))

    def begun(self, batch: Batch) -> Response:
        body = self.get_serializer(batch).data
        return Response(body, status=202, headers={"Location": str(body["url"])})

    @extend_schema(
        summary="Take back whatever of a batch is not sent yet",
        request=None,
        responses={200: TakenBackSerializer, **problems("forbidden", "not-found")},
    )
    @action(detail=True, methods=["post"], url_path="take-back")
    def take_back(self, request: Request, pk: str) -> Response:
        batch = self.get_object()
        said = batches.take_back(batch, request.user)  # type: ignore[arg-type]
        return Response({"said": said, "batch": self.get_serializer(self.get_object()).data})

    @extend_schema(
        summary="Try again what failed of a batch, as a batch of its own",
        description="With the same verdict, reason and comment, for the requests that still wait.",
        request=None,
        responses={202: BatchSerializer, **problems("forbidden", "not-found", "not-allowed")},
    )
    @action(detail=True, methods=["post"], url_path="try-again")
    def try_again(self, request: Request, pk: str) -> Response:
        with as_problems(request):
            user: Any = request.user
            batch = self.get_object()
            return self.with_its_answer(lambda: self.begun(batches.try_again_at_once(batch, user)))


class BatchItemFilter(django_filters.FilterSet):  # type: ignore[misc]
    result = django_filters.ChoiceFilter(choices=Result.choices, method="by_result", label="How it stands.")

    class Meta:
        model = BatchItem
        fields: tuple[str, ...] = ()

    def by_result(self, rows: BatchItemQuerySet, name: str, result: str) -> BatchItemQuerySet:
        return rows.of_result(result)


@extend_schema_view(
    list=extend_schema(
        summary="What became of each request of a batch, those that are decided about first in front",
        responses={200: BatchItemSerializer(many=True), **problems("invalid", "not-found")},
    )
)
class BatchItemViewSet(Manners, mixins.ListModelMixin, viewsets.GenericViewSet[BatchItem]):
    queryset = BatchItem.objects.none()
    serializer_class = BatchItemSerializer
    filterset_class = BatchItemFilter
    page_order = ("pk",)

    def get_queryset(self) -> QuerySet[BatchItem]:
        own = Batch.objects.visible_to(self.request.user).started().only("pk")
        batch = get_object_or_404(own, pk=self.kwargs["batch_pk"])
        return batch.items.visible_to(self.request.user).with_result().select_related("cancellation", "decision")
