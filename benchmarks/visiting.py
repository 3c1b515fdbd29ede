"""Somebody who opens pages: in this process, through all of the middleware, without a network."""

from collections.abc import Callable
from io import BytesIO
from typing import Any
from urllib.parse import urlencode
from wsgiref.util import setup_testing_defaults

from django.core.handlers.wsgi import WSGIHandler
from django.test import Client

from accounts.models import Scope, User
from accounts.tokens import make_token

CSRF = "c" * 32


class Visitor:
    """Whoever has this address in the world that was entered, with a session or else with an API token."""

    def __init__(self, email: str, *, with_token: bool = False) -> None:
        user = User.objects.get(email=email)
        self.headers = {"HTTP_ACCEPT_LANGUAGE": "en", "HTTP_X_CSRFTOKEN": CSRF}
        if with_token:
            _token, secret = make_token(user, Scope.ADMIN, days=1)
            self.headers["HTTP_AUTHORIZATION"] = f"Token {secret}"
        else:
            client = Client()
            client.force_login(user)
            cookies = {name: one.value for name, one in client.cookies.items()} | {"csrftoken": CSRF}
            self.headers["HTTP_COOKIE"] = "; ".join(f"{name}={value}" for name, value in cookies.items())

    def opens(self, path: str) -> Callable[[], bytes]:
        """Opens that page each time it is called."""
        return lambda: self.get(path)

    def get(self, path: str) -> bytes:
        return self._answer("GET", path, b"")

    def post(self, path: str, data: dict[str, Any], *, htmx: bool = False) -> bytes:
        headers = {"HTTP_HX_REQUEST": "true"} if htmx else {}
        return self._answer("POST", path, urlencode(data, doseq=True).encode(), headers)

    def _answer(self, method: str, path: str, body: bytes, headers: dict[str, str] | None = None) -> bytes:
        path, _, query = path.partition("?")
        environ: dict[str, Any] = {
            **self.headers, **(headers or {}), "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query,
            "CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body), "HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1",
        }  # fmt: skip
        setup_testing_defaults(environ)
        said: list[str] = []

        def start(status: str, headers: Any, problem: Any = None, /) -> Callable[[bytes], object]:
            said.append(status)
            return lambda _: None

        answer = handler()(environ, start)
        page = b"".join(answer)
        answer.close()
        if said[0].split()[0] not in ("200", "201", "202"):
            raise SystemExit(f"{method} {path}?{query} answered {said[0]}: {page[:500].decode(errors='replace')}")
        return page


def handler() -> WSGIHandler:
    if not HANDLERS:
        HANDLERS.append(WSGIHandler())
    return HANDLERS[0]


HANDLERS: list[WSGIHandler] = []
