"""Texts, ids and lists out of any marketplace's JSON."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplaces.errors import BadRecord
from marketplaces.reading import (
    Drift,
    each,
    each_text,
    identifier,
    members,
    objects,
    parsed,
    short,
    text,
    texts,
    unknown,
)


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


@given(
    st.dictionaries(st.sampled_from("abc"), st.text(max_size=6) | st.none() | st.integers() | st.lists(st.text())),
    st.integers(0, 8),
)
def test_several_texts_are_what_each_of_them_is(raw: dict[str, Any], longest: int) -> None:
    def told(read: Callable[[], Any]) -> Any:
        try:
            return tuple(read())
        except BadRecord as problem:
            return str(problem)

    assert told(lambda: each_text(raw, "abc", longest)) == told(lambda: [text(raw, name, longest) for name in "abc"])


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (rb'{"a": "x\u0000y"}', {"a": "x\ufffdy"}),
        (rb'{"\u0000": ["\ud800", {"b": "\uDfFf"}]}', {"\ufffd": ["?", {"b": "?"}]}),
        (b'"\xed\xa0\x80x"', "?x"),
        (rb'["\ud83d\ude00", "\\u0000", 1, null]', ["\N{GRINNING FACE}", "\\u0000", 1, None]),
    ],
)
def test_what_no_database_keeps_is_replaced_while_it_is_read(body: bytes, value: Any) -> None:
    assert parsed(body) == value


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b"[" * 900 + rb'"\u0000"' + b"]" * 900,
        b"",
        b"\xff",
        b"9" * 5000,
        b"[" + b"{}," * 500_000 + b"{}]",
    ],
)
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


def test_an_object_that_names_something_twice_is_not_believed() -> None:
    told = parsed(rb'{"order": {"id": "a", "id": "b\u0000"}, "lines": [{"id": "a", "id": "a"}], "other": {"id": "a"}}')
    assert members(told, "other") == {"id": "a"}
    for read in (lambda: members(told, "order"), lambda: objects(told, "lines")):
        with pytest.raises(BadRecord, match="names something twice"):
            read()


def test_what_is_too_much_for_a_record_is_refused() -> None:
    with pytest.raises(BadRecord, match="is longer than 10000 characters"):
        text({"x": "x" * 10_001}, "x")
    with pytest.raises(BadRecord, match="has more than 5000 members"):
        objects({"x": [{}] * 5001}, "x")


def test_what_nobody_knows_is_not_kept_to_any_depth() -> None:
    deep: Any = "x"
    for _ in range(60):
        deep = [deep]
    with pytest.raises(BadRecord, match="is nested too deeply"):
        unknown({"a": deep}, (), "order", {})
