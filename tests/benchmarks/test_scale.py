import pytest

from benchmarks.processes import Round
from benchmarks.scale import Scaled, told

pytestmark = pytest.mark.django_db


def rounds(*seconds: float) -> list[Round]:
    return [Round(100, one, {"workers": 2.0, "PostgreSQL": 0.5}) for one in seconds]


def test_the_median_of_the_rounds_is_told_beside_that_of_one_process() -> None:
    text = told([Scaled("decisions", 1, rounds(4, 5, 90)), Scaled("decisions", 2, rounds(2, 2.5, 1))])
    assert "| decisions | 1 | 20.0 | 1.00 | workers 20.0, PostgreSQL 5.0 | 50 |" in text
    assert "| decisions | 2 | 50.0 | 2.50 | workers 20.0, PostgreSQL 5.0 | 50 |" in text
