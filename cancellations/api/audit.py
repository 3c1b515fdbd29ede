from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers, viewsets

from audit.models import Entry
from cancellations import trail
from cancellations.trail_words import sentence
from config.api.bodies import Rows
from config.api.documented import problems
from config.api.pages import FiltersLists


class EntrySerializer(Rows):
    """One thing that somebody did. Entries are added and never altered."""

    sentence = serializers.SerializerMethodField(help_text="`action` in words, in the language that was asked for.")
    before = serializers.SerializerMethodField(help_text="What was, by field; without any secret.")
    after = serializers.SerializerMethodField(help_text="What is since; a secret is told as “changed”.")

    class Meta:
        model = Entry
        fields = [
            "id", "at", "actor_id", "actor_name", "action", "sentence", "about_type", "about_id", "about", "shop_id",
            "order_id", "cancellation_id", "before", "after", "via", "address", "user_agent", "token",
        ]  # fmt: skip

    def get_sentence(self, entry: Entry) -> str:
        return sentence(entry.action, entry.about_type)

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_before(self, entry: Entry) -> Any:
        return entry.before

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_after(self, entry: Entry) -> Any:
        return entry.after


@extend_schema_view(
    list=extend_schema(
        summary="Who did what, newest first",
        description="Of the shops that you manage; for a superuser also what belongs to no shop.",
        responses={200: EntrySerializer(many=True), **problems("invalid")},
    )
)
class AuditViewSet(FiltersLists, mixins.ListModelMixin, viewsets.GenericViewSet[Entry]):
    queryset = Entry.objects.none()
    serializer_class = EntrySerializer
    filterset_class = trail.TrailFilter
    page_order = trail.ORDER

    def get_queryset(self) -> QuerySet[Entry]:
        return trail.entries_for(self.request.user)
