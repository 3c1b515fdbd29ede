"""Whether what we have of a shop is fresh, and what is wrong with our link to its marketplace, in words."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from cancellations.health import UNDELIVERED_AFTER
from cancellations.models import CancellationRequest, Decision, Verdict
from cancellations.models.words import Words
from shops import heartbeat
from shops.models import Connection, Shop, SyncCursor, SyncKind


@dataclass(frozen=True)
class Link:
    """How shops are read, and whether anybody works. A few queries, however many shops."""

    read_until: Mapping[int, datetime | None]
    nobody_works: bool

    @classmethod
    def of(cls, shops: Collection[int]) -> "Link":
        cursors = SyncCursor.objects.filter(shop__in=shops, kind=SyncKind.CANCELLATIONS)
        # Who was never seen may be about to come up; where nobody does, what is read gets old, and that is said.
        silences = heartbeat.silences(heartbeat.WORKER, heartbeat.BEAT)
        nobody = any(one.since for one in silences if one)
        return cls(dict(cursors.values_list("shop", "synced_until")), nobody)

    def is_fresh(self, shop: Shop, now: datetime) -> bool:
        until = self.read_until.get(shop.pk)
        return until is not None and now - until <= timedelta(minutes=settings.SAFETY_STALE_MINUTES)

    def trouble(self, row: CancellationRequest, now: datetime) -> Words | None:
        """Why this request may not be answered from here; needs `with_standing()`."""
        state = row.shop.connection.state
        if state != Connection.State.CONNECTED:
            return Words("The shop has to be connected again: nothing is read or sent.")
        if self.nobody_works:
            return Words("No worker has been heard of: nothing is sent.")
        if row.live_decision and (held_up := held_up_by(row.live_decision, now)):
            return held_up
        if not self.is_fresh(row.shop, now):
            return Words("The shop could not be read for some time, so that what is shown here may be old.")
        return None


def held_up_by(decision: Decision, now: datetime) -> Words | None:
    named = Verdict(decision.verdict).label
    if decision.state == Decision.State.STALLED:
        return Words("The decision (%(verdict)s) is held up and needs somebody.", verdict=named)
    if decision.state == Decision.State.UNSIGNED:
        return Words("The decision (%(verdict)s) waits for a second person.", verdict=named)
    if decision.is_moving and now - max(decision.due_at, decision.send_after) > UNDELIVERED_AFTER:
        return Words("The decision (%(verdict)s) has not been sent yet.", verdict=named)
    if decision.failures and not decision.accepted_at:
        return Words("The decision (%(verdict)s) could not be sent so far.", verdict=named)
    return None


def links(rows: Iterable[CancellationRequest]) -> Link:
    return Link.of({row.shop_id for row in rows})
