"""Reading all orders of a stretch of time, whatever the search makes of its limits."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplaces.crux_timp import orders
from marketplaces.crux_timp.client import CruxTimpClient
from marketplaces.crux_timp.mapper import Reader
from marketplaces.crux_timp.readings import Readings
from marketplaces.crux_timp.windows import MOST_ROWS, Window, next_window, whole_second_after, window_at
from marketplaces.errors import Refused, TemporaryFailure
from marketplaces.records import OrderRecord, Page
from tests.marketplaces.crux_timp.samples import US, an_id, as_listed, line, order

START = datetime(2026, 3, 1, tzinfo=UTC)
Limit = Callable[[int, int], int]  # start and limit to the row where a page ends
LIMITS: dict[str, Limit] = {
    "a count": lambda start, limit: start + limit,
    "an end": lambda start, limit: limit,
    "the last row": lambda start, limit: limit + 1,
    "at most 25": lambda start, limit: start + min(limit, 25),
}


class Search(CruxTimpClient):
    """Get Orders over made-up orders: both ends of a search are included, and the newest comes first."""

    def __init__(
        self, made: list[datetime], limit: Limit = LIMITS["a count"], pattern: str = "%Y-%m-%d %H:%M:%S"
    ) -> None:
        newest_first = sorted(enumerate(made), key=lambda one: one[1], reverse=True)
        self.found = [
            (at, as_listed(order(order_uuid=an_id(n), created_date=at.isoformat()))) for n, at in newest_first
        ]
        self.limit, self.pattern = limit, pattern
        self.asked: list[Mapping[str, Any]] = []

    def orders(self, search: Mapping[str, Any]) -> Any:
        self.asked.append(search)
        first, last = (
            datetime.strptime(search[end], self.pattern).replace(tzinfo=UTC) for end in ("start_date", "end_date")
        )
        rows = [raw for at, raw in self.found if first <= at <= last]
        return {
            "total_results": len(rows),
            "orders": rows[search["start"] : self.limit(search["start"], search["limit"])],
        }


def reader(**options: str) -> Reader:
    return Reader(Readings(**options), US)


def all_pages(search: CruxTimpClient, since: datetime, until: datetime, **options: str) -> list[Page[OrderRecord]]:
    reading = orders.Orders(search, reader(**options), orders.now)
    pages = [reading.made(since, until, "")]
    while pages[-1].next_cursor:
        assert len(pages) < 5_000
        pages.append(reading.made(since, until, pages[-1].next_cursor))
    return pages


def ids(pages: list[Page[OrderRecord]]) -> list[str]:
    return [one.marketplace_id for page in pages for one in page.records]


moments = st.builds(
    lambda seconds, micro: START + timedelta(seconds=seconds, microseconds=micro),
    st.one_of(st.integers(0, 40 * 86400), st.integers(5000, 5010)),
    st.sampled_from([0, 0, 1, 500_000, 999_999]),
)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(moments, st.integers(1, 60)), max_size=12),
    st.sampled_from(sorted(LIMITS)),
    st.timedeltas(timedelta(0), timedelta(days=2)),
    st.timedeltas(timedelta(microseconds=1), timedelta(days=45)),
)
def test_windows_lose_no_order_and_tell_none_twice(
    bursts: list[tuple[datetime, int]], limit: str, later: timedelta, length: timedelta
) -> None:
    made = [at for at, count in bursts for _ in range(count)]
    since = START + later
    until = since + length
    pages = all_pages(Search(made, LIMITS[limit]), since, until)
    told = Counter(ids(pages))
    wanted = {an_id(number) for number, at in enumerate(made) if since <= at < until}
    assert wanted <= set(told)
    assert set(told.values()) <= {1}
    assert not [one for page in pages for one in page.set_aside]


def test_a_full_second_is_read_by_rows() -> None:
    made = [START + timedelta(seconds=1000, microseconds=number) for number in range(350)]
    search = Search(made)
    pages = all_pages(search, START, START + timedelta(days=1))
    assert sorted(ids(pages)) == sorted(an_id(number) for number in range(350))
    assert [asked["start"] for asked in search.asked if asked["start"]] == [100, 300]


def test_one_page_is_one_call() -> None:
    search = Search([START + timedelta(hours=hour) for hour in range(500)])
    assert len(all_pages(search, START, START + timedelta(days=30))) == len(search.asked)


def test_quiet_times_are_read_in_long_windows_and_busy_ones_in_short_windows() -> None:
    quiet = Search([])
    assert len(all_pages(quiet, START, START + timedelta(days=97))) <= 8
    busy = Search([START + timedelta(minutes=minute) for minute in range(2880)])
    all_pages(busy, START, START + timedelta(days=2))
    assert min(map(_span, busy.asked)) < timedelta(hours=2)


def _span(asked: Mapping[str, Any]) -> timedelta:
    first, last = (
        datetime.strptime(asked[end], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) for end in ("start_date", "end_date")
    )
    return last - first


def test_a_pull_goes_on_where_it_was() -> None:
    made = [START + timedelta(hours=hour) for hour in range(200)]
    reading = orders.Orders(Search(made), reader(), orders.now)
    until = START + timedelta(days=30)
    first = reading.made(START, until, "")
    assert re.fullmatch(r"\d+\+\d+", first.next_cursor)
    somebody_else = orders.Orders(Search(made), reader(), orders.now)
    second = somebody_else.made(START, until, first.next_cursor)
    assert ids([first, second]) == [an_id(number) for number in [*range(23, -1, -1), *range(71, 23, -1)]]


@pytest.mark.parametrize(
    "cursor", ["x", "1", "0+60", "1772323200+0", "1772323200+99999999", "1772323200+60@", "١+١", "-1+5"]
)
def test_a_cursor_that_leads_nowhere_is_refused_before_anything_is_asked(cursor: str) -> None:
    search = Search([])
    with pytest.raises(Refused):
        orders.Orders(search, reader(), orders.now).made(START, START + timedelta(days=1), cursor)
    assert not search.asked


def test_a_stretch_without_length_has_no_orders() -> None:
    search = Search([START])
    assert ids(all_pages(search, START, START)) == []
    assert not search.asked


def test_a_time_without_zone_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="time zone"):
        all_pages(Search([]), START.replace(tzinfo=None), START)


def test_the_moments_of_a_search_are_written_as_the_connection_says() -> None:
    search = Search([START], pattern="%Y-%m-%dT%H:%M:%S.000Z")
    assert len(ids(all_pages(search, START, START + timedelta(days=1), date_format="iso"))) == 1
    search = Search([])
    all_pages(search, START, START + timedelta(hours=1), date_zone="America/Denver")
    assert search.asked[0]["start_date"] == "2026-02-28 17:00:00"


class Answering(Search):
    """Says the same whatever is asked."""

    def __init__(self, answer: Any, detail: Any = None) -> None:
        super().__init__([])
        self.answer, self.detail = answer, detail
        self.details: list[str] = []

    def orders(self, search: Mapping[str, Any]) -> Any:
        self.asked.append(search)
        return self.answer

    def order(self, order_uuid: str) -> Any:
        self.details.append(order_uuid)
        return self.detail


def one_page(answer: Any, detail: Any = None) -> Page[OrderRecord]:
    return orders.Orders(Answering(answer, detail), reader(), orders.now).made(START, START + timedelta(hours=1), "")


def test_orders_that_are_counted_and_not_given_are_told() -> None:
    page = one_page({"total_results": 7, "orders": []})
    assert [one.problem for one in page.set_aside] == [
        "7 orders made about 2026-03-01 00:00:00+00:00 were counted and not given"
    ]


@pytest.mark.parametrize("answer", [[], "x", None, {"orders": {}}, {"orders": [], "total_results": -1}])
def test_a_page_that_is_none_is_a_temporary_failure(answer: Any) -> None:
    with pytest.raises(TemporaryFailure, match="not as documented"):
        one_page(answer)


def test_without_a_count_what_came_is_taken_for_all() -> None:
    assert len(one_page({"orders": [as_listed(order())]}).records) == 1


def test_one_bad_order_does_not_stop_the_others() -> None:
    bad = as_listed(order(order_uuid=an_id(5), created_date="soon"))
    page = one_page({"total_results": 4, "orders": [bad, as_listed(order()), "x", as_listed(order())]})
    assert len(page.records) == 1
    assert [(one.marketplace_id, one.problem) for one in page.set_aside] == [
        (an_id(5), "created_date: is no time in ISO 8601"),
        ("", "order: must be an object"),
    ]


def test_a_row_that_does_not_say_how_much_was_ordered_is_read_again_in_detail() -> None:
    row = as_listed(order())
    row["line_items"][0]["allocation"] = None
    page = one_page({"total_results": 1, "orders": [row]}, detail=order())
    assert page.records[0].lines[0].quantity == 3
    page = one_page({"total_results": 1, "orders": [row]}, detail=order(line_items=[line(quantity_ordered=None)]))
    assert [one.problem for one in page.set_aside] == ["line_items[0].quantity_ordered: is told nowhere"]
    page = one_page({"total_results": 1, "orders": [row]}, detail=None)
    assert [one.problem for one in page.set_aside] == ["order: must be an object"]


def test_orders_of_which_something_is_asked_are_paged_by_rows() -> None:
    asked = [
        as_listed(order(order_uuid=an_id(n), line_items=[line(line_item_designation="Cancelled")])) for n in range(250)
    ]

    class Requested(Search):
        def orders(self, search: Mapping[str, Any]) -> Any:
            self.asked.append(search)
            return {"total_results": len(asked), "orders": asked[search["start"] : search["start"] + 100]}

    search = Requested([])
    reading = orders.Orders(search, reader(cancelled_word="requested"), orders.now)
    pages = [reading.requested("")]
    while pages[-1].next_cursor:
        pages.append(reading.requested(pages[-1].next_cursor))
    assert ids(pages) == [an_id(number) for number in range(250)]
    assert [one["start"] for one in search.asked] == [0, 100, 200]
    assert {one["line_item_designation"] for one in search.asked} == {"Cancelled"}


@given(st.integers(1, 10**6), st.integers(0, 500), st.integers(0, 500))
def test_a_window_always_leads_on(seconds: int, got: int, total: int) -> None:
    window = Window(0, seconds)
    used, following = next_window(window, min(got, total), total, end=10**7)
    assert following
    assert following != window
    assert used or following.end < window.end
    assert window_at(following.cursor, 0, 10**7) == following


def test_no_fraction_of_a_second_is_cut_off() -> None:
    assert whole_second_after(START + timedelta(microseconds=1)) == int(START.timestamp()) + 1
    assert whole_second_after(START) == int(START.timestamp())
    assert MOST_ROWS == 100
