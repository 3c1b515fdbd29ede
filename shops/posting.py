"""One POST to an address that somebody named: to the one that was checked, for so long and no longer."""

import contextlib
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from urllib.parse import SplitResult, urlsplit

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from shops.addresses import PORTS, Private, Unresolved, resolve

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 15.0
EXCERPT_BYTES = 1024
LONGEST_RETRY_AFTER = 86_400.0


class Problem(TextChoices):
    STATUS = "status", _("it answered with an error")
    TIMEOUT = "timeout", _("it did not answer in time")
    UNREACHABLE = "unreachable", _("it could not be reached")
    TLS = "tls", _("its certificate is not valid")
    UNRESOLVED = "unresolved", _("its name is not known")
    PRIVATE = "private", _("its address is private, which this installation does not allow")


@dataclass(frozen=True)
class Answer:
    """What came back. `retry_after` is in seconds; without a status nothing that can be read did."""

    problem: str = ""
    status: int | None = None
    excerpt: str = ""
    retry_after: float | None = None
    seconds: float = 0.0


def post(url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Send these bytes. Raises nothing: what went wrong is in the answer. 2xx alone is a yes."""
    began = time.monotonic()
    answer = attempt(urlsplit(url), headers, body)
    return Answer(answer.problem, answer.status, answer.excerpt, answer.retry_after, time.monotonic() - began)


def attempt(parts: SplitResult, headers: Mapping[str, str], body: bytes) -> Answer:
    overdue = threading.Event()
    try:
        connection = connection_to(parts, resolve(parts))
        try:
            with ending(connection, overdue):
                connection.connect()
                connection.sock.settimeout(TOTAL_SECONDS)
                host = {"Host": parts.netloc}
                connection.request("POST", target(parts), body, {**headers, **host}, preload_content=False)
                return read(connection, overdue)
        finally:
            connection.close()
    except Unresolved:
        return Answer(Problem.UNRESOLVED)
    except Private:
        return Answer(Problem.PRIVATE)
    except (OSError, HTTPError, HTTPException, ValueError) as error:
        return Answer(Problem.TIMEOUT if overdue.is_set() else problem_of(error))


def connection_to(parts: SplitResult, address: str) -> HTTPConnection:
    """To this very address, but with the name for the certificate."""
    port = parts.port or PORTS[parts.scheme]
    if parts.scheme == "http":
        return HTTPConnection(address, port, timeout=CONNECT_SECONDS)
    return HTTPSConnection(
        address, port, timeout=CONNECT_SECONDS, server_hostname=parts.hostname, assert_hostname=parts.hostname,
        ssl_context=ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH),
    )  # fmt: skip


@contextlib.contextmanager
def ending(connection: HTTPConnection, overdue: threading.Event) -> Iterator[None]:
    """Hang up after TOTAL_SECONDS: a peer that sends a byte now and then would otherwise hold a worker for ever.

    From before the connection is made, since it may dawdle over TLS as well.
    """

    def hang_up() -> None:
        overdue.set()
        with contextlib.suppress(OSError, AttributeError):
            connection.sock.shutdown(2)

    timer = threading.Timer(TOTAL_SECONDS, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def read(connection: HTTPConnection, overdue: threading.Event) -> Answer:
    """Once the status is here it counts; what follows is only for the log."""
    response = connection.getresponse()
    status = response.status
    if overdue.is_set():  # headers that we cut off look like headers that ended
        return Answer(Problem.TIMEOUT)
    excerpt = b""
    with contextlib.suppress(OSError, HTTPError, HTTPException):
        excerpt = response.read(EXCERPT_BYTES, decode_content=False) or b""
    words = excerpt.decode("utf-8", "replace").replace("\0", "\ufffd")
    if 200 <= status < 300:
        return Answer("", status, words)
    return Answer(Problem.STATUS, status, words, retry_after(response.headers.get("Retry-After")))


def retry_after(value: str | None) -> float | None:
    """Seconds, from seconds or from a date; None for nonsense."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(0.0, (aware - datetime.now(UTC)).total_seconds()), LONGEST_RETRY_AFTER)


def problem_of(error: Exception) -> str:
    reasons = (error, error.__cause__, error.__context__, getattr(error, "reason", None))
    if any(isinstance(one, ssl.SSLError) for one in reasons):
        return Problem.TLS
    if any(isinstance(one, TimeoutError) for one in reasons) or "timed out" in str(error):
        return Problem.TIMEOUT
    return Problem.UNREACHABLE
