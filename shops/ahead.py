"""Pages of one window, read on by threads of their own while those before them are stored.

They know no database: how far a pull has come is what was stored. So a thread that dies, or reads what nobody stores,
costs some calls and nothing else.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from queue import Empty, SimpleQueue
from threading import Condition, Thread
from typing import Any

from marketplaces.records import Page

Chain = Iterator[Page[Any]]  # each page is asked for when the one before it has come
Found = tuple[int, Page[Any]]  # with the number of its chain


def weight(page: Page[Any]) -> int:
    """How many rows it will be, more or less: no number of pages says how much of our memory they take."""
    return sum(1 + len(getattr(record, "lines", ())) for record in page.records)


class Ahead:
    """Reads chains, so many side by side, until there are `room` rows that nobody has taken; at most `most` pages."""

    def __init__(self, chains: Mapping[int, Chain], *, room: int, most: int, side_by_side: int) -> None:
        self._chains = iter(chains.items())
        self._room, self._waiting = room, 0  # rows
        self._most = most
        self._changed = Condition()
        self._found: SimpleQueue[Found | BaseException | None] = SimpleQueue()
        self._is_over = False
        self._threads = [
            Thread(target=copy_context().run, args=(self._read,), daemon=True)
            for _ in range(min(side_by_side, len(chains)))
        ]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        """One chain after the other, until there are no more, or trouble."""
        try:
            while taken := self._next_chain():
                number, chain = taken
                while self._may_go_on() and (page := next(chain, None)):
                    self._count(weight(page))
                    self._found.put((number, page))
        except BaseException as error:  # it belongs to whoever takes the pages
            self._found.put(error)
        self._found.put(None)

    def _next_chain(self) -> tuple[int, Chain] | None:
        with self._changed:
            return None if self._is_over else next(self._chains, None)

    def _may_go_on(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or self._waiting < self._room)
            self._most -= 1
            return not self._is_over and self._most >= 0

    def _count(self, rows: int) -> None:
        with self._changed:
            self._waiting += rows
            self._changed.notify_all()

    def batches(self) -> Iterator[list[Found]]:
        """All that has been read by now, or what there is room for, again and again.

        What went wrong is raised after the pages before it.
        """
        reading = len(self._threads)
        while reading:
            one: Found | BaseException | None = self._found.get()
            batch: list[Found] = []
            rows = 0
            while isinstance(one, tuple):
                batch.append(one)
                rows += weight(one[1])
                if rows >= self._room:
                    break
                try:
                    one = self._found.get_nowait()
                except Empty:
                    break
            self._count(-rows)
            if batch:
                yield batch
            if isinstance(one, BaseException):
                raise one
            if one is None:
                reading -= 1

    def end(self) -> None:
        """Waits for the calls that are on their way: none goes on when the pull is over."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()


@contextmanager
def reading_ahead(chains: Mapping[int, Chain], *, room: int, most: int, side_by_side: int = 1) -> Iterator[Ahead]:
    ahead = Ahead(chains, room=room, most=most, side_by_side=side_by_side)
    try:
        yield ahead
    finally:
        ahead.end()
