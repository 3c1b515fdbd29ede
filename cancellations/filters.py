"""What the queue can be narrowed to: one filter set for screens and API."""

import re
from collections.abc import Sequence
from datetime import timedelta
from itertools import chain
from typing import Any, ClassVar

import django_filters
from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.choices import CallableChoiceIterator
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field

from cancellations.models import CancellationQuerySet, CancellationRequest, Decision, TimeLeft, Verdict
from cancellations.teamwork import who_decides_in
from shops.filters import LeanSelect, ShopFilterSet, shops_of
from shops.models import Shop

# Where the last word about a request stands, for those who look for what they have to do.
DECISION_STATES = {
    "undecided": (_("undecided"), Decision.LIVE),
    "under_way": (_("on its way"), Decision.MOVING),
    "needs_you": (_("needs you"), (Decision.State.STALLED,)),
    "refused": (_("refused by the marketplace"), (Decision.State.REFUSED,)),
    "confirmed": (_("confirmed"), (Decision.State.CONFIRMED,)),
}

# How long ago the buyer asked: since when, and whether it was after or before that moment.
AGES = {
    "under_hour": (_("in the last hour"), timedelta(hours=1), "gt"),
    "under_day": (_("in the last day"), timedelta(days=1), "gt"),
    "over_day": (_("over a day ago"), timedelta(days=1), "lte"),
    "over_3_days": (_("over 3 days ago"), timedelta(days=3), "lte"),
}
WHOSE = [("me", _("me")), ("nobody", _("nobody")), ("others", _("somebody else"))]
# Reasons are offered of the newest so many requests, since any number may have been answered.
REASONS_OF = 2000


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
    reason = django_filters.CharFilter(label=_("Reason"))
    age = django_filters.ChoiceFilter(
        choices=[(name, label) for name, (label, _span, _side) in AGES.items()],
        method="by_age",
        label=_("Asked"),
        empty_label=_("At any time"),
    )
    whose = extend_schema_field({"type": "string", "description": "`me`, `nobody`, `others`, or a person's id."})(
        django_filters.ChoiceFilter(choices=WHOSE, method="by_whose", label=_("Assigned to"), empty_label=_("Anyone"))
    )

    class Meta:
        model = CancellationRequest
        fields: ClassVar[list[str]] = []

    def get_form_class(self) -> type[forms.Form]:
        form_class = super().get_form_class()
        whose = form_class.base_fields["whose"]
        assert isinstance(whose, forms.ChoiceField)
        # A function, which forms copy as it is, where a method would be copied with all that it belongs to.
        whose.choices = lambda: self.people()
        return form_class

    def people(self) -> list[tuple[str, Any]]:
        """Whose a request can be: those who decide in a shop that this person sees."""
        people = who_decides_in(Shop.objects.visible_to(self.request.user))
        return [*WHOSE, *((str(person.pk), str(person)) for person in people)]

    def by_text(self, rows: CancellationQuerySet, name: str, text: str) -> CancellationQuerySet:
        ids = listed_ids(text)
        found: CancellationQuerySet = rows.with_ids(ids[:LISTED_AT_ONCE]) if ids else super().by_text(rows, name, text)
        return found

    def by_whose(self, rows: CancellationQuerySet, name: str, whose: str) -> CancellationQuerySet:
        if whose == "nobody":
            return rows.filter(assigned_to=None)
        if whose == "others":
            return rows.filter(~Q(assigned_to=self.request.user), assigned_to__isnull=False)
        return rows.filter(assigned_to=self.request.user.pk if whose == "me" else int(whose))

    def by_age(self, rows: CancellationQuerySet, name: str, age: str) -> CancellationQuerySet:
        _label, span, side = AGES[age]
        return rows.filter(**{f"created_at__{side}": timezone.now() - span})

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

    reason = django_filters.CharFilter(method="by_reason", label=_("Reason"))

    def get_form_class(self) -> type[forms.Form]:
        form_class = super().get_form_class()
        # Asked for when the field is shown, which a list that refreshes does not do.
        choices = CallableChoiceIterator(lambda: [("", _("Every reason")), *self.reason_choices()])
        form_class.base_fields["reason"].widget = LeanSelect(choices=choices)
        return form_class

    @cached_property
    def shops(self) -> Sequence[Shop]:
        """With their connections, of which rows tell whether they are cut."""
        return list(shops_of(self.request).select_related("connection"))

    @cached_property
    def form(self) -> forms.Form:
        form: forms.Form = super().form
        # Those that were read already, rather than asked for once more.
        shops = [("", _("Every shop")), *((shop.pk, str(shop)) for shop in self.shops)]
        form.fields["shop"].widget.choices = shops
        return form

    @property
    def chosen_reason(self) -> str:
        self.is_valid()
        found: str = self.form.cleaned_data.get("reason", "")
        return found

    @cached_property
    def reasons(self) -> dict[str, list[str]]:
        """The reasons that there are, and the one that is asked for: their words, and the codes that mean them."""
        rows = self.queryset.exclude(reason="")
        if self.data.get("state"):
            newest = rows.order_by("-created_at", "-pk")[:REASONS_OF]
            rows = CancellationRequest.objects.filter(pk__in=newest.values("pk"))
        else:
            rows = rows.waiting()
        told = dict(rows.order_by("reason", "reason_text").values_list("reason", "reason_text").distinct())
        chosen = self.chosen_reason
        if chosen and chosen not in told:
            # The last one may have been answered while others say the same in another code.
            same = self.queryset.filter(reason=chosen).exclude(reason_text="")
            told[chosen] = same.values_list("reason_text", flat=True).first() or ""
        codes: dict[str, list[str]] = {}
        for code, text in told.items():
            codes.setdefault(text or code, []).append(code)
        return codes

    def reason_choices(self) -> list[tuple[str, str]]:
        """Each wording once, under the code that is asked for or the first of its codes."""
        chosen = self.chosen_reason
        found = [(chosen if chosen in codes else codes[0], words) for words, codes in self.reasons.items()]
        return sorted(found, key=lambda one: one[1].casefold())

    def by_reason(self, rows: CancellationQuerySet, name: str, reason: str) -> CancellationQuerySet:
        """Every request that gives this reason in the same words, whichever code it has."""
        words, codes = next((words, codes) for words, codes in self.reasons.items() if reason in codes)
        return rows.filter(Q(reason__in=codes) | Q(reason_text=words))

    def by_text(self, rows: CancellationQuerySet, name: str, text: str) -> CancellationQuerySet:
        if self.shows_waiting and text.strip():
            return rows.search(text.strip(), one_by_one=True)
        return super().by_text(rows, name, text)

    def by_state(self, rows: CancellationQuerySet, name: str, state: str) -> CancellationQuerySet:
        return rows if state == "all" else rows.filter(state=state)

    def filter_queryset(self, queryset: CancellationQuerySet) -> CancellationQuerySet:
        rows: CancellationQuerySet = super().filter_queryset(queryset)
        return rows.waiting() if self.shows_waiting else rows

    @property
    def asked_for(self) -> dict[str, str]:
        """The filters that are set, as they came, in the order in which they are declared."""
        given = {name: (self.data.get(name) or "").strip() for name in self.filters}
        return {name: value for name, value in given.items() if value}

    @property
    def query(self) -> str:
        """The filters that are set, as the address writes them: the same filters give the same words."""
        written = QueryDict(mutable=True)
        written.update(self.asked_for)
        return written.urlencode()

    def rows_whatever(self, name: str) -> CancellationQuerySet:
        """What was asked for, as if nothing had been asked of `name`."""
        told = self.form.cleaned_data
        self.form.cleaned_data = {**told, name: ""}
        try:
            return self.filter_queryset(self.queryset.all())
        finally:
            self.form.cleaned_data = told

    def wrong(self) -> set[str]:
        """Names of filters that ask for what is not there, such as a shop that is gone."""
        return set() if self.is_valid() else set(self.form.errors)

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
