"""Shops from which nothing comes, or soon nothing will: since when, what to do by hand, and by when."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Exists, F, Min, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from cancellations.models import CancellationRequest
from shops.models import Connection, Permission, Shop, SyncCursor, SyncKind
from shops.models.connections import WARNED_BEFORE

if TYPE_CHECKING:
    from cancellations.views.asking import Request

# So many pulls in a row that brought nothing, or so long, and it is no hiccup.
PULLS_MISSED = 5
AT_LEAST = timedelta(minutes=10)
# Cards above the queue, and lines that unfold below them; a page tells of all.
CARDS, LINES = 3, 20


@dataclass(frozen=True)
class Unreachable:
    shop: Shop
    is_read: bool  # it is only the authorization that ends soon
    since: datetime | None
    first_deadline: datetime | None
    may_renew: bool


@dataclass(frozen=True)
class AllUnreachable:
    """The most urgent first. Whatever is not shown is counted."""

    shops: list[Unreachable]

    @property
    def cards(self) -> list[Unreachable]:
        return self.shops[:CARDS]

    @property
    def lines(self) -> list[Unreachable]:
        return self.shops[CARDS : CARDS + LINES]

    @property
    def not_on_cards(self) -> int:
        return len(self.shops) - len(self.cards)

    @property
    def not_shown(self) -> int:
        return self.not_on_cards - len(self.lines)

    @property
    def cut(self) -> int:
        return sum(not one.is_read for one in self.shops)

    @property
    def ending(self) -> int:
        return len(self.shops) - self.cut

    @property
    def first_deadline(self) -> datetime | None:
        return min((one.first_deadline for one in self.shops if one.first_deadline and not one.is_read), default=None)


def unreachable(request: "Request") -> AllUnreachable:
    """One query, whoever asks and however many shops there are."""
    now = timezone.now()
    silent_for = max(AT_LEAST, timedelta(seconds=settings.PULL_EVERY_SECONDS * PULLS_MISSED))
    cursors = SyncCursor.objects.filter(shop=OuterRef("pk")).exclude(kind=SyncKind.SHOPS).order_by()
    waiting = CancellationRequest.objects.waiting().filter(shop=OuterRef("pk")).order_by()
    open_still = waiting.filter(Q(deadline__gt=now) | Q(deadline=None))
    read_until = cursors.values("shop").annotate(first=Min("synced_until")).values("first")
    ends_soon = Q(connection__refresh_token_expires_at__lt=now + WARNED_BEFORE)
    ends_soon |= Q(connection__announced_end__lt=now + WARNED_BEFORE)
    is_cut = Q(connection__state=Connection.State.RECONNECT)
    # Who disconnects a shop knows it; what is left to do by hand is shown while there is something.
    is_cut |= Q(connection__state=Connection.State.DISCONNECTED, has_requests=True)
    is_silent = Q(since__lt=now - silent_for) | Q(since=None, created_at__lt=now - silent_for)
    is_silent &= Q(connection__state=Connection.State.CONNECTED)
    ends_soon &= Q(connection__state=Connection.State.CONNECTED)
    shops = (
        Shop.objects.visible_to(request.user).active().select_related("connection")
        .defer("cipher", "connection__app_secret", "connection__access_token", "connection__refresh_token")
        .annotate(
            since=Subquery(read_until),
            first_deadline=Subquery(open_still.values("shop").annotate(first=Min("deadline")).values("first")),
            has_requests=Exists(open_still),
            may_renew=Exists(Shop.objects.where_may(request.user, Permission.CONNECT).filter(pk=OuterRef("pk"))),
        )
        .filter(is_cut | is_silent | ends_soon)
        .order_by(
            F("first_deadline").asc(nulls_last=True), "-has_requests", Coalesce("since", "created_at"), "pk"
        )
    )  # fmt: skip
    found = [told(shop, now - silent_for) for shop in shops]
    return AllUnreachable(sorted(found, key=lambda one: one.is_read))  # what is cut comes before what will be


def told(shop: Any, silent_before: datetime) -> Unreachable:
    """`shop` with what the query above says of it."""
    is_read = shop.connection.state == Connection.State.CONNECTED and (shop.since or shop.created_at) >= silent_before
    return Unreachable(shop, is_read, shop.since, shop.first_deadline, shop.may_renew)
