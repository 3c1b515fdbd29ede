"""What is known about a call whose answer did not come: nothing sent, or perhaps done."""

import gzip
import logging
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from marketplaces.errors import MarketplaceError, OutcomeUnknown, TemporaryFailure
from marketplaces.http import Effect, Http, within
from tests.marketplaces.scripted_server import (
    Step,
    answer,
    cut_chunks,
    false_gzip,
    garbage,
    half_of_a_status_line,
    hang_up,
    reset,
    say_nothing,
    scripted,
)
from tests.sandbox_process import free_port

SECRET = "s3cr3t-app-secret"
TOKEN = "t0k3n-access"

BROKEN = {
    "reset": reset,
    "hang up": hang_up,
    "no answer": say_nothing,
    "half a status line": half_of_a_status_line,
    "garbage": garbage,
    "cut off body": answer(b'{"code": 0', "200 OK", 100),
    "cut off chunks": cut_chunks,
    "false gzip": false_gzip,
}


def call(http: Http, url: str, effect: Effect) -> Any:
    return http.send(
        "POST",
        f"{url}/path?app_secret={SECRET}&sign=abc",
        effect=effect,
        headers={"x-tts-access-token": TOKEN, "content-type": "application/json"},
        body=b'{"a":1}',
    )


@pytest.fixture
def library_logs(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """All that urllib3 can say, whatever the settings let through."""
    for name in ("urllib3", "urllib3.connectionpool", "urllib3.util.retry"):
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


def everything_said(error: BaseException) -> Iterator[str]:
    """All text in an error and in whatever it drags along."""
    seen: set[int] = set()
    stack: list[BaseException | None] = [error]
    while stack:
        one = stack.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield from (str(one), repr(one), repr(one.args), repr(vars(one)))
        stack += [one.__cause__, one.__context__]


@pytest.mark.parametrize("trouble", BROKEN)
def test_a_change_without_a_usable_answer_is_of_unknown_outcome_and_never_sent_twice(http: Http, trouble: str) -> None:
    with scripted(BROKEN[trouble], answer(), answer()) as server:
        with pytest.raises(OutcomeUnknown):
            call(http, server.url, Effect.CHANGE)
        assert len(server.requests) == 1


@pytest.mark.parametrize("trouble", BROKEN)
def test_a_repeatable_call_is_not_repeated_here_but_may_be_by_the_caller(http: Http, trouble: str) -> None:
    with scripted(BROKEN[trouble], answer(), answer()) as server:
        with pytest.raises(TemporaryFailure):
            call(http, server.url, Effect.REPEATABLE)
        assert len(server.requests) == 1


@pytest.mark.parametrize("trouble", BROKEN)
def test_a_read_that_keeps_failing_is_a_temporary_failure(http: Http, trouble: str) -> None:
    step = BROKEN[trouble]
    with scripted(step, step, step, step) as server, pytest.raises(TemporaryFailure):
        call(http, server.url, Effect.READ)


@pytest.mark.parametrize("trouble", ["reset", "hang up", "half a status line", "garbage"])
def test_a_read_gets_over_a_broken_connection(http: Http, trouble: str) -> None:
    with scripted(BROKEN[trouble], answer(b'{"ok":1}')) as server:
        assert call(http, server.url, Effect.READ).body == b'{"ok":1}'
        assert len(server.requests) == 2


def test_a_read_that_times_out_is_not_waited_for_again(http: Http) -> None:
    with scripted(say_nothing, answer()) as server:
        with pytest.raises(TemporaryFailure, match=r"did not answer within 0\.8 seconds"):
            call(http, server.url, Effect.READ)
        assert len(server.requests) == 1


@pytest.mark.parametrize("effect", Effect)
def test_a_refused_connection_means_that_nothing_was_sent(http: Http, effect: Effect) -> None:
    with pytest.raises(TemporaryFailure, match=r"No connection to 127\.0\.0\.1: it was refused or cannot be reached"):
        call(http, f"http://127.0.0.1:{free_port()}", effect)


def test_an_unknown_name_means_that_nothing_was_sent(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(TemporaryFailure, match=r"No connection to shop\.invalid: its name was not found"):
        call(http, "http://shop.invalid", Effect.CHANGE)


def test_a_connection_that_is_never_taken_means_that_nothing_was_sent() -> None:
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    port = full.getsockname()[1]
    waiting = [socket.socket() for _ in range(4)]
    for one in waiting:
        one.setblocking(False)
        one.connect_ex(("127.0.0.1", port))
    try:
        with pytest.raises(TemporaryFailure, match=r"not reached within 0\.2 seconds"):
            call(Http(connect_timeout=0.2, read_tries=1), f"http://127.0.0.1:{port}", Effect.CHANGE)
    finally:
        for one in [*waiting, full]:
            one.close()


@pytest.mark.parametrize("url", ["", "nowhere", "ftp://127.0.0.1", "http://[", "http://127.0.0.1:99999"])
def test_a_malformed_address_means_that_nothing_was_sent(http: Http, url: str) -> None:
    with pytest.raises(TemporaryFailure):
        call(http, url, Effect.CHANGE)


def test_a_reused_connection_that_is_reset_leaves_a_change_unknown(http: Http) -> None:
    with scripted(answer(), reset, answer()) as server:
        call(http, server.url, Effect.CHANGE)
        with pytest.raises(OutcomeUnknown):
            call(http, server.url, Effect.CHANGE)
        assert (server.connections, len(server.requests)) == (1, 2)


def test_connections_are_kept_and_each_thread_has_its_own(http: Http) -> None:
    with scripted(*[answer()] * 4) as server:
        call(http, server.url, Effect.READ)
        call(http, server.url, Effect.READ)
        assert server.connections == 1
    found = []
    threads = [threading.Thread(target=lambda: found.append(http._session(retrying=True))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(session) for session in [*found, http._session(retrying=True)]}) == 3


def test_a_forked_process_opens_its_own_connections(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    before = http._session(retrying=True)
    assert http._session(retrying=True) is before
    monkeypatch.setattr("marketplaces.http.os.getpid", lambda: -1)
    assert http._session(retrying=True) is not before


@pytest.mark.parametrize("status", ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"])
def test_a_read_gets_over_a_gateway_in_trouble_and_a_change_sees_it(http: Http, status: str) -> None:
    with scripted(answer(status=status), answer()) as server:
        assert call(http, server.url, Effect.READ).status == 200
    with scripted(answer(status=status), answer()) as server:
        assert call(http, server.url, Effect.CHANGE).status == int(status[:3])
        assert len(server.requests) == 1


def test_the_last_answer_of_a_gateway_in_trouble_is_given_back(http: Http) -> None:
    with scripted(*[answer(status="503 Service Unavailable")] * 3) as server:
        assert call(http, server.url, Effect.READ).status == 503
        assert len(server.requests) == 3


def test_a_read_waits_as_long_as_it_is_asked_to_when_that_is_short(http: Http) -> None:
    busy = answer(b"", "429 Too Many Requests", None, "Retry-After: 1")
    with scripted(busy, answer()) as server:
        started = time.monotonic()
        assert call(http, server.url, Effect.READ).status == 200
        assert time.monotonic() - started >= 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("Retry-After: 60", 60.0), ("Retry-After: soon", None), ("X-Nothing: 1", None), ("Retry-After: -1", None)],
)
def test_a_long_or_unclear_wait_is_left_to_the_caller(http: Http, header: str, seconds: float | None) -> None:
    busy = answer(b"", "429 Too Many Requests", None, header)
    with scripted(busy, busy, busy) as server:
        found = call(http, server.url, Effect.READ)
        assert (found.status, found.retry_after) == (429, seconds)


def test_a_change_that_is_too_many_is_not_sent_again(http: Http) -> None:
    with scripted(answer(b"", "429 Too Many Requests", None, "Retry-After: 1"), answer()) as server:
        assert call(http, server.url, Effect.CHANGE).retry_after == 1.0
        assert len(server.requests) == 1


def test_a_date_to_retry_after_becomes_seconds(http: Http) -> None:
    header = f"Retry-After: {format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)}"
    with scripted(answer(b"", "429 Too Many Requests", None, header)) as server:
        found = call(http, server.url, Effect.CHANGE).retry_after
        assert found is not None
        assert 590 < found <= 600


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("86400", 3600.0),
        ("9" * 400, 3600.0),
        ("Sat, 21 Nov 2099 07:28:00 GMT", 3600.0),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 3600.0),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0.0),
        (f"Sat, 21 Nov {'9' * 30} 07:28:00 GMT", None),
        ("Sat, 21 Nov 2026 07:28:00 +99999999999999999999", None),
    ],
)
def test_no_wait_is_longer_than_an_hour_and_none_breaks_us(http: Http, asked: str, seconds: float | None) -> None:
    with scripted(answer(b"", "429 Too Many Requests", None, f"Retry-After: {asked}")) as server:
        assert call(http, server.url, Effect.CHANGE).retry_after == seconds


