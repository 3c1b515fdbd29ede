"""The simulator's time: the machine's clock plus a shift that tests and people may change."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """Unix seconds. Deadlines, token life, order progress and webhook retries follow it."""

    def __init__(self) -> None:
        self.shift = 0

    def now(self) -> int:
        return int(time.time()) + self.shift

    def moment(self) -> datetime:
        """The same time to the microsecond."""
        return datetime.fromtimestamp(time.time() + self.shift, UTC)

    def move(self, seconds: int) -> None:
        self.shift += seconds

    def set(self, moment: int) -> None:
        self.shift = moment - int(time.time())

    @staticmethod
    def real() -> int:
        """The machine's own time, which the timestamp window of signed calls follows unless told otherwise."""
        return int(time.time())
