"""Many shops of which some are busy, and what becomes of the others while one of them answers late and with errors.

./run bench shops [SHOPS [SECONDS]]
"""

import signal
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import requests
from django.core.cache import cache
from django.db.models import Min
from django.utils import timezone

from benchmarks import world
from benchmarks.crowd import crowd
from benchmarks.machine import machine
from benchmarks.side_by_side import Ratio, Timed, tell
from config import private_servers
from shops import heartbeat
from shops.models import Connection, Shop, SyncCursor, SyncKind, SyncRun
from trials.house import CELERY, Part
from trials.waiting import until

SHOPS, BUSY_OF_TEN = 500, 1
RUNS, SECONDS = 3, 60
PULL_EVERY_SECONDS = 60
WORKERS, PROCESSES = 2, 4  # as in compose.yaml, of which there are two
CALLS_A_SECOND = 50
MARKETPLACE = "tiktok_shop"


def main(arguments: Sequence[str]) -> int:
    shops, seconds = (*map(int, arguments), *(SHOPS, SECONDS)[len(arguments) :])
    world.work_in("shops")
    cache.clear()
    with crowd(busy=shops * BUSY_OF_TEN // 10) as url:
        failing = moved_in(url, shops)
        with at_work():
            settle(seconds)
            lags: dict[bool, list[float]] = {False: [], True: []}
            for _ in range(RUNS):
                for fails in lags:
                    told(url, failing.cipher if fails else "")
                    time.sleep(PULL_EVERY_SECONDS)  # what began before has come to its end
                    lags[fails].append(lag_of_others(failing, seconds))
        counted = requests.get(f"{url}/counted", timeout=10).json()
    quiet = Timed("p95 of what a shop is behind, all well", lags[False])
    troubled = Timed("the same of the others, one answers late and with errors", lags[True])
    reached = tell(
        f"{shops} shops, {shops * BUSY_OF_TEN // 10} of them busy, each pulled every {PULL_EVERY_SECONDS} seconds",
        [quiet, troubled],
        [Ratio("p95 of the others with it, of that without it", troubled, quiet, at_most=1.2)],
    )
    failed = SyncRun.objects.filter(state=SyncRun.State.FAILED).count()
    print(
        f"{machine()}\nThe most calls in a second to one endpoint of one shop: {counted['most']}, allowed are "
        f"{CALLS_A_SECOND}. Calls: {counted['calls']}, runs: {SyncRun.objects.count()}, of which failed: {failed}."
    )
    return 0 if reached and counted["most"] <= CALLS_A_SECOND else 1


def moved_in(url: str, count: int) -> Shop:
    """So many shops that are read up to now; the last of them, which is not a busy one, is to have trouble."""
    now = timezone.now()
    held = Connection.objects.bulk_create(
        Connection(
            marketplace=MARKETPLACE, app_key="app", app_secret="secret", api_url=url, seller_name=f"Seller {number}",
            access_token="token", access_token_expires_at=now + timedelta(days=6), refresh_token="again",
            refresh_token_expires_at=now + timedelta(days=300),
        )
        for number in range(count)
    )  # fmt: skip
    every = timedelta(seconds=PULL_EVERY_SECONDS)
    made = Shop.objects.bulk_create(
        Shop(
            connection=one, marketplace=MARKETPLACE, marketplace_id=f"{number}", name=f"Shop {number}", region="US",
            cipher=f"{number}", next_pull_at=now + every * number / count,
        )
        for number, one in enumerate(held)
    )  # fmt: skip
    kinds = SyncKind.ORDERS, SyncKind.CANCELLATIONS
    SyncCursor.objects.bulk_create(
        SyncCursor(shop=shop, kind=kind, synced_until=now) for shop in made for kind in kinds
    )
    return made[-1]


@contextmanager
def at_work() -> Iterator[None]:
    """Workers and beat as in production."""
    logs = Path(private_servers.LOCAL)
    place = {
        "DATABASE_URL": private_servers.database_url("shops"), "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
        "PULL_EVERY_SECONDS": str(PULL_EVERY_SECONDS),
    }  # fmt: skip
    worker = [*CELERY, "worker", "--loglevel", "WARNING", "--without-gossip", "--without-mingle", "--queues", "celery"]
    worker += ["--concurrency", str(PROCESSES)]
    beat = [*CELERY, "--quiet", "beat", "--pidfile=", f"--schedule={logs / 'beat'}"]
    commands = {f"worker{n}": [*worker, "--hostname", f"{n}@%h"] for n in range(WORKERS)} | {"beat": beat}
    parts = [Part(name, command, logs, environment=place) for name, command in commands.items()]
    try:
        for part in parts:
            part.start()
        assert until(lambda: heartbeat.silence(heartbeat.WORKER) is None, 120), "no worker came up"
        yield
    finally:
        for part in reversed(parts):
            part.end(signal.SIGTERM)


def settle(seconds: float) -> None:
    """Until each shop was pulled, so that what is measured is how it goes on."""
    began = timezone.now()
    late = SyncCursor.objects.filter(synced_until__lt=began)
    assert until(lambda: not late.exists(), seconds + 10 * PULL_EVERY_SECONDS), f"{late.count()} were not pulled"


def told(url: str, failing: str) -> None:
    requests.post(f"{url}/failing", data={"shop": failing}, timeout=10).raise_for_status()


def lag_of_others(failing: Shop, seconds: float) -> float:
    """The 95th of a hundred: how long ago a shop was read to its end, each asked once a second."""
    others = SyncCursor.objects.exclude(shop=failing).values_list("shop").annotate(read=Min("synced_until"))
    found: list[float] = []
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        now = timezone.now()
        found += [(now - read).total_seconds() for _, read in others]
        time.sleep(1)
    return statistics.quantiles(found, n=20)[-1]
