"""The numbers of `cancellations.health` as Prometheus reads them, computed when it asks; nothing is counted here."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from django.db.models import Count, Q
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cancellations import health
from cancellations.health import Health, Whole
from cancellations.models import Decision
from shops import heartbeat
from shops.health import Level
from shops.models import Shop
from truth.models import Disagreement

LABELS = ["shop", "marketplace", "region"]
# Each number of a shop: its name, what it is, where it stands.
OF_SHOPS: list[tuple[str, str, Callable[[Health], float]]] = [
    ("waiting_requests", "Cancellation requests that wait for an answer.", lambda one: one.waiting),
    ("overdue_requests", "Those that still wait past their deadline.", lambda one: one.overdue),
    ("due_soon_requests", "Those whose deadline is within an hour.", lambda one: one.due_soon),
    ("disagreements", "Decisions where the marketplace shows something else.", lambda one: one.disagreements),
    ("oldest_due_decision_seconds", "For how long a decision has needed a worker.", lambda one: one.due_for),
    ("failed_pulls", "Pulls that failed in 24 hours.", lambda one: one.standing.failed_runs),
    (
        "unknown_words",
        "Words and fields met in 24 hours that are not known here.",
        lambda one: one.standing.unknown_words,
    ),
    ("alerts", "Alerts that are open.", lambda one: len(one.standing.alerts)),
    (
        "connected",
        "1 where the shop can be read and sent to.",
        lambda one: int(one.shop.connection.state == "connected"),
    ),
]


class HealthCollector(Collector):
    def __init__(self, whole: Whole, now: datetime) -> None:
        self.whole, self.now = whole, now

    def collect(self) -> Iterable[Metric]:
        yield from self.of_shops()
        yield from self.by_state()
        yield from self.times()
        yield from self.disagreements()
        yield from self.heartbeats()

    def of_shops(self) -> Iterator[Metric]:
        for name, text, number in OF_SHOPS:
            family = gauge(name, text)
            for one in self.whole.shops:
                family.add_metric(labels(one), number(one))
            yield family

    def by_state(self) -> Iterator[Metric]:
        levels = gauge("shop_health", "1 for the state that the shop is in.", "level")
        decisions = gauge("pending_decisions", "Decisions that are not settled.", "state")
        errors = gauge("errors", "Errors of the marketplace in 24 hours, of pulls and decisions.", "code")
        for one in self.whole.shops:
            for level in Level:
                levels.add_metric([*labels(one), level.value], int(one.level == level))
            for state in Decision.LIVE:
                decisions.add_metric([*labels(one), state.value], one.decisions[state])
            for code, count in sorted(one.errors.items()):
                errors.add_metric([*labels(one), code], count)
        yield from (levels, decisions, errors)

    def times(self) -> Iterator[Metric]:
        lags = gauge("pull_lag_seconds", "Since when changes are missing.", "kind")
        pushes = gauge("push_age_seconds", "Since the last push came; absent where none ever did.")
        tokens = gauge("access_token_ends_seconds", "Until the access token ends.")
        ends = gauge("authorization_ends_seconds", "Until the seller has to authorize again.")
        for one in self.whole.shops:
            for pull in one.standing.pulls:
                lag = pull.lag(self.now)
                if lag is not None:
                    lags.add_metric([*labels(one), pull.kind.value], lag)
            connection = one.shop.connection
            self.add_seconds(tokens, one, connection.access_token_expires_at)
            self.add_seconds(ends, one, connection.authorization_ends_at)
            if one.last_push:
                pushes.add_metric(labels(one), (self.now - one.last_push).total_seconds())
        yield from (lags, pushes, tokens, ends)

    def add_seconds(self, family: GaugeMetricFamily, one: Health, until: datetime | None) -> None:
        if until:
            family.add_metric(labels(one), (until - self.now).total_seconds())

    def disagreements(self) -> Iterator[Metric]:
        family = gauge("truth_disagreements", "Open disagreements that the truth check lists.", "kind")
        shops = {one.shop.pk: one for one in self.whole.shops}
        rows = Disagreement.objects.open().listed().filter(shop__in=shops).order_by("shop", "kind")
        for pk, kind, count in rows.values_list("shop", "kind").annotate(Count("pk")):
            family.add_metric([*labels(shops[pk]), kind], count)
        yield family

    def heartbeats(self) -> Iterator[Metric]:
        ages = GaugeMetricFamily(
            "countermand_heartbeat_age_seconds",
            "Since the last sign of life; absent where there was none.",
            labels=["of"],
        )
        for who in (heartbeat.WORKER, heartbeat.OUTSIDE, heartbeat.BEAT):
            seen = heartbeat.last_seen(who)
            if seen:
                ages.add_metric([who], (self.now - seen).total_seconds())
        yield ages


def gauge(name: str, text: str, *more: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"countermand_{name}", text, labels=[*LABELS, *more])


def labels(one: Health) -> list[str]:
    return [str(one.shop.pk), one.shop.marketplace, one.shop.region]


def registry(now: datetime) -> CollectorRegistry:
    """Of every shop that is not switched off or disconnected."""
    wanted = Shop.objects.active().exclude(Q(connection__state="disconnected"))
    found = CollectorRegistry()
    found.register(HealthCollector(health.of(wanted, now), now))
    return found
