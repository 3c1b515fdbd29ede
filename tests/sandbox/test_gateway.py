"""What TikTok's gateway refuses is refused, with its code, and in its order."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from sandbox.options import Options
from sandbox.pacing import Pacing
from tests.sandbox.client import Control, Shop

ORDERS = "/order/202309/orders/search"
DETAIL = "/order/202309/orders"


def code_and_status(
    shop: Shop, method: str, path: str, query: Any = None, body: Any = None, **how: Any
) -> tuple[int, int]:
    answer = shop.call(method, path, query, body, **how)
    assert answer.json["request_id"]
    assert answer.json["message"]
    return answer.code, answer.status


def test_a_right_call_is_answered_with_code_zero(us: Shop) -> None:
    answer = us.orders()
    assert (answer.code, answer.status, answer.json["message"]) == (0, 200, "Success")


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"sign": "0" * 64}, (106001, 401)),
        ({"sign": None}, (36009004, 400)),
        ({"app_key": "nobody"}, (36009004, 400)),
        ({"drop": ("app_key",)}, (36009004, 400)),
        ({"timestamp": -1}, (36009004, 400)),
        ({"timestamp": "soon"}, (36009004, 400)),
        ({"drop": ("timestamp",)}, (36009004, 400)),
        ({"token": "ROW_nobodys"}, (36009004, 400)),
        ({"token": None}, (36009004, 400)),
        ({"cipher": None}, (106013, 400)),
        ({"cipher": ""}, (106013, 400)),
        ({"cipher": "ROW_unknown"}, (101000, 401)),
        ({"content_type": "text/plain"}, (36009022, 400)),
        ({"content_type": ""}, (36009022, 400)),
        ({"raw": b"{oops"}, (36009004, 400)),
        ({"raw": b"[1]"}, (36009004, 400)),
        ({"raw": b'{"x": \xff}'}, (36009004, 400)),
    ],
)
def test_a_spoilt_call_is_refused(us: Shop, how: dict[str, Any], expected: tuple[int, int]) -> None:
    assert code_and_status(us, "POST", ORDERS, {"page_size": 1}, {}, **how) == expected


@pytest.mark.parametrize(("offset", "code"), [(-310, 36009004), (-280, 0), (20, 0), (45, 36009004)])
def test_the_timestamp_may_be_five_minutes_old_and_half_a_minute_ahead(us: Shop, offset: int, code: int) -> None:
    assert us.call("POST", ORDERS, {"page_size": 1}, {}, timestamp=int(time.time()) + offset).code == code


def test_the_timestamp_window_follows_real_time_unless_told_otherwise(control: Control, us: Shop) -> None:
    control.shift(3600)
    assert us.orders().code == 0
    control.post("switches", strict_timestamp=True)
    assert us.orders().code == 36009004
    assert us.call("POST", ORDERS, {"page_size": 1}, {}, timestamp=int(time.time()) + 3600).code == 0


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/order/202309/nowhere", (36009009, 404)),
        ("GET", "/order/2023/orders", (36009009, 404)),
        ("GET", "/order/202311/orders", (36009014, 400)),
        ("POST", "/order/202507/orders/search", (36009014, 400)),
        ("GET", ORDERS, (36009010, 405)),
        ("POST", DETAIL, (36009010, 405)),
        ("DELETE", "/return_refund/202309/cancellations/1/approve", (36009010, 405)),
    ],
)
def test_paths_versions_and_methods_are_looked_at_first(
    us: Shop, method: str, path: str, expected: tuple[int, int]
) -> None:
    assert code_and_status(us, method, path, sign="0" * 64, token="nobody") == expected


def test_order_detail_is_served_in_both_its_versions(us: Shop) -> None:
    order_id = us.orders(page_size=1).data["orders"][0]["id"]
    for version in ("202309", "202507"):
        assert us.call("GET", f"/order/{version}/orders", {"ids": order_id}).data["orders"][0]["id"] == order_id


def test_a_get_without_a_body_needs_no_content_type(us: Shop) -> None:
    assert us.call("GET", DETAIL, {"ids": "1"}, content_type="").code == 0


def test_authorized_shops_and_uploads_refuse_a_shop_cipher(us: Shop) -> None:
    assert us.call("GET", "/authorization/202309/shops").code == 36009004
    assert us.call("GET", "/authorization/202309/shops", cipher=None).code == 0
    assert us.upload(b"x", cipher=us.cipher).code == 36009004


def test_an_upload_that_is_no_multipart_is_refused(us: Shop) -> None:
    answer = us.upload(b"x", content_type="application/json")
    assert answer.code == 36009023


def test_the_shop_of_another_seller_is_refused(us: Shop, de: Shop) -> None:
    assert us.call("GET", DETAIL, {"ids": "1"}, cipher=de.cipher).code == 101000


def test_a_scope_that_was_not_granted_is_refused(control: Control, us: Shop) -> None:
    code = control.post("auth_code", shop_id=us.id, scopes=["seller.order.info"])["auth_code"]
    answer = requests.get(
        f"{us.base_url}/api/v2/token/get",
        timeout=10,
        params={"app_key": us.app_key, "app_secret": us.app_secret, "auth_code": code, "grant_type": "authorized_code"},
    ).json()
    us.access_token = answer["data"]["access_token"]
    assert answer["data"]["granted_scopes"] == ["seller.order.info"]
    assert us.orders().code == 0
    refused = us.search()
    assert (refused.code, refused.status) == (105005, 401)


@pytest.mark.parametrize(
    ("query", "body", "code"),
    [
        ({}, {}, 36009004),
        ({"page_size": 0}, {}, 36009004),
        ({"page_size": 101}, {}, 36009004),
        ({"page_size": 100}, {}, 0),
        ({"page_size": "ten"}, {}, 36009004),
        ({"page_size": 1, "sort_field": "id"}, {}, 36009004),
        ({"page_size": 1, "sort_order": "asc"}, {}, 36009004),
        ({"page_size": 1, "colour": "red"}, {}, 36009004),
        ({"page_size": 1, "shop_id": "7"}, {}, 36009004),
        ({"page_size": 1, "version": "202309"}, {}, 36009004),
        ({"page_size": 1}, {"colour": "red"}, 36009004),
        ({"page_size": 1}, {"update_time_ge": "1700000000"}, 36009004),
        ({"page_size": 1}, {"update_time_ge": True}, 36009004),
        ({"page_size": 1}, {"update_time_ge": 1.5}, 36009004),
        ({"page_size": 1}, {"order_status": "TO_SHIP"}, 36009004),
        ({"page_size": 1}, {"is_buyer_request_cancel": "true"}, 36009004),
        ({"page_size": 1}, {"warehouse_ids": "1"}, 36009004),
        ({"page_size": 1}, {"warehouse_ids": [1]}, 36009004),
        ({"page_size": 1}, {"warehouse_ids": ["1"] * 101}, 36009004),
        ({"page_size": 1, "page_token": "nonsense"}, {}, 36009004),
    ],
)
def test_parameters_of_the_order_list_are_held_to_the_contract(us: Shop, query: Any, body: Any, code: int) -> None:
    assert us.call("POST", ORDERS, query, body).code == code


def test_a_type_mistake_is_named(us: Shop) -> None:
    message = us.orders(create_time_ge="1700000000").json["message"]
    assert "create_time_ge" in message
    assert "expected type:int64" in message


@pytest.mark.parametrize(("ids", "code"), [("", 36009004), (",".join(["1"] * 51), 36009004), (",".join(["1"] * 50), 0)])
def test_order_detail_takes_one_to_fifty_ids(us: Shop, ids: str, code: int) -> None:
    assert us.call("GET", DETAIL, {"ids": ids}).code == code


@pytest.mark.parametrize(
    ("query", "body", "code"),
    [
        ({"page_size": "50"}, {}, 0),
        ({"page_size": 51}, {}, 36009004),
        ({}, {"cancel_ids": ["1"] * 51}, 25001001),
        ({}, {"cancel_ids": "1"}, 25001001),
        ({}, {"cancel_types": ["RETURN"]}, 25001001),
        ({}, {"cancel_status": ["CANCELLATION_REQUEST_CANCELLED"]}, 25001001),
        ({}, {"locale": "xx-XX"}, 25001001),
        ({}, {"locale": "de-DE,en-US"}, 0),
    ],
)
def test_parameters_of_the_cancellation_search_are_held_to_the_contract(
    us: Shop, query: Any, body: Any, code: int
) -> None:
    assert us.search(query, **body).code == code


def test_a_parameter_sent_twice_is_refused(us: Shop) -> None:
    answer = requests.get(f"{us.base_url}{DETAIL}?app_key={us.app_key}&ids=1&ids=2", timeout=10)
    assert answer.json()["code"] == 36009004


def test_too_many_calls_a_second_are_refused_for_one_endpoint_of_one_shop(control: Control) -> None:
    control.post("reset", rate_limit=5, orders=10)
    us, de = control.shop("US"), control.shop("DE")
    answers = [us.call("GET", DETAIL, {"ids": "1"}) for _ in range(20)]
    refused = [answer for answer in answers if answer.code == 36009002]
    assert refused
    assert {answer.status for answer in refused} == {429}
    assert int(refused[0].headers["Retry-After"]) >= 1
    assert all(answer.code == 0 for answer in answers[:5])
    assert de.call("GET", DETAIL, {"ids": "1"}).code == 0
    assert us.orders(page_size=1).code == 0
    time.sleep(1.05)
    assert us.call("GET", DETAIL, {"ids": "1"}).code == 0


def test_the_usual_pace_is_fifty_calls_in_any_second() -> None:
    pacing = Pacing(Options().rate_limit)
    admitted = sum(pacing.admits(("app", "shop", "endpoint")) for _ in range(200))
    assert admitted == 50
    assert pacing.admits(("app", "another shop", "endpoint"))
    assert all(Pacing(0).admits(("app", "shop", "endpoint")) for _ in range(200))


def test_a_body_beyond_any_measure_is_refused(us: Shop) -> None:
    answer = us.upload(b"\0" * (33 * 1024 * 1024))
    assert (answer.code, answer.status) == (36009021, 413)


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"sign": "0" * 64, "timestamp": 5}, 36009004),
        ({"sign": "0" * 64, "token": "nobody"}, 106001),
        ({"token": "nobody", "cipher": None}, 36009004),
        ({"cipher": None, "raw": b"oops"}, 106013),
    ],
)
def test_the_checks_come_in_their_order(us: Shop, how: dict[str, Any], code: int) -> None:
    assert us.call("POST", ORDERS, {"page_size": 1}, {}, **how).code == code
