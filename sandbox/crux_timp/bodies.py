"""Reads the JSON of a request. Whatever is missing, of another type or out of its range is refused with 400."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection
from datetime import date
from typing import Any, NoReturn

from sandbox.crux_timp.records import Attributes
from sandbox.crux_timp.refusals import Refusal

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def read_object(body: bytes) -> Fields:
    try:
        value = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Refusal(400, "The body is not JSON.") from None
    if not isinstance(value, dict):
        raise Refusal(400, "The body is not a JSON object.")
    return Fields(value)


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)


class Fields:
    """A JSON object, read field by field. null is taken for a field that is not there; unknown ones are ignored."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def has(self, name: str) -> bool:
        return self._values.get(name) is not None

    def text(self, name: str) -> str | None:
        value: str | None = self._typed(name, str, "a string")
        return value

    def needed_text(self, name: str) -> str:
        return self.text(name) or _refuse(name, "required")

    def flag(self, name: str) -> bool | None:
        value: bool | None = self._typed(name, bool, "a boolean")
        return value

    def whole(self, name: str) -> int | None:
        """An integer from 0 on."""
        value: int | None = self._typed(name, int, "an integer")
        return value if value is None or value >= 0 else _refuse(name, "below 0")

    def quantity(self, name: str, at_least: int = 0) -> int:
        """An integer that is needed; quoted ones are taken, as the documentation sends them."""
        value = self._values.get(name)
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10:
            value = int(value)
        if value is None or value == "":
            _refuse(name, "required")
        if not isinstance(value, int) or isinstance(value, bool) or value < at_least:
            _refuse(name, f"no integer of at least {at_least}")
        return int(value)

    def amount(self, name: str) -> float | None:
        value: float | None = self._typed(name, (int, float), "a number")
        return value if value is None or math.isfinite(value) else _refuse(name, "no number")

    def date(self, name: str) -> str | None:
        text = self.text(name)
        if text is None:
            return None
        try:
            if DAY.fullmatch(text):
                return date.fromisoformat(text).isoformat()
        except ValueError:
            pass
        return _refuse(name, "no date of the form YYYY-MM-DD")

    def word(self, name: str, words: Collection[str]) -> str | None:
        text = self.text(name)
        return text if text is None or text in words else _refuse(name, "one of " + ", ".join(words))

    def texts(self, name: str) -> list[str]:
        values = self._list(name)
        if not all(isinstance(each, str) for each in values):
            _refuse(name, "an array of strings")
        return values

    def words(self, name: str, words: Collection[str]) -> list[str]:
        values = self.texts(name)
        return values if set(values) <= set(words) else _refuse(name, "out of " + ", ".join(words))

    def object(self, name: str) -> Fields | None:
        value = self._typed(name, dict, "an object")
        return None if value is None else Fields(value)

    def needed_object(self, name: str) -> Fields:
        return self.object(name) or _refuse(name, "required")

    def objects(self, name: str) -> list[Fields]:
        values = self._list(name)
        if not all(isinstance(each, dict) for each in values):
            _refuse(name, "an array of objects")
        return [Fields(each) for each in values]

    def needed_objects(self, name: str) -> list[Fields]:
        return self.objects(name) or _refuse(name, "required")

    def attributes(self, name: str) -> Attributes | None:
        if not self.has(name):
            return None
        return [
            {key: each.needed_text(key) for key in ("attribute_name", "attribute_value")} for each in self.objects(name)
        ]

    def _typed(self, name: str, kind: Any, words: str) -> Any:
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            _refuse(name, f"not {words}")
        return value

    def _list(self, name: str) -> list[Any]:
        return self._typed(name, list, "an array") or []


def _refuse(name: str, words: str) -> NoReturn:
    raise Refusal(400, f"{name}: {words}.")
