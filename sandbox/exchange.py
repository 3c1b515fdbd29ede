"""What a marketplace hands back to the server for one call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


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
    recorded_body: Any = None
    fault: str | None = None
    cut: bool = False
    readable: bool = True
