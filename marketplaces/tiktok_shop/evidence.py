"""What TikTok Shop wants to see with a rejection: reads evidence.toml."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from marketplaces.base import Notice

_BOOK = tomllib.loads((Path(__file__).parent / "evidence.toml").read_text("utf-8"))
_NO_LIST = (
    "For this reason TikTok Shop publishes no list of what it wants to see in this market (looked for on %(day)s)."
)
_ELSEWHERE = (
    "For this reason TikTok Shop publishes no list of what it wants to see in this market. Its page for %(market)s "
    "asks for: %(asks)s"
)


def hints(region: str) -> Mapping[str, Sequence[Notice]]:
    """By reason; under "" what holds for all others."""
    unlisted = Notice(_NO_LIST, values={"day": _BOOK["looked_for"]})
    told = {reason: _of(raw, region) for raw in _BOOK["hints"] for reason in raw["reasons"]}
    return {"": (unlisted,), **told}


def _of(raw: Mapping[str, Any], region: str) -> Sequence[Notice]:
    page = _BOOK["pages"][raw["page"]]
    if region in page["markets"]:
        return (Notice(raw["text"], page["url"], page["as_of"]),)
    return (Notice(_ELSEWHERE, page["url"], page["as_of"], {"market": page["of"], "asks": raw["text"]}),)


TEXTS = (
    _NO_LIST,
    _ELSEWHERE,
    *(page["of"] for page in _BOOK["pages"].values()),
    *(raw["text"] for raw in _BOOK["hints"]),
)
