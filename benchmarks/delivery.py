"""How soon a recorded decision is sent, and how many go out a second, beside what the broker and the marketplace take.

./run bench delivery [DECISIONS]
"""

import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import requests
from django.db.models import Count, Max, Min
from django.utils import timezone

from accounts.models import User
from benchmarks import processes, world
from benchmarks.machine import machine
from benchmarks.processes import Round
from benchmarks.side_by_side import Ratio, Timed, tell
from cancellations.decisions import decide
from cancellations.management.commands.demo import Command as Demo
from cancellations.models import Attempt, CancellationRequest, Decision, Verdict
from cancellations.tasks import deliver
from config import private_servers
from config.celery import app
from shops import heartbeat
from shops.models import Membership, Role, Shop
from shops.tasks import heartbeat as beat
from trials.house import CELERY, PYTHON, Part, answers, free_port
from trials.waiting import until

DECISIONS = 10_000
ONE_BY_ONE = 40
ANSWER_SECONDS = 0.05
WORKERS, THREADS = 2, 16
CALLS = 2  # of each approval: that it is approved, and what the marketplace shows then
LONGEST_SECONDS = 1800
UNHURRIED = timedelta(hours=1)  # what silence decides sooner might be decided while this goes on


def main(arguments: Sequence[str]) -> int:
    wanted = int(arguments[0]) if arguments else DECISIONS
    world.work_in("delivery")
    with sandbox(wanted + ONE_BY_ONE) as (url, its_process):
        agent = moved_in(url)
        ids = waiting(url)
        with workers(1, 4):
            trip, sent = soon(agent, ids[:ONE_BY_ONE])
        answers_take(url, ANSWER_SECONDS)
        made = [approve(agent, request_id).pk for request_id in ids[ONE_BY_ONE : ONE_BY_ONE + wanted]]
        done = carried_out(made, WORKERS, its_process)
        shops = Decision.objects.filter(pk__in=made).aggregate(shops=Count("shop", distinct=True))["shops"]
    limit = Timed("a decision, if only answers took time", [CALLS * ANSWER_SECONDS / (WORKERS * THREADS)])
    taken = Timed("a decision, as it was", [1 / done.rate])
    reached = tell(
        f"Delivery of {wanted:,} decisions in {shops} shops, each",
        [trip, sent, limit, taken],
        [
            Ratio("recorded to sent, of a message's round trip", sent, trip, at_most=2),
            Ratio("if only answers took time, of what it took", limit, taken, at_least=0.85),
        ],
    )  # fmt: skip
    spent = ", ".join(f"{who} {ms:.1f} ms" for who, ms in done.spent_on_each.items())
    print(f"{machine()}\n{done.rate:.1f} decisions a second; CPU for each: {spent}")
    return 0 if reached else 1


# --- the house --------------------------------------------------------------------------------------------------------


