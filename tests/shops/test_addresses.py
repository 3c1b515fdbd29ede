"""Deliveries go out into the world, and into no network of our own unless the settings name it."""

import socket
import threading
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from shops import posting
from shops.addresses import check, is_allowed, resolve

PRIVATE = [
    "127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::1",
    "::ffff:10.0.0.1", "fec0::1", "2001:db8::1", "168.63.129.16", "::ffff:168.63.129.16",
]  # fmt: skip
PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::808:808"]


def answering(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Names lead to these addresses; returns the names that were asked for."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, **more: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_refused_however_they_are_written(address: str) -> None:
    url = f"https://[{address}]/" if ":" in address else f"https://{address}/"
    with pytest.raises(ValidationError):
        check(url)
    assert posting.post(url, {}, b"{}").problem == posting.Problem.PRIVATE


@pytest.mark.parametrize("address", PUBLIC)
def test_public_ones_are_taken_over_https_alone(address: str) -> None:
    from ipaddress import ip_address

    assert is_allowed(ip_address(address), "https")
    assert not is_allowed(ip_address(address), "http")


@pytest.mark.parametrize(
    "url",
    [
        "http://erp.example/", "ftp://erp.example/", "https://", "https:///x", "erp.example", "https://a b.example/",
        "https://user:word@erp.example/", "https://user@erp.example/", "https://erp.example/#x", "https://erp.example:x/",
        "https://erp.example:99999/", "https://localhost/", "https://a.localhost./", "https://ü.example/", "https://[::1/",
        "https://erp.example/\n", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_at_the_form(url: str) -> None:
    with pytest.raises(ValidationError):
        check(url)


@pytest.mark.parametrize("url", ["https://erp.example/hooks?key=1", "https://erp.example:8443/", "https://8.8.8.8/"])
def test_what_is_one_is_taken(url: str) -> None:
    check(url)


def test_an_administrator_allows_networks_and_with_them_plain_http(settings: Any) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = ["10.0.0.0/8"]
    check("http://10.1.2.3/")
    check("https://10.1.2.3/")
    check("http://erp.internal/")
    for url in ("http://192.168.0.1/", "http://8.8.8.8/", "http://169.254.169.254/"):
        with pytest.raises(ValidationError):
            check(url)


def test_one_private_address_among_others_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "8.8.8.8", "10.0.0.1")
    assert posting.post("https://erp.example/", {}, b"{}").problem == posting.Problem.PRIVATE


def test_a_name_that_nobody_knows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch)
    assert posting.post("https://erp.example/", {}, b"{}").problem == posting.Problem.UNRESOLVED


def test_a_name_whose_servers_do_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr("shops.addresses.RESOLVE_SECONDS", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait(10) and [])
    answer = posting.post("https://erp.example/", {}, b"{}")
    answered.set()
    assert answer.problem == posting.Problem.UNRESOLVED
    assert answer.seconds < 5


def test_the_name_is_asked_for_once_and_the_address_that_was_checked_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name server that says something else the second time (rebinding) is not asked a second time."""
    asked = answering(monkeypatch, "8.8.8.8")
    connected: list[Any] = []

    def create_connection(address: Any, *more: Any, **options: Any) -> Any:
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr("urllib3.util.connection.create_connection", create_connection)
    assert posting.post("https://erp.example/", {}, b"{}").problem == posting.Problem.UNREACHABLE
    assert asked == ["erp.example"]
    assert connected == [("8.8.8.8", 443)]


def test_the_certificate_has_to_be_that_of_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from urllib.parse import urlsplit

    answering(monkeypatch, "8.8.8.8")
    parts = urlsplit("https://erp.example:8443/")
    made: Any = posting.connection_to(parts, resolve(parts))
    assert (made.host, made.port) == ("8.8.8.8", 8443)
    assert made.server_hostname == made.assert_hostname == "erp.example"
    assert made.ssl_context.check_hostname
    assert made.ssl_context.verify_mode.name == "CERT_REQUIRED"
