"""The other side of the fake: a marketplace that fits into memory. Its API is these methods, its wire is a call.

Requests have ids, a line has several units, and there are bad days.
"""

import itertools
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 5, 9, tzinfo=UTC)


class NoAnswer(Exception):
    """The line went dead. Whether before or after, the caller cannot know."""


class No(Exception):
    """The marketplace's refusal: a word that its documentation lists."""


@dataclass
class Item:
    id: str
    name: str
    price: str
    units: int
    cancelled: int = 0
    sent: int = 0

    @property
    def left(self) -> int:
        return self.units - self.cancelled - self.sent


@dataclass
class Order:
    id: str
    items: list[Item]
    changed: datetime
    number: str = ""


@dataclass
class Request:
    id: str
    order: Order
    state: str = "open"
    answered_with: str = ""


@dataclass
class Market:
    """State, and how the next calls go wrong: `broken` is one of the words in `_pass`."""

    orders: dict[str, Order] = field(default_factory=dict)
    requests: dict[str, Request] = field(default_factory=dict)
    happened: Counter[str] = field(default_factory=Counter)
    tokens: set[str] = field(default_factory=set)
    broken: str = ""

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)
        self.now = START
        for number in range(1, 8):
            items = [Item(f"I{number}-{one}", "Tea towel", "4.20", units=3) for one in (1, 2)]
            self.orders[f"O{number}"] = Order(f"O{number}", items, self._tick())

    def _tick(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now

    # What a test does

    def ask(self, order_id: str) -> Request:
        request = Request(f"R{next(self._numbers)}", self.orders[order_id])
        self.requests[request.id] = request
        return request

    # What an app may call

    def sign_in(self, name: str, password: str) -> str:
        if (name, password) != ("towels", "c0tton-wool"):
            raise No("wrong_password")
        token = f"token-{next(self._numbers)}"
        self.tokens.add(token)
        return token

    def list_orders(self, token: str, since: datetime, until: datetime, after: str) -> list[Order]:
        """Three at a time, oldest change first."""
        self._pass(token)
        found = sorted(
            (one for one in self.orders.values() if since <= one.changed < until), key=lambda one: one.changed
        )
        ids = [one.id for one in found]
        if after and after not in ids:
            raise No("bad_cursor")
        first = ids.index(after) + 1 if after else 0
        return found[first : first + 3]

    def get_order(self, token: str, order_id: str) -> Order | None:
        self._pass(token)
        return self.orders.get(order_id)

    def list_requests(self, token: str) -> list[Request]:
        self._pass(token)
        return list(self.requests.values())

    def answer(self, token: str, request_id: str, verdict: str, words: str) -> None:
        with_effect = self._pass(token)
        request = self.requests.get(request_id)
        if request is None or request.state != "open":
            raise No("not_open")
        if with_effect:
            request.state, request.answered_with = verdict, words
            if verdict == "approved":
                for item in request.order.items:
                    item.cancelled += item.left
            self._done(f"answer {verdict}", request.order)
        self._answered()

    def cancel(self, token: str, order_id: str, units: dict[str, int], reason: str) -> None:
        """`units` are how many of each item are cancelled afterwards."""
        with_effect = self._pass(token)
        order = self.orders.get(order_id)
        if order is None or reason not in ("sold_out", "broken"):
            raise No("not_found")
        items = {item.id: item for item in order.items}
        if any(items[one].units - items[one].sent < total for one, total in units.items()):
            raise No("too_many")
        changes = {one: total for one, total in units.items() if items[one].cancelled < total}
        if not changes:
            raise No("not_open")
        if with_effect:
            for one, total in changes.items():
                items[one].cancelled = total
            self._done("cancel", order)
        self._answered()

    def send(self, token: str, order_id: str, tracking_number: str) -> None:
        with_effect = self._pass(token)
        order = self.orders.get(order_id)
        if order is None or not any(item.left for item in order.items):
            raise No("not_open")
        if with_effect:
            for item in order.items:
                item.sent += item.left
            self._done("send", order)
        self._answered()

    def _pass(self, token: str) -> bool:
        """The door; says whether the call gets through to have its effect."""
        if token not in self.tokens:
            raise No("token_ended")
        if self.broken == "busy":
            self.broken = ""
            raise No("busy")
        if self.broken == "silent to reads":
            raise NoAnswer
        return self.broken != "lost before"

    def _answered(self) -> None:
        if self.broken in ("lost before", "lost after"):
            self.broken = ""
            raise NoAnswer

    def _done(self, what: str, order: Order) -> None:
        self.happened[what] += 1
        order.changed = self._tick()
