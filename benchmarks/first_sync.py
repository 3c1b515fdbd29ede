"""A shop's orders read for the first time by us and by others, from the same marketplace into the same PostgreSQL.

./run bench first_sync [ORDERS]
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence

from django.conf import settings

from benchmarks import contenders, world
from benchmarks.playback import playing
from benchmarks.side_by_side import RUNS, Ratio, Timed, tell
from benchmarks.sync import connected, empty, pull
from orders.models import Order
from shops.models import Shop

ORDERS = 20_000
FAR_AWAY = 10_000  # at a marketplace that takes its time
ANSWER_SECONDS, CALLS_A_SECOND, PAGE = 0.1, 50, 100
# Who copies all of the orders at that address, and says how many seconds it took.
Copy = Callable[[str, int], float]


def main(arguments: Sequence[str]) -> int:
    orders = int(arguments[0]) if arguments else ORDERS
    far = min(FAR_AWAY, orders)
    try:
        contenders.install()
    except contenders.Missing as missing:
        raise SystemExit(f"The peers are not measured. {missing}") from None
    world.work_in("first_sync")
    who = {"ours": ours, "loop": contenders.loop, "tap": tap}
    settings.PACE_CALLS = False  # a marketplace that answers at once, and as often as it is asked
    with playing(orders) as url:
        near = in_turn(who, "answers at once", url, orders)
    settings.PACE_CALLS = True
    with playing(far, wait=ANSWER_SECONDS, rate=CALLS_A_SECOND) as url:
        slow = in_turn(who, "answers after 100 ms, 50 calls a second", url, far)
    most = Timed("an order, if 50 calls a second were all that took time", [1 / (CALLS_A_SECOND * PAGE)])
    reached = tell(
        f"First sync of {orders:,} orders, each",
        [*near.values(), *slow.values(), most],
        [
            Ratio("answers after 100 ms: the loop / ours", slow["loop"], slow["ours"], at_least=8),
            Ratio("answers after 100 ms: the tap and its target / ours", slow["tap"], slow["ours"], at_least=10),
            Ratio("the most that it can be: the loop / 50 calls", slow["loop"], most, at_least=8),
            Ratio("the most that it can be: the tap and its target / 50 calls", slow["tap"], most, at_least=10),
            Ratio("answers at once: the loop / ours", near["loop"], near["ours"], at_least=1),
            Ratio("answers at once: the tap and its target / ours", near["tap"], near["ours"], at_least=1),
        ],
    )  # fmt: skip
    print(f"Load {os.getloadavg()[0]:.0f}. Of each pipe the seconds are taken off that its two programs take to start.")
    return 0 if reached else 1


WORDS = {
    "ours": "first sync",
    "loop": "a loop over the npm SDK, with a bulk upsert for each page",
    "tap": "a Singer tap piped to target-postgres",
}


def in_turn(who: Mapping[str, Copy], words: str, url: str, orders: int) -> Mapping[str, Timed]:
    """One after the other, and that so many times; each says itself how long it took, for some have to start first."""
    seconds: dict[str, list[float]] = {name: [] for name in who}
    for _ in range(RUNS):
        for name, copy in who.items():
            seconds[name].append(copy(url, orders) / orders)
    return {name: Timed(f"{WORDS[name]}, {words}", found) for name, found in seconds.items()}


def tap(url: str, orders: int) -> float:
    return contenders.tap(url, orders) - contenders.started()


shops: dict[str, Shop] = {}


def ours(url: str, orders: int) -> float:
    if url not in shops:
        shops[url] = connected(url)
        pull(shops[url])  # once before, so that what is kept is there
    empty()
    began = time.perf_counter()
    pull(shops[url])
    seconds = time.perf_counter() - began
    assert Order.objects.count() == orders
    return seconds
