"""Answers whose lie is in how they come: without end, without measure, or in drops."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator

from aiohttp import web

from sandbox.exchange import Exchange
from sandbox.faults import Fault

PIECE = b" " * 1_000_000
PACKED = gzip.compress(PIECE)
HUGE = 500  # pieces


async def send(request: web.Request, exchange: Exchange, lie: Fault) -> web.StreamResponse:
    """Go on until it is over or nobody listens any more."""
    headers = dict(exchange.headers)
    if lie.kind == "packed_body":
        headers["Content-Encoding"] = "gzip"
    if lie.kind == "many_headers":
        headers |= {f"X-{number}": "x" * 8000 for number in range(500)}
    # Where there would be no body, there is one.
    response = web.StreamResponse(status=200 if exchange.status == 204 else exchange.status, headers=headers)
    response.content_type = "application/json"
    if lie.kind == "huge_body":
        response.content_length = HUGE * len(PIECE)
    with contextlib.suppress(ConnectionError):
        await response.prepare(request)
        async for piece in _pieces(exchange, lie):
            await response.write(piece)
        await response.write_eof()
    return response


async def _pieces(exchange: Exchange, lie: Fault) -> AsyncIterator[bytes]:
    match lie.kind:
        case "drops":
            for place in range(len(exchange.body)):
                await asyncio.sleep(lie.seconds)
                yield exchange.body[place : place + 1]
        case "huge_body":
            for _ in range(HUGE):
                yield PIECE
        case "endless_body":
            while True:
                yield PIECE
        case "packed_body":
            for _ in range(HUGE):
                yield PACKED
        case _:
            yield exchange.body
