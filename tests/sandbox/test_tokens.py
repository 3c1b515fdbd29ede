"""Auth codes, access tokens and refresh tokens live and die as TikTok's do."""

from __future__ import annotations

import time
from typing import Any

import requests

from tests.sandbox.client import Control, Shop

WEEK = 7 * 86_400


def ask(shop: Shop, what: str, **query: str) -> dict[str, Any]:
    answer = requests.get(
        f"{shop.base_url}/api/v2/token/{what}",
        timeout=10,
        params={"app_key": shop.app_key, "app_secret": shop.app_secret, **query},
    )
    assert answer.status_code == 200 or answer.json()["code"] == 36009004
    return dict(answer.json())


def exchange(control: Control, shop: Shop, code: str | None = None) -> dict[str, Any]:
    code = code or control.post("auth_code", shop_id=shop.id)["auth_code"]
    return ask(shop, "get", auth_code=code, grant_type="authorized_code")


def refresh(shop: Shop, token: str) -> dict[str, Any]:
    return ask(shop, "refresh", refresh_token=token, grant_type="refresh_token")


def test_an_auth_code_buys_tokens_once(control: Control, us: Shop) -> None:
    code = control.post("auth_code", shop_id=us.id)["auth_code"]
    answer = exchange(control, us, code)
    assert (answer["code"], answer["message"]) == (0, "success")
    assert answer["data"]["user_type"] == 0
    assert abs(answer["data"]["access_token_expire_in"] - time.time() - WEEK) < 10
    us.access_token = answer["data"]["access_token"]
    assert us.orders().code == 0
    assert exchange(control, us, code)["code"] == 36004004


def test_an_auth_code_lives_for_half_an_hour(control: Control, us: Shop) -> None:
    code = control.post("auth_code", shop_id=us.id)["auth_code"]
    control.shift(1801)
    assert exchange(control, us, code)["code"] == 36004004


def test_a_wrong_secret_or_grant_type_buys_nothing(control: Control, us: Shop) -> None:
    code = control.post("auth_code", shop_id=us.id)["auth_code"]
    assert ask(us, "get", auth_code=code, grant_type="authorization_code")["code"] == 36009004
    us.app_secret = "wrong"
    assert ask(us, "get", auth_code=code, grant_type="authorized_code")["code"] == 36009004


def test_tokens_are_fetched_with_get_only(us: Shop) -> None:
    assert requests.post(f"{us.base_url}/api/v2/token/refresh", timeout=10).json()["code"] == 36009010


def test_a_refresh_turns_both_tokens_and_the_old_access_token_stays_good(control: Control, us: Shop) -> None:
    answer = refresh(us, us.refresh_token)["data"]
    assert answer["refresh_token"] != us.refresh_token
    assert us.orders().code == 0
    us.access_token = answer["access_token"]
    assert us.orders().code == 0
    assert refresh(us, us.refresh_token)["code"] == 36004005
    assert refresh(us, answer["refresh_token"])["code"] == 0
    assert len(control.effects("token.refreshed")) == 2


def test_credentials_keep_up_with_a_refresh(control: Control, us: Shop) -> None:
    answer = refresh(us, us.refresh_token)["data"]
    assert control.shop("US").access_token == answer["access_token"]


def test_an_access_token_expires_after_a_week_of_the_simulators_clock(control: Control, us: Shop) -> None:
    control.shift(WEEK - 60)
    assert us.orders().code == 0
    control.shift(120)
    answer = us.orders()
    assert (answer.code, answer.status) == (105002, 401)
    us.access_token = refresh(us, us.refresh_token)["data"]["access_token"]
    assert us.orders().code == 0


def test_the_shops_of_one_seller_come_under_one_authorization(control: Control, gb: Shop) -> None:
    shops = gb.call("GET", "/authorization/202309/shops", cipher=None).data["shops"]
    assert {shop["region"] for shop in shops} == {"US", "GB"}
    assert all(shop["code"] and shop["seller_type"] == "CROSS_BORDER" for shop in shops)


def test_a_seller_who_removes_the_app_ends_every_token(control: Control, us: Shop) -> None:
    control.post("deauthorize", shop_id=us.id)
    assert us.orders().code == 36009004
    assert refresh(us, us.refresh_token)["code"] == 36004005
    assert us.id not in {shop.id for shop in control.shops()}
    us.access_token = exchange(control, us)["data"]["access_token"]
    assert us.orders().code == 0
    assert next(shop for shop in control.shops() if shop.id == us.id).orders().code == 0
