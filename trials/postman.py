"""Carries the marketplace's pushes to the house: doubled, late and out of order, or as they come."""

import heapq
import itertools
import random
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

LATEST_SECONDS = 20.0
MOST_COPIES = 3
KEPT_HEADERS = ("Authorization", "Content-Type")


class Postman:
    """Takes every push at `url` at once, and hands it on when the dice say so, and so often.

    What nobody takes is not tried again.
    """

    def __init__(self, seed: int) -> None:
        self.leads_to = ""
        self.carried = self.doubled = 0
        self._dice = random.Random(f"postman {seed}")  # noqa: S311
        self._waiting: list[tuple[float, int, str, dict[str, str], bytes]] = []
        self._numbers, self._lock = itertools.count(), threading.Lock()
        postman = self

        class Letterbox(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name: self.headers[name] for name in KEPT_HEADERS if name in self.headers}
                postman._take(self.path, headers, body)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Letterbox)
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks/{{marketplace}}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        threading.Thread(target=self._carry, daemon=True).start()

    def _take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        with self._lock:
            copies = self._dice.choices(range(1, MOST_COPIES + 1), weights=[6, 3, 1])[0]
            self.carried += 1
            self.doubled += copies > 1
            for _ in range(copies):
                late = self._dice.choice([0.0, self._dice.uniform(0, LATEST_SECONDS)])
                due = time.monotonic() + late
                heapq.heappush(self._waiting, (due, next(self._numbers), path, headers, body))

    def _carry(self) -> None:
        while True:
            with self._lock:
                is_due = self._waiting and self._waiting[0][0] <= time.monotonic()
                letter = heapq.heappop(self._waiting) if is_due else None
            if letter is None or not self.leads_to:
                time.sleep(0.05)
                continue
            _, _, path, headers, body = letter
            try:
                requests.post(self.leads_to + path, data=body, headers=headers, timeout=10)
            except requests.RequestException:
                continue
