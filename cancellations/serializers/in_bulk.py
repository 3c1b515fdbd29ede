"""Many decisions in one body: each is judged by itself, and what they have in common is looked up once."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import models
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cancellations import live
from cancellations.models import CancellationRequest, Verdict
from cancellations.serializers.coming_in import DecisionRequest
from cancellations.serializers.going_out import DecisionSerializer
from config.api.bodies import Strict
from config.api.documented import ProblemSerializer
from marketplaces.errors import MarketplaceError
from marketplaces.records import RejectReason
from orders.models import Order
from shops.models import Permission, Shop
from shops.roles import must_be_allowed

MOST = 500
LARGEST_ID = 2**63 - 1


@extend_schema_field(DecisionRequest(many=True))
class Bodies(serializers.ListField):
    """Taken as they are: one that is wrong is a problem of its own."""


class BulkRequest(Strict):
    decisions = Bodies(
        min_length=1, max_length=MOST,
        help_text=f"Up to {MOST}, each as a single one is sent to `decisions/`, without `images`.",
    )  # fmt: skip


class BulkRow(DecisionRequest):
    """One of many. `context["together"]` is what was looked up for all of them."""

    # It would take a call for each of them; the marketplace's no comes with the decision then.
    asks_first: ClassVar[bool] = False

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = serializers.Serializer.get_fields(self)
        together: Together = self.context["together"]
        fields["cancellation"].queryset, fields["order"].queryset = together.cancellations, together.orders
        return fields

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and "images" in data:
            words = _("Images cannot go with many at once: upload them ahead, and name them in “evidence”.")
            raise serializers.ValidationError({"images": [words]})
        return super().to_internal_value(data)

    def must_be_allowed(self, shop: Shop, permission: Permission) -> None:
        self.context["together"].must_be_allowed(shop, permission)

    def reasons(self, cancellation: CancellationRequest) -> Sequence[RejectReason]:
        found: Sequence[RejectReason] = self.context["together"].reasons(cancellation)
        return found


class Loaded(dict[int, Any]):
    """Rows by their id, where a field looks for a queryset."""

    def get(self, *, pk: int) -> Any:  # type: ignore[override]
        if pk not in self:
            raise ObjectDoesNotExist
        return self[pk]


class Together:
    """What the rows of one body need, in a fixed number of queries: requests, orders, what their sender may do; and the
    reasons that the marketplaces take, asked for once for each market and state of an order, on which they depend.
    """

    def __init__(self, user: Any, rows: Sequence[Any]) -> None:
        self.user = user
        requests = CancellationRequest.objects.visible_to(user).with_standing()
        if any(isinstance(row, Mapping) and row.get("verdict") == Verdict.SHIP_TO_REJECT for row in rows):
            requests = requests.prefetch_related("order__lines")
        self.cancellations = loaded(requests.select_related("shop__connection", "order"), rows, "cancellation")
        orders = Order.objects.visible_to(user).select_related("shop__connection").prefetch_related("lines")
        self.orders = loaded(orders, rows, "order")
        self.allowed: dict[tuple[int, Permission], PermissionDenied | None] = {}
        self.asked: dict[tuple[str, ...], Sequence[RejectReason] | MarketplaceError] = {}

    def must_be_allowed(self, shop: Shop, permission: Permission) -> None:
        key = shop.pk, permission
        if key not in self.allowed:
            try:
                must_be_allowed(self.user, shop, permission)
                self.allowed[key] = None
            except PermissionDenied as no:
                self.allowed[key] = no
        if denied := self.allowed[key]:
            raise denied

    def reasons(self, cancellation: CancellationRequest) -> Sequence[RejectReason]:
        shop, order = cancellation.shop, cancellation.order
        kind = str(shop.pk), order.status if order else ""
        if kind not in self.asked:
            try:
                self.asked[kind] = live.reject_reasons(cancellation)
            except MarketplaceError as error:
                self.asked[kind] = error
        found = self.asked[kind]
        if isinstance(found, MarketplaceError):
            raise found
        return found


def loaded(rows_of: "models.QuerySet[Any]", bodies: Sequence[Any], name: str) -> Loaded:
    ids = set(ids_in(bodies, name))
    return Loaded({row.pk: row for row in rows_of.filter(pk__in=ids)} if ids else {})


def ids_in(bodies: Sequence[Any], name: str) -> Iterator[int]:
    for body in bodies:
        try:
            number = serializers.IntegerField().run_validation(body[name])
        except (serializers.ValidationError, KeyError, TypeError):
            continue  # its own problem, which it is told later
        if 0 < number <= LARGEST_ID:
            yield number


class BulkResult(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="Its place in what was sent, from 0.")
    status = serializers.IntegerField(help_text="What a single one would have been answered with: 201, or a problem's.")
    decision = DecisionSerializer(required=False, help_text="With 201.")
    problem = ProblemSerializer(required=False, help_text="With any other status.")


class BulkAnswer(serializers.Serializer[Any]):
    recorded = serializers.IntegerField(help_text="How many were recorded.")
    failed = serializers.IntegerField(help_text="How many were not; nothing of them is stored.")
    results = BulkResult(many=True, help_text="One for each that was sent, in the same order.")
