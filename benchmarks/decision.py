"""One decision, from the click to the fragment that says so, beside a POST that does nothing but know who sends it."""

import argparse
from collections.abc import Callable, Iterator, Sequence

from django.db.models import Max

from benchmarks import world
from benchmarks.queue import AGENT
from benchmarks.side_by_side import Ratio, Thing, in_turn, tell
from benchmarks.visiting import Visitor
from cancellations.models import CancellationRequest, Decision, Event
from shops.models import OutgoingEvent


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run bench decision", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=world.SIZES)
    parser.add_argument("--seconds", type=float, default=0.3)
    told = parser.parse_args(arguments)
    things, cleanings = [], []
    for size in told.sizes:
        world.enter(size)
        agent = Visitor(AGENT)
        approve = approving(agent, undecided())
        things += [
            Thing(f"a bare POST, {size:,}", posting(agent), world.back_in(size, posting(agent))),
            Thing(f"a decision, {size:,}", approve, world.back_in(size, approve)),
        ]
        cleanings.append((size, forgetting()))
    try:
        timed = {one.words: one for one in in_turn(things, at_least_seconds=told.seconds)}
    finally:
        for size, forget in cleanings:
            world.back_to(size)
            forget()
    largest, smallest = f"{told.sizes[-1]:,}", f"{told.sizes[0]:,}"
    decision = timed[f"a decision, {largest}"]
    ratios = [
        Ratio("a decision / a bare POST", decision, timed[f"a bare POST, {largest}"], at_most=3),
        Ratio(f"a decision, {largest} / {smallest}", decision, timed[f"a decision, {smallest}"], at_most=1.5),
    ]
    return 0 if tell("One decision", list(timed.values()), ratios) else 1


def undecided() -> Iterator[int]:
    """Requests that wait and that nobody has decided about, each once."""
    rows = CancellationRequest.objects.waiting().exclude(decisions__state__in=Decision.LIVE)
    return iter(list(rows.order_by("pk").values_list("pk", flat=True)))


def posting(agent: Visitor) -> Callable[[], bytes]:
    return lambda: agent.post("/bare/", {"a": "b"}, htmx=True)


def approving(agent: Visitor, requests: Iterator[int]) -> Callable[[], bytes]:
    return lambda: agent.post(f"/cancellations/{next(requests)}/approve/", {}, htmx=True)


def forgetting() -> Callable[[], None]:
    """Takes away what is decided from now on, so that the world stays as it was."""
    decided = Decision.objects.aggregate(last=Max("pk"))["last"] or 0
    told = OutgoingEvent.objects.aggregate(last=Max("pk"))["last"] or 0

    def forget() -> None:
        Event.objects.filter(decision__gt=decided).delete()
        OutgoingEvent.objects.filter(pk__gt=told).delete()
        Decision.objects.filter(pk__gt=decided).delete()

    return forget
