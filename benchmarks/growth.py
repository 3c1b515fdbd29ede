"""What workers do, in worlds of ten thousand, a hundred thousand and a million requests: orders stored, decisions out.

Pages, decisions and the gate are timed at these sizes by the benchmarks of their names.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from accounts.models import User
from benchmarks import delivery, sync, world
from benchmarks.playback import playing
from benchmarks.side_by_side import RUNS, Ratio, Thing, Timed, in_turn, tell
from cancellations.delivery import deliver
from cancellations.models import CancellationRequest, Decision
from marketplaces.records import OrderRecord
from orders.sync import store
from shops.models import Shop

ORDERS = 1000  # stored in one transaction
UNCHANGED, NEW, CARRIED_OUT = "an order that has not changed", "an order that is new", "a decision carried out"
SENT = "a decision recorded, and seen to be sent"
DECISIONS = 150  # of each world: as many as can be carried out in the time that is measured
ONE_BY_ONE = 10  # in each run, by a worker that has nothing else to do
OF_EACH = DECISIONS + ONE_BY_ONE * RUNS


@dataclass(frozen=True)
class Copy:
    """Of a world, in the database of that name; of the simulator's requests, those that are answered here alone."""

    name: str
    size: str
    agent: User
    requests: Sequence[int]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run bench growth", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=world.SIZES)
    parser.add_argument("--seconds", type=float, default=0.5)
    told = parser.parse_args(arguments)
    records = to_be_stored()
    things: list[Thing] = []
    with delivery.sandbox(OF_EACH * len(told.sizes)) as (url, _process), ExitStack() as stack:
        copies = [copy(stack, url, size, slice(n, None, len(told.sizes))) for n, size in enumerate(told.sizes)]
        for one in copies:
            world.step_into(one.name)
            decisions = [delivery.approve(one.agent, pk).pk for pk in one.requests[:DECISIONS]]
            things += done_in(one, records, iter(decisions))
        timed = {one.words: one for one in in_turn(things, at_least_seconds=told.seconds)}
        timed |= {one.words: one for one in sent_soon(copies)}
    world.back_to(told.sizes[-1])  # from a copy that is gone
    largest, smallest = f"{told.sizes[-1]:,}", f"{told.sizes[0]:,}"
    ratios = [
        Ratio(f"{what}, {largest} / {smallest}", timed[f"{what}, {largest}"], timed[f"{what}, {smallest}"], at_most=1.5)
        for what in (UNCHANGED, NEW, CARRIED_OUT, SENT)
    ]
    return 0 if tell("Growth of what workers do", list(timed.values()), ratios) else 1


def to_be_stored() -> Sequence[OrderRecord]:
    """Twice as many orders as are stored at once, as an adapter reads them."""
    world.work_in("sync")
    settings.PACE_CALLS = False
    try:
        with playing(ORDERS * 2) as url:
            return sync.everything(sync.connected(url))
    finally:
        settings.PACE_CALLS = True


def copy(stack: ExitStack, url: str, size: int, part: slice) -> Copy:
    name = stack.enter_context(world.copied(size))
    world.step_into(name)
    agent = delivery.moved_in(url)
    rows = CancellationRequest.objects.filter(pk__in=delivery.waiting(url)).order_by("marketplace_id")
    return Copy(name, f"{size:,}", agent, list(rows.values_list("pk", flat=True))[part][:OF_EACH])


def done_in(copy: Copy, records: Sequence[OrderRecord], decisions: Iterator[int]) -> Iterator[Thing]:
    """In the copy that was entered. What is new is taken back, so that it stays new."""
    known, new = records[:ORDERS], records[ORDERS:]
    shop = Shop.objects.select_related("connection").order_by("pk")[0]

    def put_known() -> None:
        with transaction.atomic():
            store(shop, known)

    def put_new() -> None:
        with transaction.atomic():
            assert store(shop, new) == len(new)
            transaction.set_rollback(True)

    def carry_out() -> None:
        pk = next(decisions)
        deliver(pk)
        assert Decision.objects.filter(pk=pk, state=Decision.State.CONFIRMED).exists()

    yield thing(f"{UNCHANGED}, {copy.size}", copy.name, put_known, ORDERS)
    yield thing(f"{NEW}, {copy.size}", copy.name, put_new, ORDERS)
    yield thing(f"{CARRIED_OUT}, {copy.size}", copy.name, carry_out, 1)


def sent_soon(copies: Sequence[Copy]) -> Iterator[Timed]:
    """In one copy after the other and that RUNS times, each by a worker of its own."""
    found: dict[str, list[float]] = {one.size: [] for one in copies}
    for run in range(RUNS):
        for one in copies:
            world.step_into(one.name)
            first = DECISIONS + run * ONE_BY_ONE
            with delivery.workers(1, 4, one.name):
                _trip, sent = delivery.soon(one.agent, one.requests[first : first + ONE_BY_ONE])
            found[one.size].append(sent.median)
    for size, seconds in found.items():
        yield Timed(f"{SENT}, {size}", seconds)


def thing(words: str, name: str, act: Callable[[], object], units: int) -> Thing:
    def back_there() -> None:
        world.step_into(name)
        act()

    return Thing(words, act, back_there, units)
