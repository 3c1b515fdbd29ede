"""Every effect that changed the simulated marketplace, in order, so that "it happened twice" can be counted."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True, frozen=True)
class Entry:
    """One effect. ``at`` is unix seconds of the simulator's clock; ids that do not apply are None."""

    seq: int
    at: int
    effect: str
    shop_id: str | None = None
    order_id: str | None = None
    cancel_id: str | None = None
    line_item_ids: list[str] = field(default_factory=list)
    package_id: str | None = None
    actor: str = "system"
    idempotency_key: str | None = None
    request_id: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Ledger:
    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def write(self, at: int, effect: str, **what: Any) -> Entry:
        """Add one effect; ``what`` holds fields of `Entry`."""
        entry = Entry(seq=len(self.entries) + 1, at=at, effect=effect, **what)
        self.entries.append(entry)
        return entry

    def select(self, *, after: int = 0, limit: int = 1000, **wanted: str) -> list[Entry]:
        """Entries younger than sequence number ``after`` whose fields equal what is wanted, oldest first."""
        found = (
            entry
            for entry in self.entries[after:]
            if all(getattr(entry, name) == value for name, value in wanted.items())
        )
        return [entry for entry, _ in zip(found, range(limit), strict=False)]
