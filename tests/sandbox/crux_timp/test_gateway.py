"""What every call has to pass: path, token, method, kind of organization, permission, content type, body."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import requests

from tests.sandbox.client import Control
from tests.sandbox.crux_timp.client import Network, User

SOME = str(uuid.UUID(int=1, version=4))
LOGIN = "/timp/organizations/user-login/"


def test_a_login_tells_who_one_is_and_what_one_may_do(network: Network) -> None:
    told = network.packer.login()
    assert set(told) == {
        "auth_token",
        "org_uuid",
        "user_uuid",
        "retailer_uuid",
        "supplier_uuid",
        "org_type",
        "permission_assignments",
    }
    assert len(told["auth_token"]) == 40 and set(told["auth_token"]) <= set("0123456789abcdef")
    assert (told["org_uuid"], told["org_type"], told["retailer_uuid"]) == (network.packer.org_uuid, "SUPPLIER", "")
    assert told["permission_assignments"]["org_user"] == {"uuid": told["user_uuid"]}
    rows = told["permission_assignments"]["permissions"]
    assert set(rows[0]["permission"]) == {"uuid", "name", "display_name", "description", "visibility", "grouping"}
    assigned = {row["permission"]["name"]: row["assigned"] for row in rows}
    assert (assigned["allocate_order"], assigned["cancel_order"]) == (True, False)
    assert "create_order" not in assigned


def test_a_retailers_login_has_the_retailers_uuid(network: Network) -> None:
    told = network.retailer.login()
    assert (told["org_type"], told["supplier_uuid"], bool(told["retailer_uuid"])) == ("RETAILER", "", True)
    assert told["retailer_uuid"] != told["org_uuid"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"username": "orders@millbrook.example"}, 400),
        ({"password": "x"}, 400),
        ({"username": "", "password": "x"}, 400),
        ({"username": 1, "password": "x"}, 400),
        ([], 400),
        ({"username": "orders@millbrook.example", "password": "x"}, 401),
        ({"username": "nobody@millbrook.example", "password": "x"}, 401),
    ],
)
def test_a_login_needs_both_names_and_the_right_ones(network: Network, body: Any, status: int) -> None:
    assert network.supplier.call("POST", LOGIN, body, authorization="Basic Og==").status == status


def test_a_login_is_json_by_post(network: Network) -> None:
    assert network.supplier.call("POST", LOGIN, raw=b"username=x", content_type="text/plain", token="").status == 415
    assert network.supplier.call("GET", LOGIN, token="").status == 405


def test_tokens_of_one_user_live_side_by_side_until_each_ends(network: Network, supplier: User) -> None:
    first = supplier.login()["auth_token"]
    network.control.shift(3600)
    second = supplier.login()["auth_token"]
    assert supplier.call("POST", "/timp/orders/", {}, token=first).status == 200
    network.control.shift(3600)
    assert supplier.call("POST", "/timp/orders/", {}, token=first).status == 401
    assert supplier.call("POST", "/timp/orders/", {}, token=second).status == 200


def test_a_user_who_was_deactivated_is_a_stranger(network: Network, supplier: User) -> None:
    supplier.login()
    network.control.post("crux/users", username=supplier.username, active=False)
    assert supplier.orders().status == 401
    assert supplier.call("POST", LOGIN, supplier.named, token="").status == 401
    network.control.post("crux/users", username=supplier.username, active=True, password="new")
    assert supplier.orders().status == 200
    assert supplier.call("POST", LOGIN, supplier.named, token="").status == 401
    supplier.password = "new"
    assert supplier.login()["auth_token"]


@pytest.mark.parametrize("wish", [{"active": 1}, {"password": 1}, {"colour": "red"}])
def test_a_user_is_changed_within_reason(control: Control, supplier: User, wish: dict[str, Any]) -> None:
    url = f"{control.base_url}/__sandbox__/crux/users"
    assert requests.post(url, json={"username": supplier.username, **wish}, timeout=10).status_code == 400
    assert requests.post(url, json={"username": "nobody"}, timeout=10).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "who", "changes", "status"),
    [
        # path before token
        ("PATCH", "/timp/nothing/", "supplier", {"authorization": None}, 404),
        # token before method
        ("POST", f"/timp/orders/cancel/{SOME}/confirm/", "supplier", {"authorization": None}, 401),
        # method before kind
        ("POST", f"/timp/orders/cancel/{SOME}/confirm/", "retailer", {}, 405),
        # kind before permission: a packer may not cancel, and is no retailer
        ("PATCH", "/timp/orders/cancel/", "packer", {}, 409),
        # permission before content type
        ("PATCH", f"/timp/orders/cancel/{SOME}/confirm/", "packer", {"raw": b"x", "content_type": "text/plain"}, 403),
        # content type before body
        ("PATCH", f"/timp/orders/cancel/{SOME}/confirm/", "supplier", {"raw": b"x", "content_type": "text/plain"}, 415),
        # body before identifier
        ("PATCH", f"/timp/orders/cancel/{SOME}/confirm/", "supplier", {"raw": b"x"}, 400),
        ("PUT", f"/timp/orders/allocation/{SOME}/", "supplier", {"body": {}}, 400),
        ("PATCH", f"/timp/orders/cancel/{SOME}/confirm/", "supplier", {}, 422),
        ("GET", f"/timp/orders/{SOME}/", "supplier", {}, 404),
    ],
)
def test_the_checks_have_an_order(
    network: Network, method: str, path: str, who: str, changes: dict[str, Any], status: int
) -> None:
    user: User = getattr(network, who)
    user.login()
    answer = user.call(method, path, **changes)
    assert answer.status == status
    assert set(answer.json) == {"detail"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/timp/orders", 404),
        ("POST", "/orders/", 404),
        ("POST", "/api/timp/orders/", 404),
        ("GET", f"/timp/orders/{SOME.upper()}/", 404),
        ("GET", f"/timp/orders/{SOME.replace('-', '')}/", 404),
        ("DELETE", "/timp/orders/items/cancel//", 404),
        ("PUT", f"/timp/orders/tracking/{SOME}/1Z1/", 404),
        ("GET", "/timp/orders/po/FL-1/", 404),
        ("PUT", "/timp/orders/acknowledge/", 404),
        # literal segments are no UUIDs, but paths of their own
        ("GET", "/timp/orders/create/", 405),
        ("GET", "/timp/orders/cancel/", 405),
        ("GET", "/timp/orders/export/", 405),
        ("GET", "/timp/orders/search/", 404),
        ("GET", "/timp/orders/", 405),
    ],
)
def test_paths_are_taken_to_the_letter(supplier: User, method: str, path: str, status: int) -> None:
    assert supplier.call(method, path).status == status


@pytest.mark.parametrize("content_type", ["application/json", "APPLICATION/JSON", "application/json;charset=utf-8"])
def test_json_is_json_with_any_parameters(supplier: User, content_type: str) -> None:
    assert supplier.call("POST", "/timp/orders/", {}, content_type=content_type).status == 200


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'{"start": NaN}', b"\xff", b"[" * 100_000])
def test_a_search_needs_an_object(supplier: User, raw: bytes) -> None:
    assert supplier.call("POST", "/timp/orders/", raw=raw).status == 400


def test_a_body_of_a_get_is_ignored_and_its_type_is_not(network: Network, supplier: User) -> None:
    [uuid] = supplier.found()[:1]
    assert supplier.call("GET", f"/timp/orders/{uuid}/", {}).status == 200
    assert supplier.call("GET", f"/timp/orders/{uuid}/", raw=b"a", content_type="text/plain").status == 415


PERMISSIONS = {
    ("POST", "/timp/orders/create/"): 409,
    ("PATCH", "/timp/orders/cancel/"): 409,
    ("DELETE", f"/timp/orders/items/cancel/{SOME}/"): 409,
    ("PUT", f"/timp/orders/allocation/{SOME}/"): 400,
    ("POST", f"/timp/orders/tracking/{SOME}/"): 400,
    ("POST", f"/timp/orders/{SOME}/invoices/"): 400,
}


@pytest.mark.parametrize(("method", "path"), PERMISSIONS)
def test_some_calls_are_suppliers_and_some_retailers(network: Network, method: str, path: str) -> None:
    suppliers = PERMISSIONS[method, path]
    assert network.supplier.call(method, path, {}).status == suppliers
    retailers = network.retailer.call(method, path, {}).status
    assert retailers == 409 if suppliers == 400 else retailers in (400, 422)


def test_cookies_and_queries_are_ignored(network: Network, supplier: User) -> None:
    [uuid] = supplier.found()[:1]
    supplier.session.cookies.set("sessionid", "x")
    assert supplier.call("GET", f"/timp/orders/{uuid}/?page=2").status == 200


def test_other_paths_are_still_the_other_marketplaces(control: Control) -> None:
    for path in ("/crux", "/cruxes/timp/orders/", "/timp/orders/"):
        assert requests.get(control.base_url + path, timeout=10).json()["code"] == 36009009
