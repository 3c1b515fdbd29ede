"""Tables for spreadsheet programs, row by row, so that no length of table needs more memory than a row."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

# What a cell may not begin with, or spreadsheet programs calculate what somebody wrote into it: also in full width.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def cell(value: Any) -> str:
    """A value as text that no spreadsheet program takes for a formula."""
    text = "" if value is None else str(value).replace("\0", "\ufffd")
    return f"'{text}" if text.startswith(FORMULA) else text


class Line:
    """What `csv` writes to: it gives the line back."""

    def write(self, text: str) -> str:
        return text


def lines(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """The lines of a CSV file (RFC 4180), beginning with what makes spreadsheet programs read it as UTF-8."""
    writer = csv.writer(Line())
    yield "\ufeff" + writer.writerow([cell(name) for name in head])
    for row in rows:
        yield writer.writerow([cell(value) for value in row])
