"""Processes that stop where they are told to, and a database that is as it was before them.

A *touch* is whatever a process does that others can see or that it learns from others: a statement, COPY, commit, call
or message. What happens between two touches nobody outside can tell apart, so a process that is stopped before each of
them, and once at the end, is stopped everywhere.
"""

import ast
import json
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any
from unittest.mock import patch

import psycopg
from django.apps import apps
from django.db import connection, connections, transaction
from urllib3.connection import HTTPConnection

from marketplaces.http import Http
from shops import nudging

ROOT = Path(__file__).resolve().parent.parent
Work = Callable[[], object]
SEEN = ("commit", "committed", "call", "sent", "answered", "message")
APPS = ("audit", "shops", "orders", "cancellations")  # whose rows a worker changes


@dataclass(frozen=True, order=True)
class Touch:
    """`at` is the innermost line of the modules that are watched; `what` is done there.

    `is_seen` where it changes something for others at once; statements in a transaction and questions do not.
    """

    at: str
    what: str
    is_seen: bool

    def __str__(self) -> str:
        return f"{self.what} at {self.at}"


@dataclass(frozen=True)
class Course:
    """What a process did until it ended: all its touches, and the lines (module:number) that it ran, where asked."""

    touches: list[Touch]
    lines: set[str]
    error: str
    was_stopped: bool


class Tripwire:
    """Counts touches in this process; before the one with the number `stop` (from 1) it ends as by SIGKILL."""

    def __init__(self, modules: frozenset[str], stop: int | None, end: Callable[[], None]) -> None:
        self.modules, self.stop, self.end = modules, stop, end
        self.files = {str(ROOT / module): module for module in modules}
        self.touches: list[Touch] = []
        self.lines: set[str] = set()

    def touch(self, what: str) -> None:
        at = self.innermost(sys._getframe(2))
        if not at:
            return
        asks_only = connection.in_atomic_block or what.startswith("SELECT")
        self.touches.append(Touch(at, what, what in SEEN or not asks_only))
        if len(self.touches) == self.stop:
            self.end()

    def innermost(self, frame: FrameType | None) -> str:
        while frame:
            if module := self.files.get(frame.f_code.co_filename):
                return f"{module}:{frame.f_lineno} {frame.f_code.co_name}"
            frame = frame.f_back
        return ""

    @contextmanager
    def laid(self) -> Iterator[None]:
        with ExitStack() as laid:
            for cls, name, before, after in (
                (psycopg.Cursor, "execute", statement, None),
                (psycopg.Cursor, "executemany", statement, None),
                (psycopg.Cursor, "copy", lambda *_: "COPY", None),
                (psycopg.Connection, "commit", lambda *_: "commit", "committed"),
                (Http, "send", lambda *_: "call", "answered"),
                (HTTPConnection, "getresponse", lambda *_: "sent", None),
            ):
                laid.enter_context(patch.object(cls, name, self.noted(getattr(cls, name), before, after)))
            # A message may be lost, so here all are.
            laid.enter_context(patch.object(nudging, "send", lambda *_, **__: self.touch("message")))
            yield

    def noted(self, do: Callable[..., Any], before: Callable[..., str], after: str | None) -> Callable[..., Any]:
        def noted(*args: Any, **options: Any) -> Any:
            self.touch(before(*args))
            answer = do(*args, **options)
            if after:
                self.touch(after)
            return answer

        return noted

    def trace(self, frame: FrameType, event: str, arg: object) -> Any:
        """For sys.settrace: notes each line of the modules."""
        return self.trace_line if frame.f_code.co_filename in self.files else None

    def trace_line(self, frame: FrameType, event: str, arg: object) -> Any:
        self.lines.add(f"{self.files[frame.f_code.co_filename]}:{frame.f_lineno}")
        return self.trace_line


