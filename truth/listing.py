"""What a page found is written down: suspected at first, listed when it is there again, closed when it is not."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db.models import Q
from django.utils import timezone

from cancellations.models.words import kept
from shops.models import Shop
from truth.found import Found
from truth.models import Disagreement

logger = structlog.get_logger(__name__)
# What is there at two looks so far apart is no longer on its way.
BETWEEN_LOOKS = timedelta(seconds=60)
How, Kind = Disagreement.How, Disagreement.Kind
# These are between our rows and the outbox, so that the marketplace need not be read to say that they are over.
OURS_ALONE = (Kind.STUCK, Kind.EVENT_MISSING, Kind.EVENT_WRONG, Kind.TOLD_TWICE)
COLUMNS = ["amount", "currency", "ours", "theirs", "last_seen_at", "found_at"]


def write(
    shop: Shop, found: Iterable[Found], abouts: Collection[str], unread: Collection[str], read_at: datetime
) -> None:
    """In the surrounding transaction, of all that this page is `abouts`; the marketplace was read after `read_at`.

    What was found before about what is `unread` stays, unless it is found again.
    """
    now = timezone.now()
    new = {one.key: one for one in found}
    rows = Disagreement.objects.open().filter(shop=shop, about__in=abouts).select_for_update()
    known = {(row.kind, row.about): row for row in rows}
    seen_again([row for key, row in known.items() if key in new], new, now, read_at)
    over = [row for key, row in known.items() if key not in new]
    gone([row for row in over if row.about not in unread or row.kind in OURS_ALONE], now)
    add(shop, [one for key, one in new.items() if key not in known], now)


def seen_again(
    rows: Sequence[Disagreement], new: dict[tuple[str, str], Found], now: datetime, read_at: datetime
) -> None:
    for row in rows:
        told = new[row.kind, row.about]
        row.amount, row.currency = (told.money.amount, told.money.currency) if told.money else (None, "")
        row.ours, row.theirs, row.last_seen_at = told.ours, told.theirs, read_at
        if row.found_at is None and now - row.suspected_at >= BETWEEN_LOOKS:
            row.found_at = now
            logger.warning("truth.disagreement", shop=row.shop_id, kind=row.kind, about=row.about)
    Disagreement.objects.bulk_update(rows, COLUMNS)


def gone(rows: Sequence[Disagreement], now: datetime) -> None:
    """What was only suspected is as if it had never been; what was listed says how it ended."""
    listed = [row for row in rows if row.found_at]
    Disagreement.objects.filter(pk__in=[row.pk for row in rows if row.found_at is None]).delete()
    for row in listed:
        row.settled_at, row.settled_by = now, row.repair_asked_by
        row.how = How.REPAIRED if row.repair_asked_at else How.BY_ITSELF
        logger.info("truth.agreed", shop=row.shop_id, kind=row.kind, about=row.about, how=row.how)
    Disagreement.objects.bulk_update(listed, ["settled_at", "settled_by", "how"])


def add(shop: Shop, found: Sequence[Found], now: datetime) -> None:
    left = left_as_they_are(found)
    rows = []
    for one in found:
        if (*one.key, kept(one.ours), kept(one.theirs)) in left:
            continue
        mended = {"found_at": now, "settled_at": now, "how": How.READ} if one.is_mended else {}
        rows.append(row_of(shop, one, now, **mended))
    Disagreement.objects.bulk_create(rows, ignore_conflicts=True)


def row_of(shop: Shop, one: Found, now: datetime, **more: Any) -> Disagreement:
    amount, currency = (one.money.amount, one.money.currency) if one.money else (None, "")
    return Disagreement(
        shop=shop, kind=one.kind, about=one.about, ours=one.ours, theirs=one.theirs, amount=amount, currency=currency,
        order_id=one.order_id, cancellation_id=one.cancellation_id, decision_id=one.decision_id,
        suspected_at=now, last_seen_at=now, **more,
    )  # fmt: skip


def left_as_they_are(found: Sequence[Found]) -> set[tuple[str, str, str, str]]:
    """What somebody has looked into and left: not listed anew while it says the same."""
    wanted = Q(pk__in=[])
    for one in found:
        wanted |= Q(kind=one.kind, about=one.about)
    rows = Disagreement.objects.filter(wanted, how=How.LEFT) if found else ()
    return {(row.kind, row.about, kept(row.ours), kept(row.theirs)) for row in rows}
