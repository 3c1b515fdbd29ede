"""Crux Connect put together: takes a call as it arrived and answers it."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.clock import Clock
from sandbox.crux_timp import (
    account_calls,
    cancel_calls,
    create_calls,
    export_calls,
    notification_calls,
    order_calls,
    paper_calls,
    supplier_calls,
)
from sandbox.crux_timp.call import Answer, Call, RawCall
from sandbox.crux_timp.gateway import Gateway
from sandbox.crux_timp.network import credentials, found_network
from sandbox.crux_timp.permissions import all_for
from sandbox.crux_timp.refusals import Refusal
from sandbox.crux_timp.seeding import Seeder
from sandbox.crux_timp.switches import CruxTimpSwitches
from sandbox.crux_timp.tokens import Tokens
from sandbox.crux_timp.world import World
from sandbox.exchange import Exchange
from sandbox.faults import LIES, Fault, Faults
from sandbox.ledger import Ledger
from sandbox.options import Options
from sandbox.recording import HIDDEN
from sandbox.scenarios import SCENARIOS
from sandbox.schedule import Schedule

PREFIX = "/crux"
EXPORTS = f"{PREFIX}/exports/"
GRAIN = 300
SHARE = 4  # one order here for so many over all shops of TikTok Shop

Answerer = Callable[[World, Call], Answer]


class CruxTimp:
    """One world and everything that speaks for it. Building another one is how the simulator is reset."""

    name = "crux_timp"

    def __init__(
        self,
        options: Options,
        *,
        clock: Clock,
        schedule: Schedule,
        ledger: Ledger,
        faults: Faults,
        switches: CruxTimpSwitches,
    ) -> None:
        self.faults, self.switches = faults, switches
        self.world = World(
            seed=options.seed,
            base_url=options.base_url,
            clock=clock,
            schedule=schedule,
            ledger=ledger,
            switches=switches,
        )
        found_network(self.world)
        scenario = SCENARIOS[options.scenario]
        count = scenario.orders if options.orders is None else options.orders
        start = options.start if options.start is not None else Clock.real()
        Seeder(self.world, scenario, options.seed, start - start % GRAIN).fill(-(-count // SHARE))
        self.tokens = Tokens(self.world.ids, switches)
        self.gateway = Gateway(switches, self.tokens)
        self._numbers = itertools.count(1)
        self._answers = self._table()

    def credentials(self) -> dict[str, Any]:
        return credentials(self.world)

    def connections(self) -> list[dict[str, str]]:
        """One entry a supplier, for its user who may do everything. Whoever connects logs in by himself."""
        users = [
            next(user for user in self.world.users_of(supplier) if user.permissions == all_for(supplier.kind))
            for supplier in self.world.suppliers
        ]
        return [
            {
                "marketplace": self.name,
                "seller_name": user.organization.name,
                "app_key": user.email,
                "app_secret": user.password,
                "access_token": "",
                "refresh_token": "",
                "api_url": self.world.base_url + PREFIX,
                "auth_url": "",
            }
            for user in users
        ]

    async def handle(
        self, method: str, path: str, query_text: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[Exchange, dict[str, str]]:
        """Answer one call. No call of this API has a query, so none is read."""
        now = self.world.settle()
        exchange = self._exchange(recorded_body=_recorded_body(body))
        if method == "GET" and path.startswith(EXPORTS):
            return self._file(exchange, path.removeprefix(EXPORTS).removesuffix(".csv")), {}
        fault: Fault | None = None
        try:
            raw = RawCall(method, path.removeprefix(PREFIX), headers, body)
            route = self.gateway.route(raw.path)
            exchange.endpoint = route.slug(method)
            call = self.gateway.admit(raw, route, exchange.request_id, now)
            exchange.shop_id = call.user.organization.uuid if call.user else None
            wait, fault = self.faults.strike(self.name, call.endpoint.slug, exchange.shop_id)
            if wait:
                await asyncio.sleep(wait)
                call.now = self.world.settle()
            if fault and _strikes_before(fault, exchange):
                return exchange, {}
            call.body = self.gateway.read_body(call)
            answer = self._answers[call.endpoint.slug](self.world, call)
            _give(exchange, answer.status, answer.body)
        except Refusal as refusal:
            self._refuse(exchange, refusal)
        if fault:
            _strike_after(fault, exchange)
        return exchange, {}

    def too_large(self) -> Exchange:
        exchange = self._exchange()
        self._refuse(exchange, Refusal(413))
        return exchange

    def _exchange(self, recorded_body: Any = None) -> Exchange:
        """The numbers of the calls are the simulator's own: answers do not show them."""
        return Exchange(status=200, body=b"", request_id=f"crux-{next(self._numbers):06d}", recorded_body=recorded_body)

    def _file(self, exchange: Exchange, uuid: str) -> Exchange:
        content = export_calls.file_of(self.world, uuid)
        if content is None:
            self._refuse(exchange, Refusal(404))
        else:
            exchange.body, exchange.content_type = content, "text/csv"
        return exchange

    def _refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        exchange.headers |= refusal.headers
        match self.switches.error_body:
            case "empty":
                _give(exchange, refusal.code, None)
            case "html":
                _give(exchange, refusal.code, None)
                exchange.body = f"<html><body><h1>{refusal.code}</h1></body></html>".encode()
                exchange.content_type = "text/html"
            case key:
                _give(exchange, refusal.code, {key: refusal.words})

    def _table(self) -> dict[str, Answerer]:
        return {
            "user-login": lambda world, call: account_calls.user_login(world, self.tokens, call),
            "get-orders": order_calls.get_orders,
            "get-order-detail": order_calls.get_order_detail,
            "get-order-by-po": order_calls.get_order_by_po,
            "get-order-invoices": order_calls.get_order_detail,
            "acknowledge-order": order_calls.acknowledge_order,
            "get-orders-export": export_calls.export_orders,
            "get-orders-by-search": export_calls.export_search,
            "retrieve-export": export_calls.retrieve_export,
            "get-order-fees": paper_calls.get_order_fees,
            "update-order-fees": paper_calls.update_order_fees,
            "get-order-attributes": paper_calls.get_order_attributes,
            "update-order-attributes": paper_calls.update_order_attributes,
            "create-order": create_calls.create_order,
            "cancel-order-request": cancel_calls.request_order,
            "cancel-order-item-request": cancel_calls.request_item,
            "allocate-order": supplier_calls.allocate_order,
            "add-order-tracking": supplier_calls.add_order_tracking,
            "submit-invoice": supplier_calls.submit_invoice,
            "confirm-order-cancelation": cancel_calls.confirm_order,
            "reject-order-cancelation": cancel_calls.reject_order,
            "confirm-order-item-cancelation": cancel_calls.confirm_item,
            "reject-order-item-cancelation": cancel_calls.reject_item,
            "get-notifications": notification_calls.get_notifications,
            "get-notification-settings": notification_calls.get_settings,
            "update-notification-settings": notification_calls.update_setting,
        }


