"""One effect per idempotency key.

The pages say that a key lets the server recognise a repeated request and no more. Read strictly: within 24 hours
the same key with the same request is answered as it was the first time; with another request it is refused.
Only successes are remembered, so a request that was refused may be tried again with its key.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from sandbox.tiktok_shop.call import Call
from sandbox.tiktok_shop.refusals import Refusal

SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class First:
    request: str
    at: int
    answer: bytes


class Idempotency:
    def __init__(self) -> None:
        self._first: dict[tuple[str, str], First] = {}

    def earlier_answer(self, call: Call) -> bytes | None:
        key = call.query.get("idempotency_key")
        known = self._first.get((call.of.id, key)) if key else None
        if known is None or call.now >= known.at + SECONDS:
            return None
        if known.request != _fingerprint(call):
            raise Refusal(25001001, "The idempotency key was used for another request")
        return known.answer

    def remember(self, call: Call, answer: bytes) -> None:
        if key := call.query.get("idempotency_key"):
            self._first[call.of.id, key] = First(_fingerprint(call), call.now, answer)


def _fingerprint(call: Call) -> str:
    body = json.dumps(call.body, sort_keys=True)
    return hashlib.sha256(f"{call.raw.path}\0{body}".encode()).hexdigest()
