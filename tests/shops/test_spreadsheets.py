"""Tables for spreadsheets: nothing that one would calculate, and nothing lost."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from shops import spreadsheets


@given(st.text())
def test_no_cell_begins_a_formula_and_no_text_is_lost(text: str) -> None:
    shown = spreadsheets.cell(text)
    assert not shown.startswith(spreadsheets.FORMULA)
    assert shown.removeprefix("'") == text.replace("\0", "\ufffd").removeprefix("'")


@given(st.sampled_from(spreadsheets.FORMULA), st.text())
def test_what_would_begin_one_is_marked_as_text(sign: str, rest: str) -> None:
    assert spreadsheets.cell(sign + rest).startswith("'" + sign)


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8")), min_size=2, max_size=2)))
def test_a_file_has_the_rows_and_cells_that_were_written(rows: list[list[str]]) -> None:
    file = io.StringIO("".join(spreadsheets.lines(["a", "b"], rows)).removeprefix("\ufeff"), newline="")
    read = list(csv.reader(file))
    assert read[0] == ["a", "b"]
    assert read[1:] == [[spreadsheets.cell(value) for value in row] for row in rows]
