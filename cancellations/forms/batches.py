"""What is chosen in the queue, and what goes with a verdict that many requests get together."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cancellations import live, rules
from cancellations.checks import Details
from cancellations.filters import QueueFilter
from cancellations.models import Batch, CancellationQuerySet, CancellationRequest, Verdict
from marketplaces.base import Capabilities
from marketplaces.errors import MarketplaceError
from marketplaces.records import RejectReason

Data: TypeAlias = QueryDict | None
LONGEST_ID = 18  # digits that fit into the column


class SelectionForm(forms.Form):
    """Rows that were ticked (`pick`, and `also` for those on other pages), or everything that matches a filter."""

    verdict = forms.ChoiceField(choices=[(verdict.value, verdict.label) for verdict in Batch.VERDICTS])
    everything = forms.BooleanField(required=False)
    also = forms.CharField(required=False)
    filter = forms.CharField(required=False, max_length=10_000)  # the queue's address behind the “?”

    def picked(self) -> list[int]:
        assert isinstance(self.data, QueryDict)
        ids = [*self.data.getlist("pick"), *self.data.get("also", "").split(",")]
        return [int(one) for one in ids if one.isdecimal() and len(one) <= LONGEST_ID]

    def clean(self) -> dict[str, Any]:
        if not self.cleaned_data.get("everything") and not self.picked():
            raise ValidationError(_("Choose at least one request first."))
        return self.cleaned_data

    def query(self) -> QueryDict:
        """The filter that the rows were chosen under."""
        return QueryDict(self.cleaned_data.get("filter", ""))

    def rows(self, everything: CancellationQuerySet, request: Any) -> CancellationQuerySet:
        """Of `everything` that this person sees, what was chosen."""
        if not self.cleaned_data["everything"]:
            return everything.filter(pk__in=self.picked())
        chosen: CancellationQuerySet = QueueFilter(self.query(), queryset=everything, request=request).rows()
        return chosen

    def problem(self) -> str:
        return " ".join(str(error) for errors in self.errors.values() for error in errors)


class TogetherForm(forms.Form):
    """What goes with one verdict for `rows`, the requests of a batch that can get it now.

    `why_not` says why there is nothing to fill in.
    """

    why_not = ""

    def __init__(self, batch: Batch, rows: Sequence[CancellationRequest], data: Data = None) -> None:
        super().__init__(data)
        self.batch, self.rows = batch, rows

    def details(self) -> Details:
        return Details()


class RejectTogetherForm(TogetherForm):
    """The reasons are those that the marketplaces give for one request of each kind, and that all of them take.

    Making it raises marketplaces.errors.MarketplaceError where there is no answer; once it is sent in, it keeps what
    was typed and says so. Images are about one order and so not for many.
    """

    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"),
        widget=forms.RadioSelect,
        error_messages={
            "required": gettext_lazy("Choose a reason: the marketplace shows it to the buyer."),
            "invalid_choice": gettext_lazy("The marketplace does not take this reason for these requests (any more)."),
        },
    )
    comment = forms.CharField(
        label=gettext_lazy("Comment"),
        required=False,
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 3}),
    )
    problem: MarketplaceError | None = None
    most_characters = 0

    def __init__(self, batch: Batch, rows: Sequence[CancellationRequest], data: Data = None) -> None:
        super().__init__(batch, rows, data)
        self.initial = {"reason": batch.reason, "comment": batch.comment}
        now, samples = timezone.now(), one_of_each_kind(rows)
        markets = [rules.capabilities(sample.shop, now) for sample in samples]
        if len({market.takes_reject_reason for market in markets}) > 1:
            self.take_nothing(_("Some of these markets take a reason with a rejection and others don't."))
        elif markets and markets[0].takes_reject_reason:
            self.ask(samples)
        else:
            del self.fields["reason"]
        if not self.why_not:
            self.limit_comment(markets)

    def ask(self, samples: Sequence[CancellationRequest]) -> None:
        reason = self.fields["reason"]
        assert isinstance(reason, forms.ChoiceField)
        try:
            choices = [(known.name, known.text) for known in taken_by_all(samples)]
        except MarketplaceError as error:
            if not self.is_bound:
                raise
            self.problem = error
            sent = self.data.get("reason", "")
            reason.choices = [(sent, sent)]
        else:
            reason.choices = choices
            if not choices:
                self.take_nothing(_("These markets have no reason in common."))

    def take_nothing(self, why: str) -> None:
        self.why_not = _("%(why)s Choose requests of one market.") % {"why": why}
        self.fields.clear()

    def limit_comment(self, markets: Sequence[Capabilities]) -> None:
        if not all(market.takes_comment for market in markets):
            del self.fields["comment"]
            return
        self.most_characters = min((market.comment_max_length for market in markets), default=0)
        comment = self.fields["comment"]
        comment.widget.attrs["data-limit"] = self.most_characters
        comment.help_text = _("At most %(limit)d characters. Each of the buyers may read it.") % {
            "limit": self.most_characters
        }

    def clean_comment(self) -> str:
        comment: str = self.cleaned_data["comment"].replace("\r\n", "\n")  # as typed, which is what the counter counts
        if len(comment) > self.most_characters:
            raise ValidationError(
                _("At most %(limit)d characters; this has %(length)d."),
                params={"limit": self.most_characters, "length": len(comment)},
            )
        return comment

    def clean(self) -> dict[str, Any]:
        if self.problem:
            raise ValidationError(
                _("The marketplace does not answer (%(problem)s), so nothing was sent. Please try again."),
                params={"problem": self.problem},
            )
        return self.cleaned_data

    def details(self) -> Details:
        given = self.cleaned_data
        texts = dict(self.fields["reason"].choices) if "reason" in self.fields else {}  # type: ignore[attr-defined]
        reason = given.get("reason", "")
        return Details(reason=reason, reason_text=texts.get(reason, ""), comment=given.get("comment", ""))


def one_of_each_kind(rows: Iterable[CancellationRequest]) -> list[CancellationRequest]:
    """A request of each market and order state: reasons depend on both."""
    kinds: dict[tuple[str, ...], CancellationRequest] = {}
    for row in rows:
        kinds.setdefault((row.shop.marketplace, row.shop.region, row.order.status if row.order else ""), row)
    return list(kinds.values())


def taken_by_all(samples: Sequence[CancellationRequest]) -> list[RejectReason]:
    lists = [live.reject_reasons(sample) for sample in samples]
    names = set.intersection(*({reason.name for reason in reasons} for reasons in lists))
    return [reason for reason in lists[0] if reason.name in names]


FORMS: dict[Verdict, type[TogetherForm]] = {Verdict.APPROVE: TogetherForm, Verdict.REJECT: RejectTogetherForm}
