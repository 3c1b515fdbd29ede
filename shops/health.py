"""How shops stand with their marketplaces: what was read and when, what failed, what ends. The same for one and many.

A fixed number of queries, however many shops there are, and none of a connection's secrets is read.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db.models import Count, Max
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.templatetags.times import span
from shops.models import Alert, Connection, Drift, Shop, ShopQuerySet, SyncCursor, SyncKind, SyncRun

LOOKED_BACK = timedelta(days=1)
LATE, VERY_LATE = timedelta(minutes=10), timedelta(hours=1)
ENDS_SOON, ENDS_VERY_SOON = timedelta(days=14), timedelta(days=1)
# What the marketplace calls a shop is read once an hour and decides nothing.
UNHURRIED = {SyncKind.SHOPS}


class Level(StrEnum):
    """From worst to best; `off` are shops that nobody wants to be read."""

    BROKEN = "broken"
    ATTENTION = "attention"
    OK = "ok"
    OFF = "off"


@dataclass(frozen=True)
class Problem:
    level: Level
    code: str  # stable, for machines
    text: str  # for people, in the active language


@dataclass(frozen=True)
class Pull:
    """How far one kind has been read. Everything that changed before `read_until` is here."""

    kind: SyncKind
    read_until: datetime | None
    failed_at: datetime | None  # the last failure of these 24 hours, where no pull has succeeded since
    is_running: bool

    def lag(self, now: datetime) -> float | None:
        """Seconds; None before the first pull has ended."""
        return (now - self.read_until).total_seconds() if self.read_until else None


@dataclass
class Standing:
    """One shop with its marketplace."""

    shop: Shop
    pulls: Sequence[Pull] = ()
    failed_runs: int = 0  # in 24 hours
    errors: Counter[str] = field(default_factory=Counter)  # the marketplace's codes, in 24 hours
    unknown_words: int = 0  # met in 24 hours
    alerts: Sequence[Alert] = ()

    def lag(self, now: datetime) -> float | None:
        """Of the kind that is furthest behind; None where one has never been read."""
        lags = [pull.lag(now) for pull in self.pulls if pull.kind not in UNHURRIED]
        return None if not lags or None in lags else max(filter(None, lags), default=0.0)

    @property
    def is_off(self) -> bool:
        """Whether nobody wants it to be read."""
        return not self.shop.is_active or self.shop.connection.state == Connection.State.DISCONNECTED

    def problems(self, now: datetime) -> list[Problem]:
        connection = self.shop.connection
        if not self.shop.is_active:
            return [Problem(Level.OFF, "inactive", _("Switched off: it is not read."))]
        if connection.state == Connection.State.DISCONNECTED:
            return [Problem(Level.OFF, "disconnected", _("Disconnected: it is not read."))]
        if connection.state == Connection.State.RECONNECT:
            return [
                Problem(
                    Level.BROKEN, "reconnect", _("It has to be connected again. Until then nothing is read or sent.")
                )
            ]
        return [*self.ends(now), *self.behind(now), *(alerted(alert) for alert in self.alerts)]

    def ends(self, now: datetime) -> list[Problem]:
        connection, found = self.shop.connection, []
        ends = connection.authorization_ends_at
        if ends and ends <= now:
            found.append(Problem(Level.BROKEN, "authorization_ended", _("The authorization has ended.")))
        elif ends and ends - now < ENDS_SOON:
            level = Level.BROKEN if ends - now < ENDS_VERY_SOON else Level.ATTENTION
            text = _("The authorization ends in %(time)s.") % {"time": span((ends - now).total_seconds())}
            found.append(Problem(level, "authorization_ends", text))
        if connection.renewal_problem:
            found.append(Problem(Level.ATTENTION, "renewal_failed", _("The access token could not be renewed.")))
        return found

    def behind(self, now: datetime) -> list[Problem]:
        lag = self.lag(now)
        if lag is None:
            if any(pull.is_running for pull in self.pulls) or now - self.shop.created_at < LATE:
                return []
            return [Problem(Level.BROKEN, "never_pulled", _("It was never read to the end."))]
        if lag > LATE.total_seconds():
            level = Level.BROKEN if lag > VERY_LATE.total_seconds() else Level.ATTENTION
            return [Problem(level, "late", _("No data for %(time)s.") % {"time": span(lag)})]
        if any(pull.failed_at for pull in self.pulls):
            return [Problem(Level.ATTENTION, "pull_failed", _("The last pull failed."))]
        return []


def alerted(alert: Alert) -> Problem:
    return Problem(Level.ATTENTION, alert.kind, words_of(alert))


def words_of(alert: Alert) -> str:
    """What an alert says, in the active language."""
    count = alert.detail.get("count", 0)
    if alert.kind == Alert.Kind.NOBODY_TOLD:
        return _(
            "When nobody answers, not everybody would be told who should be. Its page “When nobody answers” says why."
        )
    if alert.kind == Alert.Kind.PUSHES_MISSING:
        return ngettext(
            "Pulls found %(count)d change that no push told of. Changes are seen later than they could be.",
            "Pulls found %(count)d changes that no push told of. Changes are seen later than they could be.",
            count,
        ) % {"count": count}
    return ngettext(
        "%(count)d push came since the last pull that succeeded.",
        "%(count)d pushes came since the last pull that succeeded.",
        count,
    ) % {"count": count}


def worst(problems: Collection[Problem]) -> Level:
    ranks = list(Level)
    return min((problem.level for problem in problems), key=ranks.index, default=Level.OK)


def standings(shops: ShopQuerySet, now: datetime) -> list[Standing]:
    """How each of these shops stands, by name."""
    found = list(
        shops.select_related("connection")
        .defer("cipher", "connection__app_secret", "connection__access_token", "connection__refresh_token")
        .order_by("name", "pk")
    )
    pks = [shop.pk for shop in found]
    read_until = pairs(SyncCursor.objects.filter(shop__in=pks).values_list("shop", "kind", "synced_until"))
    running = {*SyncRun.objects.running().filter(shop__in=pks).values_list("shop", "kind")}
    failures = failed_runs(pks, now)
    words = dict(
        Drift.objects.filter(shop__in=pks, last_seen_at__gte=now - LOOKED_BACK)
        .values_list("shop")
        .annotate(Count("pk"))
        .order_by()
    )
    alerts: dict[int, list[Alert]] = defaultdict(list)
    for alert in Alert.objects.open().filter(shop__in=pks):
        alerts[alert.shop_id].append(alert)
    return [
        standing(shop, read_until, running, failures[shop.pk], words.get(shop.pk, 0), alerts[shop.pk]) for shop in found
    ]


def pairs(rows: Any) -> dict[tuple[int, str], datetime | None]:
    return {(shop, kind): value for shop, kind, value in rows}


def failed_runs(pks: Sequence[int], now: datetime) -> Mapping[int, list[dict[str, Any]]]:
    """By shop: how often each kind failed with which code, and when last."""
    failed: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in (
        SyncRun.objects.filter(shop__in=pks, state=SyncRun.State.FAILED, started_at__gte=now - LOOKED_BACK)
        .values("shop", "kind", "error_code")
        .annotate(count=Count("pk"), last=Max("started_at"))
        .order_by()
    ):
        failed[row["shop"]].append({**row})
    return failed


def standing(
    shop: Shop,
    read_until: Mapping[tuple[int, str], datetime | None],
    running: Collection[tuple[int, str]],
    failures: Sequence[dict[str, Any]],
    unknown_words: int,
    alerts: Sequence[Alert],
) -> Standing:
    kinds = {kind for pk, kind in [*read_until, *running] if pk == shop.pk}
    return Standing(
        shop=shop,
        pulls=[
            pull_of(SyncKind(kind), read_until.get((shop.pk, kind)), (shop.pk, kind) in running, failures)
            for kind in SyncKind.values
            if kind in kinds
        ],
        failed_runs=sum(row["count"] for row in failures),
        errors=counted((row["error_code"], row["count"]) for row in failures if row["error_code"]),
        unknown_words=unknown_words,
        alerts=alerts,
    )


def pull_of(kind: SyncKind, until: datetime | None, is_running: bool, failures: Sequence[dict[str, Any]]) -> Pull:
    failed = max((row["last"] for row in failures if row["kind"] == kind), default=None)
    return Pull(kind, until, failed if failed and (until is None or failed > until) else None, is_running)


def counted(pairs: Any) -> Counter[str]:
    counter: Counter[str] = Counter()
    for code, count in pairs:
        counter[code] += count
    return counter
