"""The forms of the verdicts. Their choices are those the marketplace gives for this very request now.

Making a form asks the marketplace, so it raises marketplaces.errors.MarketplaceError when there is no answer. A form
that was sent in does not: it keeps what was typed and says at its top that it could not be checked.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cancellations import live
from cancellations.checks import Details
from cancellations.evidence import MAX_UPLOAD, READ, Picture, read_picture
from cancellations.models import CancellationRequest, CommentTemplate, Evidence
from marketplaces.base import Capabilities, Notice
from marketplaces.errors import MarketplaceError

if TYPE_CHECKING:
    from accounts.models import User

Answer = TypeVar("Answer")
Data = QueryDict | None
Files: TypeAlias = "MultiValueDict[str, UploadedFile[Any]] | None"


class VerdictForm(forms.Form):
    """What staff say with a verdict; `details()` is what `decisions.decide` takes."""

    template: ClassVar[str]
    problem: MarketplaceError | None = None

    def __init__(
        self, cancellation: CancellationRequest, market: Capabilities, user: "User", data: Data = None,
        files: Files = None,
    ) -> None:  # fmt: skip
        super().__init__(data, files, prefix=None)
        self.cancellation = cancellation
        self.market = market
        self.user = user
        self.ask()

    def ask(self) -> None:
        """Fill the choices with what the marketplace says."""

    def asked(self, call: Callable[[], Answer], instead: Answer) -> Answer:
        """The marketplace's answer; for a form that was sent in, `instead` and a word about it."""
        try:
            return call()
        except MarketplaceError as error:
            if not self.is_bound:
                raise
            self.problem = error
            return instead

    def clean(self) -> dict[str, Any]:
        if self.problem:
            raise ValidationError(
                _("The marketplace does not answer (%(problem)s), so nothing was sent. Please try again."),
                params={"problem": self.problem},
            )
        return self.cleaned_data

    def details(self) -> Details:
        return Details()

    def remark(self) -> str:
        """What to say about a form that was valid."""
        return ""


class ApproveForm(VerdictForm):
    template = "approve"


class ManyFilesInput(forms.FileInput):
    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """Any number of files, each looked at by FileField; gives a list."""

    def clean(self, data: Any, initial: Any = None) -> Any:
        return [super(ManyFilesField, self).clean(one, initial) for one in data or []]


