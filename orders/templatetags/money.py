import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

from babel.core import Locale, UnknownLocaleError
from babel.numbers import format_currency
from django import template
from django.utils.translation import get_language

from marketplaces.records import Money

register = template.Library()
# Babel follows CLDR, which still counts sen; no shop prices in them, and amounts would look a hundred times too large.
WITHOUT_DECIMALS = {"IDR"}


@register.filter
def money(given: Decimal | Money | None, currency: str = "") -> str:
    """An amount as readers of this language write it, such as £26.98; a dash where the marketplace said none."""
    if isinstance(given, Money):
        amount: Decimal | None = given.amount
        currency = given.currency
    else:
        amount = given
    if amount is None or not currency:
        return "–"
    return written(amount, currency, get_language() or "en")


@lru_cache(maxsize=4096)
def written(amount: Decimal, currency: str, language: str) -> str:
    """Kept for those that are shown again and again: Babel takes as long for it as the rest of a row."""
    shape: dict[str, Any] = {}
    if currency in WITHOUT_DECIMALS and amount == amount.to_integral_value():
        shape = {"format": "¤¤ #,##0", "currency_digits": False}
    text = format_currency(amount, currency, locale=locale(language), **shape)
    # CLDR has a space between letters and digits (“THB 20”), which Babel leaves out.
    return re.sub(r"(?<=[A-Z])(?=\d)", "\N{NO-BREAK SPACE}", text)


@lru_cache(maxsize=32)
def locale(language: str) -> Locale:
    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale("en")
