"""Reading typed values out of TikTok Shop's JSON. Every function raises BadRecord naming the path, never the value.

Absent fields and nulls are what TikTok Shop sends for things that do not apply, so optional readers take both.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from marketplaces.errors import BadRecord
from marketplaces.records import Money

Json = Mapping[str, Any]

_AMOUNT = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,8})?")
_ZERO = Decimal(0)


def text(raw: Json, name: str) -> str:
    """An optional text, "" when absent."""
    value = raw.get(name)
    if value is None:
        return ""
    if type(value) is not str:
        raise BadRecord(name, "must be text")
    return value


def identifier(raw: Json, name: str) -> str:
    """A text that must be there. A number is refused: ids are longer than the floats of many tools can hold."""
    value = raw.get(name)
    if type(value) is not str or not value:
        raise BadRecord(name, "must be a non-empty text")
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
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        raise BadRecord(name, "is no time in seconds") from None


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
