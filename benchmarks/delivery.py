"""How soon a recorded decision is sent, and how many go out a second, beside what the broker and the marketplace take.

./run bench delivery [DECISIONS]
"""

import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests
from django.db.models import Max, Min
from django.utils import timezone

from accounts.models import User
from benchmarks import world
from benchmarks.machine import machine
from benchmarks.side_by_side import Ratio, Timed, tell
from cancellations.decisions import decide
from cancellations.management.commands.demo import Command as Demo
from cancellations.models import Attempt, CancellationRequest, Decision, Verdict
from config import private_servers
from shops import heartbeat
from shops.models import Membership, Role, Shop
from shops.tasks import heartbeat as beat
from trials.house import CELERY, PYTHON, Part, answers, free_port
from trials.waiting import until

DECISIONS = 1000
ONE_BY_ONE = 40
ANSWER_SECONDS = 0.05
WORKERS, THREADS = 2, 16
CALLS = 2  # of each approval: that it is approved, and what the marketplace shows then
LONGEST_SECONDS = 600


def main(arguments: Sequence[str]) -> int:
    wanted = int(arguments[0]) if arguments else DECISIONS
    world.work_in("delivery")
    with sandbox(wanted + ONE_BY_ONE) as (url, its_process):
        agent = moved_in(url)
        ids = waiting(url)
        with workers(1, 4):
            trip, sent = soon(agent, ids[:ONE_BY_ONE])
        answers_take(url, ANSWER_SECONDS)
        limit, taken, spent = many(agent, ids[ONE_BY_ONE : ONE_BY_ONE + wanted], its_process)
    reached = tell(
        f"Delivery of {wanted:,} decisions, each",
        [trip, sent, limit, taken],
        [
            Ratio("recorded to sent, of a message's round trip", sent, trip, at_most=2),
            Ratio("if only answers took time, of what it took", limit, taken, at_least=0.85),
        ],
    )  # fmt: skip
    print(f"{machine()}\nCPU for each decision: {', '.join(f'{who} {ms:.1f} ms' for who, ms in spent.items())}")
    return 0 if reached else 1


# --- the house --------------------------------------------------------------------------------------------------------


@contextmanager
def sandbox(decisions: int) -> Iterator[tuple[str, int]]:
    """(its address, its process). Of its requests seven in ten are about shops whose requests are listed."""
    port = free_port()
    url, logs = f"http://127.0.0.1:{port}", Path(private_servers.LOCAL)
    orders = ["--scenario", "busy", "--seed", "7", "--orders", str(decisions * 2), "--rate-limit", "0"]
    part = Part(
        "sandbox", [PYTHON, "-m", "sandbox", "--port", str(port), *orders], logs, is_up=lambda: answers(f"{url}/")
    )
    part.start()
    try:
        yield url, part.process.pid
    finally:
        part.end(signal.SIGTERM)


@contextmanager
def workers(count: int, threads: int) -> Iterator[list[Part]]:
    command = [*CELERY, "worker", "--loglevel", "WARNING", "--without-gossip", "--without-mingle"]
    command += ["--pool", "threads", "--concurrency", str(threads)]
    place = {"DATABASE_URL": private_servers.database_url("delivery"), "DJANGO_SETTINGS_MODULE": "benchmarks.settings"}
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
    """The simulator's shops are connected and read; returns who may decide in all shops that are here."""
    demo = Demo()
    demo.pull([shop for shop in demo.connect_shops(url) if is_at(url, shop)])
    agent = User.objects.create(email=f"agent{time.time_ns()}@countermand.example")
    Membership.objects.bulk_create(Membership(user=agent, shop=shop, role=Role.AGENT) for shop in Shop.objects.all())
    # Nobody reads shops meanwhile: here it is measured what goes out.
    Shop.objects.update(next_pull_at=timezone.now().replace(year=timezone.now().year + 1))
    return agent


def is_at(url: str, shop: Shop) -> bool:
    return shop.connection.api_url.startswith(url)


def waiting(url: str) -> Sequence[int]:
    """Requests of the simulator's shops whose requests are listed, in any order."""
    there = [shop for shop in Shop.objects.select_related("connection") if is_at(url, shop)]
    listed = CancellationRequest.objects.waiting().filter(
        recorded_at=None, shop__marketplace="tiktok_shop", shop__in=there
    )
    return list(listed.order_by("?").values_list("pk", flat=True))


def answers_take(url: str, seconds: float) -> None:
    for endpoint in ("approve-cancellation", "search-cancellations"):
        wish = {"endpoint": endpoint, "kind": "slow", "seconds": seconds, "rate": 1.0}
        requests.post(f"{url}/__sandbox__/faults", json=wish, timeout=10).raise_for_status()


def approve(agent: User, request_id: int) -> Decision:
    return decide(CancellationRequest.objects.get(pk=request_id), Verdict.APPROVE, agent, undo_seconds=0)


# --- one by one -------------------------------------------------------------------------------------------------------


def soon(agent: User, ids: Sequence[int]) -> tuple[Timed, Timed]:
    """In an idle house: a message's way there and back, and a decision's until its call is about to leave."""
    trips, sends = [], []
    for request_id in ids:
        trips.append(one_trip())
        decision = approve(agent, request_id)
        recorded_at = timezone.now()
        sent = Attempt.objects.filter(decision=decision, number=1)
        assert until(sent.exists, 10), "nobody sent it"
        sends.append((sent.get().started_at - recorded_at).total_seconds())
        assert until(Decision.objects.filter(pk=decision.pk, settled_at__isnull=False).exists, 10)
    return Timed("a message is sent, done by a worker, and seen to be done", trips), Timed(
        "recorded, and the call leaves", sends
    )


def one_trip() -> float:
    before = heartbeat.last_seen(heartbeat.WORKER)
    began = time.perf_counter()
    beat.delay()
    while heartbeat.last_seen(heartbeat.WORKER) == before:
        assert time.perf_counter() - began < 10, "nobody answered"
    return time.perf_counter() - began


# --- many -------------------------------------------------------------------------------------------------------------


def many(agent: User, ids: Sequence[int], sandbox_process: int) -> tuple[Timed, Timed, Mapping[str, float]]:
    """All are recorded before a worker is there; timed is from the first call to the last that is settled."""
    with workers(WORKERS, THREADS) as idle:  # to come up costs as much as a hundred decisions
        before = {"simulator": cpu(sandbox_process), "workers": used(idle)}
    made = [approve(agent, request_id).pk for request_id in ids]
    with workers(WORKERS, THREADS) as parts:
        unsettled = Decision.objects.filter(pk__in=made, settled_at=None)
        assert until(lambda: not unsettled.exists(), LONGEST_SECONDS), f"{unsettled.count()} are not settled"
        after = {"simulator": cpu(sandbox_process), "workers": used(parts)}
    spent = {who: (after[who] - before[who]) / len(made) for who in after}
    rows = Decision.objects.filter(pk__in=made)
    assert not rows.exclude(state=Decision.State.CONFIRMED).exists()
    lasted = rows.aggregate(lasted=Max("settled_at") - Min("sent_at"))["lasted"]
    taken = lasted.total_seconds() / len(made)
    limit = CALLS * ANSWER_SECONDS / (WORKERS * THREADS)
    return Timed("a decision, if only answers took time", [limit]), Timed("a decision, as it was", [taken]), spent


def used(parts: Sequence[Part]) -> float:
    return sum(cpu(part.process.pid) for part in parts)


def cpu(process: int) -> float:
    """Milliseconds so far, of all its threads."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")
