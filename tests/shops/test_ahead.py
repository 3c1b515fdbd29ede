"""Pages that are read by a thread while others are stored."""

import threading
from collections.abc import Callable, Iterator

import pytest

from marketplaces.errors import TemporaryFailure
from marketplaces.records import Page
from shops.ahead import reading_ahead

PAGES = {"a": Page(["1"], "b"), "b": Page(["2"], "c"), "c": Page(["3"])}


def chain(fetch: Callable[[str], Page[str]], token: str = "a") -> Iterator[Page[str]]:
    while token:
        page = fetch(token)
        yield page
        token = page.next_cursor


def read(token: str = "a", *, room: int = 5, most: int = 99) -> list[str]:
    with reading_ahead({1: chain(PAGES.__getitem__, token)}, room=room, most=most) as ahead:
        return [record for batch in ahead.batches() for _, page in batch for record in page.records]


@pytest.mark.parametrize("room", [1, 2, 5])
def test_every_page_comes_once_and_in_order(room: int) -> None:
    assert read(room=room) == ["1", "2", "3"]
    assert read("c", room=room) == ["3"]


def test_it_ends_where_there_are_too_many() -> None:
    assert read(most=2) == ["1", "2"]


def test_what_was_read_together_comes_together() -> None:
    last = threading.Event()

    def fetch(token: str) -> Page[str]:
        if token == "c":
            last.set()
        return PAGES[token]

    with reading_ahead({1: chain(fetch)}, room=3, most=99) as ahead:
        assert last.wait(10)
        batches = list(ahead.batches())
    assert [page.records for batch in batches for _, page in batch] == [["1"], ["2"], ["3"]]
    assert len(batches[0]) >= 2


def test_trouble_comes_after_the_pages_before_it() -> None:
    def fetch(token: str) -> Page[str]:
        if token == "c":
            raise TemporaryFailure("busy")
        return PAGES[token]

    found: list[str] = []

    def take() -> None:
        with reading_ahead({1: chain(fetch)}, room=5, most=99) as ahead:
            for batch in ahead.batches():
                found.extend(record for _, page in batch for record in page.records)

    with pytest.raises(TemporaryFailure, match="busy"):
        take()
    assert found == ["1", "2"]


def test_it_reads_no_further_ahead_than_there_is_room_and_not_beyond_its_end() -> None:
    asked, full = [], threading.Event()

    def fetch(token: str) -> Page[str]:
        asked.append(token)
        if len(asked) == 2:
            full.set()
        return Page([token], f"{token}+")

    before = threading.active_count()
    with reading_ahead({1: chain(fetch)}, room=2, most=99):
        assert full.wait(10)
    assert asked == ["a", "a+"]  # of one row each
    assert threading.active_count() == before


class TestSideBySide:
    def test_every_chain_comes_once_and_each_in_order(self) -> None:
        chains = {number: iter([Page([f"{number}.{n}"]) for n in range(20)]) for number in range(7)}
        with reading_ahead(chains, room=3, most=999, side_by_side=3) as ahead:
            found = [(number, page.records[0]) for batch in ahead.batches() for number, page in batch]
        assert sorted(found) == sorted((number, f"{number}.{n}") for number in range(7) for n in range(20))
        for number in range(7):
            assert [one for of, one in found if of == number] == [f"{number}.{n}" for n in range(20)]

    def test_they_are_read_at_the_same_time_but_no_more_than_are_allowed(self) -> None:
        together, at_once, most = threading.Barrier(3), [0], [0]

        def slow() -> Iterator[Page[str]]:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
            together.wait(10)  # nobody passes alone
            at_once[0] -= 1
            yield Page(["1"])

        with reading_ahead({n: slow() for n in range(6)}, room=9, most=99, side_by_side=3) as ahead:
            assert sum(len(batch) for batch in ahead.batches()) == 6
        assert most == [3]

    def test_all_of_them_share_the_room_and_the_number_of_pages(self) -> None:
        asked = []

        def endless(number: int) -> Iterator[Page[str]]:
            while True:
                asked.append(number)
                yield Page([f"{number}"])

        with reading_ahead({n: endless(n) for n in range(4)}, room=99, most=10, side_by_side=4) as ahead:
            assert sum(len(batch) for batch in ahead.batches()) == 10
        assert len(asked) == 10

    def test_trouble_of_one_ends_all(self) -> None:
        def busy() -> Iterator[Page[str]]:
            yield Page(["1"])
            raise TemporaryFailure("busy")

        def endless() -> Iterator[Page[str]]:
            while True:
                yield Page(["2"])

        before = threading.active_count()
        with (
            pytest.raises(TemporaryFailure, match="busy"),
            reading_ahead({1: busy(), 2: endless()}, room=5, most=10**9, side_by_side=2) as ahead,
        ):
            list(ahead.batches())
        assert threading.active_count() == before
