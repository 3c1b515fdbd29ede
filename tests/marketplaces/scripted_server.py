"""A server that misbehaves at the level of bytes, which a proper HTTP server cannot."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

Step = Callable[[socket.socket], bool]  # answers one request; False closes the connection


class ScriptedServer:
    """Takes one step for each request, in order, over as many connections as it needs. Keeps what it received."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self._steps = list(steps)
        self._connection: socket.socket | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while self._steps:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._connection = connection
            with connection:
                connection.settimeout(5)
                while self._steps and self._answer(connection):
                    pass

    def _answer(self, connection: socket.socket) -> bool:
        request = _read_request(connection)
        if not request:
            return False
        self.requests.append(request)
        return self._steps.pop(0)(connection)

    def close(self) -> None:
        self._steps.clear()
        for one in filter(None, (self._listener, self._connection)):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)  # wakes whoever waits on it
        self._listener.close()
        self._thread.join(timeout=5)


@contextmanager
def scripted(*steps: Step) -> Iterator[ScriptedServer]:
    server = ScriptedServer(steps)
    try:
        yield server
    finally:
        server.close()


def answer(body: bytes | str = b"{}", status: str = "200 OK", length: int | None = None, *more: str) -> Step:
    """A whole answer; with a `length` beyond the body it is cut off."""
    content = body.encode() if isinstance(body, str) else body
    headers = [f"HTTP/1.1 {status}", f"Content-Length: {len(content) if length is None else length}", *more, "", ""]

    def step(connection: socket.socket) -> bool:
        connection.sendall("\r\n".join(headers).encode() + content)
        return length is None

    return step


def reset(connection: socket.socket) -> bool:
    """Drop the connection after the request was read, with a TCP reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    return False


def hang_up(connection: socket.socket) -> bool:
    """Close the connection after the request was read, without a word."""
    return False


def say_nothing(connection: socket.socket) -> bool:
    """Keep the caller waiting until it gives up."""
    with suppress(OSError):
        connection.recv(1)
    return False


def half_of_a_status_line(connection: socket.socket) -> bool:
    connection.sendall(b"HTTP/1.1 2")
    return False


def garbage(connection: socket.socket) -> bool:
    connection.sendall(b"\x00\x01 this is not HTTP\r\n\r\n")
    return False


def cut_chunks(connection: socket.socket) -> bool:
    connection.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"cod')
    return False


def false_gzip(connection: socket.socket) -> bool:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope")
    return False


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    try:
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return b""
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        while len(body) < _length(head):
            body += connection.recv(65536)
    except OSError:
        return b""
    return head + b"\r\n\r\n" + body


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
