"""TikTok Shop put together: takes a call as it arrived and answers it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.clock import Clock
from sandbox.exchange import Exchange
from sandbox.faults import LIES, Fault, Faults
from sandbox.ledger import Ledger
from sandbox.options import Options
from sandbox.pacing import Pacing
from sandbox.scenarios import SCENARIOS
from sandbox.schedule import Schedule
from sandbox.tiktok_shop import (
    cancellation_calls,
    event_calls,
    fulfillment_calls,
    multipart,
    order_calls,
    seller_cancel_calls,
    signing,
    token_calls,
)
from sandbox.tiktok_shop.call import Call, RawCall
from sandbox.tiktok_shop.consent import Service
from sandbox.tiktok_shop.contract import Contract
from sandbox.tiktok_shop.encoding import dumps
from sandbox.tiktok_shop.gateway import Gateway, decoded_query
from sandbox.tiktok_shop.idempotency import Idempotency
from sandbox.tiktok_shop.images import Images
from sandbox.tiktok_shop.refusals import Refusal
from sandbox.tiktok_shop.seeding import GRAIN, Seeder
from sandbox.tiktok_shop.sellers import make_shops
from sandbox.tiktok_shop.switches import TikTokShopSwitches
from sandbox.tiktok_shop.tokens import Grant, Tokens
from sandbox.tiktok_shop.webhooks import Webhooks
from sandbox.tiktok_shop.world import World

Answer = Callable[[World, Call], bytes]
SYSTEM_BUSY = 25001028


class TikTokShop:
    """One world and everything that speaks for it. Building another one is how the simulator is reset."""

    name = "tiktok_shop"

    def __init__(
        self,
        options: Options,
        *,
        clock: Clock,
        schedule: Schedule,
        ledger: Ledger,
        faults: Faults,
        switches: TikTokShopSwitches,
    ) -> None:
        scenario = SCENARIOS[options.scenario]
        self.switches, self.faults, self.ledger = switches, faults, ledger
        for name, value in scenario.switches.items():
            switches.set(name, value)
        self.world = World(
            seed=options.seed,
            base_url=options.base_url,
            clock=clock,
            schedule=schedule,
            ledger=ledger,
            switches=switches,
        )
        for shop in make_shops(self.world.ids, scenario.regions, scenario.branches):
            self.world.shops[shop.id] = shop
        start = options.start if options.start is not None else Clock.real()
        count = scenario.orders if options.orders is None else options.orders
        Seeder(self.world, scenario, options.seed, start - start % GRAIN).fill(count)
        self.set_drift(switches.drift)
        for order in self.world.orders.values():
            self.world.encoder.order(order)
        self.tokens = Tokens(self.world.ids)
        self.credential_grants: dict[str, Grant] = {
            shop.id: self.tokens.grant(shop, clock.now()) for shop in self.world.shops.values()
        }
        self.services = tuple(Service(self.world.ids.next("service"), audience) for audience in ("us", "world"))
        self.images = Images()
        self.idempotency = Idempotency()
        webhook_url = options.webhook_url.replace("{marketplace}", self.name)
        self.webhooks = Webhooks(self.world, self.tokens, webhook_url)
        self.contract = Contract.read()
        self.gateway = Gateway(self.contract, self.world, self.tokens, Pacing(options.rate_limit))
        self._answers = self._table()

    def credentials(self) -> dict[str, Any]:
        """What a client needs to be pointed at this process. Each shop has an authorization of its own here."""
        return {
            "app_key": self.tokens.app_key,
            "app_secret": self.tokens.app_secret,
            "services": {service.audience: service.id for service in self.services},
            "shops": [
                {
                    "id": shop.id,
                    "name": shop.name,
                    "region": shop.region,
                    "seller_type": shop.seller_type,
                    "cipher": shop.cipher,
                    "access_token": self.credential_grants[shop.id].access_token,
                    "refresh_token": self.credential_grants[shop.id].refresh_token,
                }
                for shop in self.world.shops.values()
                if shop.authorized
            ],
        }

    def connections(self) -> list[dict[str, str]]:
        """One entry an authorization, in the shape all marketplaces share."""
        url = self.world.base_url
        by_token = {shop["access_token"]: shop for shop in self.credentials()["shops"]}
        return [
            {
                "marketplace": self.name,
                "seller_name": shop["name"],
                "app_key": self.tokens.app_key,
                "app_secret": self.tokens.app_secret,
                "access_token": shop["access_token"],
                "refresh_token": shop["refresh_token"],
                "api_url": url,
                "auth_url": url,
            }
            for shop in by_token.values()
        ]

    def deauthorize(self, shop_id: str) -> None:
        """The seller removes the app: tokens die, notification 6 goes out for each of his shops."""
        seller_id = self.world.shops[shop_id].seller_id
        self.tokens.revoke(seller_id)
        now = self.world.clock.now()
        for shop in self.world.shops.values():
            if shop.seller_id == seller_id and shop.authorized:
                shop.authorized = False
                self.ledger.write(now, "shop.deauthorized", shop_id=shop.id, actor="seller")
                message = f"Shop_id {shop.id} is deauthorized from your APP by merchant."
                self.world.publish(shop, "SELLER_DEAUTHORIZATION", {"message": message}, now)

    def expire(self, shop_id: str, days: int) -> int:
        """The seller's authorization ends in so many days, and notification 7 says so for each of the shops."""
        seller_id = self.world.shops[shop_id].seller_id
        now = self.world.clock.now()
        ends_at = now + days * 86_400
        self.tokens.end(seller_id, ends_at)
        for shop in self.world.shops.values():
            if shop.seller_id == seller_id:
                message = (
                    f"Authorization of shop_id {shop.id} is expiring in {days} days. Please direct the merchant to "
                    "re-authorize."
                )
                data = {"message": message, "expiration_time": str(ends_at)}
                self.world.publish(shop, "UPCOMING_AUTHORIZATION_EXPIRATION", data, now)
        return ends_at

    def authorize(self, shop_id: str) -> None:
        """The seller gives the app its rights back; does nothing where they were never taken."""
        seller_id = self.world.shops[shop_id].seller_id
        for shop in self.world.shops.values():
            if shop.seller_id == seller_id and not shop.authorized:
                shop.authorized = True
                self.credential_grants[shop.id] = self.tokens.grant(shop, self.world.clock.now())

    def set_drift(self, drift: bool) -> None:
        """Show keys and words that no page documents, or stop doing so."""
        if drift != self.world.encoder.drift:
            self.world.encoder.drift = drift
            for order in self.world.orders.values():
                order.encoded = None
            for cancellation in self.world.cancellations.values():
                cancellation.encoded.clear()

    async def handle(
        self,
        method: str,
        path: str,
        query_text: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> tuple[Exchange, dict[str, str]]:
        """Answer one call. Also returns the decoded query, for the recording."""
        now = self.world.settle()
        request_id = self.world.ids.request_id(now)
        query: dict[str, str] = {}
        exchange = Exchange(status=200, body=b"", request_id=request_id, recorded_body=_recorded_body(headers, body))
        fault: Fault | None = None
        try:
            endpoint, values = self.contract.find(method, path)
            exchange.endpoint = endpoint.slug
            query.update(decoded_query(query_text))
            raw = RawCall(method, path, query, headers, body)
            call = Call(raw, endpoint, values, request_id, now)
            self.gateway.admit(call)
            exchange.shop_id = call.shop.id if call.shop else None
            wait, fault = self.faults.strike(self.name, endpoint.slug, exchange.shop_id)
            if wait:
                await asyncio.sleep(wait)
                call.now = self.world.settle()
            if fault and _strikes_before(fault, exchange):
                return exchange, query
            self.gateway.check_parameters(call)
            self._succeed(exchange, self._answer(call))
        except Refusal as refusal:
            self._refuse(exchange, refusal)
        if fault:
            _strike_after(fault, exchange)
        return exchange, query

    def too_large(self) -> Exchange:
        """The answer to a body nobody wants to read."""
        exchange = Exchange(status=413, body=b"", request_id=self.world.ids.request_id(self.world.clock.now()))
        self._refuse(exchange, Refusal(36009021))
        return exchange

    def _answer(self, call: Call) -> bytes:
        if "idempotency_key" not in call.query:
            return self._answers[call.endpoint.slug](self.world, call)
        earlier = self.idempotency.earlier_answer(call)
        if earlier is not None:
            return earlier
        answer = self._answers[call.endpoint.slug](self.world, call)
        self.idempotency.remember(call, answer)
        return answer

    @staticmethod
    def _succeed(exchange: Exchange, data: bytes) -> None:
        word = b"success" if exchange.endpoint in ("get-access-token", "refresh-access-token") else b"Success"
        exchange.code = 0
        exchange.body = (
            b'{"code":0,"message":"'
            + word
            + b'","request_id":"'
            + exchange.request_id.encode()
            + b'","data":'
            + data
            + b"}"
        )

    def _refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        exchange.status = refusal.http_status(self.switches.business_status)
        exchange.code = refusal.code
        if refusal.retry_after is not None:
            exchange.headers["Retry-After"] = str(refusal.retry_after)
        exchange.body = dumps(
            {"code": refusal.code, "message": refusal.words, "request_id": exchange.request_id, "data": None}
        )

    def _table(self) -> dict[str, Answer]:
        return {
            "get-access-token": lambda world, call: token_calls.get_access_token(world, self.tokens, call),
            "refresh-access-token": lambda world, call: token_calls.refresh_access_token(world, self.tokens, call),
            "get-authorized-shops": order_calls.authorized_shops,
            "get-order-list": order_calls.order_list,
            "get-order-detail": order_calls.order_detail,
            "search-cancellations": cancellation_calls.search_cancellations,
            "approve-cancellation": cancellation_calls.approve,
            "reject-cancellation": cancellation_calls.reject,
            "get-reject-reasons": cancellation_calls.reject_reasons,
            "cancel-order": seller_cancel_calls.cancel_order,
            "get-aftersale-eligibility": seller_cancel_calls.aftersale_eligibility,
            "calculate-refund": seller_cancel_calls.calculate_refund,
            "upload-product-image": self.images.upload,
            "ship-package": fulfillment_calls.ship_package,
            "batch-ship-packages": fulfillment_calls.batch_ship_packages,
            "mark-package-as-shipped": fulfillment_calls.mark_package_as_shipped,
            "get-package-detail": fulfillment_calls.package_detail,
            "search-package": fulfillment_calls.search_package,
            "get-package-handover-time-slots": fulfillment_calls.handover_time_slots,
            "update-shipping-info": fulfillment_calls.update_shipping_info,
            "get-shipping-providers": fulfillment_calls.shipping_providers,
            "get-shop-webhooks": event_calls.get_webhooks,
            "update-shop-webhook": event_calls.update_webhook,
            "delete-shop-webhook": event_calls.delete_webhook,
        }


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
            raise Refusal(36009002, retry_after=fault.retry_after)
        case "server_error":
            raise Refusal(36009003, status=fault.status)
        case "expired_token":
            raise Refusal(105002)
        case "business_error":
            raise Refusal(fault.code or SYSTEM_BUSY)
    return False


def _strike_after(fault: Fault, exchange: Exchange) -> None:
    """Faults that spoil the answer after the call had its effect."""
    if fault.kind == "reset_after":
        exchange.cut = True
    elif fault.kind == "malformed":
        exchange.body = exchange.body[: max(1, len(exchange.body) // 2)]
        exchange.readable = False


def _recorded_body(headers: Mapping[str, str], body: bytes) -> Any:
    content_type = headers.get("content-type", "")
    if signing.media_type(content_type) == "multipart/form-data":
        try:
            return {"__multipart__": list(multipart.parts(content_type, body))}
        except Refusal:
            return {"__multipart__": []}
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None
