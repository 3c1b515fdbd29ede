from typing import Any

from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from cancellations import drafts
from cancellations.api.refusals import as_problems
from cancellations.models import CancellationRequest, Evidence
from cancellations.serializers.evidence import KeptEvidenceSerializer, UploadRequest
from cancellations.views.evidence import KEPT_BY_BROWSERS, opened
from config.api.documented import problems
from config.api.manners import Manners
from shops.models import Permission
from shops.roles import must_be_allowed


@extend_schema_view(
    list=extend_schema(
        summary="The images of a request: your drafts, and what its decisions took",
        responses={200: KeptEvidenceSerializer(many=True), **problems("invalid", "not-found")},
    )
)
class RequestEvidenceViewSet(Manners, mixins.ListModelMixin, viewsets.GenericViewSet[Evidence]):
    queryset = Evidence.objects.none()
    serializer_class = KeptEvidenceSerializer
    page_order = ("pk",)

    def asked(self) -> CancellationRequest:
        rows = CancellationRequest.objects.visible_to(self.request.user).select_related("shop__connection")
        return get_object_or_404(rows, pk=self.kwargs["cancellation_pk"])

    def get_queryset(self) -> QuerySet[Evidence]:
        asked = self.asked()
        of_it = Q(cancellation=asked) | Q(decision__cancellation=asked)
        return Evidence.objects.visible_to(self.request.user).filter(of_it)

    @extend_schema(
        summary="Upload an image ahead of a rejection",
        description=(
            "It is a draft of yours about this request. Name its `id` in `evidence` of the decision that rejects it; "
            "without one it is deleted after a day. **200** instead of 201: you have uploaded this very picture before."
        ),
        request={"multipart/form-data": UploadRequest},
        responses={
            200: KeptEvidenceSerializer,
            201: KeptEvidenceSerializer,
            **problems(
                "malformed", "invalid", "forbidden", "not-found", "already-decided", "too-large",
                "unsupported-media-type", "not-allowed",
            ),
        },
    )  # fmt: skip
    def create(self, request: Request, cancellation_pk: str) -> Response:
        asked = self.asked()
        must_be_allowed(request.user, asked.shop, Permission.REJECT)  # type: ignore[arg-type]
        told = UploadRequest(data=request.data, context=self.get_serializer_context())
        told.is_valid(raise_exception=True)
        with as_problems(request):
            draft, is_new = told.keep(asked)
        body = self.get_serializer(draft).data
        return Response(body, status=201 if is_new else 200, headers={"Location": str(body["url"])})


class ImageOrProblem(JSONRenderer):
    """Takes part where an image is asked for; what is not there is told as a problem all the same."""

    media_type = "image/*"
    format = "image"


@extend_schema_view(
    retrieve=extend_schema(summary="An image", responses={200: KeptEvidenceSerializer, **problems("not-found")})
)
class EvidenceViewSet(Manners, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Evidence]):
    queryset = Evidence.objects.none()
    serializer_class = KeptEvidenceSerializer
    lookup_value_regex = r"\d+"

    def get_queryset(self) -> QuerySet[Evidence]:
        rows = Evidence.objects.visible_to(self.request.user)
        return rows.filter(decision=None, is_from_bench=False) if self.action == "destroy" else rows

    @extend_schema(
        summary="Delete a draft of yours",
        description="What goes with a decision stays.",
        responses={204: None, **problems("forbidden", "not-found")},
    )
    def destroy(self, request: Request, pk: str) -> Response:
        if not drafts.remove(self.get_object(), request.user):  # type: ignore[arg-type]
            raise Http404
        return Response(status=204)

    @extend_schema(
        summary="The file of an image",
        responses={
            (200, "image/jpeg"): OpenApiResponse(OpenApiTypes.BINARY, "The image as it is kept: JPEG or PNG."),
            (200, "image/png"): OpenApiResponse(OpenApiTypes.BINARY),
            **problems("not-found"),
        },
    )
    @action(detail=True, renderer_classes=[JSONRenderer, ImageOrProblem])
    def image(self, request: Request, pk: str) -> Any:
        found = self.get_object()
        with opened(found) as file:  # of a few megabytes: what is kept has been made to fit
            response = HttpResponse(file.read(), content_type=found.mime_type)
        response["Cache-Control"] = KEPT_BY_BROWSERS
        return response
