"""The calls the simulator received: the newest ones in full, all of them as counts per endpoint."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

KEPT = 20_000


@dataclass(slots=True, frozen=True)
class Received:
    """One call and how it was answered. ``at`` is the simulator's clock, ``milliseconds`` is handling time;
    ``status`` 0 means that the connection was cut instead of answered."""

    seq: int
    at: int
    marketplace: str
    endpoint: str | None
    method: str
    path: str
    query: dict[str, str]
    shop_id: str | None
    status: int
    code: int | None
    request_id: str
    fault: str | None
    milliseconds: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Calls:
    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.total = 0
        self.counts: Counter[str] = Counter()
        self._kept: deque[Received] = deque(maxlen=KEPT)

    def note(self, **what: Any) -> None:
        """Keep one call; ``what`` holds the fields of `Received` but its sequence number."""
        self.total += 1
        self.counts[what["endpoint"] or "unknown"] += 1
        self._kept.append(Received(seq=self.total, **what))

    def select(self, *, after: int = 0, limit: int = 1000, **wanted: str) -> list[Received]:
        """Calls younger than ``after`` whose fields equal what is wanted: the newest ``limit``, oldest first."""
        found = [
            call
            for call in self._kept
            if call.seq > after and all(str(getattr(call, name)) == value for name, value in wanted.items())
        ]
        return found[-limit:]
