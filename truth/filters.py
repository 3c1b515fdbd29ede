"""What the list can be narrowed to: one filter set for screens and API."""

from typing import Any, ClassVar

import django_filters
from django.utils.translation import gettext_lazy as _

from shops.filters import shops_of
from truth.models import Disagreement

OPEN, OVER, ALL = "open", "over", "all"


class DisagreementFilter(django_filters.FilterSet):  # type: ignore[misc]
    """The queryset must already be `visible_to` the person of `request`. Without a state it is what is open."""

    shop = django_filters.ModelChoiceFilter(queryset=shops_of, label=_("Shop"), empty_label=_("Every shop"))
    kind = django_filters.ChoiceFilter(choices=Disagreement.Kind.choices, label=_("Kind"), empty_label=_("Every kind"))
    state = django_filters.ChoiceFilter(
        choices=[(OVER, _("settled")), (ALL, _("all"))], label=_("State"), empty_label=_("open"), method="by_state"
    )

    class Meta:
        model = Disagreement
        fields: ClassVar[list[str]] = []

    def by_state(self, rows: Any, name: str, state: str) -> Any:
        return rows  # `filter_queryset` does, for it narrows where nothing is chosen too

    def filter_queryset(self, queryset: Any) -> Any:
        rows = super().filter_queryset(queryset)
        state = self.form.cleaned_data.get("state")
        return rows if state == ALL else rows.filter(settled_at__isnull=state != OVER)

    def rows(self) -> Any:
        """What was asked for; nothing when a choice is not there, so that no wrong choice ever widens the answer."""
        return self.qs if self.is_valid() else self.queryset.none()
