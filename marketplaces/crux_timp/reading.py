"""Times, money and quantities as Crux Connect writes them. Every function raises BadRecord naming the path.

Its pages contradict each other about names and types, so each reader takes every form that one of them shows.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from marketplaces.errors import BadRecord
from marketplaces.reading import Json
from marketplaces.records import Money

_AMOUNT = re.compile(r"[0-9]{1,13}(\.[0-9]{1,8})?")
_CENT = Decimal("0.01")
_DIGITS = re.compile(r"[0-9]{1,9}")
_NAMED = re.compile(r"Name:\s*(\w+)")


def named(raw: Json, *names: str) -> str:
    """The first of several names for one thing that holds something, the first of all where none does."""
    return next((name for name in names if raw.get(name) is not None), names[0])


def moment(raw: Json, name: str) -> datetime | None:
    """An optional time in ISO 8601; without an offset it is UTC. None when absent."""
    value = raw.get(name)
    if value is None or value == "":
        return None
    try:
        found = datetime.fromisoformat(value)
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise BadRecord(name, "is no time in ISO 8601") from None
    if not 1970 <= found.year < 9999:  # which some zone could not show
        raise BadRecord(name, "is no time that can be stored")
    return found


def required_moment(raw: Json, name: str) -> datetime:
    value = moment(raw, name)
    if value is None:
        raise BadRecord(name, "is missing")
    return value


def money(raw: Json, name: str, currency: str) -> Money:
    """An optional amount, 0 when absent; with two places, or as many as it came with.

    JSON numbers come as floats, whose shortest digits are those that were sent: up to fifteen of them are exact.
    """
    value = raw.get(name)
    if value is None or value == "":
        return Money(Decimal("0.00"), currency)
    written = repr(value) if type(value) in (int, float) else value
    if not isinstance(written, str) or not _AMOUNT.fullmatch(written):
        raise BadRecord(name, "must be an amount")
    amount = Decimal(written)
    in_cents = amount.quantize(_CENT)
    return Money(in_cents if in_cents == amount else amount, currency)


def quantity(raw: Json, name: str) -> int | None:
    """An optional number of units, None when absent. Some examples put it into quotes."""
    value = raw.get(name)
    if value is None or value == "":
        return None
    if type(value) is int and 0 <= value < 10**9:
        return value
    if type(value) is str and _DIGITS.fullmatch(value):
        return int(value)
    raise BadRecord(name, "must be a number of units")


def words(raw: Json, name: str) -> tuple[str, ...]:
    """The words of a field that is a word, a list of words, nothing, or the text of an object with a name in it."""
    value: Any = raw.get(name)
    members = value if isinstance(value, list) else [value]
    found = []
    for one in members:
        if one is None or one == "":
            continue
        if not isinstance(one, str):
            raise BadRecord(name, "must be a word")
        inner = _NAMED.search(one)
        found.append(inner.group(1) if inner else one)
    return tuple(found)