class RejectForm(VerdictForm):
    template = "reject"

    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"),
        widget=forms.RadioSelect,
        error_messages={
            "required": gettext_lazy("Choose a reason: the marketplace shows it to the buyer."),
            "invalid_choice": gettext_lazy("The marketplace does not take this reason for this request (any more)."),
        },
    )
    comment = forms.CharField(
        label=gettext_lazy("Comment"),
        required=False,
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 3}),
        help_text=gettext_lazy("The buyer may read it."),
    )
    drafts = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Images that are uploaded"),
        queryset=Evidence.objects.none(),
        required=False,
        error_messages={
            name: gettext_lazy("An image is no longer there: add it again.")
            for name in ("invalid_choice", "invalid_pk_value", "invalid_list")
        },
    )
    images = ManyFilesField(
        label=gettext_lazy("Images"), required=False, widget=ManyFilesInput(attrs={"class": "form-control"})
    )
    most_bytes = MAX_UPLOAD
    twice: Sequence[str] = ()  # names of images that came more than once

    def ask(self) -> None:
        reason, market = self.fields["reason"], self.market
        assert isinstance(reason, forms.ChoiceField)
        if market.takes_reject_reason:
            sent = self.data.get("reason", "")
            instead: list[tuple[str, str]] = [(sent, sent)] if sent else []
            reason.choices = self.asked(
                lambda: [(known.name, known.text) for known in live.reject_reasons(self.cancellation)], instead
            )
        else:
            del self.fields["reason"]
        if not market.takes_comment:
            del self.fields["comment"]
        else:
            self.limit_comment()
        if not market.takes_images:
            del self.fields["images"], self.fields["drafts"]
        else:
            self.describe_images()
            offered = Evidence.objects.offered(self.cancellation, self.user)
            self.offered = list(offered)
            drafts = self.fields["drafts"]
            assert isinstance(drafts, forms.ModelMultipleChoiceField)
            drafts.queryset = offered

    def fitting(self) -> list[CommentTemplate]:
        """Comments that the shop keeps for reasons on offer, those that buyers here read first."""
        field = self.fields.get("reason")
        known: Any = field.choices if isinstance(field, forms.ChoiceField) else []
        offered = {"", *(name for name, _text in known)}
        found = [one for one in CommentTemplate.objects.of_shop(self.cancellation.shop) if one.reason in offered]
        return sorted(found, key=lambda one: (one.language != self.market.language, one.get_language_display()))

    def comments(self) -> list[tuple[CommentTemplate, str]]:
        """(template, its text for this request) of those that fit."""
        return [(one, one.filled(self.cancellation)) for one in self.fitting()] if "comment" in self.fields else []

    def begin_with(self, template: str) -> None:
        """Start from a template, given by its id as it stands in an address."""
        for one, text in self.comments():
            if str(one.pk) == template:
                self.initial = {"comment": text, "reason": one.reason}

    def limit_comment(self) -> None:
        comment, limit = self.fields["comment"], self.market.comment_max_length
        # No maxlength: a browser would cut a pasted text short without a word. The counter and the server say it.
        comment.widget.attrs["data-limit"] = limit
        comment.help_text = _("At most %(limit)d characters. The buyer may read it.") % {"limit": limit}

    def describe_images(self) -> None:
        images, market = self.fields["images"], self.market
        images.widget.attrs["accept"] = ",".join(f"image/{known.lower()}" for known in READ)
        images.help_text = _(
            "Up to %(count)d images (%(formats)s) of at most %(size)d MB and %(least)d pixels or more on each side. "
            "Location and camera data are removed; what is too large for the marketplace is made smaller."
        ) % {
            "count": market.max_images,
            "formats": ", ".join(READ),
            "size": MAX_UPLOAD // 1_000_000,
            "least": market.min_image_side,
        }

    def clean_comment(self) -> str:
        comment: str = self.cleaned_data["comment"].replace("\r\n", "\n")  # as typed, which is what the counter counts
        if len(comment) > self.market.comment_max_length:
            raise ValidationError(
                _("At most %(limit)d characters; this has %(length)d."),
                params={"limit": self.market.comment_max_length, "length": len(comment)},
            )
        return comment

    def clean_images(self) -> list[Picture]:
        uploads: list[UploadedFile[Any]] = self.cleaned_data["images"]
        drafts: Sequence[Evidence] = self.cleaned_data.get("drafts", ())
        if (count := len(uploads) + len(drafts)) > self.market.max_images:
            raise ValidationError(
                _("At most %(limit)d images; these are %(count)d."),
                params={"limit": self.market.max_images, "count": count},
            )
        pictures, problems = [], []
        for upload in uploads:
            try:
                pictures.append(read_picture(upload, self.market))
            except ValidationError as problem:
                problems.append(problem)
        if problems:
            raise ValidationError(problems)
        return self.once(pictures, {draft.sha256 for draft in drafts})

    def once(self, pictures: Sequence[Picture], known: set[str]) -> list[Picture]:
        kept: dict[str, Picture] = {}
        for picture in pictures:
            kept.setdefault(picture.sha256, picture)
        chosen = [picture for sha256, picture in kept.items() if sha256 not in known]
        self.twice = [picture.name for picture in pictures if not any(picture is one for one in chosen)]
        return chosen

    def remark(self) -> str:
        if not self.twice:
            return ""
        return _("The same picture is sent once, though it was there twice: %(names)s.") % {
            "names": ", ".join(self.twice)
        }

    def uploaded(self) -> list[tuple[Evidence, bool]]:
        """(draft, whether it is to be sent) of all that this person has uploaded ahead, and of photos from the bench,
        which are sent once somebody chooses them.
        """
        if not self.is_bound:
            return [(draft, not draft.is_from_bench) for draft in self.offered]
        chosen = {str(pk) for pk in self["drafts"].value() or []}
        return [(draft, str(draft.pk) in chosen) for draft in self.offered]

    def hints(self) -> list[tuple[str, str, Sequence[Notice]]]:
        """(reason, its words, what the marketplace wants to see for it) of the reasons on offer."""
        hints, field = self.market.evidence_hints, self.fields.get("reason")
        if not hints or "images" not in self.fields or not isinstance(field, forms.ChoiceField):
            return []
        known: Any = field.choices
        return [(name, text, hints.get(name) or hints.get("", ())) for name, text in known]

    def details(self) -> Details:
        reason = self.cleaned_data.get("reason", "")
        field = self.fields.get("reason")
        texts: dict[Any, Any] = dict(field.choices) if isinstance(field, forms.ChoiceField) else {}  # type: ignore[arg-type]
        return Details(
            reason=reason,
            reason_text=str(texts.get(reason, "")),
            comment=self.cleaned_data.get("comment", ""),
            pictures=[*self.cleaned_data.get("drafts", ()), *self.cleaned_data.get("images", ())],
        )
