"""Pieces of HTML that the page's parts share."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from urllib.parse import urlencode

TABS = (("can", "can be asked for"), ("waiting", "waiting for the seller"), ("all", "all"))


def current(here: bool) -> str:
    return ' aria-current="page"' if here else ""


def form(hidden: str) -> str:
    return f'<form method="post" action="/">{hidden}'


def hidden(**values: str) -> str:
    return "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in values.items())


def moment(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%d %B %Y, %H:%M UTC")


def shop_link(shop_id: str, name: str, note: str, only: str, *, here: bool) -> str:
    query = urlencode({"shop": shop_id, "only": only})
    return f'<a href="?{query}"{current(here)}>{escape(name)} <small>{escape(note)}</small></a>'


def orders_section(shop_id: str, name: str, only: str, rows: list[str], total: int) -> str:
    """A shop's orders: the tabs, the rows, and how many there are beyond those of ``total``."""
    tabs = " · ".join(
        f'<a href="?{urlencode({"shop": shop_id, "only": word})}"{current(word == only)}>{text}</a>'
        for word, text in TABS
    )
    some = "".join(rows) or '<p class="soft">None.</p>'
    more = f'<p class="soft">{total - len(rows)} more.</p>' if total > len(rows) else ""
    return f"<section><h2>Orders of {escape(name)}</h2><p>{tabs}</p>{some}{more}</section>"
