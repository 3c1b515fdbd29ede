from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.documented import problems
from config.api.pages import FiltersLists
from config.api.problems import Problem
from exports import exporting
from exports.models import Export, ExportKind
from exports.serializers import ExportRequest, ExportSerializer
from exports.views import as_file

LOOK_AGAIN = {"Retry-After": "30"}  # while five are being written


@extend_schema_view(
    list=extend_schema(
        summary="Your exports, newest first", responses={200: ExportSerializer(many=True), **problems("invalid")}
    ),
    retrieve=extend_schema(summary="How far an export is", responses={200: ExportSerializer, **problems("not-found")}),
)
class ExportViewSet(FiltersLists, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Export]):
    queryset = Export.objects.none()
    only_writes_rows = True
    serializer_class = ExportSerializer
    filter_backends: Any = ()
    page_order = ("-pk",)
    lookup_value_regex = r"\d+"

    def get_queryset(self) -> QuerySet[Export]:
        return Export.objects.visible_to(self.request.user)

    @extend_schema(
        summary="Have a file written of any number of rows",
        description=(
            "Of the shops in which you have the permission `export`. A worker writes it; ask `url` how far it is. "
            "`jsonl` has one row of the API a line (requests with their lines, decisions with their attempts), `csv` "
            "the same in columns, with amounts and currencies apart. Rows come by their id, up to the newest that "
            "there was at the start. The file goes after some days (`ends_at`). Five of yours can be under way at a "
            "time: one more is answered with 429."
        ),
        request=ExportRequest,
        examples=[
            OpenApiExample(
                "decisions of a month",
                {"kind": "decisions", "format": "csv", "filters": {"since": "2026-11-01", "until": "2026-11-30"}},
                request_only=True,
            ),
            OpenApiExample("what waits", {"kind": "requests", "filters": {"needs_answer": "true"}}, request_only=True),
        ],
        responses={
            202: ExportSerializer,
            **problems("malformed", "invalid", "forbidden", "unsupported-media-type", "too-many-requests"),
        },
    )
    def create(self, request: Request) -> Response:
        user: Any = request.user
        exporting.must_be_allowed_to_export(user, ExportKind.REQUESTS)
        asked = ExportRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        told = asked.validated_data
        try:
            export = exporting.start(
                user, told["kind"], told["filters"], file_format=told["format"], is_compressed=told["compressed"],
                base_url=request.build_absolute_uri("/"),
            )  # fmt: skip
        except exporting.ManyUnderWay as many:
            raise Problem("too-many-requests", " ".join(many.messages), headers=LOOK_AGAIN) from None
        except DjangoValidationError as problem:
            raise at_our_fields(problem) from None
        body = self.get_serializer(export).data
        return Response(body, status=202, headers={"Location": body["url"]})

    @extend_schema(
        summary="Cancel an export, or delete its file",
        request=None,
        responses={204: None, **problems("forbidden", "not-found")},
    )
    def destroy(self, request: Request, pk: str) -> Response:
        exporting.remove(self.get_object())
        return Response(status=204)

    @extend_schema(
        summary="The file",
        description="Only for who asked for it, and as long as they may export from all of its shops.",
        responses={
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.BINARY),
            (200, "application/x-ndjson"): OpenApiResponse(OpenApiTypes.BINARY),
            (200, "application/gzip"): OpenApiResponse(OpenApiTypes.BINARY),
            **problems("forbidden", "not-found"),
        },
    )
    @action(detail=True)
    def file(self, request: Request, pk: str) -> Any:
        export = self.get_object()
        try:
            return as_file(export, exporting.fetch(export, request.user))  # type: ignore[arg-type]
        except exporting.Gone as gone:
            raise Problem("not-found", str(gone)) from None


def at_our_fields(problem: DjangoValidationError) -> ValidationError:
    """What is wrong with a filter stands below `filters`."""
    return ValidationError({"filters": problem.message_dict})
