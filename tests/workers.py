"""Real workers with their beat, as processes of their own on the test's database and broker."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
StartWorker = Callable[[], "subprocess.Popen[bytes]"]


@contextmanager
def workers(environment: Mapping[str, str], logs: Path) -> Iterator[StartWorker]:
    """Gives a function that starts a worker, as production does but for the short lease; all of them end afterwards."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> "subprocess.Popen[bytes]":
        number = len(started)
        command = [sys.executable, "-m", "celery", "-A", "config", "worker", "-B", "-c", "2", "-l", "WARNING"]
        command += ["--without-gossip", "--without-mingle", f"--schedule={logs}/beat{number}"]
        with (logs / f"worker{number}.log").open("wb") as log:
            worker = subprocess.Popen(
                command,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**environment, "CLAIM_SECONDS": "4", "PULL_EVERY_SECONDS": "3600"},
            )
        started.append(worker)
        return worker

    try:
        yield start
    finally:
        for number, worker in enumerate(started):
            kill(worker)
            print((logs / f"worker{number}.log").read_text())  # noqa: T201 - shown where a test fails


def kill(worker: "subprocess.Popen[bytes]") -> None:
    """The whole worker at once, as when the machine loses its power."""
    try:
        os.killpg(worker.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    worker.wait(timeout=10)
