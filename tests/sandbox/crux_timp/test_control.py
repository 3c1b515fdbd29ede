"""The control API and the page, as far as they are about Crux Connect."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.sandbox.client import Control
from tests.sandbox.conftest import Running
from tests.sandbox.crux_timp.client import Network, Placed, User


def test_connections_have_one_shape_for_every_marketplace(control: Control) -> None:
    told = control.get("credentials")
    keys = {
        "marketplace",
        "seller_name",
        "app_key",
        "app_secret",
        "access_token",
        "refresh_token",
        "api_url",
        "auth_url",
    }
    assert all(set(each) == keys for each in told["connections"])
    names = [each["marketplace"] for each in told["connections"]]
    assert names == ["tiktok_shop"] * 6 + ["crux_timp"] * 2
    first = told["connections"][0]
    assert first["api_url"] == first["auth_url"] == control.base_url
    assert (first["access_token"], first["app_key"]) == (told["shops"][0]["access_token"], told["app_key"])


def test_a_crux_connection_is_enough_to_get_in_and_decide(control: Control) -> None:
    for each in control.get("credentials")["connections"][6:]:
        assert (each["access_token"], each["refresh_token"], each["auth_url"]) == ("", "", "")
        user = User(each["api_url"], each["app_key"], each["app_secret"], "")
        user.org_uuid = user.login()["org_uuid"]
        asked = control.post("retailer", action="request", supplier=user.org_uuid)
        assert user.decide_order("confirm", asked["order_uuid"]).status == 204


def test_everybody_is_listed_with_password_and_permissions(network: Network) -> None:
    told = network.control.get("credentials")["crux"]
    assert [len(told[name]) for name in ("suppliers", "retailers", "users")] == [2, 2, 6]
    packer = next(user for user in told["users"] if user["username"] == network.packer.username)
    assert "cancel_order" not in packer["permissions"] and "allocate_order" in packer["permissions"]


def test_the_retailer_picks_an_order_of_the_supplier_meant(network: Network) -> None:
    asked = network.control.post("retailer", action="request", supplier="Copperline Trade")
    assert asked["supplier_org_uuid"] == network.other_supplier.org_uuid
    assert asked["line_item_uuid"] is None
    truth = network.truth(asked["order_uuid"])
    assert (truth["po_number"], truth["state"]) == (asked["po_number"], "pending")
    assert [each["cancel_id"] for each in asked["requests"]] == [each["cancel_id"] for each in truth["pending"]]


def test_the_retailer_picks_a_line_when_told_to(network: Network) -> None:
    asked = network.control.post("retailer", action="request", scope="line", supplier=network.supplier.org_uuid)
    assert network.supplier.decide_line("confirm", asked["line_item_uuid"]).status == 204


def test_the_retailer_asks_for_what_is_named(network: Network, placed: Placed) -> None:
    asked = network.control.post("retailer", action="request", line_item_uuid=placed.b)
    assert (asked["order_uuid"], asked["line_item_uuid"]) == (placed.uuid, placed.b)
    asked = network.control.post("retailer", action="request", order_uuid=placed.uuid)
    assert asked["line_item_uuid"] is None


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"action": "dance"}, 400),
        ({"action": "request", "order_uuid": "x"}, 400),
        ({"action": "request", "line_item_uuid": "x"}, 400),
        ({"action": "request", "supplier": "x"}, 400),
        ({"action": "request", "scope": "world"}, 400),
        ({"action": "request", "colour": "red"}, 400),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(control: Control, wish: dict[str, str], status: int) -> None:
    assert requests.post(f"{control.base_url}/__sandbox__/retailer", json=wish, timeout=10).status_code == status


def test_what_the_network_does_not_allow_is_a_conflict(network: Network, placed: Placed) -> None:
    wish = {"action": "request", "order_uuid": placed.uuid}
    network.control.post("retailer", **wish)
    answer = requests.post(f"{network.control.base_url}/__sandbox__/retailer", json=wish, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (409, 422)


def test_orders_are_listed_by_supplier_and_state(network: Network, placed: Placed) -> None:
    def found(**query: str) -> list[str]:
        return [order["order_uuid"] for order in network.control.get("crux/orders", **query)["orders"]]

    assert found()[0] == placed.uuid
    assert placed.uuid in found(state="open", supplier=network.supplier.org_uuid)
    assert placed.uuid not in found(supplier="Copperline Trade")
    network.retailer.ask_line(placed.a)
    assert placed.uuid in found(state="pending")
    states = [set(found(state=state)) for state in ("pending", "open", "closed")]
    assert sum(map(len, states)) == len(set.union(*states)) == len(found())
    for path in ("crux/orders?state=x", "crux/orders?supplier=x", "crux/orders?x=1"):
        assert requests.get(f"{network.control.base_url}/__sandbox__/{path}", timeout=10).status_code == 400
    assert requests.get(f"{network.control.base_url}/__sandbox__/crux/orders/x", timeout=10).status_code == 404


def test_the_truth_has_the_history_of_requests(network: Network, placed: Placed) -> None:
    network.retailer.ask_line(placed.a)
    network.supplier.decide_line("reject", placed.a)
    network.retailer.ask_line(placed.a)
    rejected, waiting = network.truth(placed.uuid)["requests"]
    assert (rejected["state"], waiting["state"], waiting["settled"]) == ("rejected", "pending", None)
    assert rejected["line_item_uuid"] == placed.a
    assert rejected["asked"] < rejected["settled"] < waiting["asked"]


def test_calls_name_their_marketplace_and_supplier(network: Network, placed: Placed) -> None:
    network.control.delete("calls")
    network.supplier.decide_order("confirm", placed.uuid)
    network.supplier.call("POST", f"/timp/orders/cancel/{placed.uuid}/confirm/")
    told = network.control.get("calls", marketplace="crux_timp", endpoint="confirm-order-cancelation")["calls"]
    [call] = [each for each in told if each["method"] == "PATCH"]
    assert (call["status"], call["shop_id"], call["code"]) == (422, network.supplier.org_uuid, None)
    assert call["path"] == f"/crux/timp/orders/cancel/{placed.uuid}/confirm/"
    assert network.control.get("calls", status="405")["calls"][0]["marketplace"] == "crux_timp"


def test_a_login_is_in_the_ledger(network: Network) -> None:
    network.supplier.login()
    [entry] = network.control.effects("token.granted", shop_id=network.supplier.org_uuid)
    assert (entry["actor"], entry["detail"]) == ("seller", {"username": network.supplier.username})


def test_a_recording_holds_no_password_and_no_token(tmp_path: Path) -> None:
    file = tmp_path / "traffic.jsonl"
    sandbox = Running("--record", str(file), "--orders", "40")
    try:
        row = sandbox.control.get("credentials")["crux"]["users"][2]
        user = User(f"{sandbox.base_url}/crux", row["username"], row["password"], row["org_uuid"])
        user.orders(limit=1)
        asked = sandbox.control.post("retailer", action="request", supplier=user.org_uuid)
        user.decide_order("confirm", asked["order_uuid"])
        sandbox.control.post("switches", crux_error_body="html")
        user.decide_order("confirm", asked["order_uuid"])
    finally:
        sandbox.stop()
    text = file.read_text()
    login, listing, decision, refusal = [json.loads(line) for line in text.splitlines()]
    assert login["body"] == {"username": user.username, "password": "***"}
    assert login["response"]["auth_token"] == listing["headers"]["authorization"] == "***"
    assert (listing["body"], len(listing["response"]["orders"])) == ({"limit": 1}, 1)
    assert (decision["status"], decision["body"], decision["response"]) == (204, None, None)
    assert (refusal["status"], refusal["response"]) == (422, "<html><body><h1>422</h1></body></html>")
    assert user.password not in text and user.token not in text


def test_a_person_can_play_the_retailer_on_the_page(network: Network, placed: Placed) -> None:
    home, shop = f"{network.control.base_url}/", network.supplier.org_uuid

    def send(**form: Any) -> str:
        return requests.post(home, data={"shop": shop, "only": "all", **form}, timeout=10).text

    page = requests.get(home, params={"shop": shop}, timeout=10).text
    assert "Orders of Millbrook Home Supply" in page and placed.uuid in page and "<script" not in page
    send(do="ask", order_uuid=placed.uuid, line_item_uuid=placed.b)
    [waiting] = network.truth(placed.uuid)["pending"]
    assert waiting["line_item_uuid"] == placed.b
    assert "asked to cancel the order" in send(do="ask", order_uuid=placed.uuid, line_item_uuid="")
    assert "A cancelation is requested already." in send(do="ask", order_uuid=placed.uuid)
    send(do="fault", kind="server_error", endpoint="get-orders", marketplace="crux_timp")
    assert network.supplier.orders().status == 500
