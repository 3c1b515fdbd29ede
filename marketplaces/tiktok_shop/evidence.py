"""What TikTok Shop wants to see with a rejection: reads evidence.toml."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from marketplaces.base import Notice

_BOOK = tomllib.loads((Path(__file__).parent / "evidence.toml").read_text("utf-8"))
_NO_LIST = "For this reason TikTok Shop publishes no list of what it wants to see in this market"


def hints(region: str) -> Mapping[str, Sequence[Notice]]:
    """By reason; under "" what holds for all others."""
    day = _BOOK["looked_for"]
    unlisted = Notice(f"{_NO_LIST} (looked for on {day.day} {day:%B %Y}).")
    told = {reason: _of(raw, region) for raw in _BOOK["hints"] for reason in raw["reasons"]}
    return {"": (unlisted,), **told}


def _of(raw: Mapping[str, Any], region: str) -> Sequence[Notice]:
    page = _BOOK["pages"][raw["page"]]
    own = tuple(Notice(text, page["url"], page["as_of"]) for text in raw["texts"])
    if region in page["markets"]:
        return own
    asks = " ".join(raw["texts"])
    return (Notice(f"{_NO_LIST}. Its page for {page['of']} asks for: {asks}", page["url"], page["as_of"]),)
