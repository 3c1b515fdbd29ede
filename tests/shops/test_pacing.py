"""Turns to call: however many ask for them, the marketplace is not asked more often than it allows."""

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from django.core.cache import cache, caches
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from marketplaces import turns
from marketplaces.errors import TemporaryFailure
from marketplaces.http import Effect, within
from marketplaces.records import Credentials
from marketplaces.tiktok_shop import adapter, client
from marketplaces.turns import Turn
from shops import pacing
from shops.pacing import take
from tests.sandbox_process import SandboxProcess

NOW = 1_800_000_000.0
LIMIT = 50


@pytest.fixture(autouse=True)
def paced(settings: Any) -> Iterator[None]:
    settings.PACE_CALLS = True
    cache.clear()
    pacing.pause["until"] = 0.0
    yield
    pacing.pause["until"] = 0.0


def turn(*, is_urgent: bool = False, of: str = "shop", per_second: float = LIMIT) -> Turn:
    return Turn(of, per_second, is_urgent)


def most_in_a_second(moments: list[float]) -> int:
    moments = sorted(moments)
    return max(sum(1 for one in moments if begin <= one < begin + 1) for begin in moments)


@given(asked=st.lists(st.tuples(st.integers(0, 200), st.booleans()), min_size=60, max_size=120))
@how(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_they_come_no_second_has_more_than_the_limit_nor_much_less(asked: list[tuple[int, bool]]) -> None:
    """`asked` is how many milliseconds after the one before it each asks, and whether somebody waits for it."""
    cache.clear()
    moment, goes = NOW, []
    for later, is_urgent in asked:
        moment += later / 1000
        wait = take(turn(is_urgent=is_urgent), 60, now=moment)
        goes.append(moment + wait)
        if not is_urgent:  # in line, whoever is ahead of whom
            assert wait <= len(goes) / (LIMIT * pacing.SHARE)
    assert most_in_a_second(goes) <= LIMIT


def test_who_asks_at_once_goes_one_after_the_other() -> None:
    waits = [take(turn(), 5, now=NOW) for _ in range(5)]
    assert waits[0] == 0
    assert [later - earlier for earlier, later in pairwise(waits)] == pytest.approx([1 / 46] * 4, abs=1e-4)


def test_what_somebody_waits_for_goes_ahead_of_what_nobody_does() -> None:
    in_line = [take(turn(), 5, now=NOW) for _ in range(10)]
    assert take(turn(is_urgent=True), 5, now=NOW) < in_line[-1]


def test_a_turn_that_would_come_too_late_is_not_taken() -> None:
    for _ in range(10):
        take(turn(), 5, now=NOW)
    assert [take(turn(), 0.1, now=NOW) for _ in range(3)] == pytest.approx([10 / 46] * 3, abs=1e-3)


def test_shops_do_not_wait_for_each_other_nor_after_a_pause() -> None:
    assert [take(turn(of=name), 5, now=NOW) for name in "abcde"] == [0] * 5
    assert [take(turn(), 5, now=NOW + second) for second in range(3)] == [0] * 3


def test_a_moment_without_calls_leaves_nothing_behind() -> None:
    take(turn(), 5)
    server: Any = caches["default"]._cache.get_client(write=True)  # type: ignore[attr-defined]
    assert 0 < server.pttl("turns:shop") <= 2000


def call_until(moment: float, credentials: Credentials) -> None:
    def call(_: int) -> None:
        while time.monotonic() < moment:
            adapter.TikTokAdapter(credentials).orders_with_cancel_requested()

    with ThreadPoolExecutor(4) as together:
        list(together.map(call, range(4)))


def test_processes_together_call_no_more_often_than_one_alone_may(
    sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = 10  # a second, so that no machine is too slow to reach it
    monkeypatch.setattr(client, "CALLS_PER_SECOND", few)
    told, shop = sandbox.credentials(), sandbox.shop("TH")
    secrets = told["app_key"], told["app_secret"], shop["access_token"], shop["cipher"], shop["id"]
    credentials = Credentials(*secrets, api_url=sandbox.url)
    fork = multiprocessing.get_context("fork")
    both = [fork.Process(target=call_until, args=(time.monotonic() + 2, credentials)) for _ in "ab"]
    for process in both:
        process.start()
    for process in both:
        process.join()
    # Eight threads that ask for their turns in the last moment have had them a second later.
    assert few < len(sandbox.get("calls")["calls"]) <= 3 * few


def test_without_a_cache_everybody_calls_at_once_and_it_is_logged_once(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}}
    assert [take(turn(), 5) for _ in range(100)] == [0] * 100
    assert sum("turns.cache_unreachable" in str(record.msg) for record in caplog.records) == 1


class TestWaiting:
    def test_a_call_that_may_not_wait_so_long_is_not_made(self) -> None:
        for _ in range(100):
            take(turn(), 60)
        with within(0.2), pytest.raises(TemporaryFailure) as failure:
            turns.wait_for("shop", LIMIT, Effect.READ)
        assert failure.value.retry_after and failure.value.retry_after > 1

    def test_what_nobody_waits_for_says_so_and_only_while_it_lasts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        taken: list[Turn] = []

        def hand_out(turn: Turn, longest: float) -> float:
            taken.append(turn)
            return 0

        monkeypatch.setattr(turns, "_hand_out", [hand_out])
        turns.wait_for("shop", LIMIT, Effect.READ)
        with turns.for_whom_nobody_waits():
            turns.wait_for("shop", LIMIT, Effect.READ)
        turns.wait_for("shop", LIMIT, Effect.CHANGE)
        assert [one.is_urgent for one in taken] == [True, False, True]
