"""The processes of one house, each of which can be killed and started again: servers, web, workers, beat, sandbox."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg

from config import private_servers

PYTHON = sys.executable
CELERY = [PYTHON, "-m", "celery", "--app", "config"]
WORKER = [*CELERY, "worker", "--loglevel", "WARNING"]
WORKER += ["--without-gossip", "--without-mingle", "--concurrency", "3"]
# Pages come first where they share a machine with the work: people wait for them, and a worker has until the deadline.
NICENESS = 10
LONGEST_START_SECONDS = 90


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - this machine's own
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


class Part:
    """One process with all that it starts; what it says goes to a file of its name."""

    def __init__(
        self, name: str, command: list[str], logs: Path, *, is_up: Callable[[], bool] = lambda: True,
        environment: Mapping[str, str] | None = None, cwd: Path = private_servers.CHECKOUT, niceness: int = 0,
    ) -> None:  # fmt: skip
        self.name, self.command, self.log, self.is_up = name, command, logs / f"{name}.log", is_up
        self.niceness = niceness
        self.environment, self.cwd = environment or {}, cwd
        self.kills = 0

    def start(self) -> None:
        with self.log.open("ab") as log:
            # A session of its own, so that all of it can be killed at once.
            self.process = subprocess.Popen(
                private_servers.tied(self.command, "SIGKILL"),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=self.cwd,
                env={**os.environ, **self.environment},
            )  # fmt: skip
        self.be_nice()
        self.wait_until_up()

    def be_nice(self) -> None:
        """To the other parts. Linux weighs sessions before it weighs the processes in them (sched(7), autogroup)."""
        if self.niceness:
            os.setpriority(os.PRIO_PROCESS, self.process.pid, self.niceness)
            with contextlib.suppress(OSError):
                Path(f"/proc/{self.process.pid}/autogroup").write_text(str(self.niceness))

    def wait_until_up(self) -> None:
        until = time.monotonic() + LONGEST_START_SECONDS
        while not self.is_up():
            if self.process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"{self.name} did not start: {self.log} says why.")
            time.sleep(0.05)

    def end(self, how: signal.Signals) -> None:
        """All of it, and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, how)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """As when the machine loses its power."""
        self.kills += 1
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def kill_a_child(self, which: int) -> bool:
        """One process that it started, such as one of a worker's pool; False where it has none now."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        children = path.read_text().split() if path.exists() else []
        if not children:
            return False
        self.kills += 1
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(children[which % len(children)]), signal.SIGKILL)
        return True


class House:
    """Every process that the product consists of, on servers of its own. `port` is where people reach it.

    Its marketplaces are reached at `line_port` and push to `pushes_to`, or without them straight. With `workers_yield`
    pages come first, as `compose.yaml` has it; without, decisions go out sooner.
    """

    def __init__(
        self, home: Path, *, sandbox_options: list[str], line_port: int = 0, pushes_to: str = "",
        workers_yield: bool = False,
    ) -> None:  # fmt: skip
        self.logs = home / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        for old in self.logs.glob("*.log"):
            old.unlink()
        self.port, self.sandbox_port = free_port(), free_port()
        self.url, self.sandbox_url = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.sandbox_port}"
        self.line_port, self.sandbox_options = line_port or self.sandbox_port, sandbox_options
        self.pushes_to = pushes_to or f"{self.url}/webhooks/{{marketplace}}/"
        postgres, valkey = private_servers.POSTGRES, private_servers.VALKEY
        self.database = Part("database", [], self.logs, is_up=postgres.answers, cwd=postgres.home)
        self.broker = Part("broker", [], self.logs, is_up=valkey.answers, cwd=valkey.home)
        self.sandbox = Part("sandbox", self._sandbox(), self.logs, is_up=lambda: answers(f"{self.sandbox_url}/"))
        self.web = Part("web", self._web(), self.logs, is_up=lambda: answers(f"{self.url}/healthz"))
        self.workers = [
            Part(
                f"worker-{name}",
                [*WORKER, "--hostname", f"{name}@%h"],
                self.logs,
                niceness=NICENESS if workers_yield else 0,
            )
            for name in ("one", "two")
        ]
        self.beat = Part(
            "beat", [*CELERY, "--quiet", "beat", "--pidfile=", f"--schedule={self.logs.parent / 'beat'}"], self.logs
        )

    @property
    def parts(self) -> list[Part]:
        return [self.database, self.broker, self.sandbox, self.web, *self.workers, self.beat]

    def _sandbox(self) -> list[str]:
        """Whatever it says of itself leads over the line, which can be cut."""
        line = f"http://127.0.0.1:{self.line_port}"
        where = ["--port", str(self.sandbox_port), "--public-url", line, "--webhook-url", self.pushes_to]
        return [PYTHON, "-m", "sandbox", *where, *self.sandbox_options]

    def _web(self) -> list[str]:
        return [PYTHON, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{self.port}", "--log-level", "warning"]

    def start_servers(self) -> None:
        """An empty database and an empty broker."""
        postgres, valkey = private_servers.POSTGRES, private_servers.VALKEY
        postgres.prepare()
        valkey.prepare()
        self.database.command, self.broker.command = postgres.command(), valkey.command()
        self.database.start()
        self.broker.start()
        name = "trial"
        with psycopg.connect(private_servers.database_url("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
            connection.execute(f'CREATE DATABASE "{name}"'.encode())

    def start_rest(self) -> None:
        for part in (self.web, *self.workers, self.beat):
            part.start()

    def crash_database(self, seconds: float) -> None:
        """It stops at once, without writing down what it holds, and recovers when it starts again."""
        self.database.kills += 1
        os.kill(self.database.process.pid, signal.SIGQUIT)
        self.database.process.wait()
        time.sleep(seconds)
        self.database.start()

    def close(self) -> None:
        for part in reversed(self.parts):
            if hasattr(part, "process") and part.process.poll() is None:
                part.end(signal.SIGINT if part is self.database else signal.SIGTERM)
