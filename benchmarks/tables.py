"""Tables as docs/performance.md has them, for what is not told in milliseconds."""

from collections.abc import Sequence


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """The first column is words, the others are numbers or short words."""
    ruler = ["---", *("---:" for _ in heads[1:])]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in (heads, ruler, *rows)) + "\n"


def verdict(is_reached: bool) -> str:
    return "reached" if is_reached else "**not reached**"
