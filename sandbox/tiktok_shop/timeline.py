"""Records in the order of a time of theirs, and pages of them behind opaque cursors."""

from __future__ import annotations

import base64
import binascii
import hashlib
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from sandbox.tiktok_shop.refusals import Refusal

Key = tuple[int, str]
T = TypeVar("T")
_PEPPER = b"page token"


class Timeline:
    """(unix seconds, id) pairs kept sorted."""

    def __init__(self) -> None:
        self._keys: list[Key] = []

    def fill(self, keys: list[Key]) -> None:
        self._keys = sorted(keys)

    def add(self, key: Key) -> None:
        insort(self._keys, key)

    def move(self, old: Key, new: Key) -> None:
        place = bisect_left(self._keys, old)
        del self._keys[place]
        insort(self._keys, new)

    def bounds(self, since: int | None, until: int | None) -> tuple[int, int]:
        """The slice whose times lie in [since, until)."""
        start = 0 if since is None else bisect_left(self._keys, (since, ""))
        end = len(self._keys) if until is None else bisect_left(self._keys, (until, ""))
        return start, max(start, end)

    def walk(self, start: int, end: int, after: Key | None, descending: bool) -> Iterator[Key]:
        """Keys of the slice beyond ``after``, in the direction asked for."""
        if descending:
            end = end if after is None else min(end, bisect_left(self._keys, after))
            return (self._keys[index] for index in range(end - 1, start - 1, -1))
        start = start if after is None else max(start, bisect_left(self._keys, (after[0], after[1] + "\0")))
        return (self._keys[index] for index in range(start, end))

    def __len__(self) -> int:
        return len(self._keys)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    records: list[T]
    total: int
    next_token: str


@dataclass(frozen=True, slots=True)
class Wanted(Generic[T]):
    """One search: which slice of which timeline, what else must hold, how many, from where.

    ``question`` is everything the cursor is bound to (shop, filters, sort); ``keep`` is None when the slice is all.
    """

    since: int | None
    until: int | None
    descending: bool
    size: int
    token: str
    question: str
    find: Callable[[str], T]
    keep: Callable[[T], bool] | None


class Pager:
    """Cuts pages and remembers how many records a question had, until something changes (``version``)."""

    def __init__(self) -> None:
        self._totals: dict[str, tuple[int, int]] = {}

    def page(self, timeline: Timeline, version: int, wanted: Wanted[T]) -> Page[T]:
        start, end = timeline.bounds(wanted.since, wanted.until)
        after = open_token(wanted.token, wanted.question) if wanted.token else None
        records: list[T] = []
        keys: list[Key] = []
        for key in timeline.walk(start, end, after, wanted.descending):
            record = wanted.find(key[1])
            if wanted.keep is None or wanted.keep(record):
                records.append(record)
                keys.append(key)
                if len(records) > wanted.size:
                    break
        more = len(records) > wanted.size
        token = make_token(keys[wanted.size - 1], wanted.question) if more else ""
        return Page(records[: wanted.size], self._total(timeline, version, wanted, start, end), token)

    def _total(self, timeline: Timeline, version: int, wanted: Wanted[T], start: int, end: int) -> int:
        if wanted.keep is None:
            return end - start
        known = self._totals.get(wanted.question)
        if known is None or known[0] != version:
            if len(self._totals) > 500:
                self._totals.clear()
            total = sum(1 for key in timeline.walk(start, end, None, False) if wanted.keep(wanted.find(key[1])))
            known = self._totals[wanted.question] = (version, total)
        return known[1]


def make_token(key: Key, question: str) -> str:
    """A cursor: base64 of a seal over question and key, and the key. Often holds ``+``, ``/`` and ``=``."""
    plain = f"{key[0]} {key[1]}".encode()
    padding = b"~" * ((2 - len(plain)) % 3)
    return base64.b64encode(_seal(plain, question) + plain + padding).decode()


def open_token(token: str, question: str) -> Key:
    """Refuses a cursor that was altered or belongs to another search."""
    try:
        raw = base64.b64decode(token, validate=True)
        seal, plain = raw[:8], raw[8:].rstrip(b"~")
        moment, _, record = plain.decode("ascii").partition(" ")
        key = int(moment), record
    except (binascii.Error, ValueError) as error:
        raise Refusal(36009004, "Parameter 'page_token' is invalid") from error
    if seal != _seal(plain, question):
        raise Refusal(36009004, "Parameter 'page_token' is invalid")
    return key


def _seal(plain: bytes, question: str) -> bytes:
    return hashlib.blake2b(question.encode() + b"\0" + plain, key=_PEPPER, digest_size=8).digest()
