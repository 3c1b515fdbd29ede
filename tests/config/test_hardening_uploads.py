"""Bodies that are larger than they may be or do not say how large they are, at the server that production runs."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Scope
from accounts.tokens import make_token
from shops.models import Role
from tests.factories import ShopFactory, UserFactory, member

CHECKOUT = Path(__file__).resolve().parent.parent.parent
MANY = 32 * 1024 * 1024  # bytes
PLACES = ["/accounts/login/", "/webhooks/tiktok_shop/", "/api/v1/decisions/"]
FORM = "HTTP/1.1\nHost: localhost\nContent-Type: multipart/form-data; boundary=x"


@dataclass
class Gunicorn:
    process: "subprocess.Popen[bytes]"
    address: str
    disk: Path
    """Where Django writes the files of forms."""

    def ask(self, head: str, body: Iterator[bytes] | None = None) -> bytes:
        """What is answered to this request, whose body goes on and on even where nobody reads it."""
        with socket.socket(socket.AF_UNIX) as wire:
            wire.settimeout(20)
            wire.connect(self.address)
            wire.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
            wire.settimeout(0.5)
            try:
                for part in body or ():
                    wire.sendall(part)
            except (BrokenPipeError, ConnectionResetError, TimeoutError):
                pass  # it does not want more
            wire.settimeout(20)
            try:
                return wire.recv(65536)
            except ConnectionResetError:
                return b""

    def memory(self) -> int:
        """Bytes, of all its processes together."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in [str(self.process.pid), *children]]
        return sum(pages) * os.sysconf("SC_PAGE_SIZE")

    def answers(self) -> bool:
        return self.ask("GET /healthz HTTP/1.1\nHost: localhost").startswith(b"HTTP/1.1 200")


@pytest.fixture
def gunicorn(product_environment: dict[str, str], tmp_path: Path) -> Iterator[Gunicorn]:
    disk = tmp_path / "disk"
    disk.mkdir()
    with tempfile.TemporaryDirectory() as short:  # the path of a socket may have no more than 107 bytes
        command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"unix:{short}/web"]
        command += ["--workers", "1", "--log-level", "warning"]  # of which the memory is measured
        plain = "django.contrib.staticfiles.storage.StaticFilesStorage"
        environment = {**product_environment, "TMPDIR": str(disk), "STATICFILES_BACKEND": plain}
        process = subprocess.Popen(
            [*command, "--worker-tmp-dir", short], cwd=CHECKOUT, env=environment, start_new_session=True
        )
        web = Gunicorn(process, f"{short}/web", disk)
        try:
            until = time.monotonic() + 60
            while not os.path.exists(web.address) and time.monotonic() < until:
                time.sleep(0.1)
            assert web.answers()
            yield web
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=30)


def chunks() -> Iterator[bytes]:
    """A form with a file, in chunks, that does not come to its end."""
    start = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    for part in (start, *[b"\0" * 65536] * (MANY // 65536)):
        yield f"{len(part):x}\r\n".encode() + part + b"\r\n"


def endless_line() -> Iterator[bytes]:
    yield from [b"0" * 65536] * (MANY // 65536)


def test_a_body_that_does_not_say_how_large_it_is_fills_neither_disk_nor_memory(gunicorn: Gunicorn) -> None:
    assert gunicorn.ask("GET /accounts/login/ HTTP/1.1\nHost: localhost").startswith(b"HTTP/1.1 200")
    before = gunicorn.memory()
    for address in PLACES:
        head = f"POST {address} {FORM}\nTransfer-Encoding: chunked"
        answer = gunicorn.ask(head, chunks())
        assert answer.startswith(b"HTTP/1.1 411 "), address
        gunicorn.ask(head, endless_line())
    assert gunicorn.memory() - before < MANY / 2
    assert list(gunicorn.disk.rglob("*")) == []
    assert gunicorn.answers()


def test_neither_does_one_that_says_it_is_too_large(gunicorn: Gunicorn) -> None:
    before = gunicorn.memory()
    for address in PLACES:
        head = f"POST {address} {FORM}\nContent-Length: 100000001"
        assert gunicorn.ask(head).startswith(b"HTTP/1.1 413 "), address
    assert gunicorn.memory() - before < MANY / 2
    assert list(gunicorn.disk.rglob("*")) == []


def test_one_that_says_two_different_things_about_its_length_goes_no_further(gunicorn: Gunicorn) -> None:
    """Proxy and server would each believe another one, and what is left over would be somebody's next request."""
    for lies in (
        "Content-Length: 5\nTransfer-Encoding: chunked",
        "Content-Length: 5\nContent-Length: 6",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: gzip",
        "Content-Length: +5",
    ):
        answer = gunicorn.ask(
            f"POST /accounts/login/ HTTP/1.1\nHost: localhost\n{lies}",
            iter([b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"]),
        )
        assert not answer.startswith(b"HTTP/1.1 2"), lies
        assert answer.count(b"HTTP/1.1 ") == 1, lies
    assert gunicorn.answers()


@pytest.mark.django_db
class TestWhoMaySendHowMuch:
    """Forms of strangers are read as well, to see whether they are forged: so theirs are small ones."""

    SMALL = settings.DATA_UPLOAD_MAX_MEMORY_SIZE

    @pytest.mark.parametrize(
        "address", ["/accounts/login/", "/webhooks/tiktok_shop/", "/cancellations/1/evidence/", "/"]
    )
    def test_a_stranger(self, client: Client, address: str) -> None:
        answer = client.post(address, {"login": "x"}, CONTENT_LENGTH=str(self.SMALL + 1))
        assert answer.status_code == 413
        assert "at most 5 MB" in answer.content.decode()

    def test_somebody_signed_in(self, client: Client) -> None:
        client.force_login(UserFactory())
        assert client.post("/nowhere/", {"login": "x"}, CONTENT_LENGTH=str(self.SMALL + 1)).status_code == 404
        assert client.post("/nowhere/", {"login": "x"}, CONTENT_LENGTH="100000001").status_code == 413

    def test_a_token(self, client: Client) -> None:
        _row, token = make_token(member(Role.AGENT, ShopFactory()), Scope.DECIDE, 1)
        for headers, code in (({"Authorization": f"Token {token}"}, 400), ({}, 401)):
            image = SimpleUploadedFile("a.png", bytes(self.SMALL))
            answer = client.post("/api/v1/decisions/", {"images": image}, headers=headers)
            assert answer.status_code == code
