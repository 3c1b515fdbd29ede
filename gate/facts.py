"""All that the gate goes by, as it stands in our rows: six queries for one order and for a hundred."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import JSONObject

from cancellations.models import (
    Announcement,
    CancellationLine,
    CancellationRequest,
    Decision,
    DecisionLine,
    PushedNotification,
    Verdict,
)
from gate.models import PullTask
from marketplaces.base import Capabilities
from orders.models import LineItem, Order, OrderQuerySet
from shops.markets import capabilities
from shops.models import SyncCursor, SyncKind


@dataclass
class Facts:
    """One order and what may stand against its leaving. `read_until` is None where it was never read to the end."""

    order: Order
    market: Capabilities
    read_until: datetime | None = None
    was_looked_into: bool = False  # somebody has seen to what the order's own flag says
    lines: list[LineItem] = field(default_factory=list)
    requests: list[CancellationRequest] = field(default_factory=list)  # newest first
    decisions: list[Decision] = field(default_factory=list)  # newest first, those alone that still say something
    pushes: list[PushedNotification] = field(default_factory=list)  # newest first, those that tell of cancelling
    pulled: list[PullTask] = field(default_factory=list)  # newest first


def read(orders: OrderQuerySet, now: datetime) -> list[Facts]:
    found = [
        Facts(order, capabilities(order.shop, now), read_until(order, now), bool(of(order).was_looked_into))
        for order in with_shops(orders)
    ]
    pks = [facts.order.pk for facts in found]
    fill(found, "lines", by("order_id", LineItem.objects.filter(order__in=pks)))
    shops, names = {facts.order.shop_id for facts in found}, [facts.order.marketplace_id for facts in found]
    # By the marketplace's id, since a request may be here before it is tied to its order.
    requests = CancellationRequest.objects.filter(shop__in=shops, order_marketplace_id__in=names)
    lines = CancellationLine.objects.filter(cancellation=OuterRef("pk")).values("line_item_marketplace_id")
    requests = requests.annotate(item_ids=ArraySubquery(lines)).order_by("-pk")
    fill(found, "requests", by("order_marketplace_id", requests), "marketplace_id")
    decisions = list(decisions_about(found))
    order_of = {request.pk: facts.order.pk for facts in found for request in facts.requests}
    for decision in decisions:  # what was decided before the order was read names the request alone
        decision.order_id = decision.order_id or order_of.get(decision.cancellation_id or 0)
    fill(found, "decisions", by("order_id", decisions))
    pushes = PushedNotification.objects.filter(shop__in=shops, order_id__in=names).exclude(says="")
    fill(found, "pushes", by("order_id", pushes.order_by("-sent_at", "-pk")), "marketplace_id")
    fill(found, "pulled", by("order_id", PullTask.objects.filter(order__in=pks).select_related("done_by")))
    return found


def with_shops(orders: OrderQuerySet) -> OrderQuerySet:
    """With their shops, without a secret, and with how far the shops were read."""
    cursor = SyncCursor.objects.filter(shop=OuterRef("shop")).values("synced_until")
    looked_into = Announcement.objects.filter(
        order=OuterRef("pk"), handled_at__isnull=False, announced_at__gte=OuterRef("updated_at")
    )
    secrets = ("app_secret", "access_token", "refresh_token")
    return (
        orders.select_related("shop__connection")
        .defer("shop__cipher", *(f"shop__connection__{name}" for name in secrets))
        .annotate(
            orders_until=Subquery(cursor.filter(kind=SyncKind.ORDERS)),
            requests_until=Subquery(cursor.filter(kind=SyncKind.CANCELLATIONS)),
            was_looked_into=Exists(looked_into),
        )
    )


def of(row: Any) -> Any:
    """A row with what its query annotated, of which type checkers know nothing."""
    return row


def read_until(order: Order, now: datetime) -> datetime | None:
    """Everything that changed before is here. Where requests are not listed, orders alone are read."""
    until = [of(order).orders_until]
    if capabilities(order.shop, now).shows_requests:
        until.append(of(order).requests_until)
    return None if None in until else min(until)


def decisions_about(found: Sequence[Facts]) -> Iterable[Decision]:
    """Those on their way, and parcels that were sent to reject a request; each with `items` to be cancelled by it."""
    requests = [request.pk for facts in found for request in facts.requests]
    line = JSONObject(line="line_item_id", quantity=F("quantity") + F("cancelled_before"))
    items = DecisionLine.objects.filter(decision=OuterRef("pk")).values(item=line)
    says_something = Q(state__in=Decision.LIVE) | Q(verdict=Verdict.SHIP_TO_REJECT, state=Decision.State.CONFIRMED)
    about = Q(order__in=[facts.order.pk for facts in found]) | Q(cancellation__in=requests)
    decisions = Decision.objects.filter(about).filter(says_something)
    return decisions.annotate(items=ArraySubquery(items)).order_by("-pk")


def by(name: str, rows: Iterable[Any]) -> dict[tuple[int, Any] | Any, list[Any]]:
    """Rows by what they belong to. Marketplace ids are only told apart with the shop."""
    found: dict[Any, list[Any]] = defaultdict(list)
    for row in rows:
        value = getattr(row, name)
        found[(row.shop_id, value) if isinstance(value, str) else value].append(row)
    return found


def fill(found: Sequence[Facts], name: str, rows: dict[Any, list[Any]], key: str = "pk") -> None:
    for facts in found:
        own = getattr(facts.order, key)
        setattr(facts, name, rows.get((facts.order.shop_id, own) if isinstance(own, str) else own, []))
