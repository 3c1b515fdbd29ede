"""What others were told of a page of rows: the outbox's events, as far as they are still kept."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings

from orders.cancelled import money_id, stock_id
from orders.models import CancelledLine
from shops.models import OutgoingEvent, Shop

A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Event:
    type: str
    state: str  # of a decision as it was then; of a request, the one it came to
    at: datetime


@dataclass(frozen=True)
class Told:
    events: Mapping[str, Sequence[Event]] = field(default_factory=dict)  # by what they are about, oldest first
    ids: frozenset[str] = frozenset()  # of the stock and money of cancelled lines
    kept_since: datetime | None = None  # older events may be gone; None: all are kept

    def is_kept(self, at: datetime | None) -> bool:
        return at is not None and (self.kept_since is None or at > self.kept_since)

    def about(self, name: str) -> Sequence[Event]:
        return self.events.get(name, ())


def read(shop: Shop, abouts: Iterable[str], steps: Sequence[CancelledLine], now: datetime) -> Told:
    """Two queries, however many rows."""
    kept = settings.KEEP_OUTGOING_DAYS
    events: dict[str, list[Event]] = defaultdict(list)
    rows = OutgoingEvent.objects.filter(shop=shop, about__in=set(abouts)).order_by("pk")
    for about, kind, state, to, at in rows.values_list("about", "type", "data__state", "data__to", "made_at"):
        events[about].append(Event(kind, to if kind.startswith("cancellation.") else state, at))
    wanted = [one for step in steps for one in ids_of(step)]
    found = OutgoingEvent.objects.filter(event_id__in=wanted).values_list("event_id", flat=True) if wanted else ()
    return Told(events, frozenset(found), now - timedelta(days=kept) + A_DAY if kept else None)


def ids_of(step: CancelledLine) -> list[str]:
    """What has to be told of it: that stock is free again, and that money goes back."""
    return [one for one in (stock_id(step), money_id(step)) if one]
