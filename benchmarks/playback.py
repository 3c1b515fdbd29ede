"""A marketplace that answers at once: so many orders of one shop, whose pages take hardly any time to make.

They are the sandbox's, again and again under other ids, and changed one after the other in the time that a first pull
asks for. Whoever calls is admitted, since what is measured is the other side.
"""

import asyncio
import contextlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from aiohttp import web

from sandbox.options import Options
from sandbox.pacing import Pacing
from sandbox.server import Sandbox
from trials.house import answers, free_port

DIFFERENT = 1000  # orders
PAGE_SIZE = 100
DAYS = 60  # before now, in which all of them change
READY_SECONDS = 60


def templates() -> list[bytes]:
    """Orders of the sandbox as JSON, with places for what is another in each copy."""
    world = Sandbox(Options(orders=DIFFERENT)).tiktok.world
    return [template(json.loads(world.encoder.order(order))) for order in world.orders.values()]


def template(order: dict[str, Any]) -> bytes:
    """Every copy has ids of its own, and a time of its own when it changed."""
    lines, packages = order["line_items"], order.get("packages", ())
    ids = {order["id"], *(one["id"] for one in (*lines, *packages)), *(one.get("package_id", "") for one in lines)} - {
        ""
    }
    text = json.dumps(order, ensure_ascii=False, separators=(",", ":")).replace("%", "%%")
    for place, one in enumerate(sorted(ids)):
        text = text.replace(f'"{one}"', f'"{one[:8]}%(number)08d{place:02}"')
    return re.sub(r'"update_time":\d+', '"update_time":%(changed)d', text).encode()


class Playback:
    """`wait` is in seconds for each answer; `rate` in calls a second, 0 for as many as come."""

    def __init__(self, orders: int, wait: float, rate: int) -> None:
        self.orders, self.wait, self.pacing = orders, wait, Pacing(rate)
        self.templates = templates()
        self.began = int(time.time()) - DAYS * 86400
        self.step = (DAYS - 1) * 86400 / max(orders, 1)  # seconds from one change to the next

    async def search(self, request: web.Request) -> web.Response:
        if not self.pacing.admits(("app", "shop", request.path)):
            return web.json_response({"code": 36009002, "message": "Too many requests", "request_id": "1"}, status=429)
        if self.wait:
            await asyncio.sleep(self.wait)
        asked = json.loads(await request.read())
        since, until = self.place(asked.get("update_time_ge", 0)), self.place(asked.get("update_time_lt", time.time()))
        if asked.get("is_buyer_request_cancel"):
            since = until
        token = request.query.get("page_token")
        body = self.page(int(token) if token else since, until, max(0, until - since))
        return web.Response(body=body, content_type="application/json")

    def place(self, moment: float) -> int:
        """Of the first order that did not change before this."""
        return min(self.orders, max(0, int(-(-(moment - self.began) // self.step))))

    def page(self, start: int, until: int, total: int) -> bytes:
        end = min(start + PAGE_SIZE, until)
        token = str(end) if end < until else ""
        orders = b",".join(map(self.order, range(start, end)))
        head = f'{{"code":0,"message":"","request_id":"1","data":{{"next_page_token":"{token}","total_count":{total},'
        return head.encode() + b'"orders":[' + orders + b"]}}"

    def order(self, number: int) -> bytes:
        changed = self.began + int(number * self.step)
        return self.templates[number % len(self.templates)] % {b"number": number, b"changed": changed}


@contextlib.contextmanager
def playing(orders: int, *, wait: float = 0, rate: int = 0) -> Iterator[str]:
    """The address of such a marketplace, in a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.playback", str(port), str(orders), str(wait), str(rate)]
    process = subprocess.Popen(command)
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + READY_SECONDS
        while not answers(url):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit("The marketplace did not start.")
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait()


def serve(arguments: Sequence[str]) -> None:
    port, orders, wait, rate = arguments
    playback = Playback(int(orders), float(wait), int(rate))
    app = web.Application()
    app.router.add_post("/order/{version}/orders/search", playback.search)
    web.run_app(app, host="127.0.0.1", port=int(port), access_log=None, print=None)


if __name__ == "__main__":
    serve(sys.argv[1:])
