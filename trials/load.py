"""Many people work a long queue, while every shop is read anew and an ERP approves thousands of requests beside them.

Each page that a person opens is timed, first with one person alone in the house, then with all of them; in the end it
is counted whether every decision happened once.
"""

import argparse
import html
import os
import re
import statistics
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import requests
from django.utils import timezone

from cancellations.models import CancellationRequest
from shops.models import Shop, SyncRun
from trials import report
from trials.chaos import ledger, settle
from trials.counting import Figures, count
from trials.house import House
from trials.moving_in import asked, house_with, move_in, say
from trials.people import Person
from trials.wishes import BULK, PAGE, Wish, wishes

ERPS = 2
BULK_SIZE = 50
# What each process of the web does for the first time is done before anything is timed, and its decisions have left.
WARM_UP_CLERKS, WARM_UP_SECONDS, REST_SECONDS = 8, 20, 20
ALONE_SECONDS = 150
# Seconds before each look and before a form is sent: two to three decisions a minute. Whoever is alone is quick: only
# of many pages it is known how long they take.
THINKS, ALONE_THINKS = (4.0, 12.0), (0.2, 0.6)
FOLLOWED_TIMES, ASKED_EVERY = 4, 1.5  # seconds
AGAIN = r"/decisions/\d+/\?seen=[^\"]+"
MOST_TIMES_IDLE = 4
Times = Mapping[str, Sequence[float]]  # seconds, by page


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run load", description=__doc__)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--waiting", type=int, default=5000, help="how many requests stay in the queue (5000)")
    parser.add_argument("--decisions", type=int, default=10_000, help="how many the ERP approves beside them (10000)")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args(arguments)
    if yielding():
        raise SystemExit("The people would yield to all others and measure their own waiting: begin it with `setsid`.")
    # Fifty clerks share this process: an answer is not to wait for Python.
    sys.setswitchinterval(0.0005)
    # Each clerk decides now and then as well; seven orders in ten have a request.
    orders = round((told.waiting + told.decisions + told.people * told.minutes * 3) / 0.7)
    with house_with(orders, told.seed, workers_yield=True) as house:
        return 0 if run(told, house) else 1


def yielding() -> int:
    """How nice this process is, or its session: Linux weighs sessions before the processes in them (sched(7))."""
    group = Path("/proc/self/autogroup")
    of_session = int(group.read_text().split()[-1]) if group.exists() else 0
    return max(os.nice(0), of_session)


class Clerk(Person):
    """Looks at the queue, opens a request, fills in a form, and thinks in between. `times` are those of the pages."""

    def begin(self, wanted: Iterator[Wish]) -> None:
        self.wanted = wanted
        self.times: dict[str, list[float]] = defaultdict(list)
        self.thinks = ALONE_THINKS

    def work(self, until: float) -> None:
        while time.monotonic() < until:
            self.look("the queue", "/")
            wish = next(self.wanted)
            self.look("a request", f"/cancellations/{wish.key}/")
            self.decide_on_page(wish)
            self.follow()

    def look(self, what: str, path: str) -> None:
        self.think()
        self.timed(what, path)

    def think(self) -> None:
        time.sleep(self._dice.uniform(*self.thinks))

    def timed(self, what: str, path: str, data: object = None, *, by_htmx: bool = False) -> requests.Response:
        began = time.monotonic()
        self.seen = super().page(path, data, by_htmx=by_htmx)
        self.times[what].append(time.monotonic() - began)
        return self.seen

    def page(self, path: str, data: object = None, *, by_htmx: bool = True) -> requests.Response:
        if data is None:
            return self.timed("a form", path, by_htmx=by_htmx)
        self.think()
        return self.timed("a decision", path, data, by_htmx=by_htmx)

    def follow(self) -> None:
        """What became of the decision, as its page asks while it is open."""
        for _ in range(FOLLOWED_TIMES):
            found = re.search(AGAIN, self.seen.text or "")
            if not found:
                return
            time.sleep(ASKED_EVERY)
            shown = self.seen
            if not self.timed("what became of it", html.unescape(found[0]), by_htmx=True).text:
                self.seen = shown  # nothing new


