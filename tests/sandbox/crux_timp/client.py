"""A tiny client of Crux Connect's orders API, written for these tests alone."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.sandbox.client import Control

Json = dict[str, Any]


@dataclass
class Answer:
    status: int
    headers: Any
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class User:
    """One user of the network, logged in at the first call."""

    base_url: str
    username: str
    password: str
    org_uuid: str
    token: str = ""
    session: requests.Session = field(default_factory=requests.Session)

    def login(self) -> Json:
        answer = self.call("POST", "/timp/organizations/user-login/", self.named, token="none")
        assert answer.status == 200, answer.text
        told: Json = answer.json
        self.token = told["auth_token"]
        return told

    @property
    def named(self) -> Json:
        return {"username": self.username, "password": self.password}

    def call(self, method: str, path: str, body: Any = None, **changes: Any) -> Answer:
        """``changes``: ``token`` or the whole ``authorization`` (None for neither), ``raw`` for the body's bytes,
        ``content_type``."""
        if not self.token and not {"token", "authorization"} & set(changes):
            self.login()
        raw = changes.get("raw", b"" if body is None else json.dumps(body).encode())
        headers = {
            "authorization": changes.get("authorization", f"Token {changes.get('token', self.token)}"),
            "content-type": changes.get("content_type", "application/json; charset=utf-8" if raw else None),
        }
        response = self.session.request(
            method,
            f"{self.base_url}{path}",
            data=raw or None,
            headers={name: value for name, value in headers.items() if value is not None},
            timeout=30,
            allow_redirects=False,
        )
        return Answer(response.status_code, response.headers, response.text)

    # ---- the calls the tests make most ----

    def orders(self, **search: Any) -> Answer:
        return self.call("POST", "/timp/orders/", search)

    def found(self, **search: Any) -> list[str]:
        """The UUIDs of the orders a search finds."""
        return [order["uuid"] for order in self.orders(limit=1000, **search).json["orders"]]

    def order(self, uuid: str) -> Json:
        answer = self.call("GET", f"/timp/orders/{uuid}/")
        assert answer.status == 200, answer.text
        return dict(answer.json)

    def lines(self, uuid: str) -> dict[str, Json]:
        return {line["line_item_uuid"]: line for line in self.order(uuid)["line_items"]}

    def decide_order(self, verdict: str, uuid: str, **changes: Any) -> Answer:
        return self.call("PATCH", f"/timp/orders/cancel/{uuid}/{verdict}/", **changes)

    def decide_line(self, verdict: str, uuid: str, **changes: Any) -> Answer:
        return self.call("PATCH", f"/timp/orders/items/cancel/{uuid}/{verdict}/", **changes)

    def ask_order(self, uuid: str) -> Answer:
        return self.call("PATCH", "/timp/orders/cancel/", {"order_uuid": uuid})

    def ask_line(self, uuid: str) -> Answer:
        return self.call("DELETE", f"/timp/orders/items/cancel/{uuid}/")

    def allocate(self, order_uuid: str, quantities: dict[str, tuple[Any, Any, Any]]) -> Answer:
        """``quantities``: line UUID to accepted, rejected and backordered."""
        names = ("quantity_accepted", "quantity_rejected", "quantity_backordered")
        rows = [
            {"line_item_uuid": uuid, "allocation": dict(zip(names, each, strict=True))}
            for uuid, each in quantities.items()
        ]
        return self.call("PUT", f"/timp/orders/allocation/{order_uuid}/", {"line_items": rows})

    def ship(self, order_uuid: str, quantities: dict[str, int], tracking_number: str = "1Z1") -> Answer:
        rows = [{"line_item_uuid": uuid, "quantity_shipped": each} for uuid, each in quantities.items()]
        body = {"tracking_number": tracking_number, "line_items": rows}
        return self.call("POST", f"/timp/orders/tracking/{order_uuid}/", body)


@dataclass
class Network:
    """The simulator as these tests see it: its users, an order to play with, and the truth behind it."""

    control: Control
    retailer: User
    supplier: User
    packer: User
    other_supplier: User
    other_retailer: User

    def place(self, *lines: tuple[User, str, int]) -> Placed:
        """A new order. ``lines``: supplier, SKU and quantity each."""
        body = {
            "skus": [
                {"sku_id": sku_id, "quantity": quantity, "supplier_org_uuid": supplier.org_uuid}
                for supplier, sku_id, quantity in lines
            ],
            "address": {"name": "Priya Shah", "address1": "418 Alder Court", "city": "Boise"},
            "po_number": "FL-1",
        }
        answer = self.retailer.call("POST", "/timp/orders/create/", body)
        assert answer.status == 201, answer.text
        uuid = answer.json["order_uuid"]
        return Placed(uuid, *self.retailer.lines(uuid))

    def truth(self, uuid: str) -> Json:
        return self.control.get(f"crux/orders/{uuid}")

    def switch(self, **switches: Any) -> None:
        self.control.post("switches", **{f"crux_{name}": value for name, value in switches.items()})

    def effects(self, uuid: str) -> list[str]:
        return [entry["effect"] for entry in self.control.get("ledger", order_id=uuid)["entries"]]

    def designations(self, uuid: str) -> list[str | None]:
        return [line["line_item_designation"] for line in self.retailer.order(uuid)["line_items"]]


@dataclass
class Placed:
    """An order and its first two lines."""

    uuid: str
    a: str
    b: str
