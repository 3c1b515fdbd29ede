"""Waiting for what other processes do."""

import time
from collections.abc import Callable


def until(what: Callable[[], object], seconds: float) -> bool:
    """Whether it came to pass within so many seconds."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.5)
    return True
