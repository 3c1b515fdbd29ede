"""What an export can be narrowed to: as the queue, as the API's decisions, as the audit log, and by days."""

from datetime import date, timedelta
from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cancellations.filters import QueueFilter, listed_ids
from cancellations.models import CancellationRequest, Decision, Verdict
from cancellations.trail import DayFilter, DaysInOrder, beginning_of
from shops.models import Permission, Shop, ShopQuerySet


def exportable_shops(request: HttpRequest | None) -> ShopQuerySet:
    if request is None:
        return Shop.objects.none()
    return Shop.objects.where_may(request.user, Permission.EXPORT).order_by("name", "region")


class ByDays(django_filters.FilterSet):  # type: ignore[misc]
    """Rows of some days of the reader's zone, by the column `DAY_OF`."""

    DAY_OF = "created_at"

    since = DayFilter(method="by_since", label=_("From day"))
    until = DayFilter(method="by_until", label=_("To day"))

    def by_since(self, rows: "QuerySet[Any]", name: str, day: date) -> "QuerySet[Any]":
        return rows.filter(**{f"{self.DAY_OF}__gte": beginning_of(day)})

    def by_until(self, rows: "QuerySet[Any]", name: str, day: date) -> "QuerySet[Any]":
        return rows.filter(**{f"{self.DAY_OF}__lt": beginning_of(day + timedelta(days=1))})

    def get_form_class(self) -> type[forms.Form]:
        form_class: type[forms.Form] = super().get_form_class()
        for name in ("since", "until"):
            form_class.base_fields[name].widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        return form_class


class RequestsFilter(ByDays, QueueFilter):
    """The queue's filters; without any it is every request."""

    shop = django_filters.ModelChoiceFilter(queryset=exportable_shops, label=_("Shop"), empty_label=_("Every shop"))
    state = django_filters.ChoiceFilter(
        choices=CancellationRequest.State.choices, label=_("State"), empty_label=_("Every state")
    )

    class Meta(QueueFilter.Meta):
        form = DaysInOrder

    def get_form_class(self) -> type[forms.Form]:
        form_class = super().get_form_class()
        choices = [("", _("Yes or no")), ("true", _("yes")), ("false", _("no"))]
        form_class.base_fields["needs_answer"].widget = forms.Select(choices=choices)
        return form_class

    @property
    def shows_waiting(self) -> bool:
        return False


class DecisionsFilter(ByDays):
    DAY_OF = "made_at"

    shop = django_filters.ModelChoiceFilter(queryset=exportable_shops, label=_("Shop"), empty_label=_("Every shop"))
    verdict = django_filters.ChoiceFilter(choices=Verdict.choices, label=_("Verdict"), empty_label=_("Any verdict"))
    state = django_filters.ChoiceFilter(choices=Decision.State.choices, label=_("State"), empty_label=_("Every state"))

    class Meta:
        model = Decision
        fields = ("shop", "verdict", "state")
        form = DaysInOrder


def of_queue(asked: dict[str, str]) -> dict[str, str]:
    """The same rows as the queue shows for these filters: without a state it shows what waits for the seller."""
    told = {name: value for name, value in asked.items() if not (name == "state" and value == "all")}
    shows_waiting = not asked.get("state") and not listed_ids(asked.get("q", ""))
    return {**told, "needs_answer": "true"} if shows_waiting else told
