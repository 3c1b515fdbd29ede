"""What the list of who was told can be narrowed to."""

from typing import Any, ClassVar

import django_filters
from django.utils.translation import gettext_lazy as _

from safety.models import Channel, Telling
from shops.filters import shops_of


class TellingFilter(django_filters.FilterSet):  # type: ignore[misc]
    """The queryset must already be `visible_to` the person of `request`."""

    shop = django_filters.ModelChoiceFilter(queryset=shops_of, label=_("Shop"))
    cancellation = django_filters.NumberFilter(
        field_name="cancellation_id", label=_("Request"), min_value=1, max_value=2**63 - 1
    )
    state = django_filters.ChoiceFilter(choices=Telling.State.choices, label=_("State"))
    channel = django_filters.ChoiceFilter(choices=Channel.choices, label=_("How"))

    class Meta:
        model = Telling
        fields: ClassVar[list[str]] = []

    def rows(self) -> Any:
        """What was asked for; nothing when a choice is not there, so that no wrong choice ever widens the answer."""
        return self.qs if self.is_valid() else self.queryset.none()
