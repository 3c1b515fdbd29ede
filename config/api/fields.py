"""Money and time on the wire."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from marketplaces.records import Money

# CLDR still counts sen; no shop prices in them.
WITHOUT_DECIMALS = frozenset({"IDR"})


def plain_amount(money: Money) -> str:
    """ "26.98" for 26.9800 GBP and "150000" for 150000.0000 IDR; what is finer than the currency's coins is kept."""
    least = 0 if money.currency in WITHOUT_DECIMALS else get_currency_precision(money.currency)
    rounded = money.amount.quantize(Decimal(1).scaleb(-least))
    return f"{rounded if rounded == money.amount else money.amount.normalize():f}"


@extend_schema_field(
    {
        "type": ["object", "null"],
        "required": ["amount", "currency"],
        "properties": {
            "amount": {"type": "string", "description": "A decimal number as text, never a float.", "example": "26.98"},
            "currency": {"type": "string", "description": "ISO 4217.", "example": "GBP"},
        },
    }
)
class MoneyField(serializers.Field):  # type: ignore[type-arg]
    """Money, or an amount of the row's own `currency`, as {"amount": "26.98", "currency": "GBP"}; read only."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, **kwargs)
        self.column = ""

    def bind(self, field_name: str, parent: Any) -> None:
        super().bind(field_name, parent)
        self.column, self.source, self.source_attrs = self.source or field_name, "*", []

    def to_representation(self, row: Any) -> dict[str, str] | None:
        amount = getattr(row, self.column)
        if amount is None:
            return None
        if isinstance(amount, Money):
            return {"amount": plain_amount(amount), "currency": amount.currency}
        return {"amount": plain_amount(Money(amount, row.currency)), "currency": row.currency}


class UtcTime(serializers.DateTimeField):
    """RFC 3339 in UTC, whatever zone the reader likes; what is sent must name its offset."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs, default_timezone=UTC)

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            raise serializers.ValidationError(_("Give the time with its offset, such as 2026-11-20T08:00:00Z."))
        return super().enforce_timezone(value)
