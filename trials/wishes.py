"""What people will want: so many decisions of every verdict, about requests and orders that the house has read."""

import random
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from cancellations.models import CancellationRequest
from orders.models import Order
from trials.counting import About

PAGE, API, BULK = "page", "api", "bulk"
# Who decides how often, in parts. A bulk is made of as many wishes as come together.
WAYS = {PAGE: 4, API: 4, BULK: 2}
# Of each thousand decisions so many are taken back at once.
TAKEN_BACK = 30


@dataclass
class Wish:
    """One decision that somebody wants. `key` is our id: of the request, or of the order where there is none (yet).

    `line` is our id of the line that a request to be recorded is about.
    """

    number: int
    verdict: str
    about: About
    key: int
    way: str
    is_recorded_first: bool = False
    line: int | None = None
    is_taken_back: bool = False


Letter: TypeAlias = Mapping[str, Any]  # of the sandbox's mail: a request that its marketplace does not show


def wishes(count: int, seed: int, mail: Iterable[Letter]) -> list[Wish]:
    """As many as there are, up to `count`, of which all kinds come evenly; in an order that the seed says."""
    dice = random.Random(f"wishes {seed}")  # noqa: S311
    letters = {letter["order_id"]: letter for letter in mail}  # one of each order: the whole settles its lines as well
    kinds = [
        list(of_requests(dice)), list(of_unlisted_requests(dice, letters.values())), list(of_orders(dice, letters)),
    ]  # fmt: skip
    for kind in kinds:
        dice.shuffle(kind)
    whole = sum(map(len, kinds))
    chosen = [one for kind in kinds for one in kind[: -(-count * len(kind) // whole)]]
    dice.shuffle(chosen)
    for number, one in enumerate(chosen[:count]):
        one.number = number
        one.way = PAGE if one.is_recorded_first and one.way == BULK else one.way
        one.is_taken_back = one.way == API and dice.random() < TAKEN_BACK / 1000
    return chosen[:count]


def some_way(dice: random.Random) -> str:
    return dice.choices(list(WAYS), weights=list(WAYS.values()))[0]


def of_requests(dice: random.Random) -> Iterator[Wish]:
    """Where rejecting is over, shipping the parcel is what rejects."""
    waiting = CancellationRequest.objects.waiting().filter(recorded_at=None).order_by("pk")
    for pk, cancel_id, region in waiting.values_list("pk", "marketplace_id", "shop__region").iterator():
        no = "ship_to_reject" if region == "US" else "reject"
        yield Wish(0, dice.choice(["approve", no]), ("request", cancel_id), pk, some_way(dice))


def of_unlisted_requests(dice: random.Random, letters: Iterable[Letter]) -> Iterator[Wish]:
    """Those that retailers made where the marketplace shows none: recorded by whoever answers them."""
    for letter in letters:
        order = Order.objects.get(marketplace_id=letter["order_id"], shop__marketplace_id=letter["shop_id"])
        line_id = letter["line_item_id"] or ""
        line = order.lines.get(marketplace_id=line_id).pk if line_id else None
        about = ("recorded", letter["order_id"], line_id)
        verdict = dice.choice(["approve", "reject"])
        yield Wish(0, verdict, about, order.pk, some_way(dice), is_recorded_first=True, line=line)


def of_orders(dice: random.Random, busy: Container[str]) -> Iterator[Wish]:
    """Orders that nobody asked to cancel and that have not left."""
    orders = Order.objects.filter(cancellations=None, status__in=["AWAITING_SHIPMENT", "Unallocated"]).order_by("pk")
    for pk, order_id in orders.values_list("pk", "marketplace_id").iterator():
        if order_id not in busy:
            yield Wish(0, "cancel_items", ("items", order_id), pk, dice.choice([API, PAGE]))
