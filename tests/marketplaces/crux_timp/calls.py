"""Every call of Crux Connect's client, made to a scripted server."""

from collections.abc import Callable
from typing import Any

from marketplaces.crux_timp.client import CruxTimpClient
from marketplaces.crux_timp.readings import Readings
from marketplaces.errors import (
    CredentialsRejected,
    MarketplaceError,
    OutcomeUnknown,
    Refused,
    TemporaryFailure,
    Unsupported,
)
from marketplaces.http import Http
from marketplaces.records import Credentials
from tests.marketplaces.crux_timp.samples import LINE, ORDER, US
from tests.marketplaces.scripted_server import ScriptedServer, Step, answer

TOKEN = "0d4f1c7be92a6358d1f0a7c49b83e6520d4f1c7b"
PASSWORD = "s3cret-passw0rd"

Call = Callable[[CruxTimpClient], Any]
DECISIONS: dict[str, Call] = {
    "confirm order": lambda client: client.confirm_order(ORDER),
    "reject order": lambda client: client.reject_order(ORDER),
    "confirm item": lambda client: client.confirm_item(LINE),
    "reject item": lambda client: client.reject_item(LINE),
}
CHANGES = DECISIONS | {
    "allocate": lambda client: client.allocate(ORDER, [{"line_item_uuid": LINE}]),
    "ship": lambda client: client.add_tracking(ORDER, {"tracking_number": "1Z"}),
    "notifications": lambda client: client.notifications(),  # which uses up what it shows
}
READS: dict[str, Call] = {
    "orders": lambda client: client.orders({"start": 0}),
    "order": lambda client: client.order(ORDER),
}
CALLS = CHANGES | READS


def credentials(server: ScriptedServer, token: str = TOKEN) -> Credentials:
    return Credentials("orders@birch.example", PASSWORD, access_token=token, shop_id=US, api_url=server.url)


def client_of(server: ScriptedServer, http: Http, token: str = TOKEN, **options: str) -> CruxTimpClient:
    return CruxTimpClient(credentials(server, token), Readings(**options), http)


def last(body: bytes | str = b"{}", status: str = "200 OK", *more: str) -> Step:
    """The last answer of its connection: reads and changes have connections of their own."""
    return answer(body, status, None, "Connection: close", *more)


def head_of(request: bytes) -> tuple[bytes, dict[bytes, bytes], bytes]:
    """The request line, its headers and its body."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *rest = head.split(b"\r\n")
    return first, dict(tuple(one.split(b": ", 1)) for one in rest), body  # type: ignore[misc]


STATUSES: list[tuple[str, type[MarketplaceError], type[MarketplaceError]]] = [
    # status, error of a change, error of a read
    ("301 Moved Permanently", OutcomeUnknown, TemporaryFailure),
    ("302 Found", OutcomeUnknown, TemporaryFailure),
    ("400 Bad Request", Refused, Refused),
    ("401 Unauthorized", CredentialsRejected, CredentialsRejected),
    ("403 Permission Denied", Refused, Refused),
    ("404 Not Found", Refused, Refused),
    ("405 Method Not Allowed", Unsupported, Unsupported),
    ("408 Request Timeout", OutcomeUnknown, TemporaryFailure),
    ("409 Critical", CredentialsRejected, CredentialsRejected),
    ("410 Gone", Refused, Refused),
    ("415 Unsupported Media Type", Unsupported, Unsupported),
    ("422 Unprocessable Entity", Refused, Refused),
    ("429 Too Many Requests", TemporaryFailure, TemporaryFailure),
    ("500 Internal Server Error", OutcomeUnknown, TemporaryFailure),
    ("502 Bad Gateway", OutcomeUnknown, TemporaryFailure),
    ("503 Service Unavailable", OutcomeUnknown, TemporaryFailure),
    ("999 Odd", OutcomeUnknown, TemporaryFailure),
]