def _give(exchange: Exchange, status: int, body: Any) -> None:
    exchange.status = status
    exchange.body = b"" if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    exchange.content_type = None if body is None else "application/json"


def _strikes_before(fault: Fault, exchange: Exchange) -> bool:
    """Faults that keep the call from having an effect. True when the exchange is over."""
    exchange.fault, exchange.lie = fault.kind, fault if fault.is_lie else None
    if fault.kind in LIES["effects"]:
        return True
    match fault.kind:
        case "reset_before":
            exchange.cut = True
            return True
        case "rate_limited":
            raise Refusal(429, headers={"Retry-After": str(fault.retry_after)})
        case "server_error":
            raise Refusal(fault.status)
        case "expired_token":
            raise Refusal(401)
        case "business_error":
            raise Refusal(fault.code if fault.code and 400 <= fault.code < 600 else 422)
    return False


def _strike_after(fault: Fault, exchange: Exchange) -> None:
    """Faults that spoil the answer after the call had its effect."""
    if fault.kind == "reset_after":
        exchange.cut = True
    elif fault.kind == "malformed":
        whole = exchange.body or b'{"message":"success"}'
        exchange.status, exchange.content_type = 200, "application/json"
        exchange.body, exchange.readable = whole[: max(1, len(whole) // 2)], False


def _recorded_body(body: bytes) -> Any:
    try:
        value = json.loads(body) if body else None
    except (ValueError, RecursionError):
        return None
    return value | {"password": HIDDEN} if isinstance(value, dict) and "password" in value else value
