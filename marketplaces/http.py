"""One HTTP call, with its failures told apart by what may have happened at the other side.

Adapters build the exact bytes and read the answer; this module moves them. Nothing it raises or logs holds a query
string, because the query holds signatures and, at token endpoints, the app's secret.
"""

import logging
import os
import random
import re
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry

from marketplaces.errors import CredentialsRejected, MarketplaceError, OutcomeUnknown, TemporaryFailure
from marketplaces.watch import Endless, Watch, WatchedAdapter

CONNECT_TIMEOUT = 5.0  # seconds
READ_TIMEOUT = 10.0  # seconds between two pieces of the answer
READ_TRIES = 3
LONGEST_WAIT = 5.0  # seconds; a marketplace that asks for more is left to the caller's schedule
LONGEST_RETRY_AFTER = 3600.0  # seconds; whoever asks for more is asked again after so long
LONGEST_ANSWER = 30.0  # seconds for a body that comes in drops
LARGEST_ANSWER = 20_000_000  # bytes when unpacked; a page of a hundred orders has less than one million


class Effect(Enum):
    """What a call does at the other side, and so what is known when its answer is lost."""

    READ = "read"  # changes nothing: tried again here
    REPEATABLE = "repeatable"  # changes something, but twice is as good as once: tried again by the caller
    CHANGE = "change"  # must not happen twice: never tried again without asking


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Any complete answer, whatever its status. `retry_after` is in seconds."""

    status: int
    body: bytes = field(repr=False)
    retry_after: float | None = None


def unclear(effect: Effect, message: str, *, code: str = "", request_id: str = "") -> MarketplaceError:
    """The error for a call that was sent and got no usable answer."""
    kind = OutcomeUnknown if effect is Effect.CHANGE else TemporaryFailure
    return kind(message, code=code, request_id=request_id)


def header_safe(token: str) -> str:
    """The token, which a header can hold and which ends no header. Raises CredentialsRejected where it is none."""
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise CredentialsRejected("The access token holds characters that no token has.", expired=True)
    return token


_ends: ContextVar[float | None] = ContextVar("ends", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Reads made inside, all together, take no longer: somebody stands there and waits. None is tried twice. Inside
    another, the one that ends first counts.

    One that would come too late raises as one that gets no answer does. Changes take their time: what a token that is
    renewed answers must not be lost.
    """
    ends = time.monotonic() + seconds
    before = _ends.set(min(ends, _ends.get() or ends))
    try:
        yield
    finally:
        _ends.reset(before)


def seconds_left() -> float | None:
    """None where there is no hurry; never 0, which sockets take for no limit."""
    ends = _ends.get()
    return None if ends is None else max(0.01, ends - time.monotonic())


class Http:
    """Pooled keep-alive connections, one set for each thread of each process; safe to share."""

    def __init__(
        self,
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
        read_timeout: float = READ_TIMEOUT,
        read_tries: int = READ_TRIES,
        backoff: float = 0.3,
        longest_wait: float = LONGEST_WAIT,
        longest_answer: float = LONGEST_ANSWER,
    ) -> None:
        self._timeouts = (connect_timeout, read_timeout)
        self._longest_answer = longest_answer
        self._retry = _ReadRetry(
            total=read_tries - 1,
            allowed_methods=None,  # searches are POSTs that read
            status_forcelist=(502, 503, 504),
            backoff_factor=backoff,
            backoff_jitter=backoff,
            raise_on_status=False,
            respect_retry_after_header=True,
        )
        self._retry.longest_wait = longest_wait
        self._local = threading.local()

    def send(
        self, method: str, url: str, *, effect: Effect, headers: Mapping[str, str], body: bytes | None = None
    ) -> HttpAnswer:
        """Send these bytes and give back whatever complete answer came.

        Raises TemporaryFailure when the connection could not be made (nothing was sent) or a call that may be
        repeated got no answer; OutcomeUnknown when a change may have arrived and no complete answer came back.
        """
        left = seconds_left() if effect is Effect.READ else None
        session = self._session(retrying=effect is Effect.READ and left is None)
        connecting, reading = self._timeouts
        timeouts = self._timeouts if left is None else (min(connecting, left / 3), min(reading, left * 2 / 3))
        watch = Watch(connecting + reading + self._longest_answer if left is None else left)
        try:
            with watch:
                response = session.request(
                    method,
                    url,
                    headers=dict(headers),
                    data=body,
                    timeout=timeouts,
                    allow_redirects=False,  # a signed request with its token goes to nobody else
                    auth=_as_it_is,
                    stream=True,
                )
                body = self._body(response, self._longest_answer if left is None else seconds_left() or left)
            return HttpAnswer(response.status_code, body, _retry_after(response.headers))
        except (requests.RequestException, HTTPError, HTTPException, OSError, UnicodeError) as error:
            failure = _failure(error, effect, _host(url), timeouts)
        # Raised out here, so that the library's exception and the URL in it are not in the chain.
        raise failure

    def _body(self, response: requests.Response, longest: float) -> bytes:
        """The whole body, unless it never ends: what the other side sends must not fill our memory or our day."""
        ends, pieces, size = time.monotonic() + longest, [], 0
        try:
            while piece := response.raw.read1(65536, decode_content=True):
                pieces.append(piece)
                size += len(piece)
                if size > LARGEST_ANSWER:
                    raise Endless(f"is larger than {LARGEST_ANSWER // 1_000_000} MB")
                if time.monotonic() > ends:
                    raise Endless(f"was not complete after {longest:.3g} seconds")
        except BaseException:
            response.close()  # the rest of it must not be taken for the next answer
            raise
        return b"".join(pieces)

    def _session(self, *, retrying: bool) -> requests.Session:
        local = self._local
        if getattr(local, "pid", None) != os.getpid():  # connections do not survive a fork
            local.pid = os.getpid()
            local.reading = _new_session(self._retry)
            local.changing = _new_session(Retry(total=0, read=False))
        session: requests.Session = local.reading if retrying else local.changing
        return session


