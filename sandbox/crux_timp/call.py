"""One call on its way through the simulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.crux_timp.bodies import Fields
from sandbox.crux_timp.records import Organization, User
from sandbox.crux_timp.refusals import Refusal
from sandbox.crux_timp.routes import Endpoint


@dataclass(frozen=True, slots=True)
class RawCall:
    """What arrived: the path below the prefix, headers with lower-case names, the body's bytes."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Call:
    """An admitted call; ``user`` is None at login only. ``body`` is read after the faults have struck."""

    raw: RawCall
    endpoint: Endpoint
    names: dict[str, str]
    request_id: str
    now: datetime
    user: User | None = None
    body: Fields = field(default_factory=lambda: Fields({}))

    @property
    def by(self) -> User:
        if self.user is None:
            raise Refusal(401)
        return self.user

    @property
    def organization(self) -> Organization:
        return self.by.organization


@dataclass(frozen=True, slots=True)
class Answer:
    """``body`` None is an empty one."""

    status: int
    body: Any = None
