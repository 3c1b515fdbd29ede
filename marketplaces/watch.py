"""How long a call may take in all, whatever the other side does with the time."""

import socket
import threading
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class Endless(OSError):
    """An answer that is more than anybody should send; says in which way."""


class Watch:
    """Hangs up on whoever makes a call last longer than that, in whichever part of the answer.

    The timeouts of a socket begin anew with every byte, so that a status line, headers or the size of a chunk that come
    in drops, and interim answers without end, would hold a worker for days.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._socket: socket.socket | None = None
        self._has_ended = False

    def __enter__(self) -> None:
        self._before = _watch.set(self)
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        """What was cut off looks like what ended, so that nothing of it counts. Raises Endless."""
        self._timer.cancel()
        _watch.reset(self._before)
        if self._has_ended:
            raise Endless(f"was not complete after {self._seconds:.3g} seconds")

    def look_at(self, connected: socket.socket) -> None:
        self._socket = connected
        if self._has_ended:
            self._end()

    def _end(self) -> None:
        self._has_ended = True
        if self._socket:
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # not TLS's own, which would wait for an answer


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


class _Watched:
    """A connection whose answer is watched."""

    sock: socket.socket

    def _new_conn(self) -> socket.socket:
        """A proxy answers before there is a request, when it is asked for a tunnel."""
        connected: socket.socket = super()._new_conn()  # type: ignore[misc]
        if watch := _watch.get():
            watch.look_at(connected)
        return connected

    def getresponse(self) -> Any:
        if watch := _watch.get():
            watch.look_at(self.sock)
        return super().getresponse()  # type: ignore[misc]


class _Connection(_Watched, HTTPConnection):
    pass


class _SecureConnection(_Watched, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


class WatchedAdapter(HTTPAdapter):
    """The requests of a session over connections that are watched, through an HTTP proxy as well."""

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *arguments: Any, **named: Any) -> Any:
        manager = super().proxy_manager_for(*arguments, **named)
        manager.pool_classes_by_scheme = _POOLS
        return manager
