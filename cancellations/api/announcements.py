import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from cancellations import recording
from cancellations.models import Announcement, AnnouncementQuerySet
from cancellations.serializers.going_out import AnnouncementSerializer
from cancellations.serializers.heard import HandleRequest
from config.api.documented import problems
from config.api.pages import FiltersLists
from shops.filters import shops_of


class AnnouncementFilter(django_filters.FilterSet):  # type: ignore[misc]
    shop = django_filters.ModelChoiceFilter(queryset=shops_of)
    waiting = django_filters.BooleanFilter(
        method="by_waiting", label="Tells of a cancellation, and nobody has looked into it."
    )

    class Meta:
        model = Announcement
        fields = ("is_cancellation",)

    def by_waiting(self, rows: AnnouncementQuerySet, name: str, wanted: bool) -> AnnouncementQuerySet:
        return rows.waiting() if wanted else rows.exclude(is_cancellation=True, handled_at=None)


@extend_schema_view(
    list=extend_schema(
        summary="What marketplaces announced without saying which order it is about, newest first",
        responses={200: AnnouncementSerializer(many=True), **problems("invalid")},
    ),
    retrieve=extend_schema(summary="An announcement", responses={200: AnnouncementSerializer, **problems("not-found")}),
)
class AnnouncementViewSet(
    FiltersLists, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Announcement]
):
    queryset = Announcement.objects.none()
    only_writes_rows = True
    serializer_class = AnnouncementSerializer
    filterset_class = AnnouncementFilter
    page_order = ("-pk",)
    lookup_value_regex = r"\d+"

    def get_queryset(self) -> QuerySet[Announcement]:
        return Announcement.objects.visible_to(self.request.user).select_related("handled_by")

    @extend_schema(
        summary="Note that somebody looked into an announcement, and which request came of it",
        description="`cancellations/` does this by itself for the `announcement` that is sent with a request.",
        request=HandleRequest,
        responses={
            200: AnnouncementSerializer,
            **problems("malformed", "invalid", "forbidden", "not-found"),
        },
    )
    @action(detail=True, methods=["post"])
    def handle(self, request: Request, pk: str) -> Response:
        announcement = self.get_object()
        told = HandleRequest(data=request.data)
        told.is_valid(raise_exception=True)
        recording.handle(announcement, request.user, told.came_of(announcement))  # type: ignore[arg-type]
        return self.retrieve(request)
