import os
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

from benchmarks import memory, processes
from benchmarks.memory import Use, Watch, told


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    part: Any = SimpleNamespace(process=SimpleNamespace(pid=0))
    monkeypatch.setattr(processes, "children", lambda process: [os.getpid()])
    monkeypatch.setattr(memory, "LOOKS_EVERY_SECONDS", 0)
    return Watch(part, rows=1000)


def test_the_peak_is_noted_at_a_tenth_at_half_and_at_the_end(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = iter([10.0, 20, 30, 40, 50])
    monkeypatch.setattr(processes, "peak", lambda process: next(peaks))
    for done in (0, 100, 150, 700, 1000):
        watch.sees(done)
    assert watch.peaks == [20, 40, 50]


def test_rows_that_come_all_at_once_count_for_each(watch: Watch) -> None:
    watch.sees(1000)
    assert len(watch.peaks) == 3


@pytest.mark.django_db
def test_more_than_is_allowed_is_not_reached_and_neither_is_what_grows() -> None:
    assert connection.vendor == "postgresql"
    small, large = (Use("it", 1000, 2, 90, peaks, 150) for peaks in ([100.0, 100, 105], [100.0, 120, 180]))
    assert (small.is_reached, large.is_reached) == (True, False)
    assert told([small]).count("| reached |") == 2
    assert told([large]).count("**not reached**") == 2
    assert "| it | 90 | 100 | 120 | 180 | 500 |" in told([large])
