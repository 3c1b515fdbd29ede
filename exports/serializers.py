"""Exports as they are asked for, and as the API shows them."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from config.api.bodies import Rows, Strict
from exports.models import Export, ExportFormat, ExportKind


class ExportRequest(Strict):
    kind = serializers.ChoiceField(choices=ExportKind.choices)
    format = serializers.ChoiceField(choices=ExportFormat.choices, default=ExportFormat.JSON_LINES)
    compressed = serializers.BooleanField(default=False, help_text="As gzip.")
    filters = serializers.DictField(
        child=serializers.CharField(max_length=20_000), default=dict,
        help_text="As the parameters of the list: `cancellations/`, `decisions/` or `audit/`; `since` and `until` are "
        "days in your time zone. Without any it is everything.",
    )  # fmt: skip


class ExportSerializer(Rows):
    url = serializers.HyperlinkedIdentityField(view_name="api:export-detail")
    compressed = serializers.BooleanField(source="is_compressed")
    filters = serializers.DictField(child=serializers.CharField())
    rows_expected = serializers.IntegerField(allow_null=True, help_text="Counted before; null until then.")
    why = serializers.CharField(help_text="Why it failed; else empty.")
    download = serializers.SerializerMethodField(help_text="Where the file is; null unless it is ready.")

    class Meta:
        model = Export
        fields = [
            "id", "url", "kind", "format", "compressed", "filters", "state", "rows_expected", "rows_done", "bytes",
            "made_at", "finished_at", "ends_at", "why", "download",
        ]  # fmt: skip
        extra_kwargs = {"ends_at": {"help_text": "When the file goes."}}

    @extend_schema_field({"type": ["string", "null"], "format": "uri"})
    def get_download(self, export: Export) -> Any:
        if not export.is_ready(timezone.now()):
            return None
        return reverse("api:export-file", [export.pk], request=self.context["request"])
