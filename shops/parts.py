"""An open window in parts that can be read side by side: no page can be asked for before the one that leads to it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from marketplaces.records import Page
from shops.models import SyncCursor

ROWS_OF_A_PART = 1000
# The rows that changed lie unevenly, so there are more parts than are read side by side.
MOST_PARTS = 100
SHORTEST_PART = timedelta(minutes=1)

# Pages that follow each other within each part, with the number of their part.
Read = Sequence[tuple[int, Page[Any]]]


@dataclass(frozen=True, slots=True)
class Part:
    """What changed from `since` on and before `until`; `token` is of the next page.

    `is_from_before` where an earlier run left it with that token.
    """

    since: datetime
    until: datetime
    token: str = ""
    is_from_before: bool = False


class Window:
    """What of a cursor's open window is still to be read: `parts` by their number, in order of time."""

    def __init__(self, cursor: SyncCursor) -> None:
        self.cursor = cursor
        self.parts = dict(enumerate(_left(cursor)))

    def can_be_split(self, page: Page[Any]) -> bool:
        """With this as its first page; a window that was begun as one is read to its end as one."""
        return self._whole() in self.parts.values() and bool(page.next_cursor) and self._worth(page) > 1

    def split(self, page: Page[Any]) -> None:
        count, whole = self._worth(page), self._whole()
        long = (whole.until - whole.since) / count
        ends = [*(whole.since + long * number for number in range(1, count)), whole.until]
        self.parts = {n: Part(*of) for n, of in enumerate(zip([whole.since, *ends[:-1]], ends, strict=True))}

    def _whole(self) -> Part:
        since, until = self.cursor.window_since, self.cursor.window_until
        assert since and until
        return Part(since, until)

    def _worth(self, page: Page[Any]) -> int:
        whole = self._whole()
        return min((page.total or 0) // ROWS_OF_A_PART, MOST_PARTS, (whole.until - whole.since) // SHORTEST_PART)

    @property
    def is_one(self) -> bool:
        """Not split, so that what its pages say of the whole is true of the window."""
        return all(replace(part, token="", is_from_before=False) == self._whole() for part in self.parts.values())

    def move(self, read: Read) -> None:
        """Beyond these pages, on the cursor too: whoever stores them saves it in the same transaction."""
        for number, page in read:
            if page.next_cursor:
                self.parts[number] = replace(self.parts[number], token=page.next_cursor, is_from_before=False)
            else:
                del self.parts[number]
        cursor, left = self.cursor, list(self.parts.values())
        cursor.page_token, cursor.parts = "", None
        if not left:
            cursor.synced_until, cursor.window_since, cursor.window_until = cursor.window_until, None, None
        elif self.is_one:
            cursor.page_token = left[0].token
        else:
            told = [[part.since.isoformat(), part.until.isoformat(), part.token] for part in left]
            cursor.parts = {"window_until": self._whole().until.isoformat(), "left": told}

    def leave(self) -> None:
        """The next pull begins at the window's start, with a new end."""
        cursor = self.cursor
        cursor.window_since, cursor.window_until, cursor.page_token, cursor.parts = None, None, "", None


def joined(pages: Sequence[Page[Any]]) -> Page[Any]:
    """What several pages hold, as one."""
    return Page(
        records=[record for page in pages for record in page.records],
        set_aside=[one for page in pages for one in page.set_aside],
        drift=list(dict.fromkeys(word for page in pages for word in page.drift)),
        is_doubtful=any(page.is_doubtful for page in pages),
    )


def _left(cursor: SyncCursor) -> Sequence[Part]:
    """Parts of another window are nobody's: the version before leaves them where they are."""
    since, until = cursor.window_since, cursor.window_until
    assert since and until
    if not cursor.parts or datetime.fromisoformat(cursor.parts["window_until"]) != until:
        return [Part(since, until, cursor.page_token, is_from_before=bool(cursor.page_token))]
    return [
        Part(datetime.fromisoformat(since), datetime.fromisoformat(until), token, is_from_before=bool(token))
        for since, until, token in cursor.parts["left"]
    ]
