"""Which rows are compared, page by page, and all that is asked of them in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Max, Q, QuerySet

from cancellations.models import CancellationRequest, Decision, DecisionLine
from orders.models import CancelledLine
from shops.models import Shop
from truth.judging import DONE, Page
from truth.models import Check, Disagreement

SIZE = 50  # as many as marketplaces take in one call
RELATED = ("lines__line_item", "attempts", "order__lines", "cancellation__lines", "cancellation__order__lines")


@dataclass(frozen=True)
class Chosen:
    """The next rows of a step, by their keys; `last` is where the page after them begins, None where there is none."""

    decisions: Sequence[int] = ()
    requests: Sequence[int] = ()
    as_shown: Sequence[int] = ()
    last: int | None = None


def choose(check: Check, now: datetime) -> Chosen:
    if check.step == Check.Step.AGAIN:
        return again(check)
    rows = decided(check.shop, now) if check.step == Check.Step.DECISIONS else waiting(check.shop)
    pks = list(rows.filter(pk__gt=check.after).order_by("pk").values_list("pk", flat=True)[:SIZE])
    last = pks[-1] if len(pks) == SIZE else None
    return Chosen(decisions=pks, last=last) if check.step == Check.Step.DECISIONS else Chosen(requests=pks, last=last)


def decided(shop: Shop, now: datetime) -> "QuerySet[Decision]":
    """Those of the last days, and those about which something is open, however old."""
    since = now - timedelta(days=settings.TRUTH_DAYS)
    still = Disagreement.objects.open().filter(shop=shop, decision__isnull=False).values("decision")
    return Decision.objects.filter(Q(made_at__gte=since) | Q(pk__in=still), shop=shop)


def waiting(shop: Shop) -> "QuerySet[CancellationRequest]":
    """What we say waits, and what was found about others; those that people recorded are followed with every pull."""
    of_requests = Disagreement.objects.open().filter(shop=shop, about__startswith="cancellation:")
    still = of_requests.values("cancellation")
    return CancellationRequest.objects.filter(
        Q(needs_answer=True) | Q(pk__in=still), shop=shop, recorded_at__isnull=True
    )


def again(check: Check) -> Chosen:
    """What differed: suspected or listed."""
    rows = Disagreement.objects.open().filter(shop=check.shop, pk__gt=check.after).order_by("pk")
    page = list(rows.values("pk", "decision", "cancellation", "order")[:SIZE])
    of_orders = {row["order"] for row in page if row["order"] and not row["decision"]}
    told = set(Decision.objects.filter(order__in=of_orders).values_list("pk", flat=True)) if of_orders else set()
    # Asked for since it was last seen: one look takes what is shown, not each one after it.
    asked_for = rows.filter(repair=Disagreement.Repair.READ_AGAIN, repair_asked_at__gt=F("last_seen_at"))
    as_shown = asked_for.filter(pk__in=[row["pk"] for row in page], cancellation__isnull=False)
    return Chosen(
        sorted(told | {row["decision"] for row in page if row["decision"]}),
        sorted({row["cancellation"] for row in page if row["cancellation"]}),
        sorted(as_shown.order_by().values_list("cancellation", flat=True)),
        page[-1]["pk"] if len(page) == SIZE else None,
    )


def decisions_of(chosen: Chosen) -> "QuerySet[Decision]":
    """With those about the requests that were chosen. Asked before the marketplace is, and again afterwards."""
    wanted = Q(pk__in=chosen.decisions) | Q(cancellation__in=chosen.requests)
    rows = Decision.objects.filter(wanted).order_by("pk")
    return rows.select_related("shop", "order", "cancellation__order", "cancellation__line_item")


def requests_of(chosen: Chosen) -> list[CancellationRequest]:
    return list(CancellationRequest.objects.filter(pk__in=chosen.requests).select_related("order").order_by("pk"))


def load(chosen: Chosen) -> Page:
    decisions = list(decisions_of(chosen).prefetch_related(*RELATED))
    requests = {one.cancellation.pk: one.cancellation for one in decisions if one.cancellation}
    requests |= {one.pk: one for one in requests_of(chosen) if one.pk not in requests}
    orders = {one.order.pk: one.order for one in decisions if one.order}
    steps = CancelledLine.objects.filter(order__in=orders).order_by("pk")
    others = Decision.objects.filter(order__in=orders, state__in=(*Decision.LIVE, Decision.State.CONFIRMED))
    approved = CancellationRequest.objects.filter(order__in=orders, state__in=DONE).exclude(initiator="seller")
    return Page(
        decisions, list(requests.values()), orders, list(steps), by_order(others.order_by("pk")),
        pks_by_order(approved.values_list("order", "pk")), decided_lines(orders),
    )  # fmt: skip


def by_order(decisions: Iterable[Decision]) -> Mapping[int, Sequence[Decision]]:
    found: dict[int, list[Decision]] = defaultdict(list)
    for one in decisions:
        found[one.order_id or 0].append(one)
    return found


def pks_by_order(rows: Iterable[tuple[int, int]]) -> Mapping[int, Sequence[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for order_id, pk in rows:
        found[order_id].append(pk)
    return found


def decided_lines(orders: Iterable[int]) -> dict[int, int]:
    """Of the lines that were cancelled by decisions: how many should be, at most, with all of them."""
    states = (*Decision.LIVE, Decision.State.CONFIRMED)
    lines = DecisionLine.objects.filter(decision__order__in=orders, decision__state__in=states)
    return dict(lines.order_by().values_list("line_item").annotate(most=Max(F("cancelled_before") + F("quantity"))))
