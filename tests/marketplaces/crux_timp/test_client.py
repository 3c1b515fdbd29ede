"""What the client puts on the wire, byte for byte, and what it makes of every answer and every trouble."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplaces.crux_timp.adapter import CruxTimpAdapter
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
from tests.marketplaces.crux_timp.samples import LINE, ORDER, SECOND, US, sign_in, target
from tests.marketplaces.scripted_server import (
    ScriptedServer,
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
from tests.marketplaces.test_http import everything_said

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
}
READS: dict[str, Call] = {
    "orders": lambda client: client.orders({"start": 0}),
    "order": lambda client: client.order(ORDER),
    "notifications": lambda client: client.notifications(),
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


# On the wire


def test_rejecting_the_cancellation_of_an_item_is_this_very_request(http: Http) -> None:
    with scripted(answer(b"", "204 No Content")) as server:
        CruxTimpAdapter(credentials(server), http).reject(target(LINE), "key", "", "", [])
        (request,) = server.requests
    first, headers, body = head_of(request)
    assert first == b"PATCH /timp/orders/items/cancel/" + LINE.encode() + b"/reject/ HTTP/1.1"
    assert headers.pop(b"Host") == server.url.removeprefix("http://").encode()
    assert headers == {
        b"Authorization": b"Token " + TOKEN.encode(),
        b"Content-Length": b"0",
        b"User-Agent": b"Countermand",
        b"Accept": b"application/json",
        b"Accept-Encoding": b"gzip, deflate",
        b"Connection": b"keep-alive",
    }
    assert body == b""


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("confirm order", f"/timp/orders/cancel/{ORDER}/confirm/"),
        ("reject order", f"/timp/orders/cancel/{ORDER}/reject/"),
        ("confirm item", f"/timp/orders/items/cancel/{LINE}/confirm/"),
        ("reject item", f"/timp/orders/items/cancel/{LINE}/reject/"),
    ],
)
def test_a_decision_goes_to_its_path_with_nothing_in_it(http: Http, name: str, path: str) -> None:
    with scripted(answer(b"", "204 No Content"), answer(b"", "204 No Content")) as server:
        DECISIONS[name](client_of(server, http))
        DECISIONS[name](client_of(server, http, decision_body="empty_object"))
    (line, bare, nothing), (_, typed, empty_object) = map(head_of, server.requests)
    assert line == f"PATCH {path} HTTP/1.1".encode()
    assert b"Content-Type" not in bare
    assert nothing == b""
    assert (typed[b"Content-Type"], empty_object) == (b"application/json; charset=utf-8", b"{}")


def test_calls_with_a_body_send_json(http: Http) -> None:
    steps = [last(b"[]"), last(b"{}", "201 Created"), last(), last()]
    with scripted(*steps) as server:
        client = client_of(server, http)
        client.allocate(ORDER, [{"line_item_uuid": LINE, "allocation": {"quantity_accepted": 2}}])
        client.add_tracking(ORDER, {"tracking_number": "1Z", "supplier_provided_carrier": "Déjà vu \ud83d"})
        client.orders({"start": 0, "limit": 100})
        client.order(ORDER)
    told = [head_of(request) for request in server.requests]
    assert [line for line, _, _ in told] == [
        f"PUT /timp/orders/allocation/{ORDER}/ HTTP/1.1".encode(),
        f"POST /timp/orders/tracking/{ORDER}/ HTTP/1.1".encode(),
        b"POST /timp/orders/ HTTP/1.1",
        f"GET /timp/orders/{ORDER}/ HTTP/1.1".encode(),
    ]
    assert [headers.get(b"Content-Type") for _, headers, _ in told] == [b"application/json; charset=utf-8"] * 3 + [None]
    bodies: list[Any] = [json.loads(body) if body else None for _, _, body in told]
    assert bodies[0] == {"line_items": [{"line_item_uuid": LINE, "allocation": {"quantity_accepted": 2}}]}
    assert bodies[1]["supplier_provided_carrier"] == "Déjà vu ?"
    assert bodies[3] is None


def test_signing_in_sends_name_and_password_and_no_token(http: Http) -> None:
    with scripted(answer(json.dumps(sign_in()))) as server:
        client_of(server, http).sign_in()
    line, headers, body = head_of(server.requests[0])
    assert line == b"POST /timp/organizations/user-login/ HTTP/1.1"
    assert b"Authorization" not in headers
    assert json.loads(body) == {"username": "orders@birch.example", "password": PASSWORD}


def test_cookies_are_never_sent(http: Http) -> None:
    cookie = "Set-Cookie: sessionid=0123; Path=/"
    steps = [last(json.dumps(sign_in()), "200 OK", cookie)] + [last(b"{}", "200 OK", cookie)] * 4
    with scripted(*steps) as server:
        client = client_of(server, http)
        client.sign_in()
        client.order(ORDER)
        client.confirm_order(ORDER)
        client.orders({})
        client.reject_item(LINE)
    assert len(server.requests) == 5
    assert not [request for request in server.requests if b"cookie" in request.lower()]


@pytest.mark.parametrize(
    ("environment", "host"),
    [("production", "api"), ("sandbox", "api-sandbox"), ("development", "api-dev")],
)
def test_the_host_is_the_environments_unless_one_is_given(environment: str, host: str) -> None:
    wanted = Readings(environment=environment)
    assert CruxTimpClient(Credentials("u", "p"), wanted)._base == f"https://{host}.cruxconnect.com"
    own = Credentials("u", "p", api_url="http://127.0.0.1:9/crux/")
    assert CruxTimpClient(own, wanted)._base == "http://127.0.0.1:9/crux"


@pytest.mark.parametrize(
    "bad", ["", "1", ORDER.upper(), f"{ORDER}/", f"../{ORDER}", f"{ORDER}\n", ORDER.replace("-", ""), "é"]
)
@pytest.mark.parametrize("call", ["confirm_order", "reject_order", "confirm_item", "reject_item", "order"])
def test_what_is_no_uuid_is_refused_before_it_is_sent(http: Http, call: str, bad: str) -> None:
    with scripted(answer(b"{}")) as server:
        with pytest.raises(Refused, match="not an id"):
            getattr(client_of(server, http), call)(bad)
        assert not server.requests


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("token", ["", "two words", "hast\u00f6ken", "line\nbreak"])
def test_without_a_token_that_can_be_sent_nothing_is(http: Http, name: str, token: str) -> None:
    with scripted(answer(b"{}")) as server:
        with pytest.raises(CredentialsRejected) as rejected:
            CALLS[name](client_of(server, http, token))
        assert rejected.value.expired
        assert not server.requests


@pytest.mark.parametrize(("name", "password"), [("", "p"), ("u", ""), ("", "")])
def test_without_name_and_password_nobody_is_signed_in(name: str, password: str) -> None:
    with pytest.raises(CredentialsRejected) as rejected:
        CruxTimpClient(Credentials(name, password), Readings()).sign_in()
    assert not rejected.value.expired


# Answers


@pytest.mark.parametrize("name", DECISIONS)
@pytest.mark.parametrize(
    "success",
    [
        answer(b"", "204 No Content"),
        answer(b"", "200 OK"),
        answer(b"{}", "200 OK"),
        answer(b'{"message": "done"}', "202 Accepted"),
        answer(b"<html>fine</html>", "201 Created"),
        answer(b"\xff\xfe{", "200 OK"),
    ],
    ids=["204", "200", "200 {}", "202 message", "201 html", "200 bytes"],
)
def test_any_2xx_is_a_success_whatever_its_body(http: Http, name: str, success: Step) -> None:
    with scripted(success) as server:
        assert 200 <= DECISIONS[name](client_of(server, http)).status < 300


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
BODIES = [b"", b'{"detail": "Because."}', b"<html><h1>No</h1></html>", b'{"message": {"a": 1}}', b"[" * 5000]


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(("status", "of_a_change", "of_a_read"), STATUSES, ids=[one[0][:3] for one in STATUSES])
def test_a_status_means_the_same_whatever_the_body_says(
    http: Http, name: str, status: str, of_a_change: type[MarketplaceError], of_a_read: type[MarketplaceError]
) -> None:
    if (name, status[:3]) == ("order", "404"):
        return  # it says that there is none: see below
    expected = of_a_change if name in CHANGES else of_a_read
    for body in BODIES:
        steps = [answer(body, status, None, "Location: http://127.0.0.1:1/", "Retry-After: 9")] * 3
        with scripted(*steps) as server:
            with pytest.raises(MarketplaceError) as failure:
                CALLS[name](client_of(server, http))
            assert type(failure.value) is expected
            assert failure.value.code in (status[:3], "")
            assert len(server.requests) == 1 or name in READS
            assert "<" not in str(failure.value)


def test_what_the_statuses_mean_for_who_asks(http: Http) -> None:
    def failure(status: str, name: str = "reject item", **options: str) -> Any:
        with scripted(answer(b'{"detail": "Because."}', status, None, "Retry-After: 9")) as server:
            with pytest.raises(MarketplaceError) as caught:
                CALLS[name](client_of(server, http, **options))
            return caught.value

    assert failure("401 Unauthorized").expired
    assert not failure("409 Critical").expired
    assert failure("429 Too Many").retry_after == 9
    assert "“cancel_order” for this. (Because.)" in str(failure("403 Forbidden"))
    assert "“allocate_order”" in str(failure("403 Forbidden", decision_permission="allocate_order"))
    assert "“add_order_tracking”" in str(failure("403 Forbidden", "ship"))
    assert "“view_order”" in str(failure("403 Forbidden", "orders"))
    assert failure("422 Unprocessable").already_processed
    assert failure("422 Unprocessable", "allocate").already_processed
    assert not failure("422 Unprocessable", "orders").already_processed
    assert not failure("404 Not Found").already_processed
    assert failure("404 Not Found", not_pending="404").already_processed
    assert failure("422 Unprocessable", not_pending="404").already_processed
    assert not failure("404 Not Found", "allocate", not_pending="404").already_processed


@pytest.mark.parametrize("name", ["orders", "notifications"])
def test_an_address_at_which_nothing_answers_is_called_one(http: Http, name: str) -> None:
    with scripted(answer(b"", "404 Not Found")) as server, pytest.raises(Refused, match="At this address there is no"):
        CALLS[name](client_of(server, http))


def test_an_order_that_is_not_there_is_none(http: Http) -> None:
    with scripted(answer(b"<html>", "404 Not Found")) as server:
        assert client_of(server, http).order(ORDER) is None


@pytest.mark.parametrize("status", ["400 Bad", "401 Unauthorized", "403 No", "409 Critical", "422 No"])
def test_a_sign_in_that_is_not_accepted_says_so(http: Http, status: str) -> None:
    with scripted(answer(b"", status)) as server:
        with pytest.raises(CredentialsRejected, match="does not accept the user name and password") as rejected:
            client_of(server, http).sign_in()
        assert not rejected.value.expired


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"<html></html>", b"[" * 100_000])
def test_a_success_that_cannot_be_read_leaves_open_what_happened(http: Http, body: bytes) -> None:
    with scripted(*[last(body)] * 3) as server:
        client = client_of(server, http)
        for name in ("orders", "notifications"):
            with pytest.raises(TemporaryFailure, match="cannot be read"):
                CALLS[name](client)
        with pytest.raises(OutcomeUnknown, match="cannot be read"):
            CALLS["allocate"](client)


def test_tracking_that_is_answered_with_nothing_is_told(http: Http) -> None:
    with scripted(answer(b"", "204 No Content"), answer(b"{", "201 Created")) as server:
        assert client_of(server, http).add_tracking(ORDER, {}).data is None
        with pytest.raises(OutcomeUnknown):
            client_of(server, http).add_tracking(ORDER, {})


# Trouble

TROUBLES: dict[str, Step] = {
    "silence": say_nothing,
    "hung up": hang_up,
    "reset": reset,
    "half a status": half_of_a_status_line,
    "garbage": garbage,
    "cut": answer(b'{"detail', "200 OK", 500),
    "cut chunks": cut_chunks,
    "false gzip": false_gzip,
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_change_whose_answer_is_lost_is_unknown_and_sent_once(http: Http, name: str, trouble: str) -> None:
    with scripted(*[TROUBLES[trouble]] * 3) as server:
        with pytest.raises(OutcomeUnknown):
            CHANGES[name](client_of(server, http))
        assert len(server.requests) == 1


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_read_whose_answer_is_lost_is_a_temporary_failure(http: Http, name: str, trouble: str) -> None:
    with scripted(*[TROUBLES[trouble]] * 3) as server:
        with pytest.raises(TemporaryFailure):
            READS[name](client_of(server, http))
        if name == "notifications":  # the first try may have used up what there was
            assert len(server.requests) == 1


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_sign_in_is_sent_once(http: Http, trouble: str) -> None:
    with scripted(*[TROUBLES[trouble]] * 3) as server:
        with pytest.raises(TemporaryFailure):
            client_of(server, http).sign_in()
        assert len(server.requests) == 1


@pytest.mark.parametrize("name", CALLS)
def test_a_host_that_is_not_there_got_nothing(http: Http, name: str) -> None:
    with scripted() as server:
        pass
    with pytest.raises(TemporaryFailure, match="No connection"):
        CALLS[name](client_of(server, http))


# Secrets


@pytest.mark.parametrize("status", [one[0] for one in STATUSES] + ["200 OK"])
def test_secrets_that_are_echoed_go_no_further(http: Http, caplog: pytest.LogCaptureFixture, status: str) -> None:
    caplog.set_level(logging.DEBUG)
    body = json.dumps({"detail": f"Not {TOKEN} and not {PASSWORD}."}).encode()
    calls = CALLS | {"sign in": lambda client: client.sign_in()}
    for call in calls.values():
        with scripted(*[answer(body, status)] * 3) as server:
            try:
                call(client_of(server, http))
            except MarketplaceError as failure:
                said = " ".join(everything_said(failure))
                assert TOKEN not in said
                assert PASSWORD not in said
    assert TOKEN not in caplog.text
    assert PASSWORD not in caplog.text


def test_secrets_are_in_no_repr(http: Http) -> None:
    with scripted(last(json.dumps(sign_in())), last()) as server:
        speaker = CruxTimpAdapter(credentials(server), http)
        tokens = speaker.refresh_tokens("")
    shown = repr(tokens) + repr(credentials(server)) + repr(speaker) + repr(client_of(server, http))
    assert tokens.access_token == sign_in()["auth_token"]
    for secret in (TOKEN, PASSWORD, tokens.access_token):
        assert secret not in shown


@given(st.binary(max_size=60))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_of_a_refusal_changes_what_it_means(http: Http, body: bytes) -> None:
    with scripted(answer(body, "422 Unprocessable Entity")) as server:
        with pytest.raises(Refused) as refusal:
            client_of(server, http).reject_item(SECOND)
        assert refusal.value.message.isprintable()
        assert refusal.value.already_processed
