"""Rows as lines of text, no wider than the terminal where there is one."""

from collections.abc import Collection, Iterator, Sequence

NARROWEST = 80
SHORTEST = 8  # characters that are left of a column that gives way
BETWEEN = 2


def table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], gives_way: Collection[str], room: int | None
) -> Iterator[str]:
    """Only columns of `gives_way` are cut, to fit into `room`; without a room nothing is."""
    cells = [list(heads), *([" ".join(cell.split()) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    if room is not None:
        widths = fitting(widths, [number for number, head in enumerate(heads) if head in gives_way], room)
    for row in cells:
        yield (
            (" " * BETWEEN)
            .join(cut(cell, width).ljust(width) for cell, width in zip(row, widths, strict=True))
            .rstrip()
        )


def fitting(widths: list[int], gives_way: Sequence[int], room: int) -> list[int]:
    """The widest of those that give way goes first. What has to be whole may be wider than the room."""
    room = max(NARROWEST, room) - BETWEEN * (len(widths) - 1)
    while sum(widths) > room:
        widest = max(gives_way, key=lambda number: widths[number])
        if widths[widest] <= SHORTEST:
            break
        widths[widest] -= 1
    return widths


def cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
