"""What a marketplace sends that we do not know: words, fields and reasons, counted where a person can look at them."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.db.models import F
from django.utils import timezone

from marketplaces.records import CancellationRecord, RejectReason
from shops.markets import capabilities
from shops.models import Drift, Shop


def note(shop_id: int, words: Collection[str]) -> None:
    """Count each of these words once; whoever calls sees to it that a pull counts a word but once."""
    if not words:
        return
    now = timezone.now()
    Drift.objects.filter(shop=shop_id, word__in=words).update(count=F("count") + 1, last_seen_at=now)
    Drift.objects.bulk_create(
        [Drift(shop_id=shop_id, word=word, first_seen_at=now, last_seen_at=now) for word in sorted(words)],
        ignore_conflicts=True,
    )


def unknown_reasons(shop: Shop, records: Iterable[Any]) -> Sequence[str]:
    """Reasons that cancellations name and the rulebook does not. Orders name theirs as a text in some language."""
    known = capabilities(shop, timezone.now()).known_reasons
    named = {record.reason for record in records if isinstance(record, CancellationRecord)} - {""}
    return _told("cancellation.cancel_reason", named, known)


def unknown_reject_reasons(shop: Shop, reasons: Iterable[RejectReason]) -> Sequence[str]:
    """Reasons to reject that the marketplace offers and the rulebook does not list."""
    known = {one.name for one in capabilities(shop, timezone.now()).listed_reject_reasons}
    return _told("reject_reason", {one.name for one in reasons}, known)


def _told(where: str, named: Collection[str], known: Collection[str]) -> Sequence[str]:
    """Nothing where the rulebook knows none: it cannot tell then what is new."""
    return [f"{where}: {name}" for name in sorted(set(named) - set(known))] if known else []
