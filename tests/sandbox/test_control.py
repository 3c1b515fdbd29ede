"""Ledger, calls, raw state, recording and the page: what tests and people look at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.sandbox.client import Control, Shop
from tests.sandbox.conftest import ROOT, Running
from tests.sandbox.test_images import png


def test_the_ledger_is_numbered_and_filtered(control: Control, gb: Shop) -> None:
    one = control.post("buyer", action="request", shop_id=gb.id)
    two = control.post("buyer", action="request", shop_id=gb.id)
    gb.approve(one["cancel_id"])
    entries = control.get("ledger")["entries"]
    assert [(entry["seq"], entry["effect"]) for entry in entries] == [
        (1, "cancellation.requested"),
        (2, "cancellation.requested"),
        (3, "cancellation.approved"),
    ]
    assert set(entries[0]) == {
        "seq",
        "at",
        "effect",
        "shop_id",
        "order_id",
        "cancel_id",
        "line_item_ids",
        "package_id",
        "actor",
        "idempotency_key",
        "request_id",
        "detail",
    }
    assert [entry["seq"] for entry in control.get("ledger", after=1)["entries"]] == [2, 3]
    assert [entry["seq"] for entry in control.get("ledger", order_id=two["order_id"])["entries"]] == [2]
    assert [
        entry["seq"]
        for entry in control.get("ledger", cancel_id=one["cancel_id"], effect="cancellation.approved")["entries"]
    ] == [3]


def test_calls_are_counted_and_shown_without_secrets(control: Control, gb: Shop) -> None:
    gb.orders()
    gb.search()
    gb.search(colour="red")
    found = control.get("calls")
    assert (found["total"], found["counts"]) == (3, {"get-order-list": 1, "search-cancellations": 2})
    [call] = control.get("calls", endpoint="search-cancellations", code="25001001")["calls"]
    assert (call["shop_id"], call["status"], call["query"]["sign"]) == (gb.id, 200, "***")
    control.delete("calls")
    assert control.get("calls")["total"] == 0


def test_raw_state_can_be_looked_at(control: Control, gb: Shop) -> None:
    asked = control.post("buyer", action="request", shop_id=gb.id)
    order = control.get(f"orders/{asked['order_id']}")
    assert order["pending_cancel_id"] == asked["cancel_id"]
    assert order["order"] == gb.order(asked["order_id"])
    record = control.get(f"cancellations/{asked['cancel_id']}")
    assert (record["deadline"], record["rejection"]) == (asked["deadline"], None)
    for path in ("orders/1", "cancellations/1", "nothing"):
        assert requests.get(f"{control.base_url}/__sandbox__/{path}", timeout=10).status_code == 404


def test_the_buyer_asks_for_what_may_be_asked_for(control: Control, gb: Shop) -> None:
    def buyer(**wish: object) -> int:
        return requests.post(f"{control.base_url}/__sandbox__/buyer", json=wish, timeout=10).status_code

    asked = control.post("buyer", action="request", region="GB")
    assert asked["shop_id"] == gb.id
    assert buyer(action="request", order_id=asked["order_id"]) == 409
    control.post("buyer", action="withdraw", order_id=asked["order_id"])
    assert buyer(action="withdraw", cancel_id=asked["cancel_id"]) == 409
    assert buyer(action="request", order_id="1") == 400
    assert buyer(action="request", order_id=asked["order_id"], reason="because") == 400
    assert buyer(action="dance") == 400
    shipped = gb.orders(order_status="IN_TRANSIT").data["orders"][0]["id"]
    assert buyer(action="request", order_id=shipped) == 409


def test_a_buyer_may_ask_for_single_lines(control: Control, gb: Shop) -> None:
    orders = gb.orders(order_status="AWAITING_SHIPMENT", is_buyer_request_cancel=False).data["orders"]
    order = next(each for each in orders if len(each["line_items"]) > 1)
    line_id = order["line_items"][0]["id"]
    asked = control.post("buyer", action="request", order_id=order["id"], line_item_ids=[line_id])
    gb.approve(asked["cancel_id"])
    after = gb.order(order["id"])
    assert after["status"] == "AWAITING_SHIPMENT"
    assert [line["id"] for line in after["line_items"] if line["display_status"] == "CANCELLED"] == [line_id]


def test_unknown_wishes_are_refused(control: Control) -> None:
    for path, wish in (
        ("clock", {"shift": "1"}),
        ("clock", {}),
        ("switches", {"gravity": 0}),
        ("reset", {"seed": "1"}),
        ("reset", {"scenario": "mars"}),
        ("auth_code", {"shop_id": "1"}),
        ("webhooks", {"x": 1}),
    ):
        assert requests.post(f"{control.base_url}/__sandbox__/{path}", json=wish, timeout=10).status_code in (400, 409)
    assert control.get("health")["ok"] is True


def test_a_recording_has_a_line_for_each_exchange_and_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "traffic.jsonl"
    sandbox = Running("--record", str(file), "--orders", "60", "--webhook-url", "http://127.0.0.1:9/")
    try:
        us = sandbox.control.shop("US")
        us.orders(page_size=3)
        us.approve(us.pending()[0]["cancel_id"], "key")
        us.upload(png())
        requests.get(
            f"{us.base_url}/api/v2/token/refresh",
            timeout=10,
            params={
                "app_key": us.app_key,
                "app_secret": us.app_secret,
                "refresh_token": us.refresh_token,
                "grant_type": "refresh_token",
            },
        )
        sandbox.control.post("faults", kind="reset_after", endpoint="get-order-list")
        with pytest.raises(requests.ConnectionError):
            us.orders(page_size=3)
        text = file.read_text()
    finally:
        sandbox.stop()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["status"] for line in lines] == [200] * 5 + [0]
    assert all(set(line) >= {"method", "path", "query", "headers", "body", "status", "response"} for line in lines)
    listing, search, approval, upload, refresh, cut = lines
    assert (listing["body"], len(listing["response"]["data"]["orders"])) == ({}, 3)
    assert search["body"] == {"cancel_status": ["CANCELLATION_REQUEST_PENDING"]}
    assert (approval["body"], approval["query"]["idempotency_key"]) == (None, "key")
    assert upload["body"] == {"__multipart__": ["use_case", "data"]}
    assert refresh["query"]["app_secret"] == "***"
    assert (cut["response"], cut["fault"]) == (None, "reset_after")
    assert listing["headers"]["x-tts-access-token"] == listing["query"]["sign"] == "***"
    assert refresh["response"]["data"]["access_token"] == refresh["response"]["data"]["refresh_token"] == "***"
    for secret in (us.app_secret, us.access_token, us.refresh_token):
        assert secret not in text


def test_it_runs_as_a_management_command_too() -> None:
    """Without looking for a database: an address where there is none is given to it."""
    answer = subprocess.run(
        [sys.executable, "manage.py", "sandbox", "--scenario", "mars"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        timeout=60,
    )
    assert "scenario is one of" in answer.stderr


def test_a_person_can_play_the_buyer_on_the_page(control: Control, gb: Shop) -> None:
    order = gb.orders(order_status="AWAITING_SHIPMENT", is_buyer_request_cancel=False).data["orders"][0]
    home = f"{control.base_url}/"
    page = requests.get(home, params={"shop": gb.id, "only": "all"}, timeout=10)
    assert page.status_code == 200
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    form = {"shop": gb.id, "only": "all", "order_id": order["id"]}
    reason = "ecom_order_to_ship_canceled_reason_better_price_uk"
    requests.post(home, data={**form, "do": "request", "reason": reason}, timeout=10)
    assert gb.order(order["id"])["is_buyer_request_cancel"] is True
    refused = requests.post(home, data={**form, "do": "request", "reason": reason}, timeout=10)
    assert "A request is in process" in refused.text
    requests.post(home, data={**form, "do": "withdraw"}, timeout=10)
    assert gb.order(order["id"])["is_buyer_request_cancel"] is False
    requests.post(home, data={"do": "clock", "seconds": "3600"}, timeout=10)
    assert control.get("clock")["shift"] == 3600
    requests.post(home, data={"do": "fault", "kind": "server_error", "endpoint": "*"}, timeout=10)
    assert gb.orders().status == 500


def test_what_people_see_is_escaped(control: Control) -> None:
    page = requests.get(f"{control.base_url}/", params={"notice": "<script>alert(1)</script>"}, timeout=10)
    assert "<script>" not in page.text
