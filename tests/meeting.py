"""Two at once, at a chosen point and not by luck: one is held where it is while another does something."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for_futures
from contextlib import contextmanager
from threading import Event
from typing import Any
from unittest.mock import patch

from django.db import connection, connections

LONGEST = 20.0  # seconds; nothing here takes one
BLOCKED = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"


class Held:
    """Somebody who has come to a point and waits there."""

    def __init__(self) -> None:
        self.is_there, self.may_go = Event(), Event()
        self.future: Future[Any] = Future()

    def goes_on(self) -> Any:
        """Let it go, and give back what it comes to; raises what it raises."""
        self.may_go.set()
        return self.future.result(LONGEST)


@contextmanager
def held(do: Callable[[], Any], owner: object, name: str, *, after: bool = False) -> Iterator[Held]:
    """`do` goes on elsewhere, up to where it calls (or, `after`, has called) this function; others pass by there."""
    somebody, original = Held(), getattr(owner, name)

    def hold() -> None:
        somebody.is_there.set()
        assert somebody.may_go.wait(LONGEST)

    def holding(*args: Any, **options: Any) -> Any:
        is_first = not somebody.is_there.is_set()
        if is_first and not after:
            hold()
        answer = original(*args, **options)
        if is_first and after:
            hold()
        return answer

    with ThreadPoolExecutor(1) as threads, patch.object(owner, name, holding):
        somebody.future = threads.submit(elsewhere, do)
        wait_until(lambda: somebody.is_there.is_set() or somebody.future.done())
        if somebody.future.done():
            somebody.future.result()
            raise AssertionError(f"it never came to {name}")
        try:
            yield somebody
        finally:
            somebody.may_go.set()


@contextmanager
def waiting(do: Callable[[], Any]) -> Iterator["Future[Any]"]:
    """`do` goes on elsewhere, until it waits in the database for somebody else, or is done."""
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(elsewhere, do)

        def is_blocked() -> bool:
            with connection.cursor() as cursor:
                cursor.execute(BLOCKED)
                return cursor.fetchone() is not None

        wait_until(lambda: future.done() or is_blocked())
        yield future


def at_once(*things: Callable[[], Any]) -> list[Any]:
    """Each by somebody else, all from the same moment; what each came to, an exception where there was one."""
    start = Event()

    def do(thing: Callable[[], Any]) -> Any:
        assert start.wait(LONGEST)
        return elsewhere(thing)

    with ThreadPoolExecutor(len(things)) as threads:
        futures = [threads.submit(do, thing) for thing in things]
        start.set()
        wait_for_futures(futures, LONGEST)
        return [future.exception() or future.result() for future in futures]


def elsewhere(do: Callable[[], Any]) -> Any:
    try:
        return do()
    finally:
        connections.close_all()


def wait_until(condition: Callable[[], bool]) -> None:
    tick = Event()
    for _ in range(int(LONGEST / 0.01)):
        if condition():
            return
        tick.wait(0.01)
    raise AssertionError("it did not come to pass")
