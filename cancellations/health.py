"""How shops stand in all: with their marketplaces, and with what waits for people and what is on its way out."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.translation import ngettext

from cancellations.models import Attempt, CancellationRequest, Decision, PushedNotification
from cancellations.models.requests import END_OF_TIME
from shops import heartbeat
from shops.health import LOOKED_BACK, Level, Problem, Standing, counted, standings, worst
from shops.models import Shop, ShopQuerySet

# A worker looks every few seconds, and a marketplace may be slow.
# Apps on floors above that know more about shops: each tells of these (numbers) what is wrong with which.
ALSO_KNOW: list[Callable[[Sequence[int]], Mapping[int, Problem]]] = []
UNDELIVERED_AFTER = timedelta(minutes=2)
SOON = timedelta(hours=1)


@dataclass
class Health:
    """One shop. `decisions` counts those that are not settled, by state."""

    standing: Standing
    now: datetime
    decisions: Counter[str] = field(default_factory=Counter)
    disagreements: int = 0
    oldest_due: datetime | None = None  # when the decision that waits longest first needed a worker
    waiting: int = 0
    overdue: int = 0  # past their deadline and still waiting here
    due_soon: int = 0  # within an hour
    errors: Counter[str] = field(
        default_factory=Counter
    )  # the marketplace's codes, of pulls and decisions, in 24 hours
    last_push: datetime | None = None
    first_deadline: datetime | None = None  # of what waits
    also: Sequence[Problem] = ()  # what apps above know

    def __post_init__(self) -> None:
        found = [*self.standing.problems(self.now), *self.about_requests(), *self.also]
        self.problems = sorted(found, key=lambda problem: list(Level).index(problem.level))
        self.level = worst(self.problems)

    @property
    def shop(self) -> Shop:
        return self.standing.shop

    @property
    def lag(self) -> float | None:
        return self.standing.lag(self.now)

    @property
    def due_for(self) -> float:
        """Seconds for which the decision that waits longest has needed a worker."""
        return max(0.0, (self.now - self.oldest_due).total_seconds()) if self.oldest_due else 0.0

    def about_requests(self) -> list[Problem]:
        found = []
        stalled = self.decisions[Decision.State.STALLED]
        if stalled:
            text = ngettext("%(count)d decision needs you.", "%(count)d decisions need you.", stalled)
            found.append(Problem(Level.ATTENTION, "stalled", text % {"count": stalled}))
        if self.due_for > UNDELIVERED_AFTER.total_seconds():
            moving = sum(self.decisions[state] for state in Decision.MOVING)
            text = ngettext("%(count)d decision is held up.", "%(count)d decisions are held up.", moving)
            found.append(Problem(Level.ATTENTION, "held_up", text % {"count": moving}))
        if self.overdue:
            text = ngettext(
                "%(count)d request is past its deadline.", "%(count)d requests are past their deadline.", self.overdue
            )
            found.append(Problem(Level.ATTENTION, "overdue", text % {"count": self.overdue}))
        if self.standing.is_off and (unread := self.waiting - self.overdue):
            text = ngettext(
                "%(count)d request still waits: answer it in the marketplace's own seller centre.",
                "%(count)d requests still wait: answer them in the marketplace's own seller centre.",
                unread,
            )
            found.append(Problem(Level.ATTENTION, "unread_requests", text % {"count": unread}))
        return found


@dataclass(frozen=True)
class Whole:
    """Many shops, worst first, and whether anybody is there to do their work."""

    shops: list[Health]
    worker: heartbeat.Silence | None
    beat: heartbeat.Silence | None

    @property
    def level(self) -> Level:
        """Of all of them; without a worker nothing is sent, however well everything stands."""
        if self.worker or self.beat:
            return Level.BROKEN
        return worst([problem for one in self.shops for problem in one.problems if problem.level != Level.OFF])

    @property
    def counts(self) -> dict[str, int]:
        levels = Counter(one.level for one in self.shops)
        return {level.value: levels[level] for level in Level}


def of(shops: ShopQuerySet, now: datetime | None = None) -> Whole:
    """The health of these shops. One person's are `Shop.objects.visible_to(user)`."""
    now = now or timezone.now()
    found = healths(standings(shops, now), now)
    ranks = list(Level)
    found.sort(key=lambda one: (ranks.index(one.level), one.first_deadline or END_OF_TIME))
    return Whole(found, *heartbeat.silences(heartbeat.WORKER, heartbeat.BEAT))


def healths(found: list[Standing], now: datetime) -> list[Health]:
    pks = [one.shop.pk for one in found]
    live: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in (
        Decision.objects.live()
        .filter(shop__in=pks)
        .values("shop", "state", "stalled_because")
        .annotate(count=Count("pk"), oldest=Min("due_at"))
        .order_by()
    ):
        live[row["shop"]].append({**row})
    requests = {row["shop"]: row for row in waiting_requests(pks, now)}
    codes: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for shop, code, count in (
        Attempt.objects.filter(decision__shop__in=pks, started_at__gte=now - LOOKED_BACK)
        .exclude(outcome__in=(Attempt.Outcome.OK, Attempt.Outcome.UNFINISHED))
        .exclude(code="")
        .values_list("decision__shop", "code")
        .annotate(Count("pk"))
        .order_by()
    ):
        codes[shop].append((code, count))
    pushes = last_pushes(pks)
    more = [known(pks) for known in ALSO_KNOW]
    return [
        Health(
            one,
            now,
            **decisions_of(live[one.shop.pk]),
            **{name: requests.get(one.shop.pk, {}).get(name, 0) for name in ("waiting", "overdue", "due_soon")},
            errors=one.errors + counted(codes[one.shop.pk]),
            last_push=pushes.get(one.shop.pk),
            first_deadline=requests.get(one.shop.pk, {}).get("first_deadline"),
            also=[known[one.shop.pk] for known in more if one.shop.pk in known],
        )
        for one in found
    ]


def decisions_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "decisions": counted((row["state"], row["count"]) for row in rows),
        "disagreements": sum(row["count"] for row in rows if row["stalled_because"] == Decision.Stalled.DISAGREEMENT),
        "oldest_due": min((row["oldest"] for row in rows if row["state"] in Decision.MOVING), default=None),
    }


def waiting_requests(pks: list[int], now: datetime) -> Any:
    return (
        CancellationRequest.objects.waiting()
        .filter(shop__in=pks)
        .values("shop")
        .annotate(
            waiting=Count("pk"),
            first_deadline=Min("deadline"),
            overdue=Count("pk", filter=Q(deadline__lt=now)),
            due_soon=Count("pk", filter=Q(deadline__gte=now, deadline__lt=now + SOON)),
        )
        .order_by()
    )


def last_pushes(pks: list[int]) -> dict[int, datetime]:
    """Asked of each shop, which is one look into an index."""
    newest = PushedNotification.objects.filter(shop=OuterRef("pk")).order_by("-received_at").values("received_at")[:1]
    told = Shop.objects.filter(pk__in=pks).annotate(last_push=Subquery(newest))
    return dict(told.filter(last_push__isnull=False).order_by().values_list("pk", "last_push"))
