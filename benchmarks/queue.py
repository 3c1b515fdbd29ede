"""The queue: beside Django's admin, beside its own rows rendered from memory, deep in its pages, and as it grows."""

import argparse
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.utils import timezone

from benchmarks import bare, world
from benchmarks.side_by_side import Limit, Ratio, Thing, Timed, in_turn, tell
from benchmarks.visiting import Visitor
from cancellations.api.requests import CancellationViewSet
from cancellations.models import CancellationLine, CancellationRequest
from cancellations.views import queue
from shops.models import Shop
from shops.paging import write_token

ROWS = 50  # the queue's own pages have half of them
AGENT, ADMIN = "agent0@countermand.example", "admin@countermand.example"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run bench queue", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=world.SIZES, help="of the worlds; the last is the one")
    parser.add_argument("--seconds", type=float, default=0.3, help="of each run, at least (0.3)")
    told = parser.parse_args(arguments)
    queue.PAGE_SIZE = ROWS
    vars(queue)["render"] = bare.keeping
    *smaller, largest = told.sizes
    growing = [size_of(size) for size in smaller]
    is_reached = beside(largest, told.seconds)
    return 0 if (not growing or grows([*growing, size_of(largest)], told.seconds)) and is_reached else 1


def beside(size: int, seconds: float) -> bool:
    world.enter(size)
    agent, admin, system = Visitor(AGENT), Visitor(ADMIN), Visitor(AGENT, with_token=True)
    pairs = filters()
    things = [Thing("the queue", agent.opens("/")), Thing("the same rows, bare", agent.opens("/bare/rows/"))]
    things += [Thing(f"the queue, {words}", agent.opens(f"/?{ours}")) for words, ours, _theirs, _times in pairs]
    things += [
        Thing(f"Django's admin, {words}", admin.opens(f"/peer/cancellations/cancellationrequest/?{theirs}"))
        for words, _ours, theirs, _times in pairs
    ]
    things += [
        Thing("page 400 of the queue", agent.opens(f"/?page={token_of_page(400)}")),
        Thing("the API's first page", system.opens("/api/v1/cancellations/")),
        Thing("the API's last page", system.opens(f"/api/v1/cancellations/?cursor={token_of_last_page()}")),
    ]
    timed = {one.words: one for one in in_turn(things, at_least_seconds=seconds)}

    def ratio(over: str, under: str, at_least: float | None = None, at_most: float | None = None) -> Ratio:
        return Ratio(f"{over} / {under}", timed[over], timed[under], at_least, at_most)

    rows = "the same rows, bare"
    ratios: list[Ratio | Limit] = [Limit(rows, timed[rows], 8), ratio("the queue", rows, at_most=1.6)]
    ratios += [
        ratio(f"Django's admin, {words}", f"the queue, {words}", at_least=times) for words, _o, _t, times in pairs
    ]
    ratios += [
        ratio("page 400 of the queue", "the queue", at_most=1.2),
        ratio("the API's last page", "the API's first page", at_most=1.2),
    ]
    return tell(f"The queue, {size:,} requests, pages of {ROWS} rows", list(timed.values()), ratios)


def filters() -> list[tuple[str, str, str, float]]:
    """(words, the queue's query, the admin's query for the same rows, how many times faster)."""
    shop = Shop.objects.order_by("pk")[0]
    waiting = CancellationRequest.objects.waiting()
    row = waiting.order_by("pk")[waiting.count() // 2]
    line = CancellationLine.objects.filter(cancellation=row)[0]
    now = timezone.now()
    soon = {"deadline__gt": now.isoformat(), "deadline__lte": (now + timedelta(hours=2)).isoformat()}
    narrowed: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("waiting", {}, {}),
        ("of a shop", {"shop": shop.pk}, {"shop__id__exact": shop.pk}),
        ("of a market", {"market": "GB"}, {"shop__region__exact": "GB"}),
        ("under 2 hours left", {"left": "soon"}, soon),
        ("for a reason", {"reason": row.reason}, {"reason__exact": row.reason}),
        ("nobody's", {"whose": "nobody"}, {"assigned_to__isnull": "1"}),
    ]
    found = [
        (words, urlencode(ours), urlencode({**theirs, "needs_answer__exact": 1}), 15.0)
        for words, ours, theirs in narrowed
    ]
    found.append(("however they stand", "state=all", "", 15.0))
    searches = [
        ("an order's id", row.order_marketplace_id), ("a rare word", line.product_name.rpartition(" ")[2]),
        ("a common word", "espresso"),
    ]  # fmt: skip
    for words, text in searches:
        told = urlencode({"q": text})
        found.append((f"search for {words}", told, f"{told}&needs_answer__exact=1", 100.0))
        found.append((f"search for {words}, however they stand", f"{told}&state=all", told, 100.0))
    return found


def token_of_page(number: int) -> str:
    """Where that page of the queue begins, or its last one where it has fewer."""
    rows = CancellationRequest.objects.waiting().by_time_left()
    place = min((number - 1) * ROWS, rows.count() - ROWS) - 1
    return write_token(rows[place], queue.BY_TIME_LEFT, backwards=False)


def token_of_last_page() -> str:
    order = next(iter(CancellationViewSet.page_order.values()))
    rows = CancellationRequest.objects.order_by(*order).reverse()
    return write_token(rows[ROWS], order, backwards=False)


def size_of(size: int) -> int:
    world.enter(size)
    return size


def grows(sizes: Sequence[int], seconds: float) -> bool:
    """The same pages in worlds of these sizes, in turn."""
    pages: list[tuple[str, bool, str]] = []
    things = []
    for size in sizes:
        world.back_to(size)
        agent, system = Visitor(AGENT), Visitor(AGENT, with_token=True)
        pages = [
            ("the queue", False, "/"),
            *((f"the queue, {words}", False, f"/?{ours}") for words, ours, _theirs, _times in filters()),
            ("page 400 of the queue", False, f"/?page={token_of_page(400)}"),
            ("the API's first page", True, "/api/v1/cancellations/"),
            ("the API's last page", True, f"/api/v1/cancellations/?cursor={token_of_last_page()}"),
        ]
        for words, with_token, path in pages:
            opens = (system if with_token else agent).opens(path)
            things.append(Thing(f"{words}, {size:,}", opens, world.back_in(size, opens)))
    timed = {one.words: one for one in in_turn(things, at_least_seconds=seconds)}
    ratios: list[Ratio | Limit] = [
        Ratio(
            f"{words}, {sizes[-1]:,} / {sizes[0]:,}",
            timed[f"{words}, {sizes[-1]:,}"],
            timed[f"{words}, {sizes[0]:,}"],
            at_most=1.5,
        )
        for words, _with_token, _path in pages
    ]
    figures: list[Timed] = list(timed.values())
    return tell("The queue as the table grows", figures, ratios)
