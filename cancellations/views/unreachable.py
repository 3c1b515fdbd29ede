"""Shops from which nothing comes, or soon nothing will: since when, what to do by hand, and by when."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Exists, Min, OuterRef, Q, Subquery
from django.utils import timezone

from cancellations.models import CancellationRequest
from cancellations.models.requests import END_OF_TIME
from shops.models import Connection, Permission, Shop, SyncCursor, SyncKind
from shops.models.connections import WARNED_BEFORE

if TYPE_CHECKING:
    from cancellations.views.asking import Request

CONNECTED = Connection.State.CONNECTED
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
    has_requests: bool  # that wait and may still be answered
    may_renew: bool

    @property
    def urgency(self) -> tuple[Any, ...]:
        """What is cut comes before what will be; what silence decides soon comes before what it does not."""
        deadline = self.first_deadline or END_OF_TIME
        return self.is_read, deadline, not self.has_requests, self.since or self.shop.created_at, self.shop.pk


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


def unreachable(request: "Request", visible: Sequence[Shop]) -> AllUnreachable:
    """Of the shops that this person sees, with their connections. One query, and one more where there are any."""
    now = timezone.now()
    silent_before = now - max(AT_LEAST, timedelta(seconds=settings.PULL_EVERY_SECONDS * PULLS_MISSED))
    working = {shop.pk: shop for shop in visible if shop.is_active}
    since = read_until(list(working))
    is_read = {
        pk: shop.connection.state == CONNECTED and since.get(pk, shop.created_at) >= silent_before
        for pk, shop in working.items()
    }
    told = [shop for pk, shop in working.items() if not is_read[pk] or ends_soon(shop.connection, now)]
    if not told:
        return AllUnreachable([])
    found = [
        Unreachable(working[pk], is_read[pk], since.get(pk), first_deadline, has_requests, may_renew)
        for pk, first_deadline, has_requests, may_renew in what_waits(request, [shop.pk for shop in told], now)
        # Who disconnects a shop knows it; what is left to do by hand is shown while there is something.
        if has_requests or working[pk].connection.state != Connection.State.DISCONNECTED
    ]
    return AllUnreachable(sorted(found, key=attrgetter("urgency")))


def read_until(shops: list[int]) -> dict[int, datetime]:
    """Up to when everything of these shops (Shop.pk) is known, but for those that were never read whole."""
    cursors = SyncCursor.objects.filter(shop__pk__any=shops).exclude(kind=SyncKind.SHOPS).order_by()
    first = cursors.values_list("shop").annotate(first=Min("synced_until"))
    return {shop: until for shop, until in first if until}


def ends_soon(connection: Connection, now: datetime) -> bool:
    """Whether a connection that works will end, unless somebody renews it."""
    ends = filter(None, (connection.refresh_token_expires_at, connection.announced_end))
    return connection.state == CONNECTED and any(end < now + WARNED_BEFORE for end in ends)


def what_waits(
    request: "Request", shops: list[int], now: datetime
) -> Iterable[tuple[int, datetime | None, bool, bool]]:
    """(Shop.pk, the first deadline, whether anything waits, whether this person may connect it again) of each."""
    waiting = CancellationRequest.objects.waiting().filter(shop=OuterRef("pk")).order_by()
    open_still = waiting.filter(Q(deadline__gt=now) | Q(deadline=None))
    return (
        Shop.objects.filter(pk__any=shops)
        .annotate(
            first_deadline=Subquery(open_still.values("shop").annotate(first=Min("deadline")).values("first")),
            has_requests=Exists(open_still),
            may_renew=Exists(Shop.objects.where_may(request.user, Permission.CONNECT).filter(pk=OuterRef("pk"))),
        )
        .order_by()
        .values_list("pk", "first_deadline", "has_requests", "may_renew")
    )