def run(told: argparse.Namespace, house: House) -> bool:
    logins = move_in(house, told.people + ERPS)
    wanted = wishes(1_000_000, told.seed, asked(house, "mail")["mail"])
    listed = [one for one in wanted if one.about[0] == "request"]
    for_erps, for_clerks = listed[: told.decisions], listed[told.decisions + told.waiting :]
    house.start_rest()
    clerks = [Clerk(house.url, login, told.seed) for login in logins[ERPS:]]
    hers = iter(for_clerks)
    lock = threading.Lock()
    for clerk in clerks:
        clerk.begin(one_at_a_time(hers, lock))
        clerk.page("/", by_htmx=False)  # signs in
    say(f"{WARM_UP_CLERKS} clerks for {WARM_UP_SECONDS} s, then one alone for {ALONE_SECONDS} s")
    together_until(clerks[:WARM_UP_CLERKS], time.monotonic() + WARM_UP_SECONDS)
    time.sleep(REST_SECONDS)
    clerks[0].times.clear()
    clerks[0].work(time.monotonic() + ALONE_SECONDS)
    alone = dict(clerks[0].times)
    waiting = CancellationRequest.objects.waiting().count()
    say(f"{told.people} clerks for {told.minutes:g} minutes, {waiting} requests wait, {len(for_erps)} are an ERP's")
    for clerk in clerks:
        clerk.times, clerk.thinks = defaultdict(list), THINKS
    end = time.monotonic() + told.minutes * 60
    erps = [Person(house.url, login, told.seed) for login in logins[:ERPS]]
    threads = [threading.Thread(target=clerk.work, args=[end], daemon=True) for clerk in clerks]
    threads += [
        threading.Thread(target=approve_all, args=[erp, for_erps[number::ERPS], end], daemon=True)
        for number, erp in enumerate(erps)
    ]
    since = timezone.now()
    Shop.objects.update(next_pull_at=since, wants_full_pull=True)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    full = SyncRun.objects.filter(is_full=True, started_at__gte=since, state=SyncRun.State.SUCCEEDED)
    say(f"done; {full.count()} full reads of {2 * Shop.objects.count()} have ended meanwhile")
    is_quick = tell_times(alone, together(clerks))
    say("now it settles")
    settle(house, 0)
    people: list[Person] = [*clerks, *erps]
    rows = list(report.decisions())
    all_told = [one for person in people for one in person.told]
    figures = count(all_told, rows, ledger(house), report.shown(), report.read_until())
    return tell(figures, people) and is_quick


def together_until(clerks: Sequence[Clerk], end: float) -> None:
    threads = [threading.Thread(target=clerk.work, args=[end], daemon=True) for clerk in clerks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def one_at_a_time(wishes: Iterator[Wish], lock: threading.Lock) -> Iterator[Wish]:
    while True:
        with lock:
            wish = next(wishes)
        wish.way = PAGE
        yield wish


def approve_all(erp: Person, wanted: Sequence[Wish], until: float) -> None:
    """Evenly until then; those for which there was no time are left, and how many it were is told in the end."""
    began = time.monotonic()
    for start in range(0, len(wanted), BULK_SIZE):
        time.sleep(max(0, began + (until - began) * start / len(wanted) - time.monotonic()))
        if time.monotonic() > until:
            return
        bulk = wanted[start : start + BULK_SIZE]
        for wish in bulk:
            wish.way, wish.verdict = BULK, "approve"
        erp.carry_out(bulk)


def together(clerks: Sequence[Clerk]) -> Times:
    times: dict[str, list[float]] = defaultdict(list)
    for clerk in clerks:
        for what, seconds in clerk.times.items():
            times[what] += seconds
    return times


def p95(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1] if len(seconds) > 1 else seconds[0]


def tell_times(alone: Times, crowded: Times) -> bool:
    """Print them; whether each page took under MOST_TIMES_IDLE times as long as alone."""
    ratios = {what: p95(crowded[what]) / p95(seconds) for what, seconds in alone.items()}
    words = [
        f"{what}: 95 % within {p95(alone[what]) * 1000:.0f} ms alone ({len(alone[what])} pages), "
        f"{p95(crowded[what]) * 1000:.0f} ms among all ({len(crowded[what])} pages): {ratio:.1f} times"
        for what, ratio in ratios.items()
    ]
    print("\n".join(["", *words, ""]), flush=True)  # noqa: T201
    return all(ratio < MOST_TIMES_IDLE for ratio in ratios.values())


def tell(figures: Figures, people: Sequence[Person]) -> bool:
    """Print what came of it; whether nothing is lost, doubled or wrong, and everybody was answered."""
    answers = sum((person.answers for person in people), Counter[int]())
    broken = sum(many for code, many in answers.items() if code >= 500 or not code)
    why = sum((person.without_answer for person in people), Counter[str]())
    words = [
        f"decisions {figures.decisions}: {report.listed(figures.by_state)}",
        f"answers: {report.listed(answers)}; of those 5xx or none: {broken} ({report.listed(why)})",
        f"from the end of the undo window to settled: {report.spread(report.settling_times())}",
    ]
    print("\n".join(["", *words, "", *report.verdict(figures), ""]), flush=True)  # noqa: T201
    return figures.is_clean and not broken
