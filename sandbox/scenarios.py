"""The worlds that can be asked for by name, for all marketplaces at once."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Scenario:
    """``orders``: how many unless told otherwise. ``pending``: the portion with a request that waits. The others are
    TikTok Shop's alone: ``hours``, how far away the deadlines are at most; ``regions``; ``branches`` of each shop,
    which other sellers have; ``switches``, set at start."""

    orders: int = 240
    pending: float = 0.25
    hours: float = 47.0
    regions: frozenset[str] | None = None
    branches: int = 1
    switches: dict[str, bool] = field(default_factory=dict)


SCENARIOS = {
    "default": Scenario(),
    "empty": Scenario(orders=0),
    "busy": Scenario(orders=400, pending=0.7, hours=6.0),
    "many_shops": Scenario(orders=3000, pending=0.7, branches=9),
    "us_only": Scenario(regions=frozenset({"US"})),
    "legacy_answers": Scenario(switches={"legacy_answers": True}),
    "drift": Scenario(switches={"drift": True}),
}
