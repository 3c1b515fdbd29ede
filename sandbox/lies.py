"""Answers that are not true, not what was asked for, or no answers at all: what no honest marketplace sends."""

from __future__ import annotations

import itertools
import json
import random
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sandbox.exchange import Exchange
from sandbox.faults import LIES, Fault

_BOOK = tomllib.loads((Path(__file__).parent / "lies.toml").read_text("utf-8"))
VALUES: Mapping[str, Mapping[str, Any]] = {each["kind"]: each for each in _BOOK["values"]}
COPIES: Mapping[str, tuple[str, str]] = {each["list"]: (each["field"], each["says"]) for each in _BOOK["copies"]}
LISTS = ("orders", "cancellations", "webhooks", "shops", "reasons")
IDS = ("id", "cancel_id", "order_uuid", "uuid")
BIGGER = 10  # times what was asked for
SO_MANY = 100_000_000
DEEP, DEEPER = 600, 100_000
_AMOUNT = re.compile(r"\d+\.\d+")
_TIME = re.compile(r"_time|_date|_at$|deadline|expire_in$")
_ISO = re.compile(r"\d{4}-\d\d-\d\dT?")


class Lies:
    """Remembers what was told last, so that it can be told again, and to others."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(f"lies {seed}")
        self._numbers = itertools.count(1)
        self._told: dict[tuple[str, str], dict[str, bytes]] = {}
        self._first: dict[tuple[int, str | None, str | None], bytes] = {}

    def remember(self, marketplace: str, exchange: Exchange) -> None:
        """An honest answer, by whom it was given to."""
        if exchange.lie is None and exchange.status == 200 and exchange.endpoint and exchange.shop_id:
            self._told.setdefault((marketplace, exchange.endpoint), {})[exchange.shop_id] = exchange.body

    def tell(self, marketplace: str, exchange: Exchange, lie: Fault) -> None:
        """Change the answer; those that are told by its bytes on the wire are left to `wire`."""
        exchange.readable = False
        if lie.kind in LIES["wire"]:
            return
        if lie.kind in VALUES:
            self._change(exchange, lambda inside: self._values(inside, lie))
        else:
            tell: Callable[[str, Exchange, Fault], None] = getattr(self, f"_{lie.kind}")
            tell(marketplace, exchange, lie)

    # The values

    def _change(self, exchange: Exchange, change: Callable[[Any], Any]) -> None:
        """What is inside the envelope, where there is one; an empty answer stays empty."""
        if exchange.body and exchange.content_type == "application/json":
            whole = json.loads(exchange.body)
            if isinstance(whole, dict) and "code" in whole and "data" in whole:
                whole["data"] = change(whole["data"])
            else:
                whole = change(whole)
            exchange.body = _written(whole)

    def _values(self, value: Any, lie: Fault, name: str = "", *, top: bool = True) -> Any:
        rule = VALUES[lie.kind]
        share = rule.get("share", 1) if lie.share is None else lie.share
        if not top and _is(rule["of"], name, value) and self._dice.random() < share:
            return _instead(rule, value)
        match value:
            case dict():
                return {key: self._values(one, lie, key, top=False) for key, one in value.items()}
            case list():
                return [self._values(one, lie, name, top=False) for one in value]
        return value

    # The pages

    def _no_answer(self, marketplace: str, exchange: Exchange, lie: Fault) -> None:
        self._change(exchange, lambda inside: None)

    def _empty_pages(self, marketplace: str, exchange: Exchange, lie: Fault) -> None:
        self._again(marketplace, exchange)
        self._change(exchange, lambda inside: self._going_on(inside) | {name: [] for name in _lists(inside)})

    def _endless_pages(self, marketplace: str, exchange: Exchange, lie: Fault) -> None:
        self._again(marketplace, exchange)
        self._change(exchange, self._going_on)

    def _again(self, marketplace: str, exchange: Exchange) -> None:
        """Whoever goes on at a place that a lie made up is told what was told last."""
        told = self._told.get((marketplace, exchange.endpoint or ""), {}).get(exchange.shop_id or "")
        if told and exchange.code not in (0, None):
            exchange.status, exchange.code, exchange.body = 200, 0, told

    def _going_on(self, inside: Any) -> dict[str, Any]:
        if not isinstance(inside, dict) or not _lists(inside):
            return inside or {}
        if "total_results" in inside:
            return inside | {"total_results": SO_MANY}
        return inside | {"next_page_token": f"more-{next(self._numbers)}", "total_count": SO_MANY}

    def _same_page(self, marketplace: str, exchange: Exchange, lie: Fault) -> None:
        """The first answer that was given so, for ever, saying that there is more."""
        self._change(exchange, self._going_on)
        exchange.body = self._first.setdefault((lie.id, exchange.endpoint, exchange.shop_id), exchange.body)

    def _huge_pages(self, marketplace: str, exchange: Exchange, lie: Fault) -> None:
        def more(inside: Any) -> Any:
            for name in _lists(inside):
                inside[name] += [_renamed(one, n) for n in range(1, BIGGER) for one in inside[name] if _id(one)]
            return inside

        self._change(exchange, more)

    def _told_twice(self, marketplace: str, exchange: Exchange, lie: Fault) -> None:
        def twice(inside: Any) -> Any:
            for name in _lists(inside):
                inside[name] += [_otherwise(one, name) for one in inside[name] if isinstance(one, dict)]
            return inside

        self._change(exchange, twice)

    def _another_shops(self, marketplace: str, exchange: Exchange, lie: Fault) -> None:
        """What another shop was told last, besides what is this one's; where one thing was asked for, instead of it."""
        found = self._others(marketplace, exchange)

        def others(inside: Any) -> Any:
            for name in _lists(inside):
                theirs = [one for answer in found for one in answer.get(name) or ()]
                inside[name] = theirs if (exchange.endpoint or "").endswith("detail") else inside[name] + theirs
            if isinstance(inside, dict) and not _lists(inside) and (exchange.endpoint or "").endswith("detail"):
                return next((one for answer in found for one in answer.get("orders") or ()), inside)
            return inside

        self._change(exchange, others)

    def _others(self, marketplace: str, exchange: Exchange) -> list[dict[str, Any]]:
        lists = {"tiktok_shop": "get-order-list", "crux_timp": "get-orders"}
        detail = (exchange.endpoint or "").endswith("detail")
        told = self._told.get((marketplace, lists[marketplace] if detail else exchange.endpoint or ""), {})
        bodies = [json.loads(body) for shop_id, body in told.items() if shop_id != exchange.shop_id]
        return [body.get("data", body) or {} for body in bodies if isinstance(body, dict)]

    # How it is written

    def _deep_values(self, marketplace: str, exchange: Exchange, lie: Fault) -> None:
        """In a field of each record that nobody knows."""
        deep = _Raw("[" * DEEP + "]" * DEEP)

        def deepened(inside: Any) -> Any:
            for name in _lists(inside):
                inside[name] = [one | {"depth": deep} for one in inside[name]]
            return inside

        self._change(exchange, deepened)

    def _bottomless(self, marketplace: str, exchange: Exchange, lie: Fault) -> None:
        exchange.body = b'{"code":0,"data":' + b'{"orders":[' * DEEPER + b"]}" * DEEPER + b"}"

    def _double_names(self, marketplace: str, exchange: Exchange, lie: Fault) -> None:
        if exchange.body and exchange.content_type == "application/json":
            exchange.body = _doubled(json.loads(exchange.body), top=True).encode()

    def _no_utf8(self, marketplace: str, exchange: Exchange, lie: Fault) -> None:
        exchange.body = exchange.body.replace(b'":"', b'":"\xff\xc3')

    def _many_values(self, marketplace: str, exchange: Exchange, lie: Fault) -> None:
        exchange.body = b'{"code":0,"data":{"orders":[' + b"{}," * 5_000_000 + b"{}]}}"

    # What it is

    def _wrong_type(self, marketplace: str, exchange: Exchange, lie: Fault) -> None:
        exchange.content_type = "image/png"

    def _web_page(self, marketplace: str, exchange: Exchange, lie: Fault) -> None:
        exchange.status, exchange.content_type = 200, "text/html"
        exchange.body = b"<!DOCTYPE html><html><body><h1>Please wait</h1></body></html>"

    def _redirect(self, marketplace: str, exchange: Exchange, lie: Fault) -> None:
        exchange.status, exchange.body, exchange.content_type = 302, b"", None
        exchange.headers["Location"] = lie.to

    def _yes_without_data(self, marketplace: str, exchange: Exchange, lie: Fault) -> None:
        _give(exchange, {"code": 0, "message": "Success", "request_id": exchange.request_id, "data": None}, marketplace)

    def _yes_with_an_error(self, marketplace: str, exchange: Exchange, lie: Fault) -> None:
        errors = [{"code": 36009003, "message": "Internal error"}]
        said = {"code": 0, "message": "Internal error", "request_id": exchange.request_id, "data": {"errors": errors}}
        _give(exchange, said if marketplace == "tiktok_shop" else {"detail": "Internal error"})