@contextmanager
def sandbox(decisions: int) -> Iterator[tuple[str, int]]:
    """(its address, its process), with many shops. Seven in ten of TikTok Shop's orders have a request that waits."""
    port = free_port()
    url, logs = f"http://127.0.0.1:{port}", Path(private_servers.LOCAL)
    orders = ["--scenario", "many_shops", "--seed", "7", "--orders", str(decisions * 8 // 5 + 50), "--rate-limit", "0"]
    part = Part(
        "sandbox", [PYTHON, "-m", "sandbox", "--port", str(port), *orders], logs, is_up=lambda: answers(f"{url}/")
    )
    part.start()
    try:
        yield url, part.process.pid
    finally:
        part.end(signal.SIGTERM)


@contextmanager
def workers(count: int, threads: int, database: str = "delivery") -> Iterator[list[Part]]:
    command = [*CELERY, "worker", "--loglevel", "WARNING", "--without-gossip", "--without-mingle"]
    command += ["--pool", "threads", "--concurrency", str(threads)]
    place = processes.works_in(database)
    parts = [
        Part(f"worker{n}", [*command, "--hostname", f"{n}@%h"], Path(private_servers.LOCAL), environment=place)
        for n in range(count)
    ]
    for part in parts:
        part.start()
    try:
        assert until(lambda: len(somebody()) >= count, 60), "no worker came up"
        yield parts
    finally:
        for part in parts:
            part.end(signal.SIGTERM)


def somebody() -> Mapping[str, object]:
    found: Mapping[str, object] = beat.app.control.inspect(timeout=1).ping() or {}
    return found


def moved_in(url: str) -> User:
    """The simulator's shops whose requests are listed are read; returns who may decide in all shops that are here."""
    demo = Demo()
    demo.pull([shop for shop in demo.connect_shops(url) if is_listed_at(url, shop)])
    agent = User.objects.create(email=f"agent{time.time_ns()}@countermand.example")
    Membership.objects.bulk_create(Membership(user=agent, shop=shop, role=Role.AGENT) for shop in Shop.objects.all())
    # Nobody reads shops meanwhile: here it is measured what goes out.
    Shop.objects.update(next_pull_at=timezone.now().replace(year=timezone.now().year + 1))
    return agent


def is_listed_at(url: str, shop: Shop) -> bool:
    return shop.marketplace == "tiktok_shop" and shop.connection.api_url.startswith(url)


def waiting(url: str) -> Sequence[int]:
    """Requests of the simulator's shops whose requests are listed, in any order."""
    there = [shop for shop in Shop.objects.select_related("connection") if is_listed_at(url, shop)]
    listed = CancellationRequest.objects.waiting().filter(shop__in=there, deadline__gt=timezone.now() + UNHURRIED)
    return list(listed.order_by("?").values_list("pk", flat=True))


def answers_take(url: str, seconds: float) -> None:
    for endpoint in ("approve-cancellation", "search-cancellations"):
        wish = {"endpoint": endpoint, "kind": "slow", "seconds": seconds, "rate": 1.0}
        requests.post(f"{url}/__sandbox__/faults", json=wish, timeout=10).raise_for_status()


def approve(agent: User, request_id: int) -> Decision:
    return decide(CancellationRequest.objects.get(pk=request_id), Verdict.APPROVE, agent, undo_seconds=0)


# --- one by one -------------------------------------------------------------------------------------------------------


def soon(agent: User, ids: Sequence[int]) -> tuple[Timed, Timed]:
    """In an idle house: a message's way there and back, and a decision's until it is written down that it is sent."""
    trips, sends = [], []
    for request_id in ids:
        trips.append(one_trip())
        decision = approve(agent, request_id)
        sends.append(seen_after(time.perf_counter(), Attempt.objects.filter(decision=decision).exists))
        assert until(Decision.objects.filter(pk=decision.pk, settled_at__isnull=False).exists, 10)
    return Timed("a message is sent, done by a worker, and seen to be done", trips), Timed(
        "recorded, and seen to be sent", sends
    )


def one_trip() -> float:
    before = heartbeat.last_seen(heartbeat.WORKER)
    began = time.perf_counter()
    beat.delay()
    return seen_after(began, lambda: heartbeat.last_seen(heartbeat.WORKER) != before)


def seen_after(began: float, what: Callable[[], bool]) -> float:
    """Seconds."""
    while not what():
        assert time.perf_counter() < began + 10, "nobody came"
    return time.perf_counter() - began


# --- many -------------------------------------------------------------------------------------------------------------


def carried_out(made: Sequence[int], count: int, sandbox_process: int) -> Round:
    """All of so many workers are there before the first is sent for; timed is from the first call to the last that is
    settled.
    """
    app.control.purge()  # each was sent for when it was recorded
    rows = Decision.objects.filter(pk__in=made)
    unsettled = rows.filter(settled_at=None)
    with workers(count, THREADS) as parts:
        taken: dict[str, Callable[[], float]] = {
            "workers": lambda: sum(processes.cpu_of_all(part.process.pid) for part in parts),
            **processes.servers(),
            "simulator": partial(processes.cpu_of_all, sandbox_process),
        }
        before = {who: spent() for who, spent in taken.items()}
        for pk in made:
            deliver.delay(pk)
        assert until(lambda: not unsettled.exists(), LONGEST_SECONDS), f"{unsettled.count()} are not settled"
        spent = {who: spent() - before[who] for who, spent in taken.items()}
    assert not rows.exclude(state=Decision.State.CONFIRMED).exists()
    lasted = rows.aggregate(lasted=Max("settled_at") - Min("sent_at"))["lasted"]
    return Round(len(made), lasted.total_seconds(), spent)
