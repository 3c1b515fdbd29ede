"""Rows as lines of text, no wider than the terminal where there is one."""

import shutil
from collections.abc import Iterator, Sequence

NARROWEST = 80
SHORTEST = 8  # characters that are left of any column
BETWEEN = 2


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    cells = [list(heads), *([" ".join(cell.split()) for cell in row] for row in rows)]
    widths = fitting([max(map(len, column)) for column in zip(*cells, strict=True)])
    for row in cells:
        yield (
            (" " * BETWEEN)
            .join(cut(cell, width).ljust(width) for cell, width in zip(row, widths, strict=True))
            .rstrip()
        )


def fitting(widths: list[int]) -> list[int]:
    """The widest gives way first."""
    room = max(NARROWEST, shutil.get_terminal_size((NARROWEST, 24)).columns)
    room -= BETWEEN * (len(widths) - 1)
    while sum(widths) > room and max(widths) > SHORTEST:
        widths[widths.index(max(widths))] -= 1
    return widths


def cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
