"""The page where a seller lets an app in, ``/open/authorize``: a person chooses which seller to play, and the rights.

There are two services of the app, one for sellers in the US and one for those of the rest of the world. A seller whom
the service is not for can consent as well: the code is then refused with 105004.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from sandbox.markup import hidden
from sandbox.tiktok_shop.records import Shop
from sandbox.tiktok_shop.tokens import SCOPES

if TYPE_CHECKING:
    from sandbox.server import Sandbox

PATH = "/open/authorize"
# The token of a seller from the US begins with this; cross-border sellers may use either service.
US_PREFIX, CROSS_BORDER_PREFIX = "TTP", "GCP"


@dataclass(frozen=True, slots=True)
class Service:
    id: str
    audience: str

    def is_for(self, shop: Shop) -> bool:
        return shop.token_prefix == CROSS_BORDER_PREFIX or (shop.token_prefix == US_PREFIX) == (self.audience == "us")


class ConsentPage:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get(PATH, self.show)
        app.router.add_post(PATH, self.answer)

    async def show(self, request: web.Request) -> web.Response:
        service = self._service(request.query.get("service_id", ""))
        redirect = self._redirect_address()
        if service is None or not redirect:
            why = (
                "No app has this service_id." if service is None else "The app has no redirect address: --redirect-url."
            )
            return _page(f"<section><h2>{escape(why)}</h2></section>", "", status=400)
        sellers: dict[str, list[Shop]] = {}
        for shop in self.sandbox.tiktok.world.shops.values():
            sellers.setdefault(shop.seller_id, []).append(shop)
        choices = "".join(_choice(shops, is_first=not place) for place, shops in enumerate(sellers.values()))
        rights = "".join(
            f'<li><label><input type="checkbox" name="scope" value="{scope}" checked> {scope}</label></li>'
            for scope in SCOPES
        )
        who = "sellers in the US" if service.audience == "us" else "sellers outside of the US"
        fields = hidden(service_id=service.id, state=request.query.get("state", ""))
        body = (
            f'<form method="post" action="{PATH}">{fields}'
            f'<section class="lines"><h2>Which seller do you play?</h2><p class="soft">This app is for {who}.</p>'
            f"<ul>{choices}</ul></section>"
            f'<section class="lines"><h2>What the app may do</h2><ul>{rights}</ul></section>'
            '<button class="main" name="do" value="allow">Allow</button>'
            '<button name="do" value="deny">Deny</button></form>'
        )
        return _page(body, redirect)

    async def answer(self, request: web.Request) -> web.Response:
        form = await request.post()
        sent = {name: str(value) for name, value in form.items()}
        tiktok = self.sandbox.tiktok
        service, shop = self._service(sent.get("service_id", "")), tiktok.world.shops.get(sent.get("shop_id", ""))
        redirect = self._redirect_address()
        if service is None or shop is None or not redirect:
            return await self.show(request)
        back = {"state": sent["state"]} if sent.get("state") else {}
        if sent.get("do") == "deny":
            return _redirect(redirect, {"code": "null", "error": "auth_denied", **back})
        scopes = tuple(str(scope) for scope in form.getall("scope", []))
        tiktok.authorize(shop.id)
        code = tiktok.tokens.new_code(shop, tiktok.world.settle(), scopes, is_for_others=not service.is_for(shop))
        known = {
            "app_key": tiktok.tokens.app_key,
            "code": code,
            "locale": "en",
            "shop_region": self._region(service, shop),
        }
        return _redirect(redirect, {**known, **back})

    def _redirect_address(self) -> str:
        return self.sandbox.options.redirect_url.replace("{marketplace}", self.sandbox.tiktok.name)

    def _service(self, service_id: str) -> Service | None:
        return next((one for one in self.sandbox.tiktok.services if one.id == service_id), None)

    def _region(self, service: Service, shop: Shop) -> str:
        """Of a cross-border seller, one that the service is for."""
        theirs = [each.region for each in self.sandbox.tiktok.world.shops.values() if each.seller_id == shop.seller_id]
        return next((one for one in theirs if (one == "US") == (service.audience == "us")), theirs[0])


def _choice(shops: list[Shop], *, is_first: bool) -> str:
    regions = escape(", ".join(each.region for each in shops))
    return (
        f'<li><label><input type="radio" name="shop_id" value="{shops[0].id}"{" checked" if is_first else ""}> '
        f'{escape(shops[0].seller_name)} <span class="soft">{regions}</span></label></li>'
    )


def _redirect(address: str, query: dict[str, str]) -> web.Response:
    return web.Response(status=302, headers={"Location": f"{address}?{urlencode(query)}"})


def _page(body: str, redirect: str, status: int = 200) -> web.Response:
    """A browser holds redirects after a form to the page's own policy, so that names where the seller goes back to."""
    parts = urlsplit(redirect)
    back = f" {parts.scheme}://{parts.netloc}" if redirect else ""
    return web.Response(
        text='<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Authorize an app</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="/images/umbrella-dba53a.svg">'
        '<link rel="stylesheet" href="/sandbox.css"></head><body><header><h1>Authorize an app</h1>'
        '<p class="soft">The sandbox plays the marketplace&rsquo;s consent page.</p></header>'
        f"<main>{body}</main></body></html>",
        content_type="text/html",
        status=status,
        headers={
            "Content-Security-Policy": f"default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'{back}"
        },
    )
