"""A tiny client of TikTok Shop's API, written for these tests alone: signs, sends, and returns what came back."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import requests

Json = dict[str, Any]


def sign(secret: str, path: str, query: dict[str, str], body: bytes, content_type: str) -> str:
    """The signature of a call, written from the rule and not from the simulator's code."""
    text = path + "".join(f"{name}{query[name]}" for name in sorted(query) if name not in ("sign", "access_token"))
    message = text.encode() + (b"" if content_type.startswith("multipart/form-data") else body)
    key = secret.encode()
    return hmac.new(key, key + message + key, hashlib.sha256).hexdigest()


@dataclass
class Answer:
    """``code`` and ``data`` of the envelope; ``data`` is {} where the answer has none."""

    status: int
    headers: Any
    json: Json

    @property
    def code(self) -> int:
        return int(self.json["code"])

    @property
    def data(self) -> Json:
        return self.json.get("data") or {}


@dataclass
class Shop:
    """One shop of the simulator with a token of its own."""

    base_url: str
    app_key: str
    app_secret: str
    id: str
    region: str
    cipher: str
    access_token: str
    refresh_token: str
    session: requests.Session = field(default_factory=requests.Session)

    def call(self, method: str, path: str, query: Json | None = None, body: Any = None, **changes: Any) -> Answer:
        """Send one signed call. ``changes`` spoil it: query values, ``token``, ``content_type``, ``sign``, ``raw``
        (the body's bytes), ``cipher`` (None leaves it out), ``timestamp``, ``drop`` (query names), ``headers``."""
        raw = changes.get("raw", b"" if body is None else json.dumps(body, ensure_ascii=False).encode())
        content_type = changes.get("content_type", "application/json")
        cipher = changes.get("cipher", self.cipher)
        values = {
            "app_key": changes.get("app_key", self.app_key),
            "timestamp": str(changes.get("timestamp", int(time.time()))),
        }
        if cipher is not None:
            values["shop_cipher"] = cipher
        values |= {name: str(value) for name, value in (query or {}).items()}
        values = {name: value for name, value in values.items() if name not in changes.get("drop", ())}
        signature = changes.get("sign", sign(self.app_secret, path, values, raw, content_type))
        if signature is not None:
            values["sign"] = signature
        headers = {"x-tts-access-token": changes.get("token", self.access_token)}
        if content_type:
            headers["content-type"] = content_type
        response = self.session.request(
            method,
            f"{self.base_url}{path}?{urlencode(values)}",
            data=raw or None,
            headers={name: value for name, value in headers.items() if value is not None},
            timeout=30,
        )
        return Answer(response.status_code, response.headers, response.json())

    # ---- the calls the tests make most ----

    def orders(self, page_size: int = 100, query: Json | None = None, **body: Any) -> Answer:
        return self.call("POST", "/order/202309/orders/search", {"page_size": page_size, **(query or {})}, body)

    def order(self, order_id: str) -> Json:
        found = self.call("GET", "/order/202309/orders", {"ids": order_id}).data["orders"]
        return dict(found[0])

    def search(self, query: Json | None = None, **body: Any) -> Answer:
        return self.call("POST", "/return_refund/202309/cancellations/search", query, body)

    def pending(self) -> list[Json]:
        found = self.search({"page_size": 50}, cancel_status=["CANCELLATION_REQUEST_PENDING"])
        return list(found.data["cancellations"])

    def cancellation(self, cancel_id: str) -> Json:
        return dict(self.search(cancel_ids=[cancel_id]).data["cancellations"][0])

    def approve(self, cancel_id: str, key: str | None = None, **changes: Any) -> Answer:
        query = {"idempotency_key": key} if key else {}
        return self.call("POST", f"/return_refund/202309/cancellations/{cancel_id}/approve", query, **changes)

    def reject(self, cancel_id: str, reason: str, key: str | None = None, **body: Any) -> Answer:
        query = {"idempotency_key": key} if key else {}
        return self.call(
            "POST", f"/return_refund/202309/cancellations/{cancel_id}/reject", query, {"reject_reason": reason, **body}
        )

    def cancel_order(self, order_id: str, reason: str, **body: Any) -> Answer:
        return self.call(
            "POST", "/return_refund/202309/cancellations", None, {"order_id": order_id, "cancel_reason": reason, **body}
        )

    def reject_reasons(self, cancel_id: str) -> list[str]:
        data = self.call("GET", "/return_refund/202309/reject_reasons", {"return_or_cancel_id": cancel_id}).data
        return [reason["name"] for reason in data["reasons"]]

    def upload(self, content: bytes, use_case: str = "DESCRIPTION_IMAGE", **changes: Any) -> Answer:
        boundary = "XBOUNDARYX"
        raw = (
            (
                f'--{boundary}\r\nContent-Disposition: form-data; name="use_case"\r\n\r\n{use_case}\r\n'
                f'--{boundary}\r\nContent-Disposition: form-data; name="data"; filename="proof.png"\r\n'
                "Content-Type: image/png\r\n\r\n"
            ).encode()
            + content
            + f"\r\n--{boundary}--\r\n".encode()
        )
        changes = {"cipher": None, "raw": raw, "content_type": f"multipart/form-data; boundary={boundary}", **changes}
        return self.call("POST", "/product/202309/images/upload", **changes)


class Control:
    """The simulator's control API."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.session = requests.Session()

    def get(self, path: str, **query: Any) -> Json:
        return self._answer("GET", path, params=query)

    def post(self, path: str, **body: Any) -> Json:
        return self._answer("POST", path, json=body)

    def delete(self, path: str, **query: Any) -> Json:
        return self._answer("DELETE", path, params=query)

    def shops(self) -> list[Shop]:
        found = self.get("credentials")
        return [
            Shop(
                self.base_url,
                found["app_key"],
                found["app_secret"],
                shop["id"],
                shop["region"],
                shop["cipher"],
                shop["access_token"],
                shop["refresh_token"],
            )
            for shop in found["shops"]
        ]

    def shop(self, region: str) -> Shop:
        return next(shop for shop in self.shops() if shop.region == region)

    def effects(self, effect: str, **query: Any) -> list[Json]:
        return list(self.get("ledger", effect=effect, **query)["entries"])

    def ask(self, region: str, **wish: Any) -> Json:
        return self.post("buyer", action="request", region=region, **wish)

    def shift(self, seconds: int) -> None:
        self.post("clock", shift=seconds)

    def _answer(self, method: str, path: str, **how: Any) -> Json:
        response = self.session.request(method, f"{self.base_url}/__sandbox__/{path}", timeout=60, **how)
        assert response.ok, f"{response.status_code} {response.text}"
        return dict(response.json())
