"""Stretches of time in which orders were made, small enough to be read at once. Pure.

Get Orders counts what it finds and gives part of it, and its pages disagree about what `limit` counts. From the first
row on all readings agree, so a stretch with more orders than fit is halved instead of paged through. Only within one
second, which cannot be halved, is it paged by rows.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from marketplaces.errors import Refused

MOST_ROWS = 100  # asked for at once
FIRST_SECONDS = 24 * 3600
MOST_SECONDS = 64 * 24 * 3600
_CURSOR = re.compile(r"(\d{1,11})\+(\d{1,8})(?:@(\d{1,9}))?")


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` on, so many seconds. Both are whole seconds, in Unix time. `row` is the first to be read."""

    start: int
    seconds: int
    row: int = 0

    @property
    def end(self) -> int:
        return self.start + self.seconds

    @property
    def cursor(self) -> str:
        """Such as "1552575600+86400", or with "@100" for its hundredth row."""
        return f"{self.start}+{self.seconds}" + (f"@{self.row}" if self.row else "")


def whole_second_before(moment: datetime) -> int:
    return int(moment.timestamp() // 1)


def whole_second_after(moment: datetime) -> int:
    return -int(-moment.timestamp() // 1)


def as_moment(seconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def window_at(cursor: str, begin: int, end: int) -> Window:
    """The window that a cursor of `next_window` means, or without one the first between two moments in Unix time.

    Raises Refused for a cursor that is none, or that belongs to another stretch of time.
    """
    if not cursor:
        return Window(begin, max(1, min(FIRST_SECONDS, end - begin)))
    found = _CURSOR.fullmatch(cursor)
    start, seconds, row = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    if not (begin <= start < end and 0 < seconds <= max(1, end - start)):
        raise Refused("This is no place in these orders.")
    return Window(start, seconds, row)


def next_window(window: Window, got: int, total: int, end: int) -> tuple[bool, Window | None]:
    """Whether the rows that came are to be used, and where to go on; None after the last window before `end`.

    `got` rows came from `window.row` on, of `total` in the window.
    """
    if got and window.row + got < total:
        if window.seconds > 1 and not window.row:
            return False, replace(window, seconds=window.seconds // 2)
        return True, replace(window, row=window.row + got)
    if window.end >= end:
        return True, None
    seconds = window.seconds * 2 if total * 4 <= MOST_ROWS else window.seconds
    return True, Window(window.end, max(1, min(seconds, MOST_SECONDS, end - window.end)))
