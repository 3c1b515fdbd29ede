"""The control API under ``/__sandbox__/``: what tests and people use to look behind the curtain and to move things.
Every call is described in ``docs/sandbox.md``."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from aiohttp import web

from sandbox.tiktok_shop import buyer, event_calls, lifecycle
from sandbox.tiktok_shop.tokens import SCOPES
from sandbox.wishes import Answerer, Json, as_json, page_wanted, read_wish, wanted_only

if TYPE_CHECKING:
    from sandbox.server import Sandbox

RESETTABLE = {
    "scenario": str,
    "seed": int,
    "orders": int,
    "rate_limit": int,
    "webhook_url": str,
    "start": int,
    "redirect_url": str,
}


class Control:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def add_routes(self, app: web.Application) -> None:
        routes: list[tuple[str, str, Answerer]] = [
            ("GET", "credentials", self.credentials),
            ("POST", "auth_code", self.auth_code),
            ("POST", "redirect", self.set_redirect),
            ("POST", "deauthorize", self.deauthorize),
            ("POST", "expire", self.expire),
            ("GET", "ledger", self.ledger),
            ("GET", "calls", self.calls),
            ("DELETE", "calls", self.forget_calls),
            ("GET", "clock", self.read_clock),
            ("POST", "clock", self.move_clock),
            ("GET", "faults", self.faults),
            ("POST", "faults", self.add_fault),
            ("DELETE", "faults", self.clear_faults),
            ("POST", "buyer", self.buyer),
            ("POST", "split", self.split),
            ("GET", "webhooks", self.webhooks),
            ("POST", "webhooks", self.set_webhook),
            ("POST", "webhooks/{id}/resend", self.resend_webhook),
            ("GET", "orders/{id}", self.order),
            ("GET", "cancellations/{id}", self.cancellation),
            ("GET", "switches", self.read_switches),
            ("POST", "switches", self.set_switches),
            ("POST", "reset", self.reset),
            ("GET", "health", self.health),
        ]
        for method, path, answerer in routes:
            app.router.add_route(method, f"/__sandbox__/{path}", as_json(answerer))
        app.router.add_route("*", "/__sandbox__/{rest:.*}", as_json(self.unknown))

    async def unknown(self, request: web.Request) -> Json:
        raise web.HTTPNotFound

    async def health(self, request: web.Request) -> Json:
        options = self.sandbox.options
        return {
            "ok": True,
            "scenario": options.scenario,
            "seed": options.seed,
            "orders": len(self.sandbox.tiktok.world.orders),
            "crux_orders": len(self.sandbox.crux.world.orders),
        }

    async def credentials(self, request: web.Request) -> Json:
        tiktok, crux = self.sandbox.tiktok, self.sandbox.crux
        return {
            **tiktok.credentials(),
            "connections": [*tiktok.connections(), *crux.connections()],
            "crux": crux.credentials(),
        }

    async def auth_code(self, request: web.Request) -> Json:
        wish = await read_wish(request, {"shop_id", "region", "scopes"})
        tiktok = self.sandbox.tiktok
        shop = buyer.shop_meant(tiktok.world, wish)
        scopes = tuple(wish.get("scopes") or SCOPES)
        tiktok.authorize(shop.id)
        return {"auth_code": tiktok.tokens.new_code(shop, tiktok.world.settle(), scopes), "shop_id": shop.id}

    async def set_redirect(self, request: web.Request) -> Json:
        wish = await read_wish(request, {"url"})
        self.sandbox.options = replace(self.sandbox.options, redirect_url=str(wish.get("url") or ""))
        return {"url": self.sandbox.options.redirect_url}

    async def expire(self, request: web.Request) -> Json:
        wish = await read_wish(request, {"shop_id", "region", "days"})
        if type(wish.get("days")) is not int or not 0 <= wish["days"] <= 365:
            raise ValueError("days is a whole number, up to 365")
        shop = buyer.shop_meant(self.sandbox.tiktok.world, wish)
        return {"shop_id": shop.id, "ends_at": self.sandbox.tiktok.expire(shop.id, wish["days"])}

    async def deauthorize(self, request: web.Request) -> Json:
        wish = await read_wish(request, {"shop_id", "region"})
        shop = buyer.shop_meant(self.sandbox.tiktok.world, wish)
        self.sandbox.tiktok.deauthorize(shop.id)
        return {"shop_id": shop.id}

    async def ledger(self, request: web.Request) -> Json:
        self.sandbox.tiktok.world.settle()
        wanted = wanted_only(
            request,
            {"effect", "order_id", "cancel_id", "shop_id", "actor", "package_id", "idempotency_key", "request_id"},
        )
        ledger = self.sandbox.ledger
        after, limit = page_wanted(request)
        entries = ledger.select(after=after, limit=limit, **wanted)
        return {"entries": [entry.as_json() for entry in entries], "last": len(ledger.entries)}

    async def calls(self, request: web.Request) -> Json:
        wanted = wanted_only(
            request, {"marketplace", "endpoint", "shop_id", "status", "code", "method", "path", "fault"}
        )
        calls = self.sandbox.calls
        after, limit = page_wanted(request)
        found = calls.select(after=after, limit=limit, **wanted)
        return {"total": calls.total, "counts": dict(calls.counts), "calls": [call.as_json() for call in found]}

    async def forget_calls(self, request: web.Request) -> Json:
        self.sandbox.calls.clear()
        return {"total": 0}

    async def read_clock(self, request: web.Request) -> Json:
        clock = self.sandbox.clock
        return {"now": clock.now(), "shift": clock.shift}

    async def move_clock(self, request: web.Request) -> Json:
        wish = await read_wish(request, {"shift", "set"})
        if len(wish) != 1 or not all(type(value) is int for value in wish.values()):
            raise ValueError("send either shift (seconds) or set (unix seconds), a whole number")
        if "shift" in wish:
            self.sandbox.clock.move(wish["shift"])
        else:
            self.sandbox.clock.set(wish["set"])
        self.sandbox.tiktok.world.settle()
        return await self.read_clock(request)

    async def faults(self, request: web.Request) -> Json:
        return {"faults": [fault.as_json() for fault in self.sandbox.faults.active]}

    async def add_fault(self, request: web.Request) -> Json:
        wish = await read_wish(request, None)
        return self.sandbox.faults.add(wish, self.sandbox.slugs).as_json()

    async def clear_faults(self, request: web.Request) -> Json:
        number = request.query.get("id")
        self.sandbox.faults.clear(int(number) if number else None)
        return await self.faults(request)

    async def buyer(self, request: web.Request) -> Json:
        wish = await read_wish(
            request, {"action", "order_id", "cancel_id", "reason", "line_item_ids", "shop_id", "region"}
        )
        cancellation = buyer.act(self.sandbox.tiktok.world, wish)
        return {
            "cancel_id": cancellation.id,
            "order_id": cancellation.order.id,
            "shop_id": cancellation.order.shop.id,
            "status": cancellation.status,
            "deadline": cancellation.deadline,
            "reason": cancellation.reason,
            "line_item_ids": cancellation.line_ids,
        }

    async def split(self, request: web.Request) -> Json:
        wish = await read_wish(request, {"order_id"})
        world = self.sandbox.tiktok.world
        if (order := world.orders.get(str(wish.get("order_id")))) is None:
            raise ValueError("no such order")
        lifecycle.split(world, order, world.settle())
        return {"package_ids": [package.id for package in order.packages]}

    async def webhooks(self, request: web.Request) -> Json:
        webhooks = self.sandbox.tiktok.webhooks
        shops = self.sandbox.tiktok.world.shops.values()
        return {
            "url": webhooks.default_url,
            "shops": {shop.id: {name: each.address for name, each in shop.webhooks.items()} for shop in shops},
            "unsent": webhooks.unsent,
            "deliveries": [each.as_json() for each in webhooks.log],
        }

    async def set_webhook(self, request: web.Request) -> Json:
        wish = await read_wish(request, {"url"})
        url = str(wish.get("url") or "")
        if url:
            event_calls.check_address(url, strict=self.sandbox.tiktok.switches.strict_webhook_urls)
        self.sandbox.tiktok.webhooks.default_url = url
        return {"url": url}

    async def resend_webhook(self, request: web.Request) -> Json:
        if not self.sandbox.tiktok.webhooks.send_again(request.match_info["id"]):
            raise web.HTTPNotFound
        return {"id": request.match_info["id"]}

    async def order(self, request: web.Request) -> Json:
        world = self.sandbox.tiktok.world
        world.settle()
        order = world.orders.get(request.match_info["id"])
        if order is None:
            raise web.HTTPNotFound
        requests = [each.id for each in world.cancellations.values() if each.order is order]
        return {
            "shop_id": order.shop.id,
            "pending_cancel_id": order.pending_cancel_id,
            "cancel_ids": requests,
            "order": json.loads(world.encoder.order(order)),
            "packages": [world.encoder.package_json(package, order) for package in order.packages],
        }

    async def cancellation(self, request: web.Request) -> Json:
        world = self.sandbox.tiktok.world
        world.settle()
        cancellation = world.cancellations.get(request.match_info["id"])
        if cancellation is None:
            raise web.HTTPNotFound
        return {
            "shop_id": cancellation.order.shop.id,
            "deadline": cancellation.deadline,
            "rejection": cancellation.rejection,
            "cancellation": json.loads(world.encoder.cancellation(cancellation, "en-US")),
        }

    async def read_switches(self, request: web.Request) -> Json:
        return self.sandbox.switches.as_json()

    async def set_switches(self, request: web.Request) -> Json:
        wish = await read_wish(request, None)
        for name, value in wish.items():
            self.sandbox.switches.set(name, value)
        self.sandbox.tiktok.set_drift(self.sandbox.tiktok.switches.drift)
        return self.sandbox.switches.as_json()

    async def reset(self, request: web.Request) -> Json:
        wish = await read_wish(request, set(RESETTABLE)) if request.can_read_body else {}
        for name, value in wish.items():
            if type(value) is not RESETTABLE[name]:
                raise ValueError(f"{name} is of type {RESETTABLE[name].__name__}")
        await asyncio.sleep(0)
        self.sandbox.reset(replace(self.sandbox.options, **wish))
        return await self.health(request)
