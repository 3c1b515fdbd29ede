"""How many calls a second one app may make to one endpoint of one shop."""

from __future__ import annotations

import time
from collections import deque

Key = tuple[str, str, str]


class Pacing:
    """A sliding window of one second of real time. Refused calls do not count; a limit of 0 refuses nothing."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._recent: dict[Key, deque[float]] = {}

    def admits(self, key: Key) -> bool:
        if not self.limit:
            return True
        now = time.monotonic()
        recent = self._recent.setdefault(key, deque())
        while recent and recent[0] <= now - 1.0:
            recent.popleft()
        if len(recent) >= self.limit:
            return False
        recent.append(now)
        return True