def packed(size: int) -> Step:
    return answer(gzip.compress(b"0" * size), "200 OK", None, "Content-Encoding: gzip")


def without_end(piece: bytes, pause: float) -> Step:
    def step(connection: socket.socket) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        with suppress(OSError):
            while True:
                connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
                time.sleep(pause)
        return False

    return step


@pytest.mark.parametrize("endless", [packed(60_000_000), without_end(b"0" * 1_000_000, 0)], ids=["packed", "plain"])
def test_an_answer_that_would_fill_our_memory_is_left_unread(http: Http, endless: Step) -> None:
    with scripted(endless, answer(b"next")) as server:
        tracemalloc.start()
        try:
            with pytest.raises(OutcomeUnknown, match="is larger than 20 MB"):
                call(http, server.url, Effect.CHANGE)
            assert tracemalloc.get_traced_memory()[1] < 50_000_000
        finally:
            tracemalloc.stop()
        assert call(http, server.url, Effect.CHANGE).body == b"next"


def test_an_answer_in_drops_is_not_waited_for_without_end() -> None:
    http = Http(read_timeout=5, longest_answer=0.3)
    told = r"was not complete after 0\.3 seconds"
    with scripted(without_end(b" ", 0.05)) as server, pytest.raises(TemporaryFailure, match=told):
        call(http, server.url, Effect.REPEATABLE)


