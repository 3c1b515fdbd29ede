"""Reading typed values out of TikTok Shop's JSON. Every function raises BadRecord naming the path, never the value.

Absent fields and nulls are what TikTok Shop sends for things that do not apply, so optional readers take both.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from marketplaces.errors import BadRecord
from marketplaces.records import Money

Json = Mapping[str, Any]

# What no database keeps and no UTF-8 holds can only be in JSON as one of these escapes.
_UNKEEPABLE = re.compile(rb"\\u(0000|d[89a-f])", re.IGNORECASE)
_YEAR_9999 = 253_370_764_800  # whose last hours are no time at all in zones to the east
_AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,8})?")
_CURRENCY = re.compile(r"[A-Z]{3}")
LONGEST_ID = 200  # of theirs have twenty; what is looked up by an index must fit into one
_ZERO = Decimal(0)


def parsed(body: bytes) -> Any:
    """The JSON of a body, without null characters and half surrogate pairs in its texts. Raises ValueError."""
    try:
        value = json.loads(body)
        return _keepable(value) if _UNKEEPABLE.search(body) else value
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _keepable(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
        case list():
            return [_keepable(one) for one in value]
        case dict():
            return {_keepable(name): _keepable(one) for name, one in value.items()}
    return value


def text(raw: Json, name: str) -> str:
    """An optional text, "" when absent."""
    value = raw.get(name)
    if value is None:
        return ""
    if type(value) is not str:
        raise BadRecord(name, "must be text")
    return value


def short(raw: Json, name: str, longest: int = LONGEST_ID) -> str:
    """An optional id, number or word, "" when absent."""
    value = text(raw, name)
    if len(value) > longest:
        raise BadRecord(name, f"is longer than {longest} characters")
    return value


def identifier(raw: Json, name: str, longest: int = LONGEST_ID) -> str:
    """A text that must be there. A number is refused: ids are longer than the floats of many tools can hold."""
    value = raw.get(name)
    if type(value) is not str or not value:
        raise BadRecord(name, "must be a non-empty text")
    return short(raw, name, longest)


def currency_code(raw: Json, name: str) -> str:
    """An ISO 4217 code that must be there."""
    value = identifier(raw, name)
    if not _CURRENCY.fullmatch(value):
        raise BadRecord(name, "must be three capital letters")
    return value


def flag(raw: Json, name: str) -> bool:
    """An optional truth, False when absent."""
    value = raw.get(name)
    if value is None:
        return False
    if type(value) is not bool:
        raise BadRecord(name, "must be true or false")
    return value


def moment(raw: Json, name: str) -> datetime | None:
    """An optional time in Unix seconds; None when absent or 0."""
    value = raw.get(name)
    if not value and type(value) in (int, type(None)):
        return None
    if type(value) is not int:
        raise BadRecord(name, "must be whole Unix seconds")
    if not 0 < value < _YEAR_9999:
        raise BadRecord(name, "is no time in seconds")
    return datetime.fromtimestamp(value, UTC)


def required_moment(raw: Json, name: str) -> datetime:
    value = moment(raw, name)
    if value is None:
        raise BadRecord(name, "is missing")
    return value


def money(raw: Json, name: str, currency: str) -> Money:
    """An optional amount, 0 when absent: TikTok Shop leaves out what is not charged."""
    value = raw.get(name)
    if value is None or value == "":
        return Money(_ZERO, currency)
    if type(value) is not str or not _AMOUNT.fullmatch(value):
        raise BadRecord(name, "must be an amount as text")
    return Money(Decimal(value), currency)


def required_money(raw: Json, name: str, currency: str) -> Money:
    if raw.get(name) in (None, ""):
        raise BadRecord(name, "is missing")
    return money(raw, name, currency)


def number(raw: Json, name: str) -> int:
    """An optional whole number, 0 when absent."""
    value = raw.get(name)
    if value is None:
        return 0
    if type(value) is not int:
        raise BadRecord(name, "must be a whole number")
    return value


def members(raw: Json, name: str) -> Json:
    """An optional object, empty when absent."""
    value = raw.get(name)
    if value is None:
        return {}
    if type(value) is not dict:
        raise BadRecord(name, "must be an object")
    return value


def objects(raw: Json, name: str) -> Sequence[Json]:
    """An optional list of objects, empty when absent."""
    value = raw.get(name)
    if value is None:
        return ()
    if type(value) is not list:
        raise BadRecord(name, "must be a list")
    for index, one in enumerate(value):
        if type(one) is not dict:
            raise BadRecord(f"{name}[{index}]", "must be an object")
    return value


def texts(raw: Json, name: str) -> Sequence[str]:
    """An optional list of texts, empty when absent."""
    value = raw.get(name)
    if value is None:
        return ()
    if type(value) is not list or any(type(one) is not str for one in value):
        raise BadRecord(name, "must be a list of texts")
    return tuple(value)


def inside(where: str, error: BadRecord) -> BadRecord:
    """The same problem seen from one level up."""
    return BadRecord(f"{where}.{error.where}", error.problem)
