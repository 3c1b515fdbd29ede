"""Reading the audit log: who sees which of its entries, and what a list of them can be narrowed to."""

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from accounts.models import User
from audit.models import Entry
from cancellations.models import CancellationRequest
from cancellations.trail_words import ACTIONS
from orders.models import Order
from shops.models import Membership, Permission, Role, Shop, ShopQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

ORDER = ("-at", "-pk")
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2999, 12, 31)


def entries_for(user: "User | AnonymousUser") -> "QuerySet[Entry]":
    """Those of the shops that this person manages; for a superuser also what belongs to no shop."""
    return everything_or_of(user, managed_by(user))


def exportable_by(user: "User | AnonymousUser") -> "QuerySet[Entry]":
    """Of these, what this person may take away."""
    return everything_or_of(user, Shop.objects.where_may(user, Permission.EXPORT).filter(pk__in=managed_by(user)))


def everything_or_of(user: "User | AnonymousUser", shops: ShopQuerySet) -> "QuerySet[Entry]":
    own = Entry.objects.filter(shop_id__in=shops.values("pk"))
    return Entry.objects.all() if reads_everything(user) else own


def reads_everything(user: "User | AnonymousUser") -> bool:
    """Also what belongs to no shop."""
    token = getattr(user, "token", None)
    return bool(user.is_superuser and user.is_active and (token is None or not token.is_limited))


def managed_by(user: "User | AnonymousUser") -> ShopQuerySet:
    return Shop.objects.where_role(user, Role.MANAGER, to_read=True)


def reads_trail_of(user: "User | AnonymousUser", shop: Shop) -> bool:
    return managed_by(user).filter(pk=shop.pk).exists()


def shops_of(request: HttpRequest | None) -> ShopQuerySet:
    return managed_by(request.user).order_by("name", "region") if request else Shop.objects.none()


def people_of(request: HttpRequest | None) -> "QuerySet[User]":
    """Whose deeds can be asked for: for a superuser everybody's, else the members' of one's own shops."""
    people = User.objects.order_by("first_name", "last_name", "email")
    if request is None:
        return people.none()
    if request.user.is_superuser:
        return people
    shops = managed_by(request.user)
    members = Membership.objects.filter(Q(shop__in=shops) | Q(group__shops__in=shops))
    return people.filter(Q(pk__in=members.values("user")) | Q(pk=request.user.pk))


class DayField(forms.DateField):
    """A day of a calendar in which every day has a beginning and an end."""

    def clean(self, value: Any) -> date | None:
        day: date | None = super().clean(value)
        if day and not FIRST_DAY <= day <= LAST_DAY:
            raise ValidationError(_("There is nothing of that time."))
        return day


class DayFilter(django_filters.DateFilter):  # type: ignore[misc]
    field_class = DayField


def beginning_of(day: date) -> datetime:
    """In the reader's zone."""
    return datetime.combine(day, time.min, timezone.get_current_timezone()).astimezone(UTC)


class DaysInOrder(forms.Form):
    """The first of the days is not after the last."""

    def clean(self) -> dict[str, Any]:
        told = super().clean() or self.cleaned_data
        since, until = told.get("since"), told.get("until")
        if since and until and since > until:
            self.add_error("until", _("This day is before the first one."))
        return self.cleaned_data


class TrailFilter(django_filters.FilterSet):  # type: ignore[misc]
    """The queryset must already be what the person of `request` may see."""

    person = django_filters.ModelChoiceFilter(
        queryset=people_of, field_name="actor", label=_("Person"), empty_label=_("Everybody")
    )
    shop = extend_schema_field(OpenApiTypes.INT)(
        django_filters.ModelChoiceFilter(
            queryset=shops_of, method="by_shop", label=_("Shop"), empty_label=_("Every shop")
        )
    )
    action = django_filters.CharFilter(label=_("What was done"))
    order = django_filters.CharFilter(method="by_order", label=_("Order id or number"))
    request_id = django_filters.CharFilter(method="by_request_id", label=_("Request id"))
    since = DayFilter(method="by_since", label=_("From day"))
    until = DayFilter(method="by_until", label=_("To day"))

    class Meta:
        model = Entry
        fields: ClassVar[list[str]] = []
        form = DaysInOrder

    def by_shop(self, rows: "QuerySet[Entry]", name: str, shop: Shop) -> "QuerySet[Entry]":
        return rows.filter(shop_id=shop.pk)

    def by_order(self, rows: "QuerySet[Entry]", name: str, text: str) -> "QuerySet[Entry]":
        """What was done to an order, and to each request about it."""
        orders = Order.objects.visible_to(self.request.user).filter(Q(marketplace_id=text) | Q(number=text))
        found = list(orders.values_list("pk", flat=True)[:100])
        requests = CancellationRequest.objects.filter(order__in=found).values_list("pk", flat=True)
        return rows.filter(Q(order_id__in=found) | Q(cancellation_id__in=list(requests)))

    def by_request_id(self, rows: "QuerySet[Entry]", name: str, text: str) -> "QuerySet[Entry]":
        requests = CancellationRequest.objects.visible_to(self.request.user).filter(marketplace_id=text)
        return rows.filter(cancellation_id__in=list(requests.values_list("pk", flat=True)[:100]))

    def by_since(self, rows: "QuerySet[Entry]", name: str, day: date) -> "QuerySet[Entry]":
        return rows.filter(at__gte=beginning_of(day))

    def by_until(self, rows: "QuerySet[Entry]", name: str, day: date) -> "QuerySet[Entry]":
        return rows.filter(at__lt=beginning_of(day + timedelta(days=1)))

    def get_form_class(self) -> type[forms.Form]:
        form_class: type[forms.Form] = super().get_form_class()
        known = sorted(ACTIONS.items(), key=lambda one: str(one[1]).casefold())
        form_class.base_fields["action"].widget = forms.Select(choices=[("", _("Anything")), *known])
        for name in ("since", "until"):
            form_class.base_fields[name].widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        return form_class

    def rows(self) -> Any:
        """What was asked for; nothing when a choice is not there, so that no wrong choice ever widens the answer."""
        return self.qs if self.is_valid() else self.queryset.none()
