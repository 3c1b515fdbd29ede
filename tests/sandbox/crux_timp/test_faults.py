"""Trouble on order strikes Crux Connect's calls too, in its own words."""

from __future__ import annotations

import json
import time

import pytest
import requests

from tests.sandbox.crux_timp.client import Network, Placed

CONFIRM = "confirm-order-cancelation"


@pytest.fixture
def asked(network: Network, placed: Placed) -> Placed:
    network.retailer.ask_order(placed.uuid)
    network.supplier.login()
    return placed


@pytest.mark.parametrize(
    ("kind", "more", "status"),
    [
        ("rate_limited", {"retry_after": 7}, 429),
        ("server_error", {}, 500),
        ("server_error", {"status": 503}, 503),
        ("expired_token", {}, 401),
        ("business_error", {}, 422),
        ("business_error", {"code": 409}, 409),
        ("business_error", {"code": 25001028}, 422),
    ],
)
def test_a_refusal_on_order_has_its_status_and_no_effect(
    network: Network, asked: Placed, kind: str, more: dict[str, int], status: int
) -> None:
    network.control.post("faults", endpoint=CONFIRM, kind=kind, **more)
    answer = network.supplier.decide_order("confirm", asked.uuid)
    assert (answer.status, set(answer.json)) == (status, {"detail"})
    assert answer.headers.get("Retry-After") == ("7" if status == 429 else None)
    assert network.effects(asked.uuid) == ["cancellation.requested"]
    assert network.supplier.decide_order("confirm", asked.uuid).status == 204


def test_a_connection_cut_before_the_effect_has_none(network: Network, asked: Placed) -> None:
    network.control.post("faults", endpoint=CONFIRM, kind="reset_before")
    with pytest.raises(requests.ConnectionError):
        network.supplier.decide_order("confirm", asked.uuid)
    assert network.effects(asked.uuid) == ["cancellation.requested"]


def test_a_connection_cut_after_the_effect_has_one_and_the_second_call_is_refused(
    network: Network, asked: Placed
) -> None:
    network.control.post("faults", endpoint=CONFIRM, kind="reset_after")
    with pytest.raises(requests.ConnectionError):
        network.supplier.decide_order("confirm", asked.uuid)
    assert network.supplier.decide_order("confirm", asked.uuid).status == 422
    assert network.effects(asked.uuid) == ["cancellation.requested", "cancellation.approved"]


@pytest.mark.parametrize("endpoint", [CONFIRM, "get-orders"])
def test_a_malformed_answer_is_half_of_a_200(network: Network, asked: Placed, endpoint: str) -> None:
    network.control.post("faults", endpoint=endpoint, kind="malformed")
    supplier = network.supplier
    answer = supplier.orders() if endpoint == "get-orders" else supplier.decide_order("confirm", asked.uuid)
    assert answer.status == 200
    with pytest.raises(json.JSONDecodeError):
        _ = answer.json
    assert network.effects(asked.uuid).count("cancellation.approved") == (endpoint == CONFIRM)


def test_a_slow_login_takes_its_time(network: Network) -> None:
    network.control.post("faults", endpoint="user-login", kind="slow", seconds=0.3)
    started = time.monotonic()
    network.supplier.login()
    assert time.monotonic() - started >= 0.3


def test_faults_can_be_one_suppliers_or_one_marketplaces(network: Network) -> None:
    gb = network.control.shop("GB")
    network.control.post("faults", kind="server_error", marketplace="crux_timp", shop_id=network.supplier.org_uuid)
    assert gb.orders().status == 200
    assert network.other_supplier.orders().status == 200
    assert network.supplier.call("GET", "/timp/notifications/").status == 500
    network.control.post("faults", kind="server_error", endpoint="get-order-detail", marketplace="tiktok_shop")
    uuid = network.supplier.found()[0]
    assert network.supplier.call("GET", f"/timp/orders/{uuid}/").status == 200


def test_faults_spare_calls_that_would_be_refused_anyway(network: Network, asked: Placed) -> None:
    network.control.post("faults", endpoint=CONFIRM, kind="server_error")
    assert network.packer.decide_order("confirm", asked.uuid).status == 403
    assert network.supplier.decide_order("confirm", asked.uuid).status == 500


def test_an_unknown_marketplace_is_refused(network: Network) -> None:
    wish = {"kind": "slow", "marketplace": "bazaar"}
    answer = requests.post(f"{network.control.base_url}/__sandbox__/faults", json=wish, timeout=10)
    assert answer.status_code == 400
