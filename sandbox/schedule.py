"""Things that happen by themselves at a moment of the simulator's clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

Happening = Callable[[int], None]


class Schedule:
    """A heap of happenings. Each is called with the second it was due, not the second it was noticed,
    so that a deadline seen late is still kept to the second."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Happening]] = []
        self._numbers = count()

    def at(self, due: int, happening: Happening) -> None:
        heapq.heappush(self._heap, (due, next(self._numbers), happening))

    def run_due(self, now: int) -> None:
        while self._heap and self._heap[0][0] <= now:
            due, _, happening = heapq.heappop(self._heap)
            happening(due)

    def __len__(self) -> int:
        return len(self._heap)
