"""What the database says at the end of a trial, and the words in which it is told."""

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import Min

from cancellations.models import CancellationRequest, Decision
from shops.models import OutgoingEvent, SyncCursor, SyncKind
from trials.counting import About, Figures, Row

SHOWN_OF_EACH = 20


def decisions() -> Iterator[Row]:
    """Every decision of the trial, with how often its end was told to others."""
    ends = OutgoingEvent.objects.filter(type__in=["decision.confirmed", "decision.refused"])
    told = Counter(ends.values_list("about", "type"))
    rows = Decision.objects.select_related("cancellation__line_item", "order").prefetch_related("lines")
    for one in rows.iterator(chunk_size=500):
        units = sum(line.cancelled_afterwards for line in one.lines.all())
        times = told[f"decision:{one.pk}", f"decision.{one.state}"]
        yield Row(one.pk, about(one), one.verdict, one.state, times, one.code, units)


def about(decision: Decision) -> About:
    request = decision.cancellation
    if request is None:
        assert decision.order
        return ("items", decision.order.marketplace_id)
    if request.is_recorded:
        line = request.line_item.marketplace_id if request.line_item else ""
        return ("recorded", request.order_marketplace_id, line)
    return ("request", request.marketplace_id)


def shown() -> dict[str, str]:
    """The state of every request that its marketplace shows, by its id there."""
    return dict(CancellationRequest.objects.filter(recorded_at=None).values_list("marketplace_id", "state"))


def read_until() -> float:
    """Unix seconds: everything that changed over there before is here."""
    cursors = SyncCursor.objects.exclude(kind=SyncKind.SHOPS)
    moment = cursors.aggregate(first=Min("synced_until"))["first"]
    return float(moment.timestamp()) if moment else 0.0


def settling_times() -> list[float]:
    """Seconds from the end of the undo window to the end of each decision that was sent, in order."""
    rows = Decision.objects.filter(settled_at__isnull=False, sent_at__isnull=False)
    return sorted(
        (settled - start).total_seconds() for start, settled in rows.values_list("send_after", "settled_at") if settled
    )


def listed(counts: "Counter[Any]") -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.most_common())


def spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "none"
    most = seconds[int(len(seconds) * 0.95)]
    return f"median {statistics.median(seconds):.1f} s, 95 % within {most:.1f} s, longest {seconds[-1]:.1f} s"


def verdict(figures: Figures) -> Iterator[str]:
    yield (
        f"lost {len(figures.lost)}   doubled {len(figures.doubled)}   wrong {len(figures.wrong)}   "
        f"neither settled nor stalled {len(figures.unsettled)}"
    )
    for kind in (figures.lost, figures.doubled, figures.wrong, figures.unsettled):
        yield from (f"  {one}" for one in kind[:SHOWN_OF_EACH])
