import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from celery import current_app
from django.core.cache import cache
from django.db import connection
from django.utils import timezone, translation
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from config import private_servers
from shops import heartbeat, nudging
from tests.sandbox_process import SandboxProcess, running_sandbox
from tests.workers import StartWorker, workers
from tests.world import SupplierWorld, World, connected_world, supplier_world


@pytest.fixture(autouse=True)
def nothing_is_left_over() -> None:
    """Of earlier tests: what they made of the broker, and their readers' language and time zone."""
    nudging.pause["until"] = 0.0
    translation.deactivate()
    timezone.deactivate()


@pytest.fixture(autouse=True)
def events_are_as_described(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test has happen: what is told of it has the shape that the API's description promises."""
    from shops import outgoing

    written = outgoing.event

    def checked(type: str, about: str, data: Any, **more: Any) -> Any:  # noqa: A002
        made = written(type, about, data, **more)
        told = {"type": made.type, "timestamp": outgoing.moment(made.at), "data": made.data}
        validator_of(type).validate(told)
        return made

    monkeypatch.setattr(outgoing, "event", checked)


@lru_cache
def validator_of(type: str) -> Draft202012Validator:  # noqa: A002
    from webhooks.events import TEST, TEST_NAME, TYPES
    from webhooks.schema import body

    return Draft202012Validator(body(type, {**TYPES, TEST_NAME: TEST}[type]))


@pytest.fixture
def product_environment(transactional_db: None) -> dict[str, str]:
    """What a process of the product started by a test needs to see: this test's database, broker, cache and secrets."""
    own = {"DJANGO_SETTINGS_MODULE": "config.settings"}
    if not connection.settings_dict["HOST"]:
        own["DATABASE_URL"] = private_servers.database_url(connection.settings_dict["NAME"])
    return {**os.environ, **own}


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[SandboxProcess]:
    """One simulator for the whole of this test process; `sandbox` gives it a fresh world for each test."""
    with running_sandbox("--orders", "160", "--rate-limit", "0") as process:
        yield process


@pytest.fixture
def sandbox(sandbox_process: SandboxProcess) -> SandboxProcess:
    sandbox_process.reset()
    return sandbox_process


def somebody_works() -> None:
    """An empty cache, but for a worker and its beat, without whom every page says that nobody works."""
    cache.clear()
    heartbeat.note(heartbeat.WORKER)
    heartbeat.note(heartbeat.BEAT)


@pytest.fixture
def world(sandbox: SandboxProcess, transactional_db: None) -> World:
    """A database that has pulled every shop of the simulator; real transactions, as in production."""
    somebody_works()
    return connected_world(sandbox)


@pytest.fixture
def suppliers(sandbox: SandboxProcess, transactional_db: None) -> SupplierWorld:
    """As `world`, with the simulator's suppliers at the marketplace that shows no requests."""
    somebody_works()
    return supplier_world(sandbox)


@pytest.fixture
def start_worker(product_environment: dict[str, str], tmp_path: Path) -> Iterator[StartWorker]:
    """Call it for a real worker on this test's database and broker, which is emptied for it.

    Tests without a worker leave hundreds of messages there, and it would see to those first.
    """
    with current_app.connection_for_write() as broker:
        broker.default_channel.client.flushdb()  # type: ignore[attr-defined]
    with workers(product_environment, tmp_path) as start:
        yield start


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement as it goes to the database, those too that pass Django's own counting by."""
    sent: list[str] = []

    def noting(send: Any) -> Any:
        def noted(cursor: psycopg.Cursor[Any], statement: Any, *more: Any, **options: Any) -> Any:
            sent.append(statement if isinstance(statement, str) else repr(statement))
            return send(cursor, statement, *more, **options)

        return noted

    for name in ("execute", "copy"):
        monkeypatch.setattr(psycopg.Cursor, name, noting(getattr(psycopg.Cursor, name)))
    return sent
