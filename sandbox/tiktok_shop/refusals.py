"""How the simulated platform says no."""

from __future__ import annotations

import tomllib
from pathlib import Path

_TABLE: dict[int, tuple[int, str]] = {
    int(code): (row[0], row[1])
    for code, row in tomllib.loads(Path(__file__).with_name("refusals.toml").read_text()).items()
}
_BUSINESS_STATUS = 0


class Refusal(Exception):
    """An answer with a ``code`` other than 0. ``words`` replaces the usual message of the code."""

    def __init__(self, code: int, words: str = "", retry_after: int | None = None, status: int | None = None) -> None:
        usual_status, usual_words = _TABLE.get(code, (_BUSINESS_STATUS, "refused"))
        super().__init__(words or usual_words)
        self.code = code
        self.words = words or usual_words
        self.retry_after = retry_after
        self._status = usual_status if status is None else status

    def http_status(self, business_status: int) -> int:
        return self._status or business_status


def words_of(code: int) -> str:
    return _TABLE[code][1]
