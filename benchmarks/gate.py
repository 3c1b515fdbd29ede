"""May this parcel leave? From our data, beside a view of the API that does nothing but know who asks."""

import argparse
from collections.abc import Sequence

from benchmarks import world
from benchmarks.queue import AGENT
from benchmarks.side_by_side import Ratio, Thing, in_turn, tell
from benchmarks.visiting import Visitor
from cancellations.models import CancellationRequest


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run bench gate", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=world.SIZES)
    parser.add_argument("--seconds", type=float, default=0.3)
    told = parser.parse_args(arguments)
    things = []
    for size in told.sizes:
        world.enter(size)
        system = Visitor(AGENT, with_token=True)
        row = CancellationRequest.objects.waiting().order_by("pk")[10]
        pages = {
            "a bare view": "/api/v1/bare/",
            "the gate, an order": f"/api/v1/gate/?order={row.order_marketplace_id}",
        }
        for words, path in pages.items():
            opens = system.opens(path)
            things.append(Thing(f"{words}, {size:,}", opens, world.back_in(size, opens)))
    timed = {one.words: one for one in in_turn(things, at_least_seconds=told.seconds)}
    largest, smallest = f"{told.sizes[-1]:,}", f"{told.sizes[0]:,}"
    gate = timed[f"the gate, an order, {largest}"]
    ratios = [
        Ratio("the gate / a bare view", gate, timed[f"a bare view, {largest}"], at_most=1.5),
        Ratio(f"the gate, {largest} / {smallest}", gate, timed[f"the gate, an order, {smallest}"], at_most=1.5),
    ]
    return 0 if tell("The gate", list(timed.values()), ratios) else 1
