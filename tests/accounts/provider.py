"""A small OpenID Connect provider over real HTTP: what a test tells it to say, it signs and says."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
STRANGERS_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Provider:
    """`claims` go into the identity token; `says` is for what is wrong about an answer."""

    server: ThreadingHTTPServer
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    key: Any = KEY
    algorithm: str = "RS256"
    denies: bool = False
    broken: str = ""  # the path whose answer is a 500
    nonsense: str = ""  # the path whose answer is no JSON

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def keys(self) -> dict[str, Any]:
        own = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
        return {"keys": [{**own, "kid": "1", "use": "sig", "alg": "RS256"}]}

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is sent back to."""
        back = f"{query['redirect_uri']}?state={query['state']}"
        if self.denies:
            return f"{back}&error=access_denied"
        code = secrets.token_hex(8)
        self.codes[code] = query
        return f"{back}&code={code}"

    def token(self, form: dict[str, str]) -> dict[str, Any] | None:
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None or form.get("client_secret") != "s3cret":
            return None
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return None
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": asked["client_id"], "sub": "4711", "iat": now, "exp": now + 60,
            "nonce": asked.get("nonce"), **self.claims,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        key = "" if self.algorithm == "none" else self.key
        id_token = jwt.encode(claims, key, self.algorithm, headers={"kid": "1"})
        return {"access_token": "opaque", "token_type": "Bearer", "expires_in": 60, "id_token": id_token}


@contextmanager
def running_provider() -> Iterator[Provider]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
            if path == "/authorize":
                there = provider.authorize({name: values[0] for name, values in query.items()})
                self.send_response(302)
                self.send_header("Location", there)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            known = {"/.well-known/openid-configuration": provider.discovery, "/keys": provider.keys}
            self.answer(path, known[path]() if path in known else provider.userinfo)

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.answer("/token", provider.token({name: values[0] for name, values in form.items()}))

        def answer(self, path: str, body: dict[str, Any] | None) -> None:
            text = "<html>" if provider.nonsense == path else json.dumps(body or {"error": "invalid_grant"})
            self.send_response(500 if provider.broken == path else 200 if body is not None else 400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    provider = Provider(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield provider
    server.shutdown()
    server.server_close()
    thread.join()
