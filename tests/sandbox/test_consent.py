"""The consent page: what a seller answers comes back to the app, as TikTok's own page sends it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.sandbox.client import Control, Shop
from tests.sandbox.test_tokens import exchange

BACK = "http://127.0.0.1:9/back/"


@pytest.fixture(autouse=True)
def redirect(control: Control) -> None:
    control.post("redirect", url=BACK)


def page(control: Control) -> str:
    return f"{control.base_url}/open/authorize"


def answer(control: Control, audience: str, shop: Shop, **form: Any) -> dict[str, str]:
    """What the seller comes back with."""
    service = control.get("credentials")["services"][audience]
    sent = {"service_id": service, "state": "s&1", "shop_id": shop.id, "do": "allow", "scope": ["seller.order.info"]}
    got = requests.post(page(control), data={**sent, **form}, timeout=10, allow_redirects=False)
    assert got.status_code == 302
    assert got.headers["Location"].startswith(BACK + "?")
    return {name: values[0] for name, values in parse_qs(urlsplit(got.headers["Location"]).query).items()}


def test_it_names_the_sellers_and_the_rights_and_may_lead_back(control: Control) -> None:
    service = control.get("credentials")["services"]["us"]
    shown = requests.get(page(control), params={"service_id": service, "state": "1"}, timeout=10)
    assert "Juniper &amp; Oak LLC" in shown.text
    assert "seller.return_refund.basic" in shown.text
    assert "form-action 'self' http://127.0.0.1:9" in shown.headers["Content-Security-Policy"]


def test_an_unknown_service_is_refused(control: Control) -> None:
    assert requests.get(page(control), params={"service_id": "1"}, timeout=10).status_code == 400


def test_allowing_gives_a_code_that_buys_the_chosen_rights(control: Control, us: Shop) -> None:
    back = answer(control, "us", us)
    assert (back["state"], back["shop_region"], back["app_key"]) == ("s&1", "US", us.app_key)
    assert exchange(control, us, back["code"])["data"]["granted_scopes"] == ["seller.order.info"]


def test_denying_gives_none(control: Control, us: Shop) -> None:
    back = answer(control, "us", us, do="deny")
    assert (back["code"], back["error"], back["state"]) == ("null", "auth_denied", "s&1")


def test_a_seller_for_whom_the_app_is_not_gets_no_tokens(control: Control, us: Shop) -> None:
    back = answer(control, "world", us)
    assert back["shop_region"] == "US"
    assert exchange(control, us, back["code"])["code"] == 105004


def test_an_authorization_can_be_made_to_end(control: Control, us: Shop) -> None:
    ends_at = control.post("expire", shop_id=us.id, days=7)["ends_at"]
    renewed = requests.get(
        f"{us.base_url}/api/v2/token/refresh", timeout=10, params={
            "app_key": us.app_key, "app_secret": us.app_secret, "refresh_token": us.refresh_token,
            "grant_type": "refresh_token",
        },
    )  # fmt: skip
    assert renewed.json()["data"]["refresh_token_expire_in"] == ends_at
