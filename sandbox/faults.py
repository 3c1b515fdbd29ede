"""Trouble on order: what to do to the next calls of an endpoint, a number of times or at a rate."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

TROUBLE = (
    "slow",
    "rate_limited",
    "server_error",
    "reset_before",
    "reset_after",
    "malformed",
    "expired_token",
    "business_error",
)
# What is not true or no answer at all, by where the lie is; see `lies` and `wire`. Those of "effects" have none.
LIES: Mapping[str, tuple[str, ...]] = {
    "values": (
        "numbers_for_texts", "texts_for_numbers", "objects_for_lists", "lists_for_objects", "nulls", "huge_numbers",
        "infinite_numbers", "no_numbers", "negative_amounts", "long_texts", "unkeepable_texts", "times_at_the_end",
        "times_before_time", "no_times", "milliseconds", "times_to_come",
    ),
    "pages": (
        "no_answer", "empty_pages", "endless_pages", "same_page", "huge_pages", "told_twice", "another_shops",
    ),
    "writing": ("deep_values", "bottomless", "double_names", "no_utf8", "many_values"),
    "whole": ("wrong_type", "web_page", "redirect"),
    "effects": ("yes_without_data", "yes_with_an_error"),
    "wire": ("drops", "huge_body", "endless_body", "packed_body", "many_headers"),
}  # fmt: skip
KINDS = (*TROUBLE, *(kind for kinds in LIES.values() for kind in kinds))


@dataclass(slots=True)
class Fault:
    """``count`` strikes and it is gone, or strikes at ``rate`` (0..1) until cleared. ``seconds`` is for slow,
    ``retry_after`` (seconds) for rate_limited, ``status`` for server_error, ``code`` for business_error (None: what the
    marketplace usually says). Of lies, drops wait ``seconds`` for each byte, a redirect leads ``to`` an address, and of
    the values that a lie is about a ``share`` (0..1) is changed."""

    id: int
    endpoint: str
    kind: str
    count: int | None = None
    rate: float | None = None
    shop_id: str | None = None
    marketplace: str | None = None
    seconds: float = 1.0
    retry_after: int = 1
    status: int = 500
    code: int | None = None
    share: float | None = None
    to: str = ""
    struck: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def is_lie(self) -> bool:
        return self.kind not in TROUBLE

    @property
    def spent(self) -> bool:
        return self.count is not None and self.struck >= self.count

    def concerns(self, marketplace: str, endpoint: str, shop_id: str | None) -> bool:
        return (
            self.marketplace in (None, marketplace)
            and self.endpoint in ("*", endpoint)
            and self.shop_id in (None, shop_id)
            and not self.spent
        )


class Faults:
    """All faults asked for, spent ones included so that their strikes can be read. Rates are seeded."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(f"faults {seed}")
        self._numbers = 0
        self.active: list[Fault] = []

    def add(self, wish: Mapping[str, Any], slugs: Mapping[str, frozenset[str]]) -> Fault:
        """``slugs`` are the endpoints of each marketplace. Raises ValueError when the wish makes no sense."""
        known = set(Fault.__dataclass_fields__) - {"id", "struck"}
        if unknown := set(wish) - known:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        if wish.get("kind") not in KINDS:
            raise ValueError(f"kind is one of {', '.join(KINDS)}")
        if wish.get("marketplace", next(iter(slugs))) not in slugs:
            raise ValueError(f"marketplace is one of {', '.join(slugs)}")
        endpoints = frozenset[str]().union(*slugs.values())
        if wish.get("endpoint", "*") not in endpoints | {"*"}:
            raise ValueError(f"endpoint is * or one of {', '.join(sorted(endpoints))}")
        _check_numbers(wish)
        self._numbers += 1
        fault = Fault(id=self._numbers, **{"endpoint": "*", **wish})
        if fault.count is None and fault.rate is None:
            fault.count = 1
        self.active.append(fault)
        return fault

    def clear(self, fault_id: int | None = None) -> None:
        self.active = [] if fault_id is None else [each for each in self.active if each.id != fault_id]

    def strike(self, marketplace: str, endpoint: str, shop_id: str | None) -> tuple[float, Fault | None]:
        """What happens to this call: seconds to wait first, and the one other fault that hits it."""
        wait = 0.0
        for fault in self.active:
            if not fault.concerns(marketplace, endpoint, shop_id):
                continue
            if fault.rate is not None and self._dice.random() >= fault.rate:
                continue
            fault.struck += 1
            if fault.kind != "slow":
                return wait, fault
            wait += fault.seconds
        return wait, None


def _check_numbers(wish: Mapping[str, Any]) -> None:
    for name in ("count", "retry_after", "status", "code"):
        if name in wish and (not isinstance(wish[name], int) or isinstance(wish[name], bool) or wish[name] < 0):
            raise ValueError(f"{name} is a whole number")
    for name in ("rate", "seconds", "share"):
        if name in wish and (not isinstance(wish[name], int | float) or wish[name] < 0):
            raise ValueError(f"{name} is a number")
    for name in ("rate", "share"):
        if wish.get(name, 0) > 1:
            raise ValueError(f"{name} is at most 1")
    if not isinstance(wish.get("to", ""), str):
        raise ValueError("to is an address")