class _ReadRetry(Retry):
    """Retries reads, but not after a whole read timeout and not where we are asked to wait for long."""

    longest_wait = LONGEST_WAIT

    def new(self, **changes: Any) -> "_ReadRetry":
        successor = super().new(**changes)
        successor.longest_wait = self.longest_wait
        return successor

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: Any = None,
    ) -> "_ReadRetry":
        if isinstance(error, ReadTimeoutError):
            raise error
        if response is not None and (self.get_retry_after(response) or 0) > self.longest_wait:
            raise MaxRetryError(_pool, url or "", None)  # type: ignore[arg-type]
        return super().increment(method, url, response, error, _pool, _stacktrace)

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """As ours: the library's raises where the header is nonsense."""
        return _retry_after(response.headers)

    def get_backoff_time(self) -> float:
        """As the library's, with jitter on the first wait too, so that workers that failed together part."""
        return super().get_backoff_time() or random.uniform(0, self.backoff_jitter)  # noqa: S311 - no secret


def _new_session(retry: Retry) -> requests.Session:
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # sellers share a session, not cookies
    session.headers.update({"User-Agent": "Countermand", "Accept": "application/json"})
    for prefix in ("https://", "http://"):
        session.mount(prefix, WatchedAdapter(max_retries=retry, pool_maxsize=10))
    return session


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """An authentication that adds nothing; without one, requests looks for passwords in ~/.netrc."""
    return request


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = (headers.get("Retry-After") or "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return min(max(0.0, (moment - datetime.now(UTC)).total_seconds()), LONGEST_RETRY_AFTER)
    except (ValueError, OverflowError):
        return None


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "the marketplace"
    except ValueError:
        return "the marketplace"


def _failure(error: Exception, effect: Effect, host: str, timeouts: tuple[float, float]) -> MarketplaceError:
    problem = _nothing_sent(error, timeouts[0])
    if problem:
        return TemporaryFailure(f"No connection to {host}: {problem}.")
    if isinstance(error, requests.ReadTimeout | ReadTimeoutError):
        return unclear(effect, f"{host} did not answer within {timeouts[1]:.3g} seconds.")
    if isinstance(error, Endless):
        return unclear(effect, f"The answer of {host} {error}.")
    if isinstance(error, ProtocolError | DecodeError):  # while the body was read
        return unclear(effect, f"The answer of {host} was cut off.")
    return unclear(effect, f"The connection to {host} broke before an answer came.")


_BAD_REQUEST = (
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidHeader,
    UnicodeError,
)


def _nothing_sent(error: Exception, connect_timeout: float) -> str:
    """Why no byte of the request can have left, or "" where one may have."""
    if isinstance(error, _BAD_REQUEST):
        return "the address or a header is malformed"
    reason: object = error.args[0] if error.args else None
    reason = getattr(reason, "reason", reason)
    if isinstance(reason, NameResolutionError):
        return "its name was not found"
    if isinstance(reason, NewConnectionError):
        return "it was refused or cannot be reached"
    if isinstance(reason, ConnectTimeoutError):  # which the two above are kinds of
        return f"not reached within {connect_timeout:.3g} seconds"
    inner = reason.args[0] if isinstance(reason, Exception) and reason.args else None
    if isinstance(reason, ssl.SSLCertVerificationError) or isinstance(inner, ssl.SSLCertVerificationError):
        return "its certificate is not to be trusted"
    return ""


_QUERY = re.compile(r"\?[^\s'\"]*")


def _without_query(record: logging.LogRecord) -> bool:
    """Take query strings out of what urllib3 logs: it writes whole URLs, some of them at WARNING."""
    text = record.getMessage()
    if "?" in text:
        record.msg, record.args = _QUERY.sub("?…", text), ()
    return True


for _name in ("urllib3.connectionpool", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_without_query)

SHARED = Http()
