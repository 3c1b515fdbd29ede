"""The page at ``/`` where a person plays the buyer: plain HTML and forms, no script."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aiohttp import web

from sandbox.crux_timp import page as desk
from sandbox.crux_timp.marketplace import CruxTimp
from sandbox.crux_timp.records import Organization
from sandbox.crux_timp.refusals import Refusal as CruxRefusal
from sandbox.faults import KINDS
from sandbox.markup import form, hidden, moment, orders_section, shop_link
from sandbox.tiktok_shop import buyer
from sandbox.tiktok_shop.records import PENDING, Order, Shop
from sandbox.tiktok_shop.refusals import Refusal

if TYPE_CHECKING:
    from sandbox.server import Sandbox

SHOWN = 30
SHIFTS = [("+10 minutes", 600), ("+1 hour", 3600), ("+1 day", 86_400), ("Back to real time", None)]
GOOD = frozenset({"DELIVERED", "COMPLETED", "IN_TRANSIT"})


class Page:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/", self.show)
        app.router.add_get("/sandbox.css", self.style)
        app.router.add_post("/", self.act)

    async def style(self, request: web.Request) -> web.Response:
        return web.Response(text=Path(__file__).with_name("page.css").read_text(), content_type="text/css")

    async def act(self, request: web.Request) -> web.Response:
        """One form was sent: do it and show the page again."""
        sent = {name: str(value) for name, value in (await request.post()).items()}
        notice = ""
        try:
            match sent.get("do"):
                case "request" | "withdraw":
                    named = {name: sent[name] for name in ("order_id", "reason") if sent.get(name)}
                    buyer.act(self.sandbox.tiktok.world, {"action": sent["do"], **named})
                case "ask":
                    desk.ask(self.crux.world, sent)
                case "clock":
                    self._move_clock(sent.get("seconds", ""))
                case "fault":
                    trouble = {"kind": sent.get("kind"), "endpoint": sent.get("endpoint", "*"), "count": 1}
                    if sent.get("marketplace"):
                        trouble["marketplace"] = sent["marketplace"]
                    self.sandbox.faults.add(trouble, self.sandbox.slugs)
                case "clear":
                    self.sandbox.faults.clear()
        except (ValueError, Refusal, CruxRefusal) as error:
            notice = str(error)
        query = {name: sent[name] for name in ("shop", "only") if sent.get(name)}
        if notice:
            query["notice"] = notice
        return web.Response(status=303, headers={"Location": "/?" + urlencode(query)})

    def _move_clock(self, seconds: str) -> None:
        if seconds:
            self.sandbox.clock.move(int(seconds))
        else:
            self.sandbox.clock.shift = 0
        self.sandbox.tiktok.world.settle()

    async def show(self, request: web.Request) -> web.Response:
        world = self.sandbox.tiktok.world
        now = world.settle()
        shop = self._shop(request.query.get("shop", ""))
        shop_id = shop.id if isinstance(shop, Shop) else shop.uuid
        only = request.query.get("only", "can")
        notice = request.query.get("notice", "")
        parts = [
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sandbox</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<link rel="icon" href="/images/umbrella-dba53a.svg">'
            '<link rel="stylesheet" href="/sandbox.css"></head><body>'
            "<header><h1>Sandbox marketplace</h1>"
            f'<p class="soft">Play the buyer, or a supplier&rsquo;s retailer. It is {moment(now)} here.</p></header>',
            f'<main>{f"""<section class="notice" role="status">{escape(notice)}</section>""" if notice else ""}',
            self._shops(shop, only),
            '<div class="columns"><div>',
            self._orders(shop, only, now) if isinstance(shop, Shop) else desk.orders(self.crux.world, shop, only),
            "</div><div>",
            self._clock(shop_id, only),
            self._faults(shop, shop_id, only),
            self._ledger(),
            "</div></div></main></body></html>",
        ]
        return web.Response(
            text="".join(parts),
            content_type="text/html",
            headers={
                "Content-Security-Policy": "default-src 'none'; img-src 'self' http: https:; "
                "style-src 'self'; form-action 'self'"
            },
        )

    @property
    def crux(self) -> CruxTimp:
        return self.sandbox.crux

    def _shop(self, shop_id: str) -> Shop | Organization:
        """A shop of TikTok Shop, a supplier of Crux Connect, or the first of all."""
        shops, suppliers = self.sandbox.tiktok.world.shops, {each.uuid: each for each in self.crux.world.suppliers}
        return shops.get(shop_id) or suppliers.get(shop_id) or next(iter(shops.values()))

    # ---- parts -----------------------------------------------------------------------------------------------

    def _shops(self, shop: Shop | Organization, only: str) -> str:
        links = [
            shop_link(each.id, each.name, each.region, only, here=each is shop)
            for each in self.sandbox.tiktok.world.shops.values()
        ] + [shop_link(each.uuid, each.name, "Crux", only, here=each is shop) for each in self.crux.world.suppliers]
        return f'<nav aria-label="Shops">{"".join(links)}</nav>'

    def _orders(self, shop: Shop, only: str, now: int) -> str:
        world = self.sandbox.tiktok.world
        orders = [
            world.orders[order_id]
            for _, order_id in shop.orders_updated.walk(0, len(shop.orders_updated), None, descending=True)
        ]
        wanted = [order for order in orders if _fits(order, only)]
        if only == "waiting":
            wanted.sort(key=lambda order: world.cancellations[order.pending_cancel_id or ""].deadline or 0)
        rows = [self._order(order, only, now) for order in wanted[:SHOWN]]
        return orders_section(shop.id, shop.name, only, rows, len(wanted))

    def _order(self, order: Order, only: str, now: int) -> str:
        line, count = order.lines[0], len(order.lines)
        more = f" and {count - 1} more" if count > 1 else ""
        cancellation = self.sandbox.tiktok.world.cancellations.get(order.pending_cancel_id or "")
        state = f'<span class="word{" good" if order.status in GOOD else ""}">{order.status}</span>'
        if cancellation is not None and cancellation.status == PENDING:
            left = max(0, (cancellation.deadline or now) - now)
            state += (
                ' <span class="word wait">asked to cancel, decided by silence in '
                f"{left // 3600} h {left % 3600 // 60} min</span>"
            )
        name = escape(f"{line.sku.product_name}, {line.sku.name}{more}")
        return (
            f'<div class="order"><img src="{line.sku.picture}" alt=""><div><strong>{name}</strong>'
            f'<span class="id">{order.id}</span> {state}</div>'
            f"{self._order_form(order, only)}</div>"
        )

    def _order_form(self, order: Order, only: str) -> str:
        fields = hidden(shop=order.shop.id, only=only, order_id=order.id)
        if order.pending_cancel_id is not None:
            return f'{form(fields)}<button name="do" value="withdraw">Withdraw the request</button></form>'
        if order.status not in ("UNPAID", "ON_HOLD", "AWAITING_SHIPMENT"):
            return ""
        world = self.sandbox.tiktok.world
        status = "UNPAID" if order.status == "UNPAID" else "AWAITING_SHIPMENT"
        reasons = "".join(
            f'<option value="{escape(code)}">{escape(world.reasons.words(code))}</option>'
            for code in world.reasons.buyer(order.shop.region, status)
        )
        return (
            f'{form(fields)}<select name="reason" aria-label="Reason for order {order.id}">{reasons}</select>'
            f'<button class="main" name="do" value="request">Ask to cancel</button></form>'
        )

    def _clock(self, shop_id: str, only: str) -> str:
        fields = hidden(shop=shop_id, only=only, do="clock")
        buttons = "".join(
            f'<button name="seconds" value="{"" if seconds is None else seconds}">{text}</button>'
            for text, seconds in SHIFTS
        )
        shift = self.sandbox.clock.shift
        words = (
            f"{shift} seconds ahead of real time: who reads by a real clock sees it then." if shift else "Real time."
        )
        return f'<section><h2>Clock</h2><p class="soft">{words}</p>{form(fields)}{buttons}</form></section>'

    def _faults(self, shop: Shop | Organization, shop_id: str, only: str) -> str:
        marketplace = (self.sandbox.tiktok if isinstance(shop, Shop) else self.crux).name
        slugs = "".join(f"<option>{slug}</option>" for slug in sorted(self.sandbox.slugs[marketplace]))
        kinds = "".join(f"<option>{kind}</option>" for kind in KINDS)
        rows = "".join(
            f"<li>{fault.kind} on {escape(fault.endpoint)}: struck {fault.struck} times</li>"
            for fault in self.sandbox.faults.active
        )
        fields = hidden(shop=shop_id, only=only, marketplace=marketplace)
        return (
            f'<section><h2>Trouble</h2><p class="soft">What the next call meets.</p><ul>{rows}</ul>{form(fields)}'
            f'<select name="kind" aria-label="Trouble">{kinds}</select><select name="endpoint" aria-label="Call">'
            f'<option value="*">any call</option>{slugs}</select>'
            f'<button name="do" value="fault">Strike once</button><button name="do" value="clear">Clear</button>'
            f"</form></section>"
        )

    def _ledger(self) -> str:
        rows = "".join(
            f'<li><span class="word">{escape(entry.effect)}</span> by the {entry.actor}, {moment(entry.at)}<br>'
            f'<span class="id">{entry.order_id or ""}</span></li>'
            for entry in reversed(self.sandbox.ledger.entries[-15:])
        )
        return f'<section><h2>Ledger</h2><ol>{rows or """<li class="soft">Nothing happened yet.</li>"""}</ol></section>'


def _fits(order: Order, only: str) -> bool:
    if only == "waiting":
        return order.pending_cancel_id is not None
    return only != "can" or buyer.may_request(order)
