"""Worlds of ten thousand, a hundred thousand and a million requests: a database each, filled once and used again."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import psycopg
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.utils import timezone

from benchmarks import filling
from cancellations.models import CancellationRequest
from config import private_servers
from orders.models import Order
from shops import heartbeat
from shops.models import SyncCursor

SIZES = (10_000, 100_000, 1_000_000)
SEED = 7
# What waits is to be waiting still, so it is moved on before it gets old.
MOVED_ON_AFTER = timedelta(minutes=10)


def enter(size: int, seed: int = SEED) -> None:
    """From now on this process works in that world; it is filled where that has not been done."""
    name = f"world_{size}_{seed}"
    made = work_in(name)
    if not made:
        began = time.monotonic()
        filling.fill(size, seed)
        print(f"filled a world of {size:,} requests in {time.monotonic() - began:.0f} s", file=sys.stderr)
        note(name, timezone.now())
    elif timezone.now() - made > MOVED_ON_AFTER:
        move_on(timezone.now() - made)
        note(name, timezone.now())
    SyncCursor.objects.update(synced_until=timezone.now())
    cache.clear()
    heartbeat.note(heartbeat.WORKER)
    heartbeat.note(heartbeat.BEAT)


def work_in(name: str) -> datetime | None:
    """From now on this process works in that database, which is made where there is none; as `database` answers."""
    made = database(name)
    step_into(name)
    call_command("migrate", verbosity=0)
    return made


def back_to(size: int, seed: int = SEED) -> None:
    """To a world that was entered before; all that was cached by key is of the one that was left."""
    step_into(f"world_{size}_{seed}")


def step_into(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name


def back_in(size: int, act: Callable[[], object]) -> Callable[[], None]:
    """What goes before something is timed that is done in that world: to go there, and to do it once."""

    def go() -> None:
        back_to(size)
        act()

    return go


@contextmanager
def copied(size: int, seed: int = SEED) -> Iterator[str]:
    """The name of a copy of that world, for what would change it; gone afterwards."""
    enter(size, seed)
    name = f"copy_{size}_{seed}"
    step_into("postgres")  # a database is copied while nobody is in it
    with psycopg.connect(private_servers.database_url("postgres"), autocommit=True) as server:
        drop = f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode()
        server.execute(drop)
        try:
            server.execute(f'CREATE DATABASE "{name}" TEMPLATE "world_{size}_{seed}" STRATEGY FILE_COPY'.encode())
            yield name
        finally:
            server.execute(drop)


def database(name: str) -> datetime | None:
    """See that it is there; to which moment it was filled, or None where that never came to its end."""
    with psycopg.connect(private_servers.database_url("postgres"), autocommit=True) as server:
        comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
        found = server.execute(comment, [name]).fetchone()
        if found and found[0]:
            return datetime.fromisoformat(json.loads(found[0])["until"])
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        server.execute(f'CREATE DATABASE "{name}"'.encode())
        return None


def note(name: str, until: datetime) -> None:
    told = json.dumps({"until": until.isoformat()})
    with psycopg.connect(private_servers.database_url("postgres"), autocommit=True) as server:
        server.execute(f"COMMENT ON DATABASE \"{name}\" IS '{told}'".encode())


def move_on(by: timedelta) -> None:
    """What waits has been asked as long ago as when it was filled."""
    waiting = CancellationRequest.objects.waiting()
    orders = waiting.values("order")
    Order.objects.filter(pk__in=orders).update(created_at=F("created_at") + by, updated_at=F("updated_at") + by)
    waiting.update(created_at=F("created_at") + by, updated_at=F("updated_at") + by, deadline=F("deadline") + by)
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM (ANALYZE) {', '.join(filling.TABLES)}")


def main(arguments: list[str]) -> int:
    """Fill the worlds ahead: of these sizes, or all."""
    for size in map(int, arguments or SIZES):
        enter(size)
    return 0
