"""Where the time goes: of a page, a decision, its delivery and orders that are read, how much each layer takes.

A sampling profiler looks four times a millisecond what is running. Looking costs some of what is looked at, so that all
of it is somewhat more than what the other benchmarks tell; what counts is how it is divided.

./run bench profile [REQUESTS]
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from pyinstrument import Profiler
from pyinstrument.frame import Frame

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
LOOKS_EVERY = 0.00025  # seconds
DELIVERIES = 150
ORDERS = 10_000

# What is running belongs to the first of these that it, or else whoever called it, is a part of.
LAYERS = {
    "PostgreSQL, and the way there": ["/psycopg/", "/psycopg_c/", "/psycopg_binary/"],
    "Django's ORM": ["/django/db/"],
    "Django's templates": ["/django/template/", "/django/utils/html", "/django/utils/safestring", "/django/forms/"],
    "languages, dates, numbers": ["/django/utils/translation/", "/gettext.py", "/django/utils/", "/zoneinfo/"],
    "the rest of Django": ["/django/", "/allauth/", "/csp/", "/whitenoise/"],
    "the API's framework": ["/rest_framework/", "/django_filters/", "/drf_spectacular/"],
    "broker and cache": ["/kombu/", "/celery/", "/redis/", "/valkey/"],
    "HTTP": ["/urllib3/", "/requests/", "/http/client.py", "/ssl.py"],
    "logging": ["/structlog/", "/django_structlog/", "/logging/"],
}
OURS, OTHER = "our own code", "others"
Spent = Mapping[str, float]  # milliseconds of each act, by layer


def main(arguments: Sequence[str]) -> int:
    size = int(arguments[0]) if arguments else world.SIZES[-1]
    found = dict(chain(pages(size), deliveries(), orders()))
    names = [*LAYERS, OURS, OTHER]
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
    number = CancellationRequest.objects.waiting().order_by("pk")[10].order_marketplace_id
    forget = forgetting()
    yield "the queue", spent_on(again(agent.opens("/")))
    yield f"{ROWS} rows alone", spent_on(again(agent.opens("/bare/rows/")))
    yield "a search", spent_on(again(agent.opens("/?q=espresso")))
    yield "the gate", spent_on(again(system.opens(f"/api/v1/gate/?order={number}")))
    try:
        yield "a decision", spent_on(again(approving(agent, undecided())))
    finally:
        forget()


def deliveries() -> Iterator[tuple[str, Spent]]:
    """Each by this thread alone, from the row that is due to the one that is settled."""
    enter("delivery")
    with delivering.sandbox(DELIVERIES) as (url, _process):
        agent = delivering.moved_in(url)
        made = [delivering.approve(agent, pk).pk for pk in delivering.waiting()[:DELIVERIES]]
        yield "a delivery", spent_on(partial(deliver, pk) for pk in made)


def orders() -> Iterator[tuple[str, Spent]]:
    """A thousand orders that are read for the first time, pages and rows by one thread."""
    enter("sync")
    settings.PACE_CALLS, pulling.MOST_AHEAD = False, 0
    with playing(ORDERS) as url:
        shop = syncing.connected(url)
        syncing.empty()
        spent = spent_on([lambda: syncing.pull(shop)])
    yield "1,000 orders read", {layer: ms * 1000 / ORDERS for layer, ms in spent.items()}


def enter(name: str) -> None:
    world.database(name)
    connection.close()
    connection.settings_dict["NAME"] = name
    call_command("migrate", verbosity=0)


def again(act: Callable[[], object]) -> Iterator[Callable[[], object]]:
    """Three times before anybody looks, then for some seconds."""
    for _ in range(3):
        act()
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        yield act


# --- looking ----------------------------------------------------------------------------------------------------------


def spent_on(acts: Iterable[Callable[[], object]]) -> Spent:
    acts, many = iter(acts), 0
    first = next(acts)
    profiler = Profiler(interval=LOOKS_EVERY)
    with profiler:
        for act in chain([first], acts):
            act()
            many += 1
    spent: dict[str, float] = defaultdict(float)
    if root := profiler.last_session and profiler.last_session.root_frame():
        divide(root, OTHER, spent)
    return {layer: seconds * 1000 / many for layer, seconds in spent.items()}


def divide(frame: Frame, callers: str, spent: dict[str, float]) -> None:
    layer = layer_of(frame.file_path or "") or callers
    spent[layer] += frame.total_self_time
    for called in frame.children:
        divide(called, layer, spent)


def layer_of(path: str) -> str | None:
    if path.startswith(str(private_servers.CHECKOUT)) and "/site-packages/" not in path:
        return OURS
    return next((layer for layer, parts in LAYERS.items() if any(part in path for part in parts)), None)
