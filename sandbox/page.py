"""The page at ``/`` where a person plays the buyer: plain HTML and forms, no script."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aiohttp import web

from sandbox.faults import KINDS
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
        form = {name: str(value) for name, value in (await request.post()).items()}
        notice = ""
        try:
            match form.get("do"):
                case "request" | "withdraw":
                    named = {name: form[name] for name in ("order_id", "reason") if form.get(name)}
                    buyer.act(self.sandbox.tiktok.world, {"action": form["do"], **named})
                case "clock":
                    self._move_clock(form.get("seconds", ""))
                case "fault":
                    trouble = {"kind": form.get("kind"), "endpoint": form.get("endpoint", "*"), "count": 1}
                    self.sandbox.faults.add(trouble, self.sandbox.slugs)
                case "clear":
                    self.sandbox.faults.clear()
        except (ValueError, Refusal) as error:
            notice = str(error)
        query = {name: form[name] for name in ("shop", "only") if form.get(name)}
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
        shops = list(world.shops.values())
        shop = world.shops.get(request.query.get("shop", ""), shops[0])
        only = request.query.get("only", "can")
        notice = request.query.get("notice", "")
        parts = [
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sandbox</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<link rel="icon" href="/images/umbrella-dba53a.svg">'
            '<link rel="stylesheet" href="/sandbox.css"></head><body>'
            "<header><h1>Sandbox marketplace</h1>"
            f'<p class="soft">Play the buyer. It is {_moment(now)} here.</p></header>',
            f'<main>{f"""<section class="notice" role="status">{escape(notice)}</section>""" if notice else ""}',
            _shop_links(shops, shop, only),
            '<div class="columns"><div>',
            self._orders(shop, only, now),
            "</div><div>",
            self._clock(shop, only),
            self._faults(shop, only),
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

    # ---- parts -----------------------------------------------------------------------------------------------

    def _orders(self, shop: Shop, only: str, now: int) -> str:
        world = self.sandbox.tiktok.world
        orders = [
            world.orders[order_id]
            for _, order_id in shop.orders_updated.walk(0, len(shop.orders_updated), None, descending=True)
        ]
        wanted = [order for order in orders if _fits(order, only)]
        if only == "waiting":
            wanted.sort(key=lambda order: world.cancellations[order.pending_cancel_id or ""].deadline or 0)
        tabs = " · ".join(
            f'<a href="?{urlencode({"shop": shop.id, "only": word})}"{_current(word == only)}>{text}</a>'
            for word, text in (("can", "can be asked for"), ("waiting", "waiting for the seller"), ("all", "all"))
        )
        rows = "".join(self._order(order, only, now) for order in wanted[:SHOWN]) or '<p class="soft">None.</p>'
        more = f'<p class="soft">{len(wanted) - SHOWN} more.</p>' if len(wanted) > SHOWN else ""
        return f"<section><h2>Orders of {escape(shop.name)}</h2><p>{tabs}</p>{rows}{more}</section>"

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
        hidden = _hidden(shop=order.shop.id, only=only, order_id=order.id)
        if order.pending_cancel_id is not None:
            return f'{_form(hidden)}<button name="do" value="withdraw">Withdraw the request</button></form>'
        if order.status not in ("UNPAID", "ON_HOLD", "AWAITING_SHIPMENT"):
            return ""
        world = self.sandbox.tiktok.world
        status = "UNPAID" if order.status == "UNPAID" else "AWAITING_SHIPMENT"
        reasons = "".join(
            f'<option value="{escape(code)}">{escape(world.reasons.words(code))}</option>'
            for code in world.reasons.buyer(order.shop.region, status)
        )
        return (
            f'{_form(hidden)}<select name="reason" aria-label="Reason for order {order.id}">{reasons}</select>'
            f'<button class="main" name="do" value="request">Ask to cancel</button></form>'
        )

    def _clock(self, shop: Shop, only: str) -> str:
        hidden = _hidden(shop=shop.id, only=only, do="clock")
        buttons = "".join(
            f'<button name="seconds" value="{"" if seconds is None else seconds}">{text}</button>'
            for text, seconds in SHIFTS
        )
        shift = self.sandbox.clock.shift
        words = (
            f"{shift} seconds ahead of real time: who reads by a real clock sees it then." if shift else "Real time."
        )
        return f'<section><h2>Clock</h2><p class="soft">{words}</p>{_form(hidden)}{buttons}</form></section>'

    def _faults(self, shop: Shop, only: str) -> str:
        slugs = "".join(f"<option>{slug}</option>" for slug in sorted(self.sandbox.tiktok.contract.slugs))
        kinds = "".join(f"<option>{kind}</option>" for kind in KINDS)
        rows = "".join(
            f"<li>{fault.kind} on {escape(fault.endpoint)}: struck {fault.struck} times</li>"
            for fault in self.sandbox.faults.active
        )
        hidden = _hidden(shop=shop.id, only=only)
        return (
            f'<section><h2>Trouble</h2><p class="soft">What the next call meets.</p><ul>{rows}</ul>{_form(hidden)}'
            f'<select name="kind" aria-label="Trouble">{kinds}</select><select name="endpoint" aria-label="Call">'
            f'<option value="*">any call</option>{slugs}</select>'
            f'<button name="do" value="fault">Strike once</button><button name="do" value="clear">Clear</button>'
            f"</form></section>"
        )

    def _ledger(self) -> str:
        rows = "".join(
            f'<li><span class="word">{escape(entry.effect)}</span> by the {entry.actor}, {_moment(entry.at)}<br>'
            f'<span class="id">{entry.order_id or ""}</span></li>'
            for entry in reversed(self.sandbox.ledger.entries[-15:])
        )
        return f'<section><h2>Ledger</h2><ol>{rows or """<li class="soft">Nothing happened yet.</li>"""}</ol></section>'


def _shop_links(shops: list[Shop], shop: Shop, only: str) -> str:
    links = "".join(
        f'<a href="?{urlencode({"shop": each.id, "only": only})}"{_current(each is shop)}>'
        f"{escape(each.name)} <small>{each.region}</small></a>"
        for each in shops
    )
    return f'<nav aria-label="Shops">{links}</nav>'


def _fits(order: Order, only: str) -> bool:
    if only == "waiting":
        return order.pending_cancel_id is not None
    return only != "can" or buyer.may_request(order)


def _current(here: bool) -> str:
    return ' aria-current="page"' if here else ""


def _form(hidden: str) -> str:
    return f'<form method="post" action="/">{hidden}'


def _hidden(**values: str) -> str:
    return "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in values.items())


def _moment(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%d %B %Y, %H:%M UTC")
