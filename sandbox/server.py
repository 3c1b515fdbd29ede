"""The process: one event loop, one port, no locks. Marketplaces, control API, pictures and the page at ``/``."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator

from aiohttp import web

from sandbox.calls import Calls
from sandbox.clock import Clock
from sandbox.control import Control
from sandbox.crux_timp.control import CruxControl
from sandbox.crux_timp.marketplace import PREFIX, CruxTimp
from sandbox.crux_timp.routes import SLUGS
from sandbox.crux_timp.switches import CruxTimpSwitches
from sandbox.exchange import Exchange, Marketplace
from sandbox.faults import LIES, Faults
from sandbox.ledger import Ledger
from sandbox.lies import Lies
from sandbox.options import Options
from sandbox.page import Page
from sandbox.pictures import picture
from sandbox.recording import SECRET_PARAMETERS, Recording, without_secrets
from sandbox.scenarios import SCENARIOS
from sandbox.schedule import Schedule
from sandbox.switches import Switches
from sandbox.tiktok_shop.consent import ConsentPage
from sandbox.tiktok_shop.marketplace import TikTokShop
from sandbox.tiktok_shop.switches import TikTokShopSwitches
from sandbox.wire import send

LARGEST_BODY = 32 * 1024 * 1024
TICK_SECONDS = 0.2


class Sandbox:
    """Everything one process holds. ``reset`` makes it all anew, as if the process had been started again."""

    def __init__(self, options: Options) -> None:
        self.recording = Recording(options.record) if options.record else None
        self.sender: asyncio.Task[None] | None = None
        self.reset(options)

    def reset(self, options: Options) -> None:
        if options.scenario not in SCENARIOS:
            raise ValueError(f"scenario is one of {', '.join(SCENARIOS)}")
        tiktok_switches, crux_switches = TikTokShopSwitches(), CruxTimpSwitches()
        switches = Switches([tiktok_switches, crux_switches])
        for assignment in options.switches:
            switches.set_from_text(assignment)
        self.options, self.switches = options, switches
        self.clock, self.schedule, self.ledger, self.calls = Clock(), Schedule(), Ledger(), Calls()
        self.faults, self.lies = Faults(options.seed), Lies(options.seed)
        self.tiktok = TikTokShop(
            options,
            clock=self.clock,
            schedule=self.schedule,
            ledger=self.ledger,
            faults=self.faults,
            switches=tiktok_switches,
        )
        self.crux = CruxTimp(
            options,
            clock=self.clock,
            schedule=self.schedule,
            ledger=self.ledger,
            faults=self.faults,
            switches=crux_switches,
        )
        if self.sender is not None:
            self.start_sending()

    @property
    def slugs(self) -> dict[str, frozenset[str]]:
        """The endpoints of each marketplace, by which faults and counts refer to them."""
        return {self.tiktok.name: self.tiktok.contract.slugs, self.crux.name: SLUGS}

    def start_sending(self) -> None:
        """Send the present world's notifications, and no longer those of an earlier one."""
        if self.sender is not None:
            self.sender.cancel()
        self.sender = asyncio.create_task(self.tiktok.webhooks.run())

    async def tick(self) -> None:
        """Let due things happen even when nobody calls."""
        while True:
            self.tiktok.world.settle()
            await asyncio.sleep(TICK_SECONDS)

    async def marketplace_call(self, request: web.Request) -> web.StreamResponse:
        """Any path that is not the simulator's own goes to Crux Connect under its prefix, else to TikTok Shop."""
        started = time.perf_counter()
        path, _, query_text = request.raw_path.partition("?")
        headers = {name.lower(): value for name, value in request.headers.items()}
        query: dict[str, str] = {}
        marketplace: Marketplace = self.crux if path.startswith(PREFIX + "/") else self.tiktok
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            exchange = marketplace.too_large()
        else:
            exchange, query = await marketplace.handle(request.method, path, query_text, headers, body)
        self.lies.remember(marketplace.name, exchange)
        if exchange.lie:
            self.lies.tell(marketplace.name, exchange, exchange.lie)
        self._note(marketplace.name, request.method, path, query, headers, exchange, started)
        if exchange.cut:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        if exchange.lie and exchange.lie.kind in LIES["wire"]:
            return await send(request, exchange, exchange.lie)
        return web.Response(
            status=exchange.status,
            body=exchange.body,
            content_type=exchange.content_type,
            charset="utf-8" if exchange.content_type else None,
            headers=exchange.headers,
        )

    def _note(
        self,
        marketplace: str,
        method: str,
        path: str,
        query: dict[str, str],
        headers: dict[str, str],
        exchange: Exchange,
        started: float,
    ) -> None:
        self.calls.note(
            at=self.clock.now(),
            marketplace=marketplace,
            endpoint=exchange.endpoint,
            method=method,
            path=path,
            query=without_secrets(query, SECRET_PARAMETERS),
            shop_id=exchange.shop_id,
            status=0 if exchange.cut else exchange.status,
            code=exchange.code,
            request_id=exchange.request_id,
            fault=exchange.fault,
            milliseconds=round((time.perf_counter() - started) * 1000, 2),
        )
        if self.recording:
            self.recording.write(
                method=method,
                path=path,
                query=query,
                headers=headers,
                body=exchange.recorded_body,
                status=exchange.status,
                response=exchange.recorded_response,
                fault=exchange.fault,
            )

    async def image(self, request: web.Request) -> web.Response:
        """A product's drawing, or an image that was uploaded."""
        name = request.match_info["name"]
        kept = self.tiktok.images.kept.get(name)
        if kept is not None:
            return web.Response(body=kept.content, content_type=kept.mime_type)
        drawing = picture(name.removesuffix(".svg"))
        if drawing is None:
            raise web.HTTPNotFound
        return web.Response(
            text=drawing, content_type="image/svg+xml", headers={"Cache-Control": "public, max-age=86400"}
        )


def make_app(options: Options) -> web.Application:
    sandbox = Sandbox(options)

    async def background(_: web.Application) -> AsyncIterator[None]:
        sandbox.start_sending()
        ticking = asyncio.create_task(sandbox.tick())
        yield
        ticking.cancel()
        if sandbox.sender is not None:
            sandbox.sender.cancel()
        if sandbox.recording:
            sandbox.recording.close()

    app = web.Application(client_max_size=LARGEST_BODY)
    app.cleanup_ctx.append(background)
    app.router.add_get("/images/{name:.+}", sandbox.image)
    CruxControl(sandbox).add_routes(app)
    Control(sandbox).add_routes(app)
    Page(sandbox).add_routes(app)
    ConsentPage(sandbox).add_routes(app)
    app.router.add_route("*", "/{path:.*}", sandbox.marketplace_call)
    return app


def serve(options: Options) -> None:
    """Run until interrupted. Says on standard output when it is ready."""
    try:
        app = make_app(options)
    except ValueError as error:
        sys.exit(f"sandbox: {error}")

    def ready(*_: object) -> None:
        sys.stdout.write(f"sandbox: scenario {options.scenario}, seed {options.seed}, at {options.base_url}\n")
        sys.stdout.flush()

    web.run_app(app, host=options.host, port=options.port, print=ready, access_log=None)
