"""`./run demo`: the whole house on one machine, with a marketplace to play against. Ctrl-C stops all of it."""

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from typing import NoReturn

from config import private_servers

PORT = int(os.environ.get("PORT", "8000"))
SANDBOX_PORT = int(os.environ.get("SANDBOX_PORT", "8001"))
WEB_URL = f"http://127.0.0.1:{PORT}"
SANDBOX_URL = f"http://127.0.0.1:{SANDBOX_PORT}"
PYTHON = sys.executable
MANAGE = [PYTHON, "manage.py"]

SANDBOX = [*MANAGE, "sandbox", "--port", str(SANDBOX_PORT), "--webhook-url", f"{WEB_URL}/webhooks/{{marketplace}}/"]
SANDBOX += ["--redirect-url", f"{WEB_URL}/shops/connect/{{marketplace}}/back/"]
SANDBOX += [*os.environ.get("SANDBOX_ARGS", "").split()]
WEB = [PYTHON, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{PORT}"]
CELERY = [PYTHON, "-m", "celery", "--app", "config"]
WORKER = [*CELERY, "worker", "--loglevel", "INFO", "--without-gossip", "--without-mingle"]
DECIDING = [*WORKER, "--queues", "celery", "--concurrency", "4"]
OUTSIDE = [*WORKER, "--queues", "outside", "--concurrency", "2", "--hostname", "outside@%h"]
BEAT = [*CELERY, "--quiet", "beat", "--pidfile=", f"--schedule={private_servers.LOCAL / 'beat'}"]

LONGEST_START_SECONDS = 60
LONGEST_STOP_SECONDS = 15
COLOURS = {"sandbox": 35, "web": 36, "worker": 33, "outside": 32, "beat": 34}


class Part:
    """One process of the demo, whose lines come out with its name in front of them."""

    def __init__(self, name: str, command: list[str], ended: "queue.SimpleQueue[Part]") -> None:
        self.name = name
        self.ended = ended
        # A session of its own, so that Ctrl-C reaches the demo alone, which then stops its parts in order.
        self.process = subprocess.Popen(
            private_servers.tied(command, "SIGTERM"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self._relay, daemon=True)
        self.reader.start()

    def _relay(self) -> None:
        name = f"{self.name:>7} |"
        if sys.stdout.isatty():
            name = f"\033[{COLOURS[self.name]}m{name}\033[0m"
        for line in self.process.stdout or ():
            sys.stdout.write(f"{name} {line}")
            sys.stdout.flush()
        self.ended.put(self)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(LONGEST_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            say(f"{self.name} does not stop by itself: killed")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # whatever it started is of its session
        self.process.wait()
        self.reader.join(2)


class Demo:
    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.ended: queue.SimpleQueue[Part] = queue.SimpleQueue()

    def run(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)
        try:
            self._prepare()
            self._start("sandbox", SANDBOX, f"{SANDBOX_URL}/__sandbox__/credentials")
            sign_ins = self._fill()
            self._start("worker", DECIDING)
            self._start("outside", OUTSIDE)
            self._start("beat", BEAT)
            self._start("web", WEB, f"{WEB_URL}/")
            self._welcome(sign_ins)
            self._watch()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            for part in reversed(self.parts):
                part.stop()
            private_servers.release()

    def _prepare(self) -> None:
        require_free(PORT, "PORT")
        require_free(SANDBOX_PORT, "SANDBOX_PORT")
        os.environ.setdefault("PUBLIC_URL", WEB_URL)  # the sandbox pushes to any address
        os.environ.setdefault("WEBHOOK_ALLOW_PRIVATE", "127.0.0.0/8")  # to try endpoints on this machine
        os.environ["PYTHONUNBUFFERED"] = "1"  # a line comes out when it is written
        # The sandbox's pictures are on this machine, and unencrypted.
        os.environ.setdefault("IMAGE_SOURCES", f"https:,{SANDBOX_URL},http://localhost:{SANDBOX_PORT}")
        private_servers.choose("demo", number=1)
        private_servers.ensure()
        private_servers.empty()  # the sandbox makes a new world, so yesterday's decisions would be about nothing
        say("preparing the database and the static files")
        finish([*MANAGE, "migrate", "--verbosity", "0"])
        finish([*MANAGE, "collectstatic", "--no-input", "--verbosity", "0"])

    def _fill(self) -> str:
        say("connecting the sandbox's shops and synchronising them")
        return finish([*MANAGE, "demo", "--sandbox-url", SANDBOX_URL])

    def _start(self, name: str, command: list[str], url: str = "") -> None:
        self.parts.append(Part(name, command, self.ended))
        started = time.monotonic()
        while url and not answers(url):
            if time.monotonic() - started > LONGEST_START_SECONDS:
                give_up(f"{name} does not answer at {url}.")
            self._look(0.1)

    def _watch(self) -> NoReturn:
        while True:
            self._look(None)

    def _look(self, seconds: float | None) -> None:
        """Wait that long, or until a part of the demo ends by itself."""
        try:
            part = self.ended.get(timeout=seconds)
        except queue.Empty:
            return
        give_up(f"{part.name} has ended by itself (exit code {part.process.wait()}), so the demo stops.")

    def _welcome(self, sign_ins: str) -> None:
        rule = "=" * 78
        addresses = f"Countermand   {WEB_URL}/\nsandbox       {SANDBOX_URL}/"
        say(f"\n{rule}\n{addresses}\n\n{sign_ins.strip()}\n\nCtrl-C stops all of it.\n{rule}")

    def _asked_to_stop(self, *_: object) -> NoReturn:
        say("stopping")
        sys.exit(0)


def finish(command: list[str]) -> str:
    """Run a command to its end and give what it printed; its complaints go to the terminal as they come."""
    done = subprocess.run(private_servers.tied(command, "SIGTERM"), stdout=subprocess.PIPE, text=True)
    if done.returncode:
        give_up(f"{done.stdout}\n`{' '.join(command[1:])}` failed, so there is no demo.")
    return done.stdout


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - this machine's own
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def require_free(port: int, variable: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            give_up(f"Port {port}: {error.strerror}. Another one: {variable}={port + 100} ./run demo")


def say(words: str) -> None:
    print(words, flush=True)  # noqa: T201 - this is a program for a terminal


def give_up(words: str) -> NoReturn:
    raise SystemExit(words)


if __name__ == "__main__":
    Demo().run()
