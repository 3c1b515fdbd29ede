"""placeholder"""
from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from sandbox.server import Sandbox


class Page:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/", self.show)

    async def show(self, request: web.Request) -> web.Response:
        return web.Response(text="sandbox")
