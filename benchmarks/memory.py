"""The most memory that an export of many rows and a first sync of many orders take, beside what they may take.

./run bench memory [ROWS] ["export" | "backfill"]
"""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import QuerySet, Sum

from accounts.models import User
from benchmarks import processes, world
from benchmarks.machine import machine
from benchmarks.playback import playing
from benchmarks.sync import connected, empty
from benchmarks.tables import table, verdict
from cancellations import tasks
from exports import exporting
from exports.models import Export, ExportFormat, ExportKind
from shops.models import Shop, SyncCursor, SyncKind, SyncRun
from trials.house import Part
from trials.waiting import until

ROWS = 1_000_000
MOST_FOR_AN_EXPORT, MOST_FOR_A_BACKFILL = 150, 300  # megabytes
TOLD_AT = (0.1, 0.5, 1)  # of the rows
LOOKS_EVERY_SECONDS = 0.2
LONGEST_SECONDS = 4 * 3600
FLAT = 1.1  # the peak at the end, of the peak at a tenth


@dataclass(frozen=True)
class Use:
    """What a process took: `peaks` in megabytes at each of `TOLD_AT`, `seconds` for all of the rows."""

    words: str
    rows: int
    seconds: float
    at_first: float
    peaks: Sequence[float]
    at_most: float

    @property
    def ratio(self) -> float:
        return self.peaks[-1] / self.at_most

    @property
    def is_reached(self) -> bool:
        return self.ratio <= 1

    @property
    def growth(self) -> float:
        return self.peaks[-1] / self.peaks[0]


def main(arguments: Sequence[str]) -> int:
    rows = next((int(one) for one in arguments if one.isdecimal()), ROWS)
    wanted = [one for one in arguments if not one.isdecimal()] or ["export", "backfill"]
    uses: list[Use] = []
    if "export" in wanted:
        uses += exports(rows)
    if "backfill" in wanted:
        uses.append(backfill(rows))
    print(told(uses))
    return 0 if all(one.is_reached for one in uses) else 1


def told(uses: Sequence[Use]) -> str:
    """As docs/performance.md shows it."""
    peaks = table(
        ["peak of the process that works, MB", "at first", *(f"at {share:.0%}" for share in TOLD_AT), "rows a second"],
        [
            [one.words, f"{one.at_first:.0f}", *(f"{peak:.0f}" for peak in one.peaks), f"{one.rows / one.seconds:,.0f}"]
            for one in uses
        ],
    )
    ratios = table(
        ["ratio", "is", "should be", ""],
        [
            row
            for one in uses
            for row in (
                [f"{one.words} / {one.at_most} MB", f"{one.ratio:.2f}", "≤ 1", verdict(one.is_reached)],
                [
                    f"{one.words}: at the end / at a tenth",
                    f"{one.growth:.2f}",
                    f"≤ {FLAT}",
                    verdict(one.growth <= FLAT),
                ],
            )
        ],
    )
    return f"## Memory\n\n{machine()}; load {os.getloadavg()[0]:.0f}\n\n{peaks}\n{ratios}"


class Watch:
    """Notes the peak of a worker's process as it passes each of `TOLD_AT`."""

    def __init__(self, part: Part, rows: int) -> None:
        (self.process,) = processes.children(part.process.pid)
        self.rows, self.began = rows, time.monotonic()
        self.at_first = processes.memory(self.process)
        self.peaks: list[float] = []

    def sees(self, done: int) -> None:
        peak = processes.peak(self.process)
        while len(self.peaks) < len(TOLD_AT) and done >= TOLD_AT[len(self.peaks)] * self.rows:
            self.peaks.append(peak)
        if time.monotonic() - self.began > LONGEST_SECONDS:
            raise SystemExit(f"{done:,} of {self.rows:,} rows in {LONGEST_SECONDS} s: it does not come to an end.")
        time.sleep(LOOKS_EVERY_SECONDS)

    def use(self, words: str, at_most: float) -> Use:
        return Use(words, self.rows, time.monotonic() - self.began, self.at_first, self.peaks, at_most)


# --- export -----------------------------------------------------------------------------------------------------------


def exports(rows: int) -> Iterator[Use]:
    world.enter(rows)
    reader = User.objects.get(email="admin@countermand.example")
    for old in Export.objects.filter(made_by=reader).unfinished():
        exporting.remove(old)
    for file_format in (ExportFormat.CSV, ExportFormat.JSON_LINES):
        with processes.worker(connection.settings_dict["NAME"], "outside") as part:
            watch = Watch(part, rows)
            export = exporting.start(reader, ExportKind.REQUESTS, {}, file_format=file_format)
            while export.is_unfinished:
                watch.sees(export.rows_done)
                export.refresh_from_db()
            watch.sees(export.rows_done)
            assert (export.state, export.rows_done) == (Export.State.DONE, rows), (export.state, str(export.why))
        exporting.remove(export)
        yield watch.use(f"export of {rows:,} requests as {file_format.value}", MOST_FOR_AN_EXPORT)


# --- backfill ---------------------------------------------------------------------------------------------------------


def backfill(orders: int) -> Use:
    world.work_in("memory")
    empty()
    with playing(orders) as url, processes.worker("memory", "celery") as part:
        shop = connected(url)
        watch = Watch(part, orders)
        while not is_read(shop):
            if not runs(shop).filter(state=SyncRun.State.RUNNING).exists():
                ask_for_run(shop)  # a run has a most of pages, and the next one goes on there
            watch.sees(seen(shop))
        watch.sees(seen(shop))
        assert len(watch.peaks) == len(TOLD_AT), f"{seen(shop):,} orders were read"
        return watch.use(f"first sync of {orders:,} orders", MOST_FOR_A_BACKFILL)


def runs(shop: Shop) -> QuerySet[SyncRun]:
    return SyncRun.objects.filter(shop=shop, kind=SyncKind.ORDERS)


def ask_for_run(shop: Shop) -> None:
    """As the beat does."""
    before = runs(shop).count()
    tasks.pull_shop.delay(shop.pk)
    assert until(lambda: runs(shop).count() > before, 60), "no worker has begun"


def is_read(shop: Shop) -> bool:
    return SyncCursor.objects.filter(shop=shop, kind=SyncKind.ORDERS, synced_until__isnull=False).exists()


def seen(shop: Shop) -> int:
    found: int | None = runs(shop).aggregate(seen=Sum("seen"))["seen"]
    return found or 0
