"""A chat channel on this machine that takes what Slack takes, and answers as it is told to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Channel:
    url: str = ""
    status: int = 200
    texts: list[str] = field(default_factory=list)
    tried: int = 0


@contextmanager
def listening() -> Iterator[Channel]:
    channel = Channel()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            channel.tried += 1
            if channel.status == 200:
                channel.texts.append(told["text"])
            self.send_response(channel.status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    channel.url = f"http://127.0.0.1:{server.server_port}/services/T0/B0/secret"
    try:
        yield channel
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
