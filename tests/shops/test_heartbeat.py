"""Whether anybody is there who does the work."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisConnectionError

from shops import heartbeat, tasks
from shops.heartbeat import BEAT, WORKER, Silence, last_seen, silence


@pytest.fixture(autouse=True)
def nobody_was_ever_seen() -> None:
    cache.clear()


def test_before_anybody_was_seen_there_is_silence() -> None:
    assert silence(WORKER) == silence(BEAT) == Silence(None)


def test_a_worker_that_does_the_task_is_alive() -> None:
    tasks.heartbeat()
    assert silence(WORKER) is None
    assert silence(BEAT)


def test_a_beat_that_sends_the_task_is_alive() -> None:
    tasks.heartbeat.apply_async()
    assert silence(BEAT) is None
    assert silence(WORKER)


def test_after_a_minute_without_a_sign_it_is_told_since_when() -> None:
    seen = timezone.now() - heartbeat.SILENT_AFTER - timedelta(seconds=1)
    cache.set("seen:worker", seen, None)
    assert silence(WORKER) == Silence(seen)


def test_without_a_cache_nobody_is_seen_and_nothing_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody_there(*_: object) -> None:
        raise RedisConnectionError

    monkeypatch.setattr(cache, "get", nobody_there)
    monkeypatch.setattr(cache, "set", nobody_there)
    assert last_seen(WORKER) is None
    tasks.heartbeat.apply_async()
