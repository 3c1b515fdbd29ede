"""What a log of deliveries can be narrowed to: one filter set for screens and API."""

from typing import Any, ClassVar

import django_filters
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from webhooks.events import TEST_NAME, TYPES
from webhooks.models import Delivery, Endpoint


def endpoints_of(request: HttpRequest | None) -> Any:
    return Endpoint.objects.visible_to(request.user).without_secrets() if request else Endpoint.objects.none()


class DeliveryFilter(django_filters.FilterSet):  # type: ignore[misc]
    """The queryset must already be `visible_to` the person of `request`."""

    state = django_filters.ChoiceFilter(choices=Delivery.State.choices, label=_("State"), empty_label=_("Every state"))
    type = django_filters.ChoiceFilter(
        field_name="event__type", choices=[(name, name) for name in (*TYPES, TEST_NAME)], label=_("Event"),
        empty_label=_("Every event"),
    )  # fmt: skip

    class Meta:
        model = Delivery
        fields: ClassVar[list[str]] = []

    def rows(self) -> Any:
        """What was asked for; nothing when a choice is not there, so that no wrong choice ever widens the answer."""
        return self.qs if self.is_valid() else self.queryset.none()


class DeliveriesOfAll(DeliveryFilter):
    endpoint = django_filters.ModelChoiceFilter(queryset=endpoints_of, label=_("Endpoint"))
