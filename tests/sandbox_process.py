"""The simulator as a process of its own, for every test that needs the other side of the wire."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 30


class SandboxProcess:
    """A running simulator and its control API (docs/sandbox.md)."""

    def __init__(self, url: str, recording: Path | None = None) -> None:
        self.url = url
        self.recording = recording

    def get(self, path: str, **query: Any) -> Any:
        return self._asked("GET", path, params=query)

    def post(self, path: str, **body: Any) -> Any:
        return self._asked("POST", path, json=body)

    def delete(self, path: str, **query: Any) -> Any:
        return self._asked("DELETE", path, params=query)

    def credentials(self) -> Any:
        return self.get("credentials")

    def shop(self, region: str) -> dict[str, Any]:
        """The first shop of a region, with cipher and tokens."""
        return next(shop for shop in self.credentials()["shops"] if shop["region"] == region)

    def reset(self, **options: Any) -> None:
        self.post("reset", **options)

    def fault(self, endpoint: str, kind: str, **how: Any) -> Any:
        """Trouble for the next call of an endpoint: see the faults in docs/sandbox.md."""
        return self.post("faults", endpoint=endpoint, kind=kind, **how)

    def ask_to_cancel(self, **what: Any) -> dict[str, Any]:
        """A buyer's request, for `order_id`, or some order of a `shop_id` or `region`."""
        answer: dict[str, Any] = self.post("buyer", action="request", **what)
        return answer

    def connections(self, marketplace: str) -> list[dict[str, str]]:
        """What a client of this marketplace connects to, in the shape all marketplaces share."""
        return [each for each in self.credentials()["connections"] if each["marketplace"] == marketplace]

    def retailer_asks(self, **what: Any) -> dict[str, Any]:
        """A retailer's request at Crux Connect, for `order_uuid` or `line_item_uuid`, or some order of a `supplier`."""
        answer: dict[str, Any] = self.post("retailer", action="request", **what)
        return answer

    def effects(self, **wanted: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.get("ledger", **wanted)["entries"]
        return entries

    def _asked(self, method: str, path: str, **what: Any) -> Any:
        response = requests.request(method, f"{self.url}/__sandbox__/{path}", timeout=10, **what)
        assert response.ok, response.text
        return response.json()


def wait_for(condition: Callable[[], object], seconds: float = 5) -> None:
    """Until something that happens in another process has happened. Fails when it does not."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"did not happen within {seconds} seconds"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running_sandbox(
    *options: str, recording: Path | None = None, environment: Mapping[str, str] = os.environ
) -> Iterator[SandboxProcess]:
    """Start one on a free port, wait until it answers, and end it afterwards."""
    port = free_port()
    command = [sys.executable, "-m", "sandbox", "--port", str(port), *options]
    if recording:
        command += ["--record", str(recording)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        sandbox = SandboxProcess(f"http://127.0.0.1:{port}", recording)
        _wait_until_ready(process, sandbox.url)
        yield sandbox
    finally:
        process.terminate()
        process.wait(timeout=10)
        if process.stderr:
            process.stderr.close()


def _wait_until_ready(process: subprocess.Popen[str], url: str) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            complaint = process.stderr.read() if process.stderr else ""
            raise RuntimeError(f"the sandbox ended with {process.returncode}: {complaint}")
        try:
            if requests.get(f"{url}/__sandbox__/health", timeout=1).ok:
                return
        except requests.RequestException:
            time.sleep(0.05)
    raise RuntimeError(f"the sandbox was not ready within {READY_SECONDS} seconds")
