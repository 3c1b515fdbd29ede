"""Turns to call, where a marketplace counts calls. Whoever hands them out sees all processes, and stands above."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from marketplaces.errors import TemporaryFailure
from marketplaces.http import LONGEST_WAIT, Effect, seconds_left


@dataclass(frozen=True, slots=True)
class Turn:
    """One call, of those that the marketplace counts together and of which it takes so many a second."""

    among: str
    per_second: float
    is_urgent: bool  # ahead of what nobody waits for


# Takes a turn that comes within so many seconds, and says in how many; where that is more, none was taken.
HandOut = Callable[[Turn, float], float]

_hand_out: list[HandOut] = []
_is_urgent: ContextVar[bool] = ContextVar("is_urgent", default=True)


def handed_out_by(hand_out: HandOut) -> None:
    """Without anybody, everybody calls at once."""
    _hand_out[:] = [hand_out]


@contextmanager
def for_whom_nobody_waits() -> Iterator[None]:
    """Calls made inside let others go first."""
    before = _is_urgent.set(False)
    try:
        yield
    finally:
        _is_urgent.reset(before)


def wait_for(among: str, per_second: float, effect: Effect) -> None:
    """Until it is this call's turn. Raises TemporaryFailure where that would take too long: nothing was sent."""
    left = seconds_left() if effect is Effect.READ else None
    longest = LONGEST_WAIT if left is None else min(left, LONGEST_WAIT)
    for hand_out in _hand_out:
        seconds = hand_out(Turn(among, per_second, _is_urgent.get()), longest)
        if seconds > longest:
            raise TemporaryFailure("Others are calling as often as the marketplace allows.", retry_after=seconds)
        if seconds:
            time.sleep(seconds)
