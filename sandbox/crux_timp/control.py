"""The control API's calls about Crux Connect alone; ``docs/sandbox.md`` describes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from sandbox.crux_timp import inspection, mail, retailer
from sandbox.wishes import Json, as_json, read_wish, wanted_only

if TYPE_CHECKING:
    from sandbox.server import Sandbox


class CruxControl:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/__sandbox__/retailer", as_json(self.retailer))
        app.router.add_post("/__sandbox__/crux/users", as_json(self.change_user))
        app.router.add_get("/__sandbox__/mail", as_json(self.mail))
        app.router.add_get("/__sandbox__/crux/orders", as_json(self.orders))
        app.router.add_get("/__sandbox__/crux/orders/{uuid}", as_json(self.order))

    async def retailer(self, request: web.Request) -> Json:
        wish = await read_wish(request, {"action", "order_uuid", "line_item_uuid", "supplier", "scope"})
        return retailer.act(self.sandbox.crux.world, wish)

    async def change_user(self, request: web.Request) -> Json:
        wish = await read_wish(request, {"username", "active", "password"})
        user = self.sandbox.crux.world.users.get(str(wish.get("username")))
        if user is None:
            raise web.HTTPNotFound
        if type(wish.get("active", True)) is not bool or type(wish.get("password", "")) is not str:
            raise ValueError("active is true or false, password a text")
        user.active, user.password = wish.get("active", user.active), wish.get("password", user.password)
        return {"username": user.email, "password": user.password, "active": user.active}

    async def mail(self, request: web.Request) -> Json:
        wanted = wanted_only(request, {"supplier"})
        world = self.sandbox.crux.world
        world.settle()
        return {"mail": mail.unanswered(world, retailer.supplier_meant(world, wanted))}

    async def orders(self, request: web.Request) -> Json:
        wanted = wanted_only(request, {"supplier", "state"})
        world = self.sandbox.crux.world
        world.settle()
        return {"orders": inspection.orders(world, retailer.supplier_meant(world, wanted), wanted.get("state"))}

    async def order(self, request: web.Request) -> Json:
        self.sandbox.crux.world.settle()
        found = inspection.order(self.sandbox.crux.world, request.match_info["uuid"])
        if found is None:
            raise web.HTTPNotFound
        return found
