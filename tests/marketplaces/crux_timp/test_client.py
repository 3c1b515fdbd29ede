"""What the client makes of every answer and of every trouble."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplaces.errors import CredentialsRejected, MarketplaceError, OutcomeUnknown, Refused, TemporaryFailure
from marketplaces.http import Http
from tests.marketplaces.crux_timp.calls import CALLS, CHANGES, DECISIONS, READS, STATUSES, client_of, last
from tests.marketplaces.crux_timp.samples import ORDER, SECOND
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

# Answers


@pytest.mark.parametrize("name", DECISIONS)
@pytest.mark.parametrize(
    "success",
    [
        answer(b"", "204 No Content"),
        answer(b"", "200 OK"),
        answer(b"{}", "200 OK"),
        answer(b'{"message": "done"}', "202 Accepted"),
        answer(b"\xff\xfe{", "200 OK"),
    ],
    ids=["204", "200", "200 {}", "202 message", "200 bytes"],
)
def test_any_2xx_is_a_success_whatever_its_body(http: Http, name: str, success: Step) -> None:
    with scripted(success) as server:
        assert 200 <= DECISIONS[name](client_of(server, http)).status < 300


@pytest.mark.parametrize("name", DECISIONS)
def test_a_page_is_no_answer_of_the_marketplaces(http: Http, name: str) -> None:
    with scripted(answer(b"\n<!doctype html><h1>Down for maintenance</h1>", "200 OK")) as server:
        with pytest.raises(OutcomeUnknown, match="page"):
            DECISIONS[name](client_of(server, http))
        assert len(server.requests) == 1


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
        with pytest.raises(TemporaryFailure, match="cannot be read"):
            CALLS["orders"](client)
        for name in ("notifications", "allocate"):
            with pytest.raises(OutcomeUnknown, match="cannot be read"):
                CALLS[name](client)


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
    with scripted(*[TROUBLES[trouble]] * 3) as server, pytest.raises(TemporaryFailure):
        READS[name](client_of(server, http))


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


@given(st.binary(max_size=60))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_of_a_refusal_changes_what_it_means(http: Http, body: bytes) -> None:
    with scripted(answer(body, "422 Unprocessable Entity")) as server:
        with pytest.raises(Refused) as refusal:
            client_of(server, http).reject_item(SECOND)
        assert refusal.value.message.isprintable()
        assert refusal.value.already_processed
