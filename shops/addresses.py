"""Where what people name an address for may go: into the world, and into no network of ours that is not allowed."""

import queue
import socket
import threading
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

Address: TypeAlias = IPv4Address | IPv6Address
PORTS = {"https": 443, "http": 80}
# Addresses of version 4 written as version 6, as translators do (RFC 6052).
TRANSLATED = IPv6Network("64:ff9b::/96")


# Public by their number, and yet inside: what a provider answers from to the machines that it hosts.
INSIDE = [ip_network("168.63.129.16/32")]  # Azure's WireServer
RESOLVE_SECONDS = 5.0


class Unresolved(Exception):
    """Nobody knows this name."""


class Private(Exception):
    """The name leads into a network where nothing of ours is sent."""


def check(url: str) -> None:
    """Raises ValidationError for what is no address for deliveries; the name is looked up when something is sent."""
    try:
        parts = urlsplit(url)
        _port = parts.port
    except ValueError:
        raise ValidationError(_("This is no address.")) from None
    if not parts.hostname or not url.isascii() or not url.isprintable() or " " in url:
        raise ValidationError(_("This is no address."))
    if parts.scheme not in PORTS or (parts.scheme == "http" and not settings.WEBHOOK_ALLOW_PRIVATE):
        raise ValidationError(_("Give an address that begins with https://."))
    if parts.username is not None or parts.password is not None:
        raise ValidationError(_("Leave name and password out of the address: what we send is signed."))
    if parts.fragment:
        raise ValidationError(_("Leave out the part from # on: no server gets to see it."))
    literal = as_address(parts.hostname)
    if is_local_name(parts.hostname) or (literal and not is_allowed(literal, parts.scheme)):
        raise ValidationError(_("This address is private, and this installation sends to none of those."))


def is_local_name(host: str) -> bool:
    """Names that mean this machine everywhere."""
    name = host.rstrip(".").lower()
    return (name == "localhost" or name.endswith(".localhost")) and not settings.WEBHOOK_ALLOW_PRIVATE


def as_address(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def resolve(parts: SplitResult) -> str:
    """The address to connect to. Raises Unresolved, or Private where any address that the name has is not allowed.

    Whoever connects must use this very address: asked once more, the name might lead elsewhere.
    """
    port = parts.port or PORTS[parts.scheme]
    addresses = [ip_address(text.partition("%")[0]) for text in looked_up(parts.hostname or "", port)]
    if not addresses:
        raise Unresolved
    if not all(is_allowed(one, parts.scheme) for one in addresses):
        raise Private
    # Version 4 is there everywhere.
    return str(min(addresses, key=lambda one: one.version))


def looked_up(host: str, port: int) -> list[str]:
    """The addresses of a name; none where it has none, or its servers take longer than RESOLVE_SECONDS.

    The system's resolver cannot be told how long to try, so that it is left behind in a thread of its own.
    """
    found: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found.put([str(place[4][0]) for place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except (OSError, UnicodeError):
            found.put([])

    threading.Thread(target=look_up, daemon=True).start()
    try:
        return found.get(timeout=RESOLVE_SECONDS)
    except queue.Empty:
        return []


def is_allowed(address: Address, scheme: str) -> bool:
    """Public ones over https, and those of the networks that the settings name."""
    own = [embedded(address), address]
    if any(one in network for network in allowed_networks() for one in own):
        return True
    return scheme == "https" and all(is_public(one) for one in own)


def allowed_networks() -> Sequence[IPv4Network | IPv6Network]:
    return [ip_network(text, strict=False) for text in settings.WEBHOOK_ALLOW_PRIVATE]


def embedded(address: Address) -> Address:
    """The address of version 4 that one of version 6 stands for, else itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address


def is_public(address: Address) -> bool:
    # A mapped address is as public as the one inside; Python calls some of them global by themselves.
    inside = embedded(address)
    if isinstance(inside, IPv6Address) and inside.is_site_local:
        return False
    if any(inside in network for network in INSIDE):
        return False
    return inside.is_global and not (inside.is_multicast or inside.is_reserved or inside.is_unspecified)
