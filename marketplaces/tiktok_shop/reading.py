"""Times and money as TikTok Shop writes them: whole Unix seconds, and amounts as text. Raises BadRecord."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from marketplaces.errors import BadRecord
from marketplaces.reading import Json, identifier
from marketplaces.records import Money

_YEAR_9999 = 253_370_764_800  # whose last hours are no time at all in zones to the east
_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,8})?")
_LONGEST_AMOUNT = 15 + 1 + 8
_CURRENCY = re.compile(r"[A-Z]{3}")
_ZERO = Decimal(0)


def currency_code(raw: Json, name: str) -> str:
    """An ISO 4217 code that must be there."""
    value = identifier(raw, name)
    if not _is_currency(value):
        raise BadRecord(name, "must be three capital letters")
    return value


@lru_cache(maxsize=200)
def _is_currency(code: str) -> bool:
    return bool(_CURRENCY.fullmatch(code))


def moment(raw: Json, name: str) -> datetime | None:
    """An optional time in Unix seconds; None when absent or 0."""
    value = raw.get(name)
    if value is None:
        return None
    if type(value) is not int:
        raise BadRecord(name, "must be whole Unix seconds")
    if 0 < value < _YEAR_9999:
        return datetime.fromtimestamp(value, UTC)
    if value:
        raise BadRecord(name, "is no time in seconds")
    return None


def required_moment(raw: Json, name: str) -> datetime:
    value = moment(raw, name)
    if value is None:
        raise BadRecord(name, "is missing")
    return value


def money(raw: Json, name: str, currency: str) -> Money:
    """An optional amount, 0 when absent: TikTok Shop leaves out what is not charged. Nobody is paid for buying."""
    value = raw.get(name)
    value = "" if value is None else value
    amount = _amount(value, currency) if type(value) is str and len(value) <= _LONGEST_AMOUNT else None
    if amount is None:
        raise BadRecord(name, "must be an amount as text")
    return amount


@lru_cache(maxsize=10_000)
def _amount(text: str, currency: str) -> Money | None:
    """None where the text is no amount. Prices come again and again, and each is made of three objects."""
    if not text:
        return Money(_ZERO, currency)
    return Money(Decimal(text), currency) if _AMOUNT.fullmatch(text) else None


def required_money(raw: Json, name: str, currency: str) -> Money:
    if raw.get(name) in (None, ""):
        raise BadRecord(name, "is missing")
    return money(raw, name, currency)
