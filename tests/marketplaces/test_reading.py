"""Texts, ids and lists out of any marketplace's JSON."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplaces.errors import BadRecord
from marketplaces.reading import Drift, each, identifier, parsed, short, texts, unknown


@given(st.none() | st.integers() | st.booleans() | st.lists(st.text()) | st.just(""))
def test_an_id_is_a_text_or_refused(value: Any) -> None:
    with pytest.raises(BadRecord):
        identifier({"x": value}, "x")


def test_a_list_of_texts_holds_only_texts() -> None:
    assert texts({"x": ["1", "2"]}, "x") == ("1", "2")
    with pytest.raises(BadRecord):
        texts({"x": ["1", 2]}, "x")


def test_an_id_fits_into_an_index() -> None:
    assert identifier({"x": "9" * 200}, "x") == short({"x": "9" * 200}, "x") == "9" * 200
    for read in (identifier, short):
        with pytest.raises(BadRecord, match="x: is longer than 200 characters"):
            read({"x": "9" * 201}, "x")


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (rb'{"a": "x\u0000y"}', {"a": "x\ufffdy"}),
        (rb'{"\u0000": ["\ud800", {"b": "\uDfFf"}]}', {"\ufffd": ["?", {"b": "?"}]}),
        (rb'["\ud83d\ude00", "\\u0000", 1, null]', ["\N{GRINNING FACE}", "\\u0000", 1, None]),
    ],
)
def test_what_no_database_keeps_is_replaced_while_it_is_read(body: bytes, value: Any) -> None:
    assert parsed(body) == value


@pytest.mark.parametrize("body", [b"[" * 100_000, b"[" * 900 + rb'"\u0000"' + b"]" * 900, b"", b"\xff", b"9" * 5000])
def test_what_cannot_be_read_is_one_kind_of_error(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of json's own words
        parsed(body)


def test_the_place_of_a_bad_record_is_told_from_the_top() -> None:
    with pytest.raises(BadRecord, match=r"^lines\[1\]\.id: must be a non-empty text$"):
        each({"lines": [{"id": "a"}, {"id": 5}]}, "lines", lambda raw: identifier(raw, "id"))


def test_what_nobody_knows_is_kept_and_reported_once() -> None:
    drift: Drift = {}
    assert unknown({"a": 1, "c": 3, "b": 2}, {"a"}, "order", drift) == {"b": 2, "c": 3}
    assert unknown({"b": 4}, {"a"}, "order", drift) == {"b": 4}
    assert list(drift) == ["order.b", "order.c"]
