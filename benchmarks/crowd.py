"""A marketplace of many shops: in some an order changes every second, in the others nothing happens.

It counts the calls to each endpoint of each shop. One shop at a time can be made to answer late and with errors.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence

from aiohttp import web

from benchmarks.playback import PAGE_SIZE, READY_SECONDS, templates
from trials.house import answers, free_port

LATE_SECONDS = 5
OF_A_SHOP = 1_000_000  # orders, which is eleven days
NOTHING = {"code": 0, "message": "", "request_id": "1", "data": {"next_page_token": "", "total_count": 0}}
BROKEN = {"code": 36009003, "message": "Internal error", "request_id": "1"}


class Crowd:
    def __init__(self, busy: int) -> None:
        self.busy, self.failing = busy, ""
        self.templates = templates()
        self.began = int(time.time())
        self.recent: dict[tuple[str, str], deque[float]] = defaultdict(deque)
        self.calls = self.most = 0

    def count(self, shop: str, path: str) -> None:
        now, recent = time.monotonic(), self.recent[shop, path]
        recent.append(now)
        while recent[0] <= now - 1:
            recent.popleft()
        self.calls, self.most = self.calls + 1, max(self.most, len(recent))

    async def orders(self, request: web.Request) -> web.Response:
        shop = request.query["shop_cipher"]
        self.count(shop, request.path)
        if shop == self.failing:
            return await self.late()
        asked = json.loads(await request.read())
        if int(shop) >= self.busy or asked.get("is_buyer_request_cancel"):
            return web.json_response({**NOTHING, "data": {**NOTHING["data"], "orders": []}})  # type: ignore[dict-item]
        since, until = max(asked["update_time_ge"], self.began), min(asked["update_time_lt"], int(time.time()))
        start = int(request.query.get("page_token") or since)
        end = min(start + PAGE_SIZE, until)
        orders = b",".join(self.order(int(shop), moment) for moment in range(start, end))
        told = {"next_page_token": str(end) if end < until else "", "total_count": max(0, until - since)}
        data = json.dumps(told).encode()[:-1] + b',"orders":[' + orders + b"]}"
        return web.Response(
            body=b'{"code":0,"message":"","request_id":"1","data":' + data + b"}", content_type="application/json"
        )

    def order(self, shop: int, moment: int) -> bytes:
        number = shop * OF_A_SHOP + moment % OF_A_SHOP
        return self.templates[number % len(self.templates)] % {b"number": number, b"changed": moment}

    async def cancellations(self, request: web.Request) -> web.Response:
        shop = request.query["shop_cipher"]
        self.count(shop, request.path)
        if shop == self.failing:
            return await self.late()
        return web.json_response({**NOTHING, "data": {**NOTHING["data"], "cancellations": []}})  # type: ignore[dict-item]

    async def late(self) -> web.Response:
        await asyncio.sleep(LATE_SECONDS)
        return web.json_response(BROKEN, status=503)

    async def fail(self, request: web.Request) -> web.Response:
        self.failing = str((await request.post())["shop"])
        return web.Response()

    async def counted(self, request: web.Request) -> web.Response:
        return web.json_response({"calls": self.calls, "most": self.most})


@contextlib.contextmanager
def crowd(busy: int) -> Iterator[str]:
    """The address of such a marketplace, in a process of its own."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.crowd", str(port), str(busy)])
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
    port, busy = map(int, arguments)
    app, here = web.Application(), Crowd(busy)
    app.router.add_post("/order/{version}/orders/search", here.orders)
    app.router.add_post("/return_refund/{version}/cancellations/search", here.cancellations)
    app.router.add_post("/failing", here.fail)
    app.router.add_get("/counted", here.counted)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    serve(sys.argv[1:])
