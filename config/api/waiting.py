"""`Prefer: wait=N` (RFC 7240): an answer that is held until there is something to say, for N seconds at most."""

import re
import time
from collections.abc import Callable
from threading import BoundedSemaphore

from django.conf import settings
from rest_framework.request import Request

LONGEST = 10
SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 1.0
# Whoever waits keeps a thread from answering others: beyond so many in a process, answers are given at once.
waiters = BoundedSemaphore(settings.API_WAITERS)


def seconds_to_wait(request: Request) -> int | None:
    """What is asked for, cut to LONGEST; None where nothing is, or nothing that can be understood."""
    for preference in request.headers.get("Prefer", "").split(","):
        if found := re.fullmatch(r'\s*wait\s*=\s*"?(\d{1,9})"?\s*(;.*)?', preference, re.IGNORECASE | re.ASCII):
            return min(int(found[1]), LONGEST)
    return None


def hold(request: Request, is_over: Callable[[], bool]) -> dict[str, str]:
    """Come back when `is_over` or the time is up; the headers to answer with. `is_over` is asked outside of any
    transaction, a few times a second.
    """
    seconds = seconds_to_wait(request)
    if seconds is None or not waiters.acquire(blocking=False):
        return {}
    try:
        ends, pause = time.monotonic() + seconds, SHORTEST_PAUSE
        while not is_over() and (left := ends - time.monotonic()) > 0:
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, LONGEST_PAUSE)
    finally:
        waiters.release()
    return {"Preference-Applied": f"wait={seconds}"}
