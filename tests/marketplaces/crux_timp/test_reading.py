"""Times, money, quantities and words out of Crux Connect's JSON, in every form that a page shows."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplaces.crux_timp.reading import moment, money, named, quantity, words
from marketplaces.errors import BadRecord
from marketplaces.records import Money


@given(st.decimals(min_value=0, max_value=10**11, places=2))
def test_money_is_exact_though_it_comes_as_a_json_number(amount: Decimal) -> None:
    sent = json.loads(f'{{"x": {amount:f}}}')
    assert money(sent, "x", "USD") == Money(amount, "USD")
    assert money({"x": f"{amount:f}"}, "x", "USD") == Money(amount, "USD")


@pytest.mark.parametrize(
    ("value", "shown"), [(27.2, "27.20"), (0, "0.00"), (None, "0.00"), ("", "0.00"), (1.005, "1.005")]
)
def test_an_amount_has_two_places_or_as_many_as_it_came_with(value: Any, shown: str) -> None:
    assert str(money({"x": value}, "x", "USD").amount) == shown


@pytest.mark.parametrize(
    "value", [True, float("nan"), float("inf"), 1e300, 1e-7, 10**14, "1e5", "1,000", " 1", "NaN", [], {}, "٣"]
)
def test_only_plain_numbers_are_money(value: Any) -> None:
    with pytest.raises(BadRecord, match="x: must be an amount"):
        money({"x": value}, "x", "USD")


@pytest.mark.parametrize(
    "value", ["2026-03-02T09:14:55.120034Z", "2026-03-02T09:14:55.120034", "2026-03-02T02:14:55.120034-07:00"]
)
def test_a_time_is_aware_whatever_its_offset(value: str) -> None:
    found = moment({"x": value}, "x")
    assert found == datetime(2026, 3, 2, 9, 14, 55, 120034, tzinfo=UTC)
    assert found.tzinfo is UTC


@pytest.mark.parametrize("value", ["soon", 1772442895, True, [], "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_time_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(BadRecord, match=r"^x: is no time"):
        moment({"x": value}, "x")


@pytest.mark.parametrize(("value", "units"), [(5, 5), ("5", 5), (0, 0), (None, None), ("", None)])
def test_a_quantity_may_stand_in_quotes(value: Any, units: int | None) -> None:
    assert quantity({"x": value}, "x") == units


@pytest.mark.parametrize("value", [-1, True, 1.0, "1.0", "-1", "five", 10**9, []])
def test_a_quantity_is_a_number_of_units(value: Any) -> None:
    with pytest.raises(BadRecord, match="x: must be a number of units"):
        quantity({"x": value}, "x")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, ()),
        ("", ()),
        ([], ()),
        ("HasTracking", ("HasTracking",)),
        ("ID: 1 Name: HasTracking", ("HasTracking",)),
        (["Backordered", "HasTracking"], ("Backordered", "HasTracking")),
        (["ID: 4 Name: Rejected", None], ("Rejected",)),
        ("SomethingNew", ("SomethingNew",)),
    ],
)
def test_a_word_comes_in_many_forms(value: Any, found: tuple[str, ...]) -> None:
    assert words({"x": value}, "x") == found


@pytest.mark.parametrize("value", [5, {"name": "x"}, [5]])
def test_a_word_is_text(value: Any) -> None:
    with pytest.raises(BadRecord, match="x: must be a word"):
        words({"x": value}, "x")


def test_of_several_names_the_one_that_holds_something_counts() -> None:
    assert named({"a": None, "b": 0}, "a", "b") == "b"
    assert named({}, "a", "b") == "a"
