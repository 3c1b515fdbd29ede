"""Images that go with rejections, on the wire."""

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from cancellations import checks, drafts
from cancellations.evidence import read_picture
from cancellations.models import CancellationRequest, Evidence, Verdict
from config.api.bodies import Rows, Strict


class UploadRequest(Strict):
    image = serializers.FileField(
        help_text="At most 30 MB. It is re-encoded, which takes out what is hidden in it, and made smaller where the "
        "marketplace would not take it otherwise."
    )

    def keep(self, cancellation: CancellationRequest) -> tuple[Evidence, bool]:
        """(the draft, whether it is new). Raises what `checks.must_be_offered` raises, problems at `image`."""
        market = checks.must_be_offered(cancellation, Verdict.REJECT)
        if no := checks.not_taken(market, ["images"]):
            raise serializers.ValidationError({"image": [no["images"]]})
        try:
            picture = read_picture(self.validated_data["image"], market)
            return drafts.keep(cancellation, self.context["request"].user, picture, market)
        except DjangoValidationError as problem:
            raise serializers.ValidationError({"image": problem.messages}) from None


class KeptEvidenceSerializer(Rows):
    """An image as it is kept. Uploaded ahead it is its uploader's alone; once a decision takes it, the shop sees it."""

    url = serializers.HyperlinkedIdentityField(view_name="api:evidence-detail")
    image = serializers.SerializerMethodField(help_text="The URL of the file; null once it was erased.")

    class Meta:
        model = Evidence
        fields = [
            "id", "url", "cancellation", "decision", "original_name", "mime_type", "size", "width", "height", "sha256",
            "image", "marketplace_image_id", "created_at",
        ]  # fmt: skip
        extra_kwargs = {
            "cancellation": {"help_text": "While it is a draft: the request that it was uploaded for."},
            "decision": {"help_text": "The decision that it goes with; null while it is a draft."},
            "size": {"help_text": "Bytes."},
            "width": {"help_text": "Pixels."},
            "height": {"help_text": "Pixels."},
            "sha256": {"help_text": "Of the file as it is kept, in hexadecimal digits."},
            "marketplace_image_id": {"help_text": "Empty until it was sent."},
        }

    @extend_schema_field(serializers.URLField(allow_null=True))
    def get_image(self, evidence: Evidence) -> Any:
        here = self.context["request"]
        return reverse("api:evidence-image", [evidence.pk], request=here) if evidence.image else None


def own_drafts(cancellation: CancellationRequest, user: Any, ids: list[int]) -> list[Evidence]:
    """The drafts of this person about this request; raises ValidationError at the place of one that is none."""
    known = {draft.pk: draft for draft in Evidence.objects.offered(cancellation, user)} if ids else {}
    gone = [_("You have uploaded no such image for this request, or a decision has it already.")]
    problems: dict[Any, Any] = {number: gone for number, pk in enumerate(ids) if pk not in known}
    if problems:
        raise serializers.ValidationError({"evidence": problems})
    return [known[pk] for pk in dict.fromkeys(ids)]