def statement(cursor: Any, sent: Any, *_: Any) -> str:
    """Its first words, without what differs from run to run."""
    text = sent if isinstance(sent, str) else sent.as_string(None)
    words = text.replace('"', "").split()
    if words[0] in ("SAVEPOINT", "RELEASE", "ROLLBACK"):
        return words[0]
    table = next((words[n + 1] for n, word in enumerate(words[:-1]) if word in ("FROM", "INTO", "UPDATE", "TABLE")), "")
    return f"{words[0]} {table}".strip()


def run_in_a_fork(work: Work, modules: frozenset[str], *, stop: int | None = None, traced: bool = False) -> Course:
    """Run this in a process of its own, which ends before its touch number `stop`; without one, when it is done."""
    connections.close_all()  # they cannot be shared, and the child must not say good-bye on ours
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads here are the test runner's
        pid = os.fork()
    if not pid:
        os.close(reading)
        live_and_die(work, modules, stop, traced, writing)
    os.close(writing)
    with os.fdopen(reading) as told:
        text = told.read()
    _, status = os.waitpid(pid, 0)
    assert text, f"the process ended with {status} and said nothing"
    heard = json.loads(text)
    touches = [Touch(**touch) for touch in heard["touches"]]
    was_stopped = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    return Course(touches, set(heard["lines"]), heard["error"], was_stopped)


def live_and_die(work: Work, modules: frozenset[str], stop: int | None, traced: bool, writing: int) -> None:
    def tell(error: str = "") -> None:
        told = {"touches": [asdict(one) for one in wire.touches], "lines": sorted(wire.lines), "error": error}
        content = json.dumps(told).encode()
        while content:
            content = content[os.write(writing, content) :]

    def end() -> None:
        tell()
        os.kill(os.getpid(), signal.SIGKILL)

    wire = Tripwire(modules, stop, end)
    try:
        with wire.laid():
            if traced:
                sys.settrace(wire.trace)
            work()
            sys.settrace(None)
        tell()
    except BaseException:
        sys.settrace(None)
        tell(traceback.format_exc())
    finally:
        os._exit(0)


class Snapshot:
    """All rows as they are now, kept in the same database; `restore` brings back those that are another now."""

    def __init__(self) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA IF EXISTS as_it_was CASCADE; CREATE SCHEMA as_it_was")
            self.tables = [model._meta.db_table for app in APPS for model in apps.get_app_config(app).get_models(True)]
            for table in self.tables:
                cursor.execute(f'CREATE TABLE as_it_was."{table}" AS TABLE public."{table}"')

    def restore(self) -> None:
        """In one transaction, at whose end what refers to others is checked."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("ALTER TABLE audit_entry DISABLE TRIGGER audit_entries_stay")
            for table in self.tables:
                now, then = f'public."{table}"', f'as_it_was."{table}"'
                cursor.execute(
                    f"DELETE FROM {now} WHERE id IN (SELECT id FROM (TABLE {now} EXCEPT TABLE {then}) other)"
                )
            for table in self.tables:
                now, then = f'public."{table}"', f'as_it_was."{table}"'
                cursor.execute(f"INSERT INTO {now} TABLE {then} EXCEPT TABLE {now}")
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE audit_entry ENABLE TRIGGER audit_entries_stay")

    def forget(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA as_it_was CASCADE")


# What asks or changes the database or goes over the network where it is called, by name; `get` with what it looks for.
TOUCHING = {
    "save", "update", "create", "get_or_create", "bulk_create", "delete", "refresh_from_db", "exists", "aggregate",
    "count", "latest", "first", "in_bulk", "execute", "copy", "select_for_update", "atomic", "call_for", "send",
}  # fmt: skip


def calls_that_touch(module: str) -> list[tuple[str, range]]:
    """("module function: first line of the call", its lines), read from the source and not from any run."""
    source = (ROOT / module).read_text()
    text = source.splitlines()
    found = []
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
                if name in TOUCHING or (name == "get" and node.keywords):
                    lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
                    found.append((f"{module} {function.name}: {text[node.lineno - 1].strip()}", lines))
    return found
