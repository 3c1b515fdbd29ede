"""A call ends in time, whoever is in between."""

import socket
import time
from contextlib import suppress

import pytest
import requests

from marketplaces.watch import Endless, Watch, WatchedAdapter
from tests.marketplaces.scripted_server import scripted


def drips(connection: socket.socket) -> bool:
    """A byte now and then, for longer than anybody should wait."""
    with suppress(OSError):
        for byte in b"HTTP/1.1 200 " + b"x" * 30:
            connection.sendall(bytes([byte]))
            time.sleep(0.1)
    return False


@pytest.mark.parametrize("address", ["http://shop.example/", "https://shop.example/"])
def test_a_proxy_that_answers_in_drops_holds_no_call(address: str) -> None:
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, WatchedAdapter())
    began = time.monotonic()
    with scripted(drips) as proxy, pytest.raises(Endless), Watch(0.3):
        session.get(address, proxies={"http": proxy.url, "https": proxy.url}, timeout=5)
    assert time.monotonic() - began < 2