def drops(start: bytes, drop: bytes) -> Step:
    """A part of an answer that has no end and comes in drops, so that no wait for one byte is long."""

    def step(connection: socket.socket) -> bool:
        with suppress(OSError):
            connection.sendall(start)
            while True:
                connection.sendall(drop)
                time.sleep(0.02)
        return False

    return step


DROPS = {
    "status line": drops(b"HTTP/1.1 200 ", b"O"),
    "headers": drops(b"HTTP/1.1 200 OK\r\nX-One: ", b"x"),
    "interim answers": drops(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "size of a chunk": drops(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x"),
    "what follows the chunks": drops(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"x"),
}


@pytest.mark.parametrize("part", DROPS)
@pytest.mark.parametrize("effect", Effect)
def test_no_part_of_an_answer_holds_a_call_longer_than_all_of_it_may_take(part: str, effect: Effect) -> None:
    http = Http(connect_timeout=0.1, read_timeout=0.2, longest_answer=0.1, backoff=0)
    unknown = OutcomeUnknown if effect is Effect.CHANGE else TemporaryFailure
    began = time.monotonic()
    with scripted(*[DROPS[part]] * 3) as server, pytest.raises(unknown, match=r"was not complete after 0\.4 seconds"):
        call(http, server.url, effect)
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("part", DROPS)
def test_neither_does_it_hold_somebody_who_waits(http: Http, part: str) -> None:
    began = time.monotonic()
    with within(0.3), scripted(DROPS[part]) as server, pytest.raises(TemporaryFailure):
        call(http, server.url, Effect.READ)
    assert time.monotonic() - began < 1


def test_what_was_cut_off_is_not_taken_for_what_ended() -> None:
    """Without a length, an answer ends with its connection, and it is us who end that."""
    http = Http(connect_timeout=0.1, read_timeout=0.2, longest_answer=0.1)
    told = drops(b"HTTP/1.1 200 OK\r\n\r\n{}", b" ")
    with scripted(told) as server, pytest.raises(OutcomeUnknown, match="was not complete"):
        call(http, server.url, Effect.CHANGE)


@pytest.mark.parametrize(
    "bomb",
    [
        packed(100_000_000),
        answer(gzip.compress(gzip.compress(b"0" * 100_000_000)), "200 OK", None, "Content-Encoding: gzip, gzip"),
        answer(b"{}", "200 OK", None, *(f"X-{number}: {'x' * 60_000}" for number in range(90))),
        answer(b"{}", "200 OK", None, *(f"X-{number}: x" for number in range(5000))),
        answer(b"{}", "200 OK", None, "X: " + "x" * 1_000_000),
        answer(b"", "200 OK", 10**18),
    ],
    ids=["packed", "packed twice", "long headers", "many headers", "a header without end", "a length without end"],
)
def test_no_answer_takes_more_memory_than_the_largest_may(http: Http, bomb: Step) -> None:
    with scripted(bomb) as server:
        tracemalloc.start()
        with suppress(OutcomeUnknown):
            assert call(http, server.url, Effect.CHANGE).body == b"{}"
        _now, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 50_000_000


def test_who_waits_waits_no_longer_than_for_all_reads_together(http: Http) -> None:
    began = time.monotonic()
    with within(0.6), scripted(answer(), say_nothing, say_nothing, say_nothing) as server:
        assert call(http, server.url, Effect.READ).status == 200
        for _ in range(3):  # nothing is tried again
            with pytest.raises(TemporaryFailure):
                call(http, server.url, Effect.READ)
        assert time.monotonic() - began < 0.9
    assert len(server.requests) <= 4


def test_a_change_takes_its_time_whoever_waits(http: Http) -> None:
    with within(0.01), scripted(answer()) as server:
        assert call(http, server.url, Effect.REPEATABLE).status == 200


def test_what_was_packed_is_unpacked(http: Http) -> None:
    with scripted(packed(1000)) as server:
        assert call(http, server.url, Effect.READ).body == b"0" * 1000


def test_a_redirect_is_never_followed(http: Http) -> None:
    with scripted(answer(b"", "302 Found", None, "Location: http://127.0.0.1:1/"), answer()) as server:
        assert call(http, server.url, Effect.READ).status == 302
        assert len(server.requests) == 1


def test_no_cookie_goes_from_one_seller_to_the_next(http: Http) -> None:
    with scripted(answer(b"", "200 OK", None, "Set-Cookie: who=seller-a; Path=/"), answer()) as server:
        call(http, server.url, Effect.CHANGE)
        call(http, server.url, Effect.CHANGE)
        assert b"cookie" not in server.requests[1].lower()


def test_no_password_is_taken_from_a_netrc(http: Http, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with scripted(answer()) as server:
        call(http, server.url, Effect.READ)
        assert b"authorization" not in server.requests[0].lower()


@pytest.mark.parametrize("effect", Effect)
@pytest.mark.parametrize("trouble", [*BROKEN, "refused", "malformed", "too many", "gateway"])
def test_no_secret_is_in_any_error_or_log_line(
    http: Http, effect: Effect, trouble: str, library_logs: pytest.LogCaptureFixture
) -> None:
    steps = {
        "too many": answer(b"", "429 Too Many Requests", None, "Retry-After: 1"),
        "gateway": answer(b"", "503 Service Unavailable"),
    } | BROKEN
    failure: MarketplaceError | None = None
    step = steps.get(trouble, answer())
    with scripted(step, step, step) as server:
        url = {"refused": f"http://127.0.0.1:{free_port()}", "malformed": "http://["}.get(trouble, server.url)
        try:
            call(http, url, effect)
        except MarketplaceError as error:
            failure = error
    assert (failure is None) == (trouble in ("too many", "gateway"))
    said = [record.getMessage() + repr(record.args) + str(record.exc_text) for record in library_logs.records]
    said += list(everything_said(failure)) if failure else []
    assert not [text for text in said if SECRET in text or TOKEN in text or "sign=" in text]
    if failure:
        assert failure.__cause__ is None
        assert failure.__context__ is None


def test_the_library_would_have_logged_the_secret(library_logs: pytest.LogCaptureFixture) -> None:
    """The test above means something: urllib3 does log whole addresses."""
    with scripted(answer()) as server:
        call(Http(), server.url, Effect.CHANGE)
    assert "/path?…" in library_logs.text
