"""Things timed beside each other in one run, in turn: whatever else the machine does meanwhile hits all of them.

Machines differ and are noisy, so what is told is ratios: of a thing to the peer or the limit that was measured with it.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.machine import machine

RUNS = 5
AT_LEAST_SECONDS = 0.5


def nothing() -> None:
    """What has to be done before a thing is timed, for most."""


@dataclass(frozen=True)
class Thing:
    """`act` is timed, and does `units` of work; `prepare` goes before each run and is not timed.

    What uses up that which was prepared is done `once` in a run.
    """

    words: str
    act: Callable[[], object]
    prepare: Callable[[], object] = nothing
    units: int = 1
    once: bool = False


@dataclass(frozen=True)
class Timed:
    """The seconds of a unit of work in each run, each the median of that run's calls."""

    words: str
    seconds: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Ratio:
    """How many times `under` the time of `over` is, and what it should be."""

    words: str
    over: Timed
    under: Timed
    at_least: float | None = None
    at_most: float | None = None

    @property
    def value(self) -> float:
        return self.over.median / self.under.median

    @property
    def is_reached(self) -> bool:
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )

    @property
    def reach(self) -> str:
        return f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"


@dataclass(frozen=True)
class Limit:
    """The most milliseconds that something may take by itself."""

    words: str
    timed: Timed
    at_most: float

    @property
    def value(self) -> float:
        return self.timed.median * 1000

    @property
    def is_reached(self) -> bool:
        return self.value <= self.at_most

    @property
    def reach(self) -> str:
        return f"≤ {self.at_most:g} ms"


def in_turn(things: Sequence[Thing], runs: int = RUNS, at_least_seconds: float = AT_LEAST_SECONDS) -> list[Timed]:
    """One after the other, and that so many times. Each is done once before, so that what is kept is there for all.

    What takes long is done once in a run, what does not for so many seconds.
    """
    for thing in things:
        thing.prepare()
        thing.act()
    seconds: list[list[float]] = [[] for _ in things]
    for _ in range(runs):
        for thing, found in zip(things, seconds, strict=True):
            thing.prepare()
            found.append(one_run(thing, at_least_seconds))
    return [Timed(thing.words, found) for thing, found in zip(things, seconds, strict=True)]


def one_run(thing: Thing, at_least_seconds: float) -> float:
    calls: list[float] = []
    until = time.perf_counter() + at_least_seconds
    while not calls or (time.perf_counter() < until and not thing.once):
        began = time.perf_counter()
        thing.act()
        calls.append((time.perf_counter() - began) / thing.units)
    return statistics.median(calls)


def tell(title: str, figures: Sequence[Timed], ratios: Sequence[Ratio | Limit]) -> bool:
    """Print it, as docs/performance.md shows it; whether all is reached."""
    lines = [
        f"## {title}", "", machine(), "",
        "| measured | ms, median of the runs | fastest to slowest run |", "|---|---:|---:|",
        *(
            f"| {one.words} | {ms(one.median)} | {ms(min(one.seconds))} to {ms(max(one.seconds))} |"
            for one in figures
        ),
        "", "| ratio | is | should be | |", "|---|---:|---:|---|",
        *(
            f"| {one.words} | {one.value:.2f} | {one.reach} | {'reached' if one.is_reached else '**not reached**'} |"
            for one in ratios
        ),
        "",
    ]  # fmt: skip
    print("\n".join(lines), flush=True)
    return all(one.is_reached for one in ratios)


def ms(seconds: float) -> str:
    """Of slow things whole milliseconds, of what is a part of a bulk three digits."""
    return f"{seconds * 1000:.0f}" if seconds >= 0.1 else f"{seconds * 1000:.3g}"
