"""What a marketplace hands back to the server for one call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sandbox.faults import Fault


@dataclass(slots=True)
class Exchange:
    """``cut``: break the connection instead of answering. ``recorded_body`` is what the recording shows of the
    request's body; ``readable`` is false for an answer that was garbled on request."""

    status: int
    body: bytes
    request_id: str
    code: int | None = None
    endpoint: str | None = None
    shop_id: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str | None = "application/json"
    recorded_body: Any = None
    fault: str | None = None
    lie: Fault | None = None
    cut: bool = False
    readable: bool = True

    @property
    def recorded_response(self) -> bytes | None:
        """The answer as JSON text; None when nothing readable was sent."""
        if self.cut or not self.readable:
            return None
        if self.content_type in (None, "application/json"):
            return self.body
        return json.dumps(self.body.decode()).encode()


class Marketplace(Protocol):
    """What the server knows of a marketplace."""

    name: str

    async def handle(
        self, method: str, path: str, query_text: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[Exchange, dict[str, str]]:
        """Answer one call. Also returns the decoded query, for the recording."""

    def too_large(self) -> Exchange:
        """The answer to a body nobody wants to read."""
