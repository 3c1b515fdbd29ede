"""A simulator in a process of its own, started once a test process and made anew for each test."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from tests.sandbox.client import Control, Shop

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Running:
    """``python -m sandbox`` with some options; ``control`` speaks to it once it is up."""

    def __init__(self, *options: str) -> None:
        self.base_url = f"http://127.0.0.1:{(port := free_port())}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--port", str(port), *options], cwd=ROOT, stdout=subprocess.DEVNULL
        )
        self.control = Control(self.base_url)
        for _ in range(600):
            try:
                requests.get(f"{self.base_url}/__sandbox__/health", timeout=5)
                return
            except requests.ConnectionError:
                assert self.process.poll() is None, "the simulator did not start"
                time.sleep(0.05)
        raise AssertionError("the simulator did not answer in time")

    def stop(self) -> None:
        self.control.session.close()
        self.process.terminate()
        self.process.wait(timeout=10)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    sandbox = Running("--rate-limit", "0", "--orders", "240")
    yield sandbox
    sandbox.stop()


@pytest.fixture
def control(running: Running) -> Control:
    running.control.post("reset", scenario="default", seed=1, orders=240, rate_limit=0, webhook_url="")
    return running.control


@pytest.fixture
def us(control: Control) -> Shop:
    return control.shop("US")


@pytest.fixture
def gb(control: Control) -> Shop:
    return control.shop("GB")


@pytest.fixture
def de(control: Control) -> Shop:
    return control.shop("DE")


@pytest.fixture
def th(control: Control) -> Shop:
    return control.shop("TH")


@dataclass
class Inbox:
    """What a webhook receiver got: (headers, body) pairs; answers with ``status``."""

    url: str = ""
    status: int = 200
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def wait_for(self, count: int) -> list[tuple[dict[str, str], bytes]]:
        for _ in range(200):
            if len(self.received) >= count:
                break
            time.sleep(0.02)
        assert len(self.received) == count
        return self.received


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    box = Inbox()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            box.received.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(box.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    box.url = f"http://127.0.0.1:{server.server_address[1]}/hooks"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield box
    server.shutdown()
    server.server_close()
    thread.join()
