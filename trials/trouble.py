"""What goes wrong: processes die, servers restart, the line is cut, the marketplace has bad days, buyers change their
mind and time passes.

One troublemaker does one thing after another, in an order and with pauses that the seed says; how the processes of the
house meet in between is the machine's to say, and differs from run to run.
"""

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator

import requests

from trials.house import House
from trials.line import Line

# Of all calls so many are struck, whatever they are about.
STRUCK = 0.20
KINDS = ["rate_limited", "server_error", "reset_before", "reset_after", "malformed", "expired_token"]
# A definite no for no reason; not where it would end a connection, which is a person's to mend.
REFUSED_AT = ["approve-cancellation", "reject-cancellation", "cancel-order", "ship-package", "mark-package-as-shipped",
              "confirm-order-cancelation", "reject-order-cancelation", "confirm-order-item-cancelation",
              "reject-order-item-cancelation", "allocate-order"]  # fmt: skip
REFUSED = 0.03
SLOW_SECONDS = 1.0
PAUSE = (2.0, 12.0)  # seconds between one trouble and the next
# The sandbox's clock is moved ahead by so many seconds for each decision that is wanted, but no more than that:
# what happens in its clients' future they learn when their own clock gets there, and in the end that is waited for.
AHEAD_PER_DECISION = 0.05
MOST_AHEAD = 480


class Troublemaker:
    def __init__(self, house: House, line: Line, seed: int, decisions: int) -> None:
        self.house, self.line = house, line
        self.done: Counter[str] = Counter()
        self._seed, self._dice = seed, random.Random()  # noqa: S311
        self._left_of_the_clock = round(min(MOST_AHEAD, decisions * AHEAD_PER_DECISION))
        self.ahead = 0  # seconds
        self.kinds: dict[Callable[[], str], int] = {
            self.kill_worker: 5, self.kill_a_worker_process: 5, self.kill_web_process: 3, self.kill_web: 1,
            self.kill_beat: 2, self.kill_broker: 2, self.crash_database: 2, self.cut_the_line: 4,
            self.slow_the_line: 3, self.move_the_clock: 3, self.have_a_buyer_withdraw: 4, self.send_pushes_again: 2,
        }  # fmt: skip

    def make_while(self, goes_on: Callable[[], bool]) -> None:
        """Everything is whole again afterwards, and the marketplace has good days.

        In the main thread alone: what a thread starts is ended together with it.
        """
        self.inject_faults()
        for make in self.troubles():
            if not goes_on():
                break
            self.pause(*PAUSE)
            if what := make():
                self.done[what] += 1
        self.line.mend()
        self.control("DELETE", "faults").raise_for_status()

    def troubles(self) -> Iterator[Callable[[], str]]:
        """One after the other without end, each with dice of its own: the next is the same, however one went."""
        for number in itertools.count():
            self._dice = random.Random(f"trouble {self._seed} {number}")  # noqa: S311
            yield self._dice.choices(list(self.kinds), weights=list(self.kinds.values()))[0]

    def control(self, method: str, path: str, **body: object) -> requests.Response:
        return requests.request(method, f"{self.house.sandbox_url}/__sandbox__/{path}", json=body or None, timeout=60)

    def inject_faults(self) -> None:
        """The kinds are asked one after the other, so that together they strike STRUCK of all calls."""
        rate = 1 - (1 - STRUCK) ** (1 / (len(KINDS) + 1))
        for kind in KINDS:
            self.control("POST", "faults", kind=kind, rate=rate).raise_for_status()
        self.control("POST", "faults", kind="slow", rate=rate, seconds=SLOW_SECONDS).raise_for_status()
        for endpoint in REFUSED_AT:
            self.control("POST", "faults", kind="business_error", endpoint=endpoint, rate=REFUSED).raise_for_status()

    def pause(self, least: float, most: float) -> None:
        time.sleep(self._dice.uniform(least, most))

    # --- our own side -------------------------------------------------------------------------------------------------

    def kill_worker(self) -> str:
        worker = self._dice.choice(self.house.workers)
        worker.kill()
        self.pause(0.2, 4)
        worker.start()
        return "a worker killed"

    def kill_a_worker_process(self) -> str:
        worker = self._dice.choice(self.house.workers)
        return "a process of a worker killed" if worker.kill_a_child(self._dice.randrange(8)) else ""

    def kill_web_process(self) -> str:
        return "a process of the web killed" if self.house.web.kill_a_child(self._dice.randrange(8)) else ""

    def kill_web(self) -> str:
        self.house.web.kill()
        self.pause(0.2, 2)
        self.house.web.start()
        return "the web killed"

    def kill_beat(self) -> str:
        self.house.beat.kill()
        self.pause(0.5, 8)
        self.house.beat.start()
        return "the beat killed"

    def kill_broker(self) -> str:
        """It keeps nothing on disk, so every message is lost."""
        self.house.broker.kill()
        self.pause(0.2, 5)
        self.house.broker.start()
        return "the broker killed"

    def crash_database(self) -> str:
        self.house.crash_database(self._dice.uniform(0.2, 4))
        return "the database crashed"

    # --- the way there, and the other side ----------------------------------------------------------------------------

    def cut_the_line(self) -> str:
        self.line.cut()
        self.pause(0.5, 6)
        self.line.mend()
        return "the line cut"

    def slow_the_line(self) -> str:
        self.line.slow(self._dice.uniform(0.2, 1.5))
        self.pause(2, 6)
        self.line.mend()
        return "the line slow"

    def move_the_clock(self) -> str:
        """Deadlines pass, tokens end, refunds arrive."""
        by = min(self._dice.randrange(5, 60), self._left_of_the_clock)
        if by <= 0:
            return ""
        self._left_of_the_clock -= by
        self.ahead += by
        self.control("POST", "clock", shift=by).raise_for_status()
        return "the clock moved"

    def have_a_buyer_withdraw(self) -> str:
        """Of whichever request waits, decided here or not."""
        entries = self.waiting
        if not entries:
            return ""
        cancel_id = entries.pop(self._dice.randrange(len(entries)))
        answer = self.control("POST", "buyer", action="withdraw", cancel_id=cancel_id)
        return "a buyer withdrew" if answer.ok else ""

    def send_pushes_again(self) -> str:
        told = self.control("GET", "webhooks").json()["deliveries"]
        for one in self._dice.sample(told, min(3, len(told))):
            self.control("POST", f"webhooks/{one['id']}/resend")
        return "old pushes sent again" if told else ""

    waiting: list[str]
