"""Windows, cursors, claims and what a run tells; the other side is a function here."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import DataError, OperationalError, connection
from django.utils import timezone

from marketplaces.base import Adapter
from marketplaces.errors import CredentialsRejected, Refused, TemporaryFailure
from marketplaces.records import Page, SetAside
from shops import pulling
from shops.models import Shop, SyncCursor, SyncKind, SyncRun
from shops.pulling import OVERLAP, SILENT_FOR, Kind, ask_for_pull, claim_due_shops, pull
from tests.factories import ShopFactory

pytestmark = pytest.mark.django_db(transaction=True)

State = SyncRun.State


@dataclass
class Thing:
    marketplace_id: str


class Market:
    """Pages by cursor. It remembers what it was asked and what was stored."""

    def __init__(self, **pages: Page[Thing] | Exception) -> None:
        self.pages = pages or {"first": Page([Thing("1")])}
        self.asked: list[tuple[datetime, datetime, str]] = []
        self.stored: list[str] = []
        self.dead_tokens: set[str] = set()

    def fetch(self, adapter: Adapter, since: datetime, until: datetime, cursor: str) -> Page[Any]:
        self.asked.append((since, until, cursor))
        assert len(self.asked) < 20, "it goes round in circles"
        if cursor in self.dead_tokens:
            self.dead_tokens.remove(cursor)  # the same words are a new token when they are given out again
            raise Refused("this page token has expired")
        page = self.pages[cursor or "first"]
        if isinstance(page, Exception):
            raise page
        return page

    def store(self, shop: Shop, records: Sequence[Thing]) -> int:
        self.stored += [record.marketplace_id for record in records]
        return len(records)

    def kind(self, store: Callable[[Shop, Sequence[Any]], int] | None = None) -> Kind:
        return Kind(SyncKind.ORDERS, self.fetch, store or self.store)


def three_pages(second: Page[Thing] | Exception | None = None) -> Market:
    return Market(
        first=Page([Thing("1"), Thing("2")], "second", total=5),
        second=second or Page([Thing("3"), Thing("4")], "third", total=5),
        third=Page([Thing("5")], total=5),
    )


def cursor_of(shop: Shop) -> SyncCursor:
    return SyncCursor.objects.get(shop=shop)


@pytest.fixture
def shop() -> Shop:
    return ShopFactory()


def done(run: SyncRun | None) -> SyncRun:
    assert run
    run.refresh_from_db()
    return run


class TestWindows:
    def test_the_first_one_reaches_back_as_far_as_the_settings_say(self, shop: Shop, settings: Any) -> None:
        settings.BACKFILL_DAYS = 30
        market, began = Market(), timezone.now()
        run = done(pull(shop, market.kind()))
        since, until, token = market.asked[0]
        assert (until - since, token) == (timedelta(days=30), "")
        assert began <= until <= timezone.now()
        assert (run.is_full, run.window_since, run.window_until) == (True, since, until)

    def test_the_next_one_begins_a_little_before_the_last_one_ended(self, shop: Shop) -> None:
        market = Market()
        pull(shop, market.kind())
        run = done(pull(shop, market.kind()))
        assert market.asked[1][0] == market.asked[0][1] - OVERLAP
        assert not run.is_full

    def test_a_full_one_reaches_back_again(self, shop: Shop, settings: Any) -> None:
        market = Market()
        pull(shop, market.kind())
        run = done(pull(shop, market.kind(), full=True))
        assert market.asked[1][1] - market.asked[1][0] == timedelta(days=settings.BACKFILL_DAYS)
        assert run.is_full

    def test_every_page_of_a_run_is_of_the_same_window(self, shop: Shop) -> None:
        market = three_pages()
        pull(shop, market.kind())
        assert [token for _, _, token in market.asked] == ["", "second", "third"]
        assert len({(since, until) for since, until, _ in market.asked}) == 1

    def test_kinds_are_read_apart(self, shop: Shop) -> None:
        market = Market()
        pull(shop, market.kind())
        other = Kind(SyncKind.CANCELLATIONS, market.fetch, market.store)
        pull(shop, other)
        assert SyncCursor.objects.filter(shop=shop).count() == 2
        assert market.asked[1][1] - market.asked[1][0] > timedelta(days=1)


class TestPages:
    def test_all_are_stored_and_counted(self, shop: Shop) -> None:
        market = three_pages()
        run = done(pull(shop, market.kind()))
        assert market.stored == ["1", "2", "3", "4", "5"]
        assert (run.state, run.pages, run.seen, run.written, run.expected) == (State.SUCCEEDED, 3, 5, 5, 5)
        assert run.finished_at and run.percent == 100
        cursor = cursor_of(shop)
        assert (cursor.synced_until, cursor.page_token, cursor.window_until) == (run.window_until, "", None)

    def test_what_was_set_aside_and_what_is_new_is_in_the_run(self, shop: Shop) -> None:
        market = Market(
            first=Page([Thing("1")], "second", set_aside=[SetAside("9", "no time")], drift=["order.status: NEW"]),
            second=Page([], set_aside=[SetAside("", "no id")], drift=["order.status: NEW", "order.field"]),
        )
        run = done(pull(shop, market.kind()))
        assert run.set_aside == [{"id": "9", "problem": "no time"}, {"id": "", "problem": "no id"}]
        assert run.drift == ["order.field", "order.status: NEW"]
        assert (run.state, run.seen, run.written) == (State.SUCCEEDED, 3, 1)

    def test_a_great_many_problems_do_not_fill_the_row(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pulling, "KEPT_SET_ASIDE", 2)
        run = done(pull(shop, Market(first=Page([], set_aside=[SetAside(str(n), "x") for n in range(9)])).kind()))
        assert (len(run.set_aside), run.seen) == (2, 9)

    def test_one_that_fails_ends_the_run_and_the_next_goes_on_there(self, shop: Shop) -> None:
        error = TemporaryFailure("busy", code="36009002", request_id="abc")
        broken = three_pages(error)
        run = done(pull(shop, broken.kind()))
        assert (run.state, run.error, run.error_code, run.request_id) == (State.FAILED, "busy", "36009002", "abc")
        assert (run.pages, run.written) == (1, 2)
        cursor = cursor_of(shop)
        assert (cursor.page_token, cursor.synced_until) == ("second", None)

        mended = three_pages()
        again = done(pull(shop, mended.kind()))
        assert mended.stored == ["3", "4", "5"]
        assert again.state == State.SUCCEEDED
        assert {(since, until) for since, until, _ in mended.asked} == {broken.asked[0][:2]}
        assert cursor_of(shop).synced_until == broken.asked[0][1]

    def test_a_full_pull_does_not_go_on_in_the_middle(self, shop: Shop) -> None:
        pull(shop, three_pages(TemporaryFailure("busy")).kind())
        mended = three_pages()
        pull(shop, mended.kind(), full=True)
        assert mended.stored == ["1", "2", "3", "4", "5"]

    def test_the_token_of_an_earlier_run_that_has_died_has_the_window_read_from_its_start(self, shop: Shop) -> None:
        pull(shop, three_pages(TemporaryFailure("busy")).kind())
        market = three_pages()
        market.dead_tokens = {"second"}
        run = done(pull(shop, market.kind()))
        assert [token for _, _, token in market.asked] == ["second", "", "second", "third"]
        assert (run.state, run.written) == (State.SUCCEEDED, 5)

    def test_a_token_that_dies_between_two_pages_has_the_second_asked_for_again(self, shop: Shop) -> None:
        market, rejected = three_pages(), [CredentialsRejected("expired", expired=True)]

        def fetch(adapter: Adapter, since: datetime, until: datetime, cursor: str) -> Page[Any]:
            page = market.fetch(adapter, since, until, cursor)
            if cursor == "second" and rejected:
                raise rejected.pop()
            return page

        run = done(pull(shop, Kind(SyncKind.ORDERS, fetch, market.store)))
        assert [token for _, _, token in market.asked] == ["", "second", "second", "third"]
        assert (run.state, market.stored) == (State.SUCCEEDED, ["1", "2", "3", "4", "5"])

    @pytest.mark.parametrize("ahead", [0, 1, 3000])
    def test_however_far_ahead_they_are_read_the_pull_is_the_same(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch, ahead: int
    ) -> None:
        monkeypatch.setattr(pulling, "MOST_AHEAD", ahead)
        pages = {f"{n}": Page([Thing(f"{n}")], f"{n + 1}" if n < 15 else "", total=15) for n in range(2, 16)}
        market = Market(first=Page([Thing("1")], "2", total=15), **pages)
        run = done(pull(shop, market.kind()))
        assert market.stored == [str(n) for n in range(1, 16)]
        assert (run.state, run.pages, run.seen, run.written, run.expected) == (State.SUCCEEDED, 15, 15, 15, 15)

    def test_a_page_that_is_refused_whenever_it_is_asked_for_ends_the_run(self, shop: Shop) -> None:
        for asked in (["", "second"], ["second", "", "second"]):
            market = three_pages(Refused("no such page", code="5"))
            run = done(pull(shop, market.kind()))
            assert [token for _, _, token in market.asked] == asked
            assert (run.state, run.error_code) == (State.FAILED, "5")

    def test_a_first_page_that_is_refused_ends_the_run(self, shop: Shop) -> None:
        run = done(pull(shop, Market(first=Refused("no", code="5")).kind()))
        assert (run.state, run.error_code) == (State.FAILED, "5")

    def test_a_page_and_its_cursor_are_stored_together_or_not_at_all(self, shop: Shop) -> None:
        def store(shop: Shop, records: Sequence[Any]) -> int:
            ShopFactory(marketplace_id="written with the page")
            raise RuntimeError("the machine went down")

        with pytest.raises(RuntimeError):
            pull(shop, three_pages().kind(store))
        assert not Shop.objects.filter(marketplace_id="written with the page").exists()
        assert not SyncCursor.objects.exclude(page_token="").exists()
        assert (SyncRun.objects.get().state, SyncRun.objects.get().pages) == (State.FAILED, 0)

    def test_one_record_that_the_database_refuses_is_set_aside_and_the_page_kept(self, shop: Shop) -> None:
        kept: list[str] = []

        def store(shop: Shop, records: Sequence[Any]) -> int:
            if any(record.marketplace_id == "2" for record in records):
                raise DataError("value too long\nDETAIL: more")
            kept.extend(record.marketplace_id for record in records)
            return len(records)

        run = done(pull(shop, three_pages().kind(store)))
        assert kept == ["1", "3", "4", "5"]
        assert run.set_aside == [{"id": "2", "problem": "value too long"}]
        assert (run.state, run.seen, run.written) == (State.SUCCEEDED, 5, 4)

    @pytest.mark.parametrize(
        ("statement", "problem"),
        [
            (
                "INSERT INTO long_ones VALUES ((SELECT string_agg(md5(n::text), '') FROM generate_series(1, 300) n))",
                "size",
            ),
            ("INSERT INTO long_ones VALUES (NULL)", "null value"),
            ("INSERT INTO long_ones VALUES ('forbidden')", "check constraint"),
        ],
    )
    def test_so_is_one_that_an_index_or_a_constraint_refuses(self, shop: Shop, statement: str, problem: str) -> None:
        def store(shop: Shop, records: Sequence[Any]) -> int:
            with connection.cursor() as cursor:
                rules = "UNIQUE NOT NULL CHECK (word <> 'forbidden')"
                cursor.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS long_ones (word text {rules})")
                if any(record.marketplace_id == "2" for record in records):
                    cursor.execute(statement)
            return len(records)

        run = done(pull(shop, three_pages().kind(store)))
        assert [one["id"] for one in run.set_aside] == ["2"]
        assert problem in run.set_aside[0]["problem"]
        assert (run.state, run.written) == (State.SUCCEEDED, 4)

    @pytest.mark.parametrize("sqlstate", ["08006", "57P01", "40P01", "53300", None])
    def test_a_database_that_is_in_trouble_says_nothing_about_a_record(self, shop: Shop, sqlstate: str | None) -> None:
        def store(shop: Shop, records: Sequence[Any]) -> int:
            raise OperationalError("terminating connection") from type("Lost", (Exception,), {"sqlstate": sqlstate})()

        with pytest.raises(OperationalError):
            pull(shop, three_pages().kind(store))
        assert (SyncRun.objects.get().state, SyncRun.objects.get().set_aside) == (State.FAILED, [])
        pull(shop, three_pages().kind())
        assert SyncRun.objects.latest("pk").seen == 5


class TestPagesWithoutEnd:
    """A marketplace that leads us in a circle, or on and on."""

    def test_a_circle_ends_the_run_and_keeps_what_was_read(self, shop: Shop) -> None:
        market = three_pages(Page([Thing("3")], "second"))
        run = done(pull(shop, market.kind()))
        assert (run.state, market.stored) == (State.FAILED, ["1", "2", "3"])
        assert "lead back to one that was read already" in run.error
        cursor = cursor_of(shop)
        assert (cursor.synced_until, cursor.window_until, cursor.page_token) == (None, None, "")

    def test_the_next_pull_reads_the_same_window_and_what_came_since(self, shop: Shop) -> None:
        pull(shop, Market().kind())
        synced_until = cursor_of(shop).synced_until
        assert synced_until
        pull(shop, three_pages(Page([Thing("3")], "second")).kind())
        mended = three_pages()
        run = done(pull(shop, mended.kind()))
        assert (run.state, mended.stored) == (State.SUCCEEDED, ["1", "2", "3", "4", "5"])
        assert mended.asked[0][0] == synced_until - OVERLAP
        assert cursor_of(shop).synced_until == mended.asked[0][1]

    def test_a_run_takes_so_many_pages_and_the_next_goes_on_there(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pulling, "MOST_PAGES", 2)
        market = three_pages()
        run = done(pull(shop, market.kind()))
        assert (run.state, run.pages, market.stored) == (State.FAILED, 2, ["1", "2", "3", "4"])
        assert run.error == "More than 2 pages: the next pull goes on there."
        assert done(pull(shop, market.kind())).state == State.SUCCEEDED
        assert market.stored == ["1", "2", "3", "4", "5"]


class TestOneAtATime:
    def test_a_full_one_that_dies_before_its_first_page_leaves_its_window_open(self, shop: Shop, settings: Any) -> None:
        pull(shop, Market().kind())

        def die(*_: object) -> Page[Any]:
            raise SystemExit

        with pytest.raises(SystemExit):
            pull(shop, Kind(SyncKind.ORDERS, die, Market().store), full=True)
        SyncRun.objects.running().update(heard_at=timezone.now() - SILENT_FOR - timedelta(seconds=1))
        market = Market()
        pull(shop, market.kind())
        assert market.asked[0][1] - market.asked[0][0] == timedelta(days=settings.BACKFILL_DAYS)

    def test_a_second_run_of_a_kind_does_not_begin(self, shop: Shop) -> None:
        market = Market()
        SyncRun.objects.create(shop=shop, kind=SyncKind.ORDERS)
        assert pull(shop, market.kind()) is None
        assert market.asked == []

    def test_one_that_has_been_silent_for_long_is_taken_for_dead(self, shop: Shop) -> None:
        silent = SyncRun.objects.create(
            shop=shop, kind=SyncKind.ORDERS, heard_at=timezone.now() - SILENT_FOR - timedelta(seconds=1)
        )
        assert done(pull(shop, Market().kind())).state == State.SUCCEEDED
        assert done(silent).state == State.FAILED
        assert silent.finished_at and silent.error

    def test_whatever_is_stored_together_is_a_sign_of_life(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pulling, "MOST_AHEAD", 0)
        market, heard = three_pages(), []

        def store(shop: Shop, records: Sequence[Any]) -> int:
            heard.append(SyncRun.objects.get().heard_at)
            time.sleep(0.01)
            return 0

        pull(shop, market.kind(store))
        assert [later - earlier > timedelta(seconds=0.01) for earlier, later in pairwise(heard)] == [True, True]

    def test_of_several_workers_one_reads(self, shop: Shop) -> None:
        market = Market()

        def slow(adapter: Adapter, since: datetime, until: datetime, cursor: str) -> Page[Any]:
            market.asked.append((since, until, cursor))
            return Page([])

        def work(_: int) -> SyncRun | None:
            try:
                return pull(shop, Kind(SyncKind.ORDERS, slow, market.store))
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as together:
            runs = [run for run in together.map(work, range(4)) if run]
        assert len(runs) == len(market.asked) == SyncRun.objects.count() >= 1
        assert {run.state for run in SyncRun.objects.all()} == {State.SUCCEEDED}


class TestClaiming:
    def test_asking_makes_a_shop_due_at_once(self, shop: Shop) -> None:
        Shop.objects.update(next_pull_at=timezone.now() + timedelta(hours=1))
        assert claim_due_shops(timezone.now()) == []
        ask_for_pull(shop)
        assert claim_due_shops(timezone.now()) == [shop]

    def test_asking_for_everything_is_remembered_beyond_the_claim(self, shop: Shop) -> None:
        ask_for_pull(shop, full=True)
        ask_for_pull(shop)
        (claimed,) = claim_due_shops(timezone.now())
        assert claimed.wants_full_pull
        shop.refresh_from_db()
        assert shop.wants_full_pull

    def test_of_several_workers_one_gets_each_shop(self) -> None:
        shops = ShopFactory.create_batch(6)
        now = timezone.now()

        def claim(_: int) -> list[Shop]:
            try:
                return claim_due_shops(now)
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as together:
            claimed = [shop.pk for found in together.map(claim, range(4)) for shop in found]
        assert sorted(claimed) == sorted(shop.pk for shop in shops)
