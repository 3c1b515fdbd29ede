"""Processes of the product as production starts them, and what each takes of the machine, as Linux counts it."""

import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from redis import Redis

from config import private_servers
from config.celery import app
from trials.house import CELERY, PYTHON, Part, answers, free_port
from trials.waiting import until

TICKS = os.sysconf("SC_CLK_TCK")  # in a second
MEGABYTE = 10**6


@contextmanager
def worker(database: str, queue: str) -> Iterator[Part]:
    """One of that queue, with one process that works, in the database of that name."""
    command = [*CELERY, "worker", "--loglevel", "WARNING", "--without-gossip", "--without-mingle"]
    command += ["--queues", queue, "--concurrency", "1", "--hostname", f"{queue}@%h"]
    app.control.purge()  # what a run that was broken off had asked for
    with ended(Part(f"worker-{queue}", command, private_servers.LOCAL, environment=works_in(database))) as part:
        assert until(lambda: app.control.inspect(timeout=1).ping(), 60), "no worker came up"
        yield part


@contextmanager
def web(database: str, processes: int) -> Iterator[tuple[str, Part]]:
    """(its address, gunicorn) as the image's own command starts it, but for how many processes it has."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [PYTHON, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", str(processes), "--log-level", "warning"]
    part = Part(
        "web", command, private_servers.LOCAL, is_up=lambda: answers(f"{url}/healthz"), environment=works_in(database)
    )
    with ended(part):
        yield url, part


def works_in(database: str) -> Mapping[str, str]:
    return {"DATABASE_URL": private_servers.database_url(database), "DJANGO_SETTINGS_MODULE": "benchmarks.settings"}


@contextmanager
def ended(part: Part) -> Iterator[Part]:
    part.start()
    try:
        yield part
    finally:
        part.end(signal.SIGTERM)


# --- what they take ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Round:
    """`done` in so many seconds, and the seconds of CPU of those who took part, by what they are."""

    done: int
    seconds: float
    spent: Mapping[str, float]

    @property
    def rate(self) -> float:
        return self.done / self.seconds

    @property
    def spent_on_each(self) -> Mapping[str, float]:
        """Milliseconds."""
        return {who: seconds / self.done * 1000 for who, seconds in self.spent.items()}


def children(process: int) -> Sequence[int]:
    """What it started and what those started, as far as they live; without itself."""
    own = Path(f"/proc/{process}/task").glob("*/children")
    found = [int(child) for path in own for child in path.read_text().split()]
    return [*found, *(one for child in found for one in children(child))]


def memory(process: int, what: str = "VmRSS") -> float:
    """Megabytes that it has in memory now, or had at the most (`VmHWM`); what it shares counts in full."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        name, _, told = line.partition(":")
        if name == what:
            return int(told.split()[0]) * 1024 / MEGABYTE
    raise LookupError(what)


def peak(process: int) -> float:
    return memory(process, "VmHWM")


def cpu(*processes: int) -> float:
    """Seconds that these have worked so far, with what they started and have seen end."""
    return sum(ticks(process) for process in processes) / TICKS


def cpu_of_all(process: int) -> float:
    """With what it started, dead or alive: a PostgreSQL with its connections, a gunicorn with its processes."""
    return cpu(process, *children(process))


def ticks(process: int) -> int:
    try:
        told = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:  # it has just ended, and counts with whoever started it
        return 0
    return sum(map(int, told.rpartition(")")[2].split()[11:15]))


def database_server() -> int:
    """The process of the private PostgreSQL."""
    return int((private_servers.POSTGRES.home / "postmaster.pid").read_text().split()[0])


def broker() -> int:
    """The process of the private Valkey, which is the cache as well."""
    told: Any = Redis.from_url(private_servers.cache_url()).info("server")
    return int(told["process_id"])


def servers() -> dict[str, Callable[[], float]]:
    """How to ask for the seconds of CPU of those that all others share."""
    return {"PostgreSQL": partial(cpu_of_all, database_server()), "Valkey": partial(cpu, broker())}
