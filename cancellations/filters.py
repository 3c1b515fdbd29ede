"""What the queue can be narrowed to: one filter set for screens and API."""

import re
from itertools import chain
from typing import Any, ClassVar

import django_filters
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cancellations.models import CancellationQuerySet, CancellationRequest, Decision, TimeLeft, Verdict
from shops.filters import ShopFilterSet

# Where the last word about a request stands, for those who look for what they have to do.
DECISION_STATES = {
    "undecided": (_("undecided"), Decision.LIVE),
    "under_way": (_("on its way"), Decision.MOVING),
    "needs_you": (_("needs you"), (Decision.State.STALLED,)),
    "refused": (_("refused by the marketplace"), (Decision.State.REFUSED,)),
    "confirmed": (_("confirmed"), (Decision.State.CONFIRMED,)),
}


# A list that somebody pasted has ids and order numbers: words with a digit, and not short ones.
LISTED_ID = re.compile(r"(?=.*\d)[\w./#-]{6,80}")
LISTED_AT_ONCE = 200


def listed_ids(text: str) -> list[str]:
    """The ids of a pasted list, each once; none where the text is not a list of ids."""
    words = [word for word in re.split(r"[\s,;]+", text) if word]
    return list(dict.fromkeys(words)) if len(words) > 1 and all(map(LISTED_ID.fullmatch, words)) else []


class CancellationFilter(ShopFilterSet):
    state = django_filters.ChoiceFilter(
        choices=CancellationRequest.State.choices, label=_("State"), empty_label=_("Every state")
    )
    needs_answer = django_filters.BooleanFilter(label=_("The seller has to answer"))
    left = django_filters.ChoiceFilter(
        choices=TimeLeft.choices, method="by_time_left", label=_("Time left"), empty_label=_("Any time left")
    )
    verdict = django_filters.ChoiceFilter(
        choices=Verdict.choices, method="by_verdict", label=_("Verdict"), empty_label=_("Any verdict")
    )
    decision = django_filters.ChoiceFilter(
        choices=[(name, label) for name, (label, _states) in DECISION_STATES.items()],
        method="by_decision",
        label=_("Decision"),
        empty_label=_("Decided or not"),
    )

    whose = django_filters.ChoiceFilter(
        choices=[("me", _("mine")), ("nobody", _("nobody's")), ("others", _("other people's"))],
        method="by_whose",
        label=_("Whose"),
        empty_label=_("Everybody's"),
    )

    class Meta:
        model = CancellationRequest
        fields: ClassVar[list[str]] = []

    def by_text(self, rows: CancellationQuerySet, name: str, text: str) -> CancellationQuerySet:
        ids = listed_ids(text)
        found: CancellationQuerySet = rows.with_ids(ids[:LISTED_AT_ONCE]) if ids else super().by_text(rows, name, text)
        return found

    def by_whose(self, rows: CancellationQuerySet, name: str, whose: str) -> CancellationQuerySet:
        if whose == "nobody":
            return rows.filter(assigned_to=None)
        mine = Q(assigned_to=self.request.user)
        return rows.filter(mine) if whose == "me" else rows.filter(~mine, assigned_to__isnull=False)

    def by_time_left(self, rows: CancellationQuerySet, name: str, band: str) -> CancellationQuerySet:
        return rows.filter(TimeLeft(band).q(timezone.now()))

    def by_verdict(self, rows: CancellationQuerySet, name: str, verdict: str) -> CancellationQuerySet:
        return rows.filter(Exists(decisions_of_row(verdict=verdict)))

    def by_decision(self, rows: CancellationQuerySet, name: str, value: str) -> CancellationQuerySet:
        found = Exists(decisions_of_row(state__in=DECISION_STATES[value][1]))
        return rows.filter(~found if value == "undecided" else found)


class QueueFilter(CancellationFilter):
    """The queue as people see it: what waits for the seller, unless another state is asked for."""

    state = django_filters.ChoiceFilter(
        choices=[
            ("all", _("Every state")),
            *(choice for choice in CancellationRequest.State.choices if choice[0] != CancellationRequest.State.WAITING),
        ],
        method="by_state",
        label=_("State"),
        empty_label=_("Waiting for you"),
    )

    def by_state(self, rows: CancellationQuerySet, name: str, state: str) -> CancellationQuerySet:
        return rows if state == "all" else rows.filter(state=state)

    def filter_queryset(self, queryset: CancellationQuerySet) -> CancellationQuerySet:
        rows: CancellationQuerySet = super().filter_queryset(queryset)
        return rows.waiting() if self.shows_waiting else rows

    @property
    def shows_waiting(self) -> bool:
        """Whether the list is about what waits. Requests named one by one are shown however they stand."""
        return not self.form.cleaned_data.get("state") and not self.ids

    @property
    def ids(self) -> list[str]:
        """Those of a pasted list."""
        return listed_ids(self.form.cleaned_data.get("q") or "")

    def not_found(self) -> list[str]:
        """Those of a pasted list that no request here, or its order, has; one query."""
        if not self.is_valid() or not self.ids:
            return []
        rows = self.queryset.with_ids(self.ids[:LISTED_AT_ONCE])
        known = set(chain(*rows.values_list("marketplace_id", "order_marketplace_id", "order_number")))
        return [name for name in self.ids if name not in known]


def decisions_of_row(**having: Any) -> QuerySet[Decision]:
    return Decision.objects.filter(cancellation=OuterRef("pk"), **having)
