"""Ids as TikTok makes them: strings of 18 or 19 digits, beyond what a JSON number can hold, the same for a seed."""

from __future__ import annotations

import base64
import hashlib
import itertools
import random


class Ids:
    """A stream of ids a kind. Each walks its range in a scrambled order without ever repeating."""

    PREFIX = {
        "order": "57",
        "line": "58",
        "package": "115",
        "cancel": "403",
        "cancel_line": "404",
        "product": "172",
        "sku": "173",
        "user": "702",
        "shop": "749",
        "notification": "732",
        "open": "701",
        "option": "709",
        "warehouse": "695",
        "service": "737",
    }

    def __init__(self, seed: int) -> None:
        self._seed = seed
        dice = random.Random(f"ids {seed}")
        self._offsets = {kind: dice.randrange(10**16) for kind in self.PREFIX}
        self._counts = {kind: itertools.count(1) for kind in self.PREFIX}
        self._requests = itertools.count(1)

    def next(self, kind: str) -> str:
        number = (self._offsets[kind] + next(self._counts[kind]) * 4_368_127_691_203) % 10**16
        return f"{self.PREFIX[kind]}{number:016d}"

    def request_id(self, now: int) -> str:
        return f"{now}{next(self._requests):010d}{self._seed & 0xFFFF:04X}"

    def secret(self, what: str, length: int) -> str:
        """Opaque text that looks random and is the same for the same seed and purpose."""
        text = ""
        for block in itertools.count():
            digest = hashlib.sha256(f"{self._seed}/{what}/{block}".encode()).digest()
            text += base64.urlsafe_b64encode(digest).decode().rstrip("=").replace("-", "x").replace("_", "y")
            if len(text) >= length:
                break
        return text[:length]
