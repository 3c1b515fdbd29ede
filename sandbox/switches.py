"""Where TikTok's own pages disagree or say nothing: switches, each with the strict reading as its default."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(slots=True)
class Switches:
    """Changed with ``--switch NAME=VALUE`` or ``POST /__sandbox__/switches``; ``docs/sandbox.md`` explains each."""

    legacy_answers: bool = False
    drift: bool = False
    strict_timestamp: bool = False
    strict_webhook_urls: bool = False
    accept_both_closed_words: bool = False
    rotate_refresh_token: bool = True
    webhook_cancelled_word: str = "CANCEL"
    us_reject_reasons: str = "A"
    business_status: int = 200
    deadline_hours: int = 48
    refund_minutes: int = 10
    comment_limit: int = 500

    @classmethod
    def names(cls) -> list[str]:
        return [each.name for each in fields(cls)]

    def set(self, name: str, value: object) -> None:
        """Set one switch from a JSON value or command-line text. Raises ValueError for an unknown name or value."""
        if name not in self.names():
            raise ValueError(f"no switch is called {name!r}")
        setattr(self, name, _converted(type(getattr(self, name)), value))

    def set_from_text(self, assignment: str) -> None:
        name, _, value = assignment.partition("=")
        self.set(name.strip(), value.strip())

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def _converted(kind: type, value: object) -> bool | int | str:
    if kind is bool:
        words = {"true": True, "1": True, "false": False, "0": False}
        if str(value).lower() not in words:
            raise ValueError(f"{value!r} is neither true nor false")
        return words[str(value).lower()]
    return int(str(value)) if kind is int else str(value)
