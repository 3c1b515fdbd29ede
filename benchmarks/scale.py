"""Decisions carried out and pages answered a second, with more and more processes, beside what one of them does.

./run bench scale [DECISIONS] [WORLD] ["workers" | "web"]
"""

import http.client
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from django.db import connection

from benchmarks import delivery, processes, world
from benchmarks.machine import machine
from benchmarks.processes import Round
from benchmarks.tables import table
from benchmarks.visiting import Visitor

DECISIONS = 300
SMALL = 10_000  # requests in the world whose pages are asked for
WORKERS, WEBS = (1, 2, 4), (1, 2)
VISITORS = 8  # at once, each of whom asks for the next page as soon as there is an answer
PAGES_FOR_SECONDS = 10.0
PAGES = {"the queue": "/", "the API's list": "/api/v1/cancellations/"}
RUNS = 3


@dataclass(frozen=True)
class Scaled:
    """The same work by so many `processes`, run after run."""

    words: str
    processes: int
    rounds: Sequence[Round]

    @property
    def rate(self) -> float:
        return statistics.median(one.rate for one in self.rounds)

    @property
    def spent(self) -> Mapping[str, float]:
        """Milliseconds of CPU for each that was done."""
        return {who: statistics.median(one.spent_on_each[who] for one in self.rounds) for who in self.rounds[0].spent}


def main(arguments: Sequence[str]) -> int:
    numbers = [int(one) for one in arguments if one.isdecimal()]
    decisions, size = [*numbers, *(DECISIONS, SMALL)[len(numbers) :]]
    wanted = [one for one in arguments if not one.isdecimal()] or ["workers", "web"]
    scaled: list[Scaled] = []
    if "workers" in wanted:
        scaled += workers(decisions)
    if "web" in wanted:
        scaled += webs(size)
    print(told(scaled))
    return 0


def told(scaled: Sequence[Scaled]) -> str:
    """As docs/performance.md shows it."""
    alone = {one.words: one.rate for one in scaled if one.processes == 1}
    rows = [
        [
            one.words, one.processes, f"{one.rate:.1f}", f"{one.rate / alone[one.words]:.2f}",
            ", ".join(f"{who} {spent:.1f}" for who, spent in one.spent.items()),
            f"{1000 / next(iter(one.spent.values())):.0f}",
        ]
        for one in scaled
    ]  # fmt: skip
    heads = ["", "processes", "a second", "times one", "ms of CPU for each", "a second and core of theirs"]
    return f"## Scale\n\n{machine()}; load {os.getloadavg()[0]:.0f}\n\n{table(heads, rows)}"


# --- workers ----------------------------------------------------------------------------------------------------------


def workers(decisions: int) -> Sequence[Scaled]:
    """Each number of workers in turn, and that so many times."""
    world.work_in("delivery")
    found: dict[int, list[Round]] = {count: [] for count in WORKERS}
    with delivery.sandbox(decisions * RUNS * len(WORKERS)) as (url, its_process):
        agent = delivery.moved_in(url)
        ids = iter(delivery.waiting(url))
        delivery.answers_take(url, delivery.ANSWER_SECONDS)
        for _ in range(RUNS):
            for count in WORKERS:
                made = [delivery.approve(agent, next(ids)).pk for _ in range(decisions)]
                found[count].append(delivery.carried_out(made, count, its_process))
    return [
        Scaled(f"decisions carried out, {delivery.THREADS} threads each", count, rounds)
        for count, rounds in found.items()
    ]


# --- web --------------------------------------------------------------------------------------------------------------


def webs(size: int) -> Sequence[Scaled]:
    world.enter(size)
    person, program = (Visitor("agent0@countermand.example", with_token=token).headers for token in (False, True))
    found: dict[tuple[str, int], list[Round]] = {}
    for _ in range(RUNS):
        for count in WEBS:
            with processes.web(connection.settings_dict["NAME"], count) as (url, part):
                for words, path in PAGES.items():
                    asks = asking(url, path, program if path.startswith("/api/") else person)
                    found.setdefault((words, count), []).append(answered(asks, part.process.pid))
    return [Scaled(words, count, rounds) for (words, count), rounds in sorted(found.items())]


def answered(asks: Callable[[float], int], web_process: int) -> Round:
    """Some people ask again and again; they were there for a second before it is counted."""
    with ThreadPoolExecutor(VISITORS) as visitors:
        list(visitors.map(asks, [1.0] * VISITORS))
        taken: dict[str, Callable[[], float]] = {
            "web": partial(processes.cpu_of_all, web_process),
            **processes.servers(),
        }
        before = {who: spent() for who, spent in taken.items()}
        began = time.monotonic()
        done = sum(visitors.map(asks, [PAGES_FOR_SECONDS] * VISITORS))
        seconds = time.monotonic() - began
        return Round(done, seconds, {who: spent() - before[who] for who, spent in taken.items()})


def asking(url: str, path: str, environ: Mapping[str, str]) -> Callable[[float], int]:
    """Asks for that page for so many seconds, and says how often it was answered."""
    headers = {name.removeprefix("HTTP_").replace("_", "-"): value for name, value in environ.items()}

    def ask(seconds: float) -> int:
        ends, done = time.monotonic() + seconds, 0
        line = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        while time.monotonic() < ends:
            line.request("GET", path, headers=headers)
            answer = line.getresponse()
            assert (answer.status, len(answer.read()) > 0) == (200, True), answer.status
            done += 1
        line.close()
        return done

    return ask
