"""Endpoints that answer with what nobody should send: hung up on in time, and little of it is read."""

import socket
import time
import tracemalloc
from contextlib import suppress
from typing import Any

import pytest

from shops import posting
from tests.marketplaces.scripted_server import Step, answer, garbage, scripted
from webhooks.models import Delivery

Problem = Delivery.Problem


def without_end(start: bytes, piece: bytes) -> Step:
    def step(connection: socket.socket) -> bool:
        with suppress(OSError):
            connection.sendall(start)
            while True:
                connection.sendall(piece)
                time.sleep(0.001)
        return False

    return step


CHUNKED = b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n"
HOSTILE = {
    "interim answers": (without_end(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), {Problem.TIMEOUT}),
    "a body without end": (without_end(CHUNKED, b"10000\r\n" + b"x" * 65536 + b"\r\n"), {Problem.STATUS}),
    "the size of a chunk": (without_end(CHUNKED + b"1;", b"x"), {Problem.STATUS, Problem.TIMEOUT}),
    "a header without end": (without_end(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 4096), {Problem.UNREACHABLE}),
    "headers without end": (without_end(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"), {Problem.UNREACHABLE}),
    "a length without end": (answer(b"x", "500 No", 10**15), {Problem.STATUS}),
    "a redirect": (answer(b"", "307 Go", None, "Location: http://127.0.0.1:9/"), {Problem.STATUS}),
    "no http": (garbage, {Problem.UNREACHABLE}),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_it_costs_neither_time_nor_memory(what: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = ["127.0.0.1"]
    monkeypatch.setattr(posting, "TOTAL_SECONDS", 0.5)
    step, problems = HOSTILE[what]
    tracemalloc.start()
    with scripted(step) as server:
        found = posting.post(server.url, {}, b"{}")
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert found.problem in problems
    assert len(found.excerpt) <= posting.EXCERPT_BYTES
    assert found.seconds < 2
    assert most < 10_000_000
