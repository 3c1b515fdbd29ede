"""A broker that is down keeps nobody waiting twice."""

from typing import Any

import pytest
from celery import shared_task
from kombu.exceptions import OperationalError

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
