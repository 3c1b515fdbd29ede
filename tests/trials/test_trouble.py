"""A seed repeats what goes wrong, in which order and after which pauses."""

import itertools
from typing import Any

import pytest

from trials.house import House
from trials.line import Line
from trials.trouble import Troublemaker


class Unlucky(Troublemaker):
    """One trouble of it throws so many dice more than it used to."""

    more = 0

    def begun(self, many: int) -> list[tuple[str, float]]:
        troubles = []
        for make in itertools.islice(self.troubles(), many):
            troubles.append((make.__name__, self._dice.random()))
            for _ in range(self.more):
                self._dice.random()
        return troubles


@pytest.fixture
def house() -> Any:
    return House.__new__(House)  # of which nothing is asked


def test_a_seed_repeats_the_troubles_however_they_went(house: House) -> None:
    calm, busy = (Unlucky(house, Line(), 7, 100) for _ in range(2))
    busy.more = 5
    assert calm.begun(200) == busy.begun(200)


def test_another_seed_has_other_troubles(house: House) -> None:
    first, second = (Unlucky(house, Line(), seed, 100) for seed in (7, 8))
    assert first.begun(20) != second.begun(20)


def test_every_trouble_comes(house: House) -> None:
    troublemaker = Unlucky(house, Line(), 7, 100)
    assert {name for name, _ in troublemaker.begun(400)} == {kind.__name__ for kind in troublemaker.kinds}
