"""How the control API reads what is wished for and answers: JSON in, JSON out, and a status for what cannot be."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.crux_timp.refusals import Refusal as CruxRefusal
from sandbox.tiktok_shop.refusals import Refusal as TikTokRefusal

Json = dict[str, Any]
Answerer = Callable[[web.Request], Awaitable[Json]]


def as_json(answerer: Answerer) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        try:
            return _json(await answerer(request))
        except web.HTTPNotFound:
            return _json({"error": "not found"}, status=404)
        except (TikTokRefusal, CruxRefusal) as refusal:
            return _json({"error": refusal.words, "code": refusal.code}, status=409)
        except ValueError as error:
            return _json({"error": str(error)}, status=400)

    return handler


def _json(value: Json, status: int = 200) -> web.Response:
    return web.json_response(value, status=status, dumps=lambda each: json.dumps(each, ensure_ascii=False))


async def read_wish(request: web.Request, known: set[str] | None) -> Json:
    """The body's JSON object. Raises ValueError for anything else and for names nobody knows."""
    try:
        value = json.loads(await request.read() or b"{}")
    except ValueError as error:
        raise ValueError("the body is not JSON") from error
    if not isinstance(value, dict):
        raise ValueError("the body is not a JSON object")
    if known is not None and (unknown := set(value) - known):
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    return value


def wanted_only(request: web.Request, known: set[str]) -> dict[str, str]:
    if unknown := set(request.query) - known - {"after", "limit"}:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    return {name: value for name, value in request.query.items() if name in known}


def page_wanted(request: web.Request) -> tuple[int, int]:
    """Which part of a log: what is younger than ``after``, and ``limit`` of it at most."""
    return max(0, int(request.query.get("after", 0))), max(0, int(request.query.get("limit", 1000)))
