"""What the shops' health says of what does not agree."""

from collections.abc import Mapping, Sequence

from django.db.models import Count
from django.utils.translation import ngettext

from shops.health import Level, Problem
from truth.models import Disagreement


def problems(shop_ids: Sequence[int]) -> Mapping[int, Problem]:
    return {pk: problem(count) for pk, count in counts(shop_ids).items()}


def counts(shop_ids: Sequence[int]) -> dict[int, int]:
    rows = Disagreement.objects.open().listed().filter(shop__in=shop_ids)
    return dict(rows.order_by().values_list("shop").annotate(Count("pk")))


def problem(count: int) -> Problem:
    text = ngettext(
        "The truth check found %(count)d disagreement.", "The truth check found %(count)d disagreements.", count
    )
    return Problem(Level.ATTENTION, "disagreements", text % {"count": count})
