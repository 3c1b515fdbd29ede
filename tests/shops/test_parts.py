"""A window that is read in parts, side by side: everything once, whatever happens meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from marketplaces.base import Adapter
from marketplaces.errors import CredentialsRejected, MarketplaceError, Refused, TemporaryFailure
from marketplaces.records import Page
from shops import parts, pulling
from shops.models import Shop, SyncCursor, SyncKind, SyncRun
from shops.parts import MOST_PARTS, Window
from shops.pulling import SILENT_FOR, Kind, pull
from tests.factories import ShopFactory

State = SyncRun.State
PAGE, THINGS = 5, 200


@dataclass(frozen=True)
class Thing:
    marketplace_id: str
    updated_at: datetime


@dataclass
class Market:
    """Things by when they changed. A token is how far a page came, and holds for its window alone."""

    things: list[Thing]
    asked: list[tuple[datetime, datetime, str]] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)
    trouble: dict[str, MarketplaceError] = field(default_factory=dict)  # once, at this thing
    circle_at: str = ""
    lock: Any = field(default_factory=Lock)

    def fetch(self, adapter: Adapter, since: datetime, until: datetime, token: str) -> Page[Any]:
        with self.lock:
            self.asked.append((since, until, token))
            assert len(self.asked) < 500, "it goes round in circles"
            window = f"{since}/{until}"
            start, _, of = token.partition("@")
            if of != window and token:
                raise Refused("this page token is of another search")
            changed = [one for one in self.things if since <= one.updated_at < until]
            end = int(start or 0) + PAGE
            found = changed[end - PAGE : end]
            for one in found:
                if one.marketplace_id in self.trouble:
                    raise self.trouble.pop(one.marketplace_id)
                if one.marketplace_id == self.circle_at:
                    return Page(found, token or f"0@{window}", total=len(changed))
            return Page(found, f"{end}@{window}" if end < len(changed) else "", total=len(changed))

    def store(self, shop: Shop, records: Sequence[Thing]) -> int:
        self.stored += [record.marketplace_id for record in records]
        return len(records)

    @property
    def kind(self) -> Kind:
        return Kind(SyncKind.ORDERS, self.fetch, self.store)

    def has_all(self) -> bool:
        return sorted(self.stored) == sorted(one.marketplace_id for one in self.things)

    @property
    def windows(self) -> set[tuple[datetime, datetime]]:
        return {(since, until) for since, until, _ in self.asked}


@pytest.fixture
def market() -> Market:
    """Most of it changed on the last of ninety days."""
    now = timezone.now()
    even = [now - timedelta(days=89) + timedelta(hours=21) * n for n in range(THINGS // 2)]
    late = [now - timedelta(days=1) + timedelta(minutes=14) * n for n in range(THINGS // 2)]
    return Market([Thing(str(n), moment) for n, moment in enumerate(sorted(even + late))])


@pytest.fixture(autouse=True)
def parts_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "ROWS_OF_A_PART", 20)


@pytest.fixture
def shop(transactional_db: None) -> Shop:
    return ShopFactory()


def cursor_of(shop: Shop) -> SyncCursor:
    return SyncCursor.objects.get(shop=shop)


def done(run: SyncRun | None) -> SyncRun:
    assert run
    run.refresh_from_db()
    return run


def after_a_while() -> None:
    SyncRun.objects.running().update(heard_at=timezone.now() - SILENT_FOR - timedelta(seconds=1))


@given(
    since=st.floats(1_500_000_000, 1_800_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    lasts=st.timedeltas(timedelta(seconds=1), timedelta(days=400)),
    total=st.integers(0, 10**12),
)
def test_parts_leave_nothing_out_and_nothing_twice(since: datetime, lasts: timedelta, total: int) -> None:
    window = Window(SyncCursor(window_since=since, window_until=since + lasts))
    page: Page[Any] = Page([], "next", total=total)
    if not window.can_be_split(page):
        assert total < 2 * parts.ROWS_OF_A_PART or lasts < 2 * parts.SHORTEST_PART
        return
    window.split(page)
    found = list(window.parts.values())
    assert 2 <= len(found) <= MOST_PARTS
    assert (found[0].since, found[-1].until) == (since, since + lasts)
    assert [part.until for part in found[:-1]] == [part.since for part in found[1:]]
    assert all(part.since < part.until for part in found)


@pytest.mark.parametrize("ahead", [0, 1, 3000])
def test_it_is_the_same_as_read_at_once(
    shop: Shop, market: Market, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    monkeypatch.setattr(pulling, "MOST_AHEAD", ahead)
    run = done(pull(shop, market.kind))
    assert market.has_all()
    assert (run.state, run.seen, run.written, run.expected) == (State.SUCCEEDED, THINGS, THINGS, THINGS)
    cursor = cursor_of(shop)
    assert (cursor.synced_until, cursor.window_until, cursor.parts) == (run.window_until, None, None)
    assert len(market.windows) == 1 + THINGS // 20


def test_what_little_changed_is_read_as_one(shop: Shop, market: Market) -> None:
    del market.things[39:]
    run = done(pull(shop, market.kind))
    assert (run.state, len(market.windows), run.pages) == (State.SUCCEEDED, 1, 8)
    del market.things[2:]
    pull(shop, market.kind, full=True)
    assert len(market.asked) == 9


def test_a_window_that_was_begun_as_one_is_read_to_its_end_as_one(
    shop: Shop, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "ROWS_OF_A_PART", 1000)
    market.trouble = {"30": TemporaryFailure("busy")}
    assert done(pull(shop, market.kind)).state == State.FAILED
    monkeypatch.setattr(parts, "ROWS_OF_A_PART", 20)
    assert done(pull(shop, market.kind)).state == State.SUCCEEDED
    assert market.has_all()
    assert len(market.windows) == 1


@pytest.mark.parametrize("ahead", [0, 3000])
def test_trouble_in_one_ends_the_run_and_the_next_reads_what_is_left(
    shop: Shop, market: Market, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    monkeypatch.setattr(pulling, "MOST_AHEAD", ahead)
    market.trouble = {"97": TemporaryFailure("busy", code="5")}
    run = done(pull(shop, market.kind))
    assert (run.state, run.error_code) == (State.FAILED, "5")
    cursor = cursor_of(shop)
    assert cursor.parts and cursor.synced_until is None and cursor.page_token == ""
    read = set(market.stored)
    assert "0" in read
    again = done(pull(shop, market.kind))
    assert market.has_all()  # none of them twice
    assert (again.state, again.window_until, again.expected) == (State.SUCCEEDED, run.window_until, None)
    assert cursor_of(shop).synced_until == run.window_until


def test_a_pull_that_dies_loses_nothing(shop: Shop, market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    """Again and again; what is stored when it dies is not stored, since a death takes its transaction along."""
    monkeypatch.setattr(pulling, "MOST_AHEAD", 1)

    def one_batch_and_die(shop: Shop, records: Sequence[Thing]) -> int:
        if len(market.stored) - before >= 30:
            raise SystemExit
        return market.store(shop, records)

    for _ in range(THINGS):
        before = len(market.stored)
        try:
            run = pull(shop, Kind(SyncKind.ORDERS, market.fetch, one_batch_and_die))
        except SystemExit:
            after_a_while()
        else:
            assert done(run).state == State.SUCCEEDED
            break
    assert market.has_all()


def test_a_part_whose_token_has_died_is_read_from_its_start_and_no_other(shop: Shop, market: Market) -> None:
    market.trouble = {"199": TemporaryFailure("busy")}
    run = done(pull(shop, market.kind))
    assert run.state == State.FAILED
    cursor = cursor_of(shop)
    assert cursor.parts
    last = cursor.parts["left"][-1]
    last[2] = "0@another search"
    cursor.parts["left"] = [last]
    cursor.save()
    before = len(market.stored)
    assert done(pull(shop, market.kind)).state == State.SUCCEEDED
    since = datetime.fromisoformat(last[0])
    anew = sorted(one.marketplace_id for one in market.things if one.updated_at >= since)
    assert sorted(market.stored[before:]) == anew


def test_one_that_is_refused_whenever_it_is_asked_for_ends_the_run(shop: Shop, market: Market) -> None:
    market.trouble = {"150": Refused("no", code="7")}
    run = done(pull(shop, market.kind))
    assert (run.state, run.error_code) == (State.FAILED, "7")


def test_an_access_token_that_ends_meanwhile_is_renewed(
    shop: Shop, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.trouble = {"120": CredentialsRejected("expired", expired=True)}
    run = done(pull(shop, market.kind))
    assert (run.state, run.seen) == (State.SUCCEEDED, THINGS)
    assert market.has_all()


def test_pages_of_one_part_that_lead_back_end_the_run_and_the_next_reads_all_anew(shop: Shop, market: Market) -> None:
    market.circle_at = "130"
    run = done(pull(shop, market.kind))
    assert run.state == State.FAILED and "lead back to one that was read already" in run.error
    cursor = cursor_of(shop)
    assert (cursor.synced_until, cursor.window_until, cursor.page_token, cursor.parts) == (None, None, "", None)
    assert cursor.doubtful_since
    market.circle_at = ""
    market.stored.clear()
    assert done(pull(shop, market.kind)).state == State.SUCCEEDED
    assert market.has_all()


def test_all_parts_together_have_so_many_pages_in_a_run(
    shop: Shop, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulling, "MOST_PAGES", 12)
    runs: list[SyncRun] = []
    while not runs or runs[-1].state != State.SUCCEEDED:
        runs.append(done(pull(shop, market.kind)))
    assert market.has_all()
    assert {run.pages for run in runs[:-1]} == {12}
    assert runs[0].error == "More than 12 pages: the next pull goes on there."


def test_parts_of_a_window_that_the_version_before_has_read_count_for_nothing(shop: Shop, market: Market) -> None:
    market.trouble = {"97": TemporaryFailure("busy")}
    pull(shop, market.kind)
    cursor = cursor_of(shop)
    assert cursor.window_until
    # It knows no parts: it read the whole window, and opened the next one.
    cursor.synced_until = cursor.window_until
    cursor.window_since, cursor.window_until = cursor.window_until - pulling.OVERLAP, timezone.now()
    cursor.save()
    market.asked.clear()
    assert done(pull(shop, market.kind)).state == State.SUCCEEDED
    assert market.asked[0][:2] == (cursor.window_since, cursor.window_until)


def test_everything_anew_forgets_the_parts(shop: Shop, market: Market) -> None:
    market.trouble = {"97": TemporaryFailure("busy")}
    pull(shop, market.kind)
    market.stored.clear()
    assert done(pull(shop, market.kind, full=True)).state == State.SUCCEEDED
    assert market.has_all()


def test_what_changes_while_it_is_read_comes_with_the_next_pull(shop: Shop, market: Market) -> None:
    """It leaves its part, and no other part of this window has it: what was asked for ends when the pull began."""

    def store(shop: Shop, records: Sequence[Thing]) -> int:
        if not market.stored:
            with market.lock:
                market.things[150] = Thing("150", timezone.now())
                market.things.sort(key=lambda one: one.updated_at)
        return market.store(shop, records)

    pull(shop, Kind(SyncKind.ORDERS, market.fetch, store))
    pull(shop, Kind(SyncKind.ORDERS, market.fetch, store))
    assert "150" in market.stored
