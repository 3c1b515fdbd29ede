"""Pushes: only genuine ones are read, and they only say what to read again."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplaces.errors import BadRecord
from marketplaces.records import Told
from marketplaces.tiktok_shop import webhooks
from marketplaces.tiktok_shop.adapter import TikTokShop
from marketplaces.tiktok_shop.signing import webhook_signature

PUSH: dict[str, Any] = {
    "type": 11,
    "tts_notification_id": "7327112393057371911",
    "shop_id": "7495540735365777507",
    "timestamp": 1701007301,
    "data": {
        "order_id": "577087614418520388",
        "cancellations_role": "BUYER",
        "cancel_status": "CANCELLATION_REQUEST_PENDING",
        "cancel_id": "4035318504086604100",
        "create_time": 1701007300,
    },
}


def body(**changes: Any) -> bytes:
    return json.dumps(PUSH | changes).encode()


def test_a_genuine_push_is_read() -> None:
    raw = body()
    headers = {"Authorization": webhook_signature("key", "secret", raw)}
    found = TikTokShop().read_notification(raw, headers, "key", "secret")
    assert found is not None
    assert (found.topic, found.order_id, found.cancellation_id) == (
        "cancellation",
        "577087614418520388",
        "4035318504086604100",
    )
    assert (found.notification_id, found.shop_id) == ("7327112393057371911", "7495540735365777507")
    assert found.sent_at == datetime(2023, 11, 26, 14, 1, 41, tzinfo=UTC)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("CANCELLATION_REQUEST_PENDING", Told.WAITING),
        ("CANCELLATION_REQUEST_SUCCESS", Told.APPROVED),
        ("CANCELLATION_REQUEST_COMPLETE", Told.APPROVED),
        ("CANCELLATION_REQUEST_CANCEL", Told.CLOSED),
        ("CANCELLATION_REQUEST_CANCELLED", Told.CLOSED),
        ("SOMETHING_NEW", Told.UNCLEAR),
        ("", Told.UNCLEAR),
    ],
)
def test_a_push_about_a_request_says_how_it_stands(word: str, says: Told) -> None:
    assert webhooks.parse(body(data=PUSH["data"] | {"cancel_status": word})).says == says


@pytest.mark.parametrize(
    ("word", "says"),
    [("CANCEL", Told.ORDER_CANCELLED), ("CANCELLED", Told.ORDER_CANCELLED), ("IN_TRANSIT", None), ("", None)],
)
def test_a_push_about_an_order_says_that_it_is_cancelled_or_nothing(word: str, says: Told | None) -> None:
    told = webhooks.parse(body(type=1, data={"order_id": "577087614418520388", "order_status": word}))
    assert (told.order_id, told.says) == ("577087614418520388", says)


@pytest.mark.parametrize("name", ["authorization", "AUTHORIZATION", "Authorization"])
def test_the_header_is_found_however_it_is_spelled(name: str) -> None:
    raw = body()
    assert TikTokShop().read_notification(raw, {name: webhook_signature("k", "s", raw)}, "k", "s")


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": ""}, {"Authorization": "Bearer x"}, {"X-TT-Signature": webhook_signature("k", "s", body())}],
)
def test_a_push_without_the_right_signature_is_not_read(headers: dict[str, str]) -> None:
    assert TikTokShop().read_notification(body(), headers, "k", "s") is None


def test_a_push_signed_with_another_apps_secret_is_not_read() -> None:
    raw = body()
    headers = {"Authorization": webhook_signature("k", "other", raw)}
    assert TikTokShop().read_notification(raw, headers, "k", "s") is None


@pytest.mark.parametrize(
    ("kind", "topic"),
    [
        (1, "order"), (4, "package"), (5, "other"), (6, "deauthorized"), (7, "expiring"), (11, "cancellation"),
        (12, "return"), (14, "other"), (64, "return"),
    ],
)  # fmt: skip
def test_every_kind_has_a_topic(kind: int, topic: str) -> None:
    found = webhooks.parse(body(type=kind, data={}))
    assert (found.topic, found.is_known) == (topic, True)


@pytest.mark.parametrize("kind", [0, -1, 99, 10**300])
def test_a_kind_that_nobody_has_told_us_of_is_known_by_its_number(kind: int) -> None:
    found = webhooks.parse(body(type=kind))
    assert (found.topic, found.is_known) == (str(kind)[:200], False)


@pytest.mark.parametrize("written", ["1703599301", 1703599301])
def test_of_an_authorization_that_ends_it_is_read_when(written: object) -> None:
    found = webhooks.parse(body(type=7, data={"message": "…", "expiration_time": written}))
    assert found.ends_at == datetime(2023, 12, 26, 14, 1, 41, tzinfo=UTC)


@pytest.mark.parametrize("written", ["soon", "1" * 20, -5, 1.5, []])
def test_one_that_says_no_time_is_not_understood(written: object) -> None:
    with pytest.raises(BadRecord):
        webhooks.parse(body(type=7, data={"expiration_time": written}))


def test_a_push_without_ids_in_its_data_is_read() -> None:
    found = webhooks.parse(body(type=7, data={"message": "…"}))
    assert (found.order_id, found.cancellation_id, found.ends_at) == ("", "", None)


def test_a_push_without_an_id_gets_the_same_one_each_time() -> None:
    one = json.dumps({name: value for name, value in PUSH.items() if name != "tts_notification_id"}).encode()
    assert webhooks.parse(one).notification_id == webhooks.parse(one).notification_id != ""
    assert webhooks.parse(one).notification_id != webhooks.parse(one + b" ").notification_id


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "11"},
        {"type": True},
        {"shop_id": 7495540735365777507},
        {"timestamp": None},
        {"timestamp": 1701007301000},
        {"data": []},
        {"data": {"order_id": 5}},
        {"tts_notification_id": 5},
    ],
)
def test_a_genuine_push_that_is_not_understood_says_so(changes: dict[str, Any]) -> None:
    raw = body(**changes)
    headers = {"Authorization": webhook_signature("k", "s", raw)}
    with pytest.raises(BadRecord):
        TikTokShop().read_notification(raw, headers, "k", "s")


def test_the_shop_is_known_before_the_push_is_trusted() -> None:
    assert TikTokShop().shop_id_of_notification(body()) == "7495540735365777507"


@given(st.binary(max_size=200))
def test_no_bytes_whatever_stop_the_door(raw: bytes) -> None:
    assert TikTokShop().shop_id_of_notification(raw) == ""
    assert TikTokShop().read_notification(raw, {"Authorization": "0" * 64}, "k", "s") is None
    with pytest.raises(BadRecord):
        webhooks.parse(raw)


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"shop_id":' * 50_000])
def test_deep_nesting_is_only_a_bad_push(raw: bytes) -> None:
    assert TikTokShop().shop_id_of_notification(raw) == ""
