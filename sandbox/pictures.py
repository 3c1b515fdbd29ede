"""Pictures of products: flat drawings out of ``pictures/``, tinted."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

HERE = Path(__file__).parent / "tiktok_shop" / "pictures"
_NAME = re.compile(r"([a-z]+)-([0-9a-f]{6})")
_TONE = re.compile(r"--tone:#[0-9a-f]{6}")


@lru_cache(maxsize=512)
def picture(name: str) -> str | None:
    """The SVG called ``<kind>-<rrggbb>``: the drawing of a kind in a colour; None when there is no such drawing."""
    match = _NAME.fullmatch(name)
    file = HERE / f"{match[1]}.svg" if match else None
    if match is None or file is None or not file.exists():
        return None
    return _TONE.sub(f"--tone:#{match[2]}", file.read_text())
