"""What the client puts on the wire, byte for byte, and what never leaves it."""

import json
import logging
from typing import Any

import pytest

from marketplaces.crux_timp.adapter import CruxTimpAdapter
from marketplaces.crux_timp.client import CruxTimpClient
from marketplaces.crux_timp.readings import Readings
from marketplaces.errors import CredentialsRejected, MarketplaceError, Refused
from marketplaces.http import Http
from marketplaces.records import Credentials
from tests.marketplaces.crux_timp.calls import (
    CALLS,
    DECISIONS,
    PASSWORD,
    STATUSES,
    TOKEN,
    client_of,
    credentials,
    head_of,
    last,
)
from tests.marketplaces.crux_timp.samples import LINE, ORDER, sign_in, target
from tests.marketplaces.scripted_server import answer, scripted
from tests.marketplaces.test_http import everything_said

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
