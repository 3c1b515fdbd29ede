"""Rows by what people call them: our id, the marketplace's, or the order's number."""

from collections.abc import Sequence
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet
from rest_framework.exceptions import ValidationError

from cancellations.command_line.people import Desk
from cancellations.models import CancellationRequest, Decision
from orders.models import LineItem, Order
from shops.models import Shop

Row = TypeVar("Row", bound=Model)
LONGEST_KEY = 18  # digits that fit into the column
# Before one of our ids, which numbers from outside may look like.
OURS = "id:"


def keyed(name: str) -> Q:
    name = name.removeprefix(OURS)
    return Q(pk=int(name)) if name.isdecimal() and name.isascii() and len(name) <= LONGEST_KEY else Q(pk__in=())


def one_of(found: Sequence[Row], name: str, what: str) -> Row:
    """The one row that is called so; raises where there is none, or more."""
    if not found:
        raise ValidationError(f"No {what} that you may see is called so.")
    if len(found) > 1 or is_of_another(found[0], name):
        ids = ", ".join(f"{OURS}{row.pk}" for row in found)
        raise ValidationError(f"More than one is called so. Name one by its id: {ids}.")
    return found[0]


def is_of_another(row: Model, name: str) -> bool:
    """A bare number that is our id of another row, though nobody may see that one here, is not taken for this one's."""
    others = type(row)._default_manager.filter(keyed(name)).exclude(pk=row.pk)
    return not isinstance(row, LineItem) and others.exists()


def request(desk: Desk, name: str) -> CancellationRequest:
    """Of several about one order, the one that waits."""
    rows = CancellationRequest.objects.visible_to(desk.user)
    own = rows.filter(keyed(name))
    either = rows.filter(Q(pk__in=own.values("pk")) | Q(pk__in=rows.with_ids([name]).values("pk")))
    columns = either.with_queue_columns().select_related("shop__connection", "recorded_by").order_by("pk")
    found = list(columns)
    if not own and len({(row.shop_id, row.order_marketplace_id) for row in found}) == 1:
        found = [row for row in found if row.needs_answer] or found
    return one_of(found, name, "request")


def order(desk: Desk, name: str) -> Order:
    rows = Order.objects.visible_to(desk.user).select_related("shop__connection")
    named = Q(marketplace_id=name) | Q(number=name)
    return one_of(list(rows.filter(keyed(name) | named).order_by("pk")[:10]), name, "order")


def line(order: Order, name: str) -> LineItem:
    return one_of(list(order.lines.filter(keyed(name) | Q(marketplace_id=name))[:10]), name, "line of this order")


def shop(desk: Desk, name: str) -> Shop:
    rows: QuerySet[Shop] = Shop.objects.visible_to(desk.user)
    return one_of(list(rows.filter(keyed(name) | Q(marketplace_id=name) | Q(name__iexact=name))[:10]), name, "shop")


def decision(desk: Desk, name: Any) -> Decision:
    rows = Decision.objects.visible_to(desk.user).select_related(
        "shop__connection", "order", "cancellation", "made_by", "countersigned_by"
    )
    detailed = rows.prefetch_related("attempts", "lines__line_item", "evidence")
    return one_of(list(detailed.filter(keyed(str(name)))), str(name), "decision")
