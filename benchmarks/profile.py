"""Where the time goes: of a page, a decision, its delivery and orders that are read, how much each layer takes.

py-spy looks from outside, 200 times a second, what is running. It has to be allowed to: as root, or as whoever may look
into other processes of theirs.

./run bench profile [REQUESTS]
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings

from benchmarks import bare, world
from benchmarks import delivery as delivering
from benchmarks import sync as syncing
from benchmarks.decision import approving, forgetting, undecided
from benchmarks.machine import machine
from benchmarks.playback import playing
from benchmarks.queue import AGENT, ROWS
from benchmarks.visiting import Visitor
from cancellations.delivery import deliver
from cancellations.models import CancellationRequest
from cancellations.views import queue
from config import private_servers
from shops import pulling

SECONDS = 5
STARTS_WITHIN = 2  # seconds
PY_SPY = Path(sys.executable).parent / "py-spy"
AS_STACKS = [
    "--nonblocking", "--rate", "200", "--full-filenames", "--format", "raw", "--duration", "unlimited",
]  # fmt: skip
A_LOOK = 1000 / 200  # milliseconds
DELIVERIES = 150
ORDERS = 10_000
MOST_AHEAD = pulling.MOST_AHEAD  # orders that are read while others are stored

# What is running belongs to the first of these that it, or else whoever called it, is a part of.
LAYERS = {
    "PostgreSQL, and the way there": ["/psycopg/", "/psycopg_c/", "/psycopg_binary/"],
    "Django's ORM": ["/django/db/"],
    "Django's templates": ["/django/template/", "/django/utils/html", "/django/utils/safestring", "/django/forms/"],
    "languages, dates, numbers": ["/django/utils/translation/", "/gettext.py", "/django/utils/", "/zoneinfo/"],
    "the rest of Django": ["/django/", "/allauth/", "/csp/", "/whitenoise/"],
    "the API's framework": ["/rest_framework/", "/django_filters/", "/drf_spectacular/"],
    "broker and cache": ["/kombu/", "/celery/", "/amqp/", "/redis/", "/valkey/"],
    "HTTP": ["/urllib3/", "/requests/", "/http/client.py", "/ssl.py"],
    "logging": ["/structlog/", "/django_structlog/", "/logging/"],
}
OURS, OTHER = "our own code", "others"
NOBODY = "no thread runs Python"
Spent = Mapping[str, float]  # milliseconds of each act, by layer


def main(arguments: Sequence[str]) -> int:
    size = int(arguments[0]) if arguments else world.SIZES[-1]
    found = dict(chain(pages(size), deliveries(), orders(), orders_in_parts()))
    names = [*LAYERS, OURS, OTHER, NOBODY]
    print(f"## Where the time goes, {size:,} requests, milliseconds\n\n{machine()}\n")
    print(f"| | {' | '.join(found)} |\n|---|{'---:|' * len(found)}")
    for name in names:
        print(f"| {name} | {' | '.join(told(spent.get(name, 0)) for spent in found.values())} |")
    print(f"| **all** | {' | '.join(told(sum(spent.values())) for spent in found.values())} |")
    return 0


def told(ms: float) -> str:
    return f"{ms:.2g}" if ms < 10 else f"{ms:.0f}"


# --- what is looked at ------------------------------------------------------------------------------------------------


def pages(size: int) -> Iterator[tuple[str, Spent]]:
    queue.PAGE_SIZE = ROWS
    vars(queue)["render"] = bare.keeping
    world.enter(size)
    agent, system = Visitor(AGENT), Visitor(AGENT, with_token=True)
    row = CancellationRequest.objects.waiting().order_by("pk")[10]
    number = row.order_marketplace_id
    forget = forgetting()
    yield "the queue", spent_on(again(agent.opens("/")))
    yield f"{ROWS} rows alone", spent_on(again(agent.opens("/bare/rows/")))
    yield "a search", spent_on(again(agent.opens("/?q=espresso")))
    rare = row.lines.all()[0].product_name.rpartition(" ")[2]
    for words, text in (("an id", number), ("a rare word", rare), ("a common word", "espresso")):
        yield f"{words} in every state", spent_on(again(agent.opens(f"/?state=all&q={text}")))
    yield "the gate", spent_on(again(system.opens(f"/api/v1/gate/?order={number}")))
    try:
        yield "a decision", spent_on(again(approving(agent, undecided())))
    finally:
        forget()


def deliveries() -> Iterator[tuple[str, Spent]]:
    """Each by this thread alone, from the row that is due to the one that is settled."""
    world.work_in("delivery")
    with delivering.sandbox(DELIVERIES) as (url, _process):
        agent = delivering.moved_in(url)
        made = [delivering.approve(agent, pk).pk for pk in delivering.waiting(url)[:DELIVERIES]]
        yield "a delivery", spent_on(partial(deliver, pk) for pk in made)


def orders() -> Iterator[tuple[str, Spent]]:
    """A thousand orders that are read for the first time, pages and rows by one thread."""
    world.work_in("sync")
    settings.PACE_CALLS, pulling.MOST_AHEAD = False, 0
    with playing(ORDERS) as url:
        shop = syncing.connected(url)
        syncing.empty()
        spent = spent_on([lambda: syncing.pull(shop)])
    yield "1,000 orders read", {layer: ms * 1000 / ORDERS for layer, ms in spent.items()}


def orders_in_parts() -> Iterator[tuple[str, Spent]]:
    """The same from a marketplace that takes its time, by as many threads as ever: which of them runs Python, if any.

    One at a time can. What the database does meanwhile, or the network, is not in it.
    """
    settings.PACE_CALLS, pulling.MOST_AHEAD = True, MOST_AHEAD
    with playing(ORDERS, wait=syncing.FAR_AWAY, rate=syncing.CALLS_A_SECOND) as url:
        shop = syncing.connected(url)
        syncing.empty()
        with looking("--gil", within="") as seen:
            began = time.perf_counter()
            syncing.pull(shop)
            ms = (time.perf_counter() - began) * 1000
    spent = {layer: times * A_LOOK * 1000 / ORDERS for layer, times in seen.items()}
    yield "1,000 in parts, after 100 ms", spent | {NOBODY: ms * 1000 / ORDERS - sum(spent.values())}


def again(act: Callable[[], object]) -> Iterator[Callable[[], object]]:
    """Three times before anybody looks, then for some seconds."""
    for _ in range(3):
        act()
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        yield act


# --- looking ----------------------------------------------------------------------------------------------------------


def spent_on(acts: Iterable[Callable[[], object]]) -> Spent:
    acts = iter(acts)
    first, many = next(acts), 0
    with looking("--idle", within=f";{looked_at.__name__} (") as seen:  # idle: a page waits for the database
        began = time.perf_counter()
        for act in chain([first], acts):
            looked_at(act)
            many += 1
        ms = (time.perf_counter() - began) * 1000 / many
    return {layer: ms * times / seen.total() for layer, times in seen.items()}


def looked_at(act: Callable[[], object]) -> None:
    """What runs counts where it runs because of this."""
    act()


@contextmanager
def looking(at: str, within: str) -> Iterator[Counter[str]]:
    """How often each layer was seen, once it is over: in stacks that hold `within`, of the threads to look `at`."""
    seen = Counter[str]()
    with TemporaryDirectory() as place:
        stacks = Path(place) / "stacks"
        watcher = subprocess.Popen(
            [PY_SPY, "record", "--pid", str(os.getpid()), "--output", stacks, *AS_STACKS, at],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        time.sleep(STARTS_WITHIN)
        yield seen
        watcher.send_signal(signal.SIGINT)
        _, said = watcher.communicate(timeout=60)
        if not stacks.exists():
            raise SystemExit(f"py-spy could not look: {said}")
        for line in stacks.read_text().splitlines():
            stack, _, times = line.rpartition(" ")
            if within in stack:
                seen[layer_of(stack.split(";"))] += int(times)


def layer_of(stack: Sequence[str]) -> str:
    """Of frames, each `function (file:line)`, the innermost last."""
    for frame in reversed(stack):
        file = frame.partition("(")[2]
        if file.startswith(f"{private_servers.CHECKOUT}/") and "/site-packages/" not in file:
            return OURS
        for layer, parts in LAYERS.items():
            if any(part in file for part in parts):
                return layer
    return OTHER
