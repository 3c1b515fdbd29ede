"""The simulator signs and verifies as TikTok and two other implementations do."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from sandbox.tiktok_shop.signing import notification_signature, request_signature, same
from tests.sandbox.client import Shop, sign

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "tiktok_shop_signatures.json").read_text()
)
BY_NAME = {vector["name"]: vector for vector in VECTORS["vectors"]}
HOOKS = {vector["name"]: vector for vector in VECTORS["webhook_vectors"]}


def signature_of(vector: dict[str, Any]) -> str:
    return request_signature(
        vector["app_secret"], vector["path"], vector["query"], vector["content_type"], vector["body"].encode()
    )


@pytest.mark.parametrize("name", BY_NAME)
def test_every_vector_is_signed_as_published(name: str) -> None:
    assert signature_of(BY_NAME[name]) == BY_NAME[name]["expected_sign"]


@pytest.mark.parametrize("negative", VECTORS["negative_vectors"], ids=lambda each: str(each["name"]))
def test_every_known_mistake_in_signing_is_told_apart(negative: dict[str, Any]) -> None:
    assert not same(signature_of(BY_NAME[negative["vector"]]), negative["wrong_sign"])


@pytest.mark.parametrize("name", HOOKS)
def test_every_notification_vector_is_signed_as_published(name: str) -> None:
    vector = HOOKS[name]
    found = notification_signature(vector["app_key"], vector["app_secret"], vector["raw_body"].encode())
    assert found == vector["expected_signature"]


@pytest.mark.parametrize("negative", VECTORS["webhook_negative_vectors"], ids=lambda each: str(each["mistake"]))
def test_every_known_mistake_in_signing_notifications_is_told_apart(negative: dict[str, Any]) -> None:
    vector = HOOKS[negative["vector"]]
    found = notification_signature(vector["app_key"], vector["app_secret"], vector["raw_body"].encode())
    assert not same(found, negative["wrong_signature"])


def test_what_cannot_be_a_signature_is_no_crash(us: Shop) -> None:
    assert us.orders().code == 0
    assert us.call("GET", "/order/202309/orders", {"ids": "1"}, sign="ü" * 64).code == 106001


def test_the_body_counts_byte_by_byte(gb: Shop) -> None:
    body = b'{ "cancel_status" : [ "CANCELLATION_REQUEST_PENDING" ] }\n'
    path = "/return_refund/202309/cancellations/search"
    assert gb.call("POST", path, raw=body).code == 0
    query = {"app_key": gb.app_key, "timestamp": str(now := int(time.time())), "shop_cipher": gb.cipher}
    compact = sign(gb.app_secret, path, query, body.replace(b" ", b""), "application/json")
    assert gb.call("POST", path, raw=body, sign=compact, timestamp=now).code == 106001


def test_an_empty_object_that_was_sent_has_to_be_signed(gb: Shop) -> None:
    cancel_id = gb.pending()[0]["cancel_id"]
    assert gb.approve(cancel_id, raw=b"{}").code == 0


def test_query_values_are_decoded_once_and_a_plus_is_a_space(gb: Shop) -> None:
    """A cursor's + must travel as %2B; sent bare it becomes a space and the signature no longer fits."""
    path, cursor = "/order/202309/orders/search", "a+b/c=="
    prepared = gb.call("POST", path, {"page_size": 1, "page_token": cursor}, {})
    assert (prepared.code, "page_token" in prepared.json["message"]) == (36009004, True)
    values = {
        "app_key": gb.app_key,
        "timestamp": str(int(time.time())),
        "shop_cipher": gb.cipher,
        "page_size": "1",
        "page_token": cursor,
    }
    values["sign"] = sign(gb.app_secret, path, values, b"{}", "application/json")
    bare = "&".join(f"{name}={quote(value, safe='+/=')}" for name, value in values.items())
    answer = requests.post(
        f"{gb.base_url}{path}?{bare}",
        data=b"{}",
        timeout=10,
        headers={"content-type": "application/json", "x-tts-access-token": gb.access_token},
    )
    assert answer.json()["code"] == 106001
