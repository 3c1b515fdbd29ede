"""A broker that is down keeps nobody waiting twice."""

from typing import Any

import pytest
from celery import shared_task
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError

from shops import nudging


@shared_task
def something(number: int) -> None:
    """Nothing: what counts is whether it is sent for."""


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    calls: list[Any] = []
    monkeypatch.setattr(something, "apply_async", lambda args, **options: calls.append((args, options["countdown"])))
    return calls


def test_a_worker_is_sent_for_at_once_or_after_a_while(sent: list[Any]) -> None:
    nudging.send(something, 1)
    nudging.send(something, 2, wait=10)
    assert sent == [((1,), None), ((2,), 10)]


def test_a_broker_that_is_down_is_asked_once_and_raises_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried = []

    def down(args: Any, **options: Any) -> None:
        tried.append(args)
        raise OperationalError("nobody there")

    monkeypatch.setattr(something, "apply_async", down)
    for number in range(500):
        nudging.send(something, number)
    assert tried == [(0,)]
    assert sum("broker.unreachable" in str(record.msg) for record in caplog.records) == 1


def test_after_a_while_it_is_asked_again(sent: list[Any]) -> None:
    nudging.pause["until"] = 1.0
    nudging.send(something, 3)
    assert sent


def test_what_comes_while_a_message_is_on_its_way_costs_none(sent: list[Any]) -> None:
    nudging.arrived(something, 4)
    for _ in range(500):
        nudging.send_once(something, 4)
    assert sent == [((4,), None)]
    nudging.arrived(something, 4)  # whoever writes something now cannot know whether it is still seen
    nudging.send_once(something, 4)
    assert len(sent) == 2


def test_messages_about_two_things_keep_no_other_from_being_sent(sent: list[Any]) -> None:
    for number in (5, 6):
        nudging.arrived(something, number)
        nudging.send_once(something, number)
    assert [arguments for arguments, _ in sent] == [(5,), (6,)]


def test_a_cache_that_is_down_is_asked_once_and_raises_nothing(
    sent: list[Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = []

    def down(key: str, *args: Any) -> None:
        asked.append(key)
        raise RedisConnectionError("nobody there")

    monkeypatch.setattr("django.core.cache.cache.add", down)
    monkeypatch.setattr("django.core.cache.cache.delete", down)
    nudging.arrived(something, 7)
    for _ in range(500):
        nudging.send_once(something, 7)
    assert len(asked) == 2 and not sent
    assert sum("cache.unreachable" in str(record.msg) for record in caplog.records) == 1
