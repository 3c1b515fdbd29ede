"""Where our link to a marketplace is down, people are told early enough to answer over there, with the link to it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from cancellations import rules
from cancellations.models import CancellationRequest
from safety import telling
from safety.models import Telling
from safety.reading import links


def look(now: datetime) -> None:
    """Tell of each request that may not be answered from here in time, once for its deadline."""
    told = Telling.objects.filter(cancellation=OuterRef("pk"), deadline=OuterRef("deadline"), step="link")
    rows = CancellationRequest.objects.waiting().filter(
        ~Exists(told), shop__is_active=True,
        deadline__gt=now, deadline__lte=now + timedelta(minutes=settings.SAFETY_BY_HAND_MINUTES),
    )  # fmt: skip
    for page in pages(rows.with_standing().select_related("shop")):
        link = links(page)
        by_words: dict[str, list[CancellationRequest]] = {}
        for row in page:
            if words := link.trouble(row, now):
                by_words.setdefault(words, []).append(row)
        for trouble, about in by_words.items():
            telling.tell_all(about, "link", Telling.Why.LINK, trouble)


def pages(rows: Any) -> Iterator[list[CancellationRequest]]:
    """All of them, the next deadline first: many that are well must not hide those of a shop cut off."""
    rows = left = rows.order_by("deadline", "pk")
    while page := list(left[: settings.SAFETY_AT_ONCE]):
        yield page
        last = page[-1]
        left = rows.filter(Q(deadline__gt=last.deadline) | Q(deadline=last.deadline, pk__gt=last.pk))


def over_there(row: CancellationRequest, now: datetime) -> str:
    """The address of the order in the marketplace's own centre; empty where none is known."""
    address = rules.capabilities(row.shop, now).order_url
    return address.replace("{order_id}", row.order_marketplace_id) if address else ""


def to_quote(row: CancellationRequest) -> str:
    """What to look for over there where no address is known."""
    return _("Shop %(shop)s (%(shop_id)s), order %(order)s, request %(request)s") % {
        "shop": row.shop.name, "shop_id": row.shop.marketplace_id, "order": row.order_marketplace_id,
        "request": row.marketplace_id,
    }  # fmt: skip
