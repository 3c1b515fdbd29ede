"""What lists across shops are narrowed by."""

from django import forms
from django.test.html import parse_html
from hypothesis import given
from hypothesis import strategies as st

from shops.filters import LeanSelect

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8)
CHOICES = st.lists(st.tuples(WORDS | st.integers(0, 9), WORDS), max_size=5, unique_by=lambda one: str(one[0]))


@given(CHOICES, WORDS | st.integers(0, 9) | st.none(), st.booleans())
def test_a_lean_select_says_what_djangos_own_says(
    choices: list[tuple[str | int, str]], value: str | int | None, is_wrong: bool
) -> None:
    attrs = {"id": "id_shop", "required": True, "aria-invalid": "true" if is_wrong else False}
    lean, own = (
        parse_html(kind(attrs={"class": "a & b"}, choices=choices).render("shop", value, attrs))
        for kind in (LeanSelect, forms.Select)
    )
    assert lean == own


def test_whatever_stands_in_an_option_is_text() -> None:
    told = LeanSelect(choices=[('"><script>', "<b>&</b>")]).render("shop", '"><script>')
    assert "<script>" not in told
    assert "<b>" not in told
    assert told.count(" selected") == 1
