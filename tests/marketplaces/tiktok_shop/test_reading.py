"""Money and time out of TikTok Shop's JSON."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplaces.errors import BadRecord
from marketplaces.records import Money
from marketplaces.tiktok_shop.reading import currency_code, moment, money


@given(st.decimals(min_value=0, max_value=10**12, places=2))
def test_money_is_exact(amount: Decimal) -> None:
    assert money({"x": f"{amount:f}"}, "x", "EUR") == Money(amount, "EUR")


@pytest.mark.parametrize(
    "value",
    [1, 1.5, True, "NaN", "Infinity", "1e5", "1_000", "1,000.00", " 1", "1 ", "1.", ".5", "+1", "٣", "", "-", "-1.00"],
)
def test_only_plain_digits_as_text_are_money(value: Any) -> None:
    if value == "":
        assert money({"x": value}, "x", "EUR") == Money(Decimal(0), "EUR")
    else:
        with pytest.raises(BadRecord, match="x: must be an amount as text"):
            money({"x": value}, "x", "EUR")


@given(st.integers(1, 4_900_000_000))
def test_a_time_is_aware_and_exact_beyond_the_year_2100(seconds: int) -> None:
    value = moment({"x": seconds}, "x")
    assert value == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    assert value.utcoffset() == timedelta(0)


@pytest.mark.parametrize("value", ["1701000000", 1701000000.0, True, 10**18, -(10**18)])
def test_a_time_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(BadRecord, match=r"^x: "):
        moment({"x": value}, "x")


@pytest.mark.parametrize("value", [None, 0])
def test_a_time_may_be_missing(value: Any) -> None:
    assert moment({"x": value}, "x") is None


@pytest.mark.parametrize("value", [-1, -62_135_596_800, 253_402_300_799, 253_370_764_800])
def test_a_time_that_some_zone_cannot_show_is_refused(value: int) -> None:
    with pytest.raises(BadRecord, match="x: is no time in seconds"):
        moment({"x": value}, "x")


@pytest.mark.parametrize("value", ["EURO", "eur", "€", "E1R", "", None, 978])
def test_a_currency_is_three_capital_letters(value: Any) -> None:
    with pytest.raises(BadRecord, match=r"^x: must be"):
        currency_code({"x": value}, "x")


def test_an_amount_that_no_column_holds_is_refused() -> None:
    assert money({"x": "9" * 15}, "x", "IDR").amount == 999_999_999_999_999
    with pytest.raises(BadRecord):
        money({"x": "9" * 16}, "x", "IDR")