def _give(exchange: Exchange, said: Mapping[str, Any], marketplace: str = "tiktok_shop") -> None:
    exchange.status, exchange.content_type = 200, "application/json"
    exchange.body = json.dumps(said).encode() if marketplace == "tiktok_shop" else b""


def _is(kind: str, name: str, value: Any) -> bool:
    match kind:
        case "text":
            return isinstance(value, str)
        case "number":
            return type(value) in (int, float)
        case "list":
            return isinstance(value, list)
        case "object":
            return isinstance(value, dict)
        case "amount":
            return (isinstance(value, str) and bool(_AMOUNT.fullmatch(value))) or type(value) is float
        case "time":
            return bool(_TIME.search(name)) and (
                type(value) is int or (isinstance(value, str) and bool(_ISO.match(value)))
            )
    return not isinstance(value, list | dict)


def _instead(rule: Mapping[str, Any], value: Any) -> Any:
    if "raw" in rule:
        return _Raw(rule["raw"])
    if "long" in rule:
        return "x" * rule["long"]
    if "unix" in rule:
        return rule["iso"] if isinstance(value, str) else rule["unix"]
    into = rule["into"]
    if rule["of"] == "amount" and type(value) is float:
        return -value
    return into.format(value) if isinstance(into, str) else into


class _Raw(str):
    """What is written as it is."""

    __slots__ = ()


