"""Notifications are signed, sent where they were asked to be, and tried again."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from tests.sandbox.client import Control, Json, Shop
from tests.sandbox.conftest import Inbox

PATH = "/event/202309/webhooks"


def read(inbox: Inbox, count: int) -> list[Json]:
    return [json.loads(body) for _, body in inbox.wait_for(count)]


def test_a_request_and_its_approval_are_told_with_signature(control: Control, gb: Shop, inbox: Inbox) -> None:
    control.post("webhooks", url=inbox.url)
    asked = control.post("buyer", action="request", shop_id=gb.id)
    [(headers, body)] = inbox.wait_for(1)
    expected = hmac.new(gb.app_secret.encode(), gb.app_key.encode() + body, hashlib.sha256).hexdigest()
    assert headers["authorization"] == expected
    note = json.loads(body)
    assert (note["type"], note["shop_id"]) == (11, gb.id)
    assert note["data"] == {
        "order_id": asked["order_id"],
        "cancellations_role": "BUYER",
        "cancel_id": asked["cancel_id"],
        "cancel_status": "CANCELLATION_REQUEST_PENDING",
        "create_time": gb.cancellation(asked["cancel_id"])["create_time"],
    }
    gb.approve(asked["cancel_id"])
    later = read(inbox, 3)[1:]
    assert sorted(
        (each["type"], each["data"].get("cancel_status") or each["data"]["order_status"]) for each in later
    ) == [(1, "CANCEL"), (11, "CANCELLATION_REQUEST_SUCCESS")]
    assert len({each["tts_notification_id"] for each in read(inbox, 3)}) == 3


def test_withdrawing_and_refunding_are_told(control: Control, gb: Shop, inbox: Inbox) -> None:
    one = control.post("buyer", action="request", shop_id=gb.id)["cancel_id"]
    two = control.post("buyer", action="request", shop_id=gb.id)["cancel_id"]
    gb.approve(two)
    control.post("webhooks", url=inbox.url)
    control.post("buyer", action="withdraw", cancel_id=one)
    control.shift(601)
    statuses = {each["data"]["cancel_id"]: each["data"]["cancel_status"] for each in read(inbox, 2)}
    assert statuses == {one: "CANCELLATION_REQUEST_CANCELLED", two: "CANCELLATION_REQUEST_COMPLETE"}


def test_a_shop_says_which_topic_goes_where(control: Control, gb: Shop, inbox: Inbox) -> None:
    body = {"address": inbox.url, "event_type": "CANCELLATION_STATUS_CHANGE"}
    assert gb.call("PUT", PATH, None, body).json["data"] == {}
    listed = gb.call("GET", PATH).data
    assert (listed["total_count"], listed["webhooks"][0]["address"]) == (1, inbox.url)
    asked = control.post("buyer", action="request", shop_id=gb.id)
    gb.approve(asked["cancel_id"])
    assert {note["type"] for note in read(inbox, 2)} == {11}
    gb.call("DELETE", PATH, None, {"event_type": "CANCELLATION_STATUS_CHANGE"})
    assert gb.call("GET", PATH).data == {"webhooks": [], "total_count": 0}
    assert gb.call("DELETE", PATH, None, {"event_type": "CANCELLATION_STATUS_CHANGE"}).code == 0
    control.post("buyer", action="request", shop_id=gb.id)
    time.sleep(0.1)
    assert len(inbox.received) == 2


@pytest.mark.parametrize(
    "body",
    [
        {"address": "ftp://x.example/", "event_type": "ORDER_STATUS_CHANGE"},
        {"address": "https://x.example/"},
        {"address": "https://x.example/", "event_type": "WEATHER"},
        {"address": "https://x.example/" + "x" * 255, "event_type": "ORDER_STATUS_CHANGE"},
    ],
)
def test_an_ill_formed_webhook_is_refused(gb: Shop, body: dict[str, Any]) -> None:
    assert gb.call("PUT", PATH, None, body).code == 36009004


def test_strictly_only_https_with_a_domain_and_no_port_will_do(control: Control, gb: Shop) -> None:
    control.post("switches", strict_webhook_urls=True)
    codes = [
        gb.call("PUT", PATH, None, {"address": address, "event_type": "ORDER_STATUS_CHANGE"}).code
        for address in ("http://x.example/", "https://127.0.0.1/", "https://x.example:8443/", "https://x.example/h")
    ]
    assert codes == [36009004, 36009004, 36009004, 0]


def test_a_failed_delivery_is_tried_again_on_schedule(control: Control, gb: Shop, inbox: Inbox) -> None:
    inbox.status = 500
    control.post("webhooks", url=inbox.url)
    control.post("buyer", action="request", shop_id=gb.id)
    inbox.wait_for(1)
    ours = json.loads(inbox.received[0][1])["tts_notification_id"]

    def tries() -> int:
        return sum(json.loads(body)["tts_notification_id"] == ours for _, body in list(inbox.received))

    for count, seconds in enumerate((120, 1800, 3 * 3600, 12 * 3600), start=2):
        time.sleep(0.1)
        control.shift(seconds - 30)
        time.sleep(0.1)
        assert tries() == count - 1
        control.shift(31)
        deadline = time.monotonic() + 4
        while tries() < count and time.monotonic() < deadline:
            time.sleep(0.02)
        assert tries() == count
    control.shift(86_400)
    time.sleep(0.3)
    assert tries() == 5
    delivery = next(each for each in control.get("webhooks")["deliveries"] if each["id"] == ours)
    assert (delivery["state"], len(delivery["tries"])) == ("lost", 5)


def test_a_notification_can_be_sent_twice_on_purpose(control: Control, gb: Shop, inbox: Inbox) -> None:
    control.post("webhooks", url=inbox.url)
    control.post("buyer", action="request", shop_id=gb.id)
    first = read(inbox, 1)[0]
    control.post(f"webhooks/{first['tts_notification_id']}/resend")
    assert read(inbox, 2) == [first, first]


def test_removing_the_app_is_told(control: Control, us: Shop, inbox: Inbox) -> None:
    control.post("webhooks", url=inbox.url)
    control.post("deauthorize", shop_id=us.id)
    [note] = read(inbox, 1)
    assert (note["type"], note["shop_id"]) == (6, us.id)
    assert us.id in note["data"]["message"]


def test_the_word_for_a_cancelled_order_can_be_switched(control: Control, gb: Shop, inbox: Inbox) -> None:
    control.post("switches", webhook_cancelled_word="CANCELLED")
    asked = control.post("buyer", action="request", shop_id=gb.id)
    control.post("webhooks", url=inbox.url)
    gb.approve(asked["cancel_id"])
    assert "CANCELLED" in {note["data"].get("order_status") for note in read(inbox, 2)}
