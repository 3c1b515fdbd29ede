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


def until_none_is_left(count: Callable[[], int], patience: float) -> bool:
    """Whether it came to that; given up once there have not been fewer for so many seconds."""
    fewest, since = count(), time.monotonic()
    while fewest:
        if time.monotonic() > since + patience:
            return False
        time.sleep(0.5)
        if (left := count()) < fewest:
            fewest, since = left, time.monotonic()
    return True
