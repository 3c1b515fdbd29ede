"""Trouble can be ordered by the piece or by the rate, for one endpoint or for all."""

from __future__ import annotations

import time

import pytest
import requests

from tests.sandbox.client import Control, Shop

APPROVE = "approve-cancellation"


def asked(control: Control, shop: Shop) -> str:
    return str(control.post("buyer", action="request", shop_id=shop.id)["cancel_id"])


def test_a_connection_reset_before_the_effect_has_none(control: Control, gb: Shop) -> None:
    cancel_id = asked(control, gb)
    control.post("faults", endpoint=APPROVE, kind="reset_before", count=1)
    with pytest.raises(requests.ConnectionError):
        gb.approve(cancel_id, "key")
    assert control.effects("cancellation.approved", cancel_id=cancel_id) == []
    assert gb.approve(cancel_id, "key").code == 0


def test_a_connection_reset_after_the_effect_has_one_and_the_key_finds_it(control: Control, gb: Shop) -> None:
    cancel_id = asked(control, gb)
    control.post("faults", endpoint=APPROVE, kind="reset_after", count=1)
    with pytest.raises(requests.ConnectionError):
        gb.approve(cancel_id, "key")
    assert gb.cancellation(cancel_id)["cancel_status"] == "CANCELLATION_REQUEST_SUCCESS"
    assert gb.approve(cancel_id, "key").code == 0
    assert len(control.effects("cancellation.approved", cancel_id=cancel_id)) == 1


def test_a_malformed_answer_comes_after_the_effect(control: Control, gb: Shop) -> None:
    cancel_id = asked(control, gb)
    control.post("faults", endpoint=APPROVE, kind="malformed")
    with pytest.raises(requests.exceptions.JSONDecodeError):
        gb.approve(cancel_id, "key")
    assert len(control.effects("cancellation.approved", cancel_id=cancel_id)) == 1


def test_refusals_on_order_have_their_codes(control: Control, gb: Shop) -> None:
    control.post("faults", endpoint="get-order-list", kind="rate_limited", retry_after=7)
    answer = gb.orders()
    assert (answer.code, answer.status, answer.headers["Retry-After"]) == (36009002, 429, "7")
    control.post("faults", endpoint="get-order-list", kind="server_error", status=503)
    answer = gb.orders()
    assert (answer.code, answer.status) == (36009003, 503)
    control.post("faults", endpoint="get-order-list", kind="expired_token")
    answer = gb.orders()
    assert (answer.code, answer.status) == (105002, 401)
    control.post("faults", endpoint="get-order-list", kind="business_error", code=10002014)
    answer = gb.orders()
    assert (answer.code, answer.status) == (10002014, 200)
    assert gb.orders().code == 0


def test_a_slow_answer_takes_its_time_and_others_do_not_wait(control: Control, gb: Shop) -> None:
    control.post("faults", endpoint="get-order-list", kind="slow", seconds=0.4)
    started = time.monotonic()
    assert gb.orders().code == 0
    assert time.monotonic() - started >= 0.4


def test_a_fault_strikes_as_often_as_asked_and_is_counted(control: Control, gb: Shop, de: Shop) -> None:
    control.post("faults", endpoint="*", kind="server_error", count=2, shop_id=gb.id)
    assert de.orders().code == 0
    assert [gb.orders().status, gb.search().status, gb.orders().status] == [500, 500, 200]
    [fault] = control.get("faults")["faults"]
    assert (fault["struck"], fault["kind"]) == (2, "server_error")


def test_a_rate_strikes_some_calls_until_it_is_cleared(control: Control, gb: Shop) -> None:
    control.post("faults", endpoint="search-cancellations", kind="server_error", rate=0.5)
    codes = [gb.search().status for _ in range(60)]
    assert 10 < codes.count(500) < 50
    assert control.delete("faults")["faults"] == []
    assert {gb.search().status for _ in range(10)} == {200}


def test_faults_spare_calls_that_would_be_refused_anyway(control: Control, gb: Shop) -> None:
    control.post("faults", endpoint="get-order-list", kind="server_error", count=1)
    assert gb.call("POST", "/order/202309/orders/search", {"page_size": 1}, {}, sign="0" * 64).code == 106001
    assert gb.orders().status == 500


@pytest.mark.parametrize(
    "wish",
    [
        {"kind": "earthquake"},
        {"kind": "slow", "endpoint": "nowhere"},
        {"kind": "slow", "count": "many"},
        {"kind": "slow", "rate": 2},
        {"kind": "slow", "x": 1},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(control: Control, wish: dict[str, object]) -> None:
    answer = requests.post(f"{control.base_url}/__sandbox__/faults", json=wish, timeout=10)
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)