def _written(value: Any) -> bytes:
    """JSON, but for what is raw."""
    raw: list[str] = []

    def marked(one: Any) -> Any:
        match one:
            case _Raw():
                raw.append(str(one))
                return "@raw@"
            case dict():
                return {name: marked(inner) for name, inner in one.items()}
            case list():
                return [marked(inner) for inner in one]
        return one

    parts = json.dumps(marked(value), separators=(",", ":")).split('"@raw@"')
    return "".join(itertools.chain.from_iterable(itertools.zip_longest(parts, raw, fillvalue=""))).encode()


def _doubled(value: Any, *, top: bool = False) -> str:
    """JSON in which each object below the top names everything twice, and says something else the second time."""
    match value:
        case dict():
            pairs = [f"{json.dumps(name)}:{_doubled(one)}" for name, one in value.items()]
            again = [] if top else [f"{json.dumps(name)}:{json.dumps(_contrary(one))}" for name, one in value.items()]
            return "{" + ",".join(pairs + again) + "}"
        case list():
            return "[" + ",".join(map(_doubled, value)) + "]"
    return json.dumps(value)


def _contrary(value: Any) -> Any:
    return "CANCELLED" if isinstance(value, str) else value


def _lists(inside: Any) -> list[str]:
    return [name for name in LISTS if isinstance(inside, dict) and isinstance(inside.get(name), list)]


def _id(one: Any) -> str:
    return next((name for name in IDS if isinstance(one, dict) and name in one), "")


def _renamed(one: dict[str, Any], number: int) -> dict[str, Any]:
    """Another record like this one. Its lines keep their names."""
    name = _id(one)
    return one | {name: one[name][:-2] + f"{number}{one[name][-1]}"}


def _otherwise(one: dict[str, Any], where: str) -> dict[str, Any]:
    if where not in COPIES:
        return dict(one)
    field, says = COPIES[where]
    if field in one:
        return one | {field: says}
    field, says = COPIES["line_items"]
    return one | {"line_items": [line | {field: says} for line in one.get("line_items") or ()]}
