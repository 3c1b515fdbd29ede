"""One call on its way through the simulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.tiktok_shop.contract import Endpoint
from sandbox.tiktok_shop.lifecycle import Doer
from sandbox.tiktok_shop.records import Shop
from sandbox.tiktok_shop.refusals import Refusal
from sandbox.tiktok_shop.tokens import Grant


@dataclass(frozen=True, slots=True)
class RawCall:
    """What arrived: the path as sent, the query decoded once, headers with lower-case names, the body's bytes."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Call:
    """An admitted call. ``now`` is the simulator's clock; ``query`` and ``body`` are filled once they were checked."""

    raw: RawCall
    endpoint: Endpoint
    path: dict[str, str]
    request_id: str
    now: int
    grant: Grant | None = None
    shop: Shop | None = None
    query: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def of(self) -> Shop:
        """The shop the call is about, for calls that have one."""
        if self.shop is None:
            raise Refusal(106013)
        return self.shop

    @property
    def seller(self) -> Doer:
        return Doer("seller", self.request_id, self.query.get("idempotency_key"))
