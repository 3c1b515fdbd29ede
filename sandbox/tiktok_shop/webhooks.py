"""Sends signed notifications, tries again on failure, and remembers what became of each.

Source: Partner Center pages tts-webhooks-overview and configuration-guide. A notification is delivered when it is
answered with 200 within three seconds; otherwise it is tried again after 2 minutes, 30 minutes, 3 hours and 12 hours
of the simulator's clock.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from sandbox.tiktok_shop.encoding import dumps
from sandbox.tiktok_shop.records import Shop
from sandbox.tiktok_shop.signing import notification_signature
from sandbox.tiktok_shop.tokens import Tokens
from sandbox.tiktok_shop.world import World

TOPICS = {
    "ORDER_STATUS_CHANGE": 1,
    "PACKAGE_UPDATE": 4,
    "SELLER_DEAUTHORIZATION": 6,
    "UPCOMING_AUTHORIZATION_EXPIRATION": 7,
    "CANCELLATION_STATUS_CHANGE": 11,
}
RETRIES_AFTER = (120, 1800, 3 * 3600, 12 * 3600)
ANSWER_SECONDS = 3.0
SENDERS = 8
KEPT = 5000


@dataclass(slots=True)
class Delivery:
    """One notification on its way. ``state``: "waiting", "delivered", "retrying" or "lost"."""

    id: str
    topic: int
    shop_id: str
    url: str
    body: bytes
    tries: list[dict[str, Any]] = field(default_factory=list)
    state: str = "waiting"

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": self.topic,
            "shop_id": self.shop_id,
            "url": self.url,
            "state": self.state,
            "tries": self.tries,
            "body": self.body.decode(),
        }


class Webhooks:
    """``default_url`` receives what no webhook of the shop's own takes."""

    def __init__(self, world: World, tokens: Tokens, default_url: str) -> None:
        self.world, self.tokens, self.default_url = world, tokens, default_url
        self.log: deque[Delivery] = deque(maxlen=KEPT)
        self._queue: asyncio.Queue[Delivery] = asyncio.Queue()
        world.publish = self.publish

    def publish(self, shop: Shop, event_type: str, data: dict[str, Any], at: int) -> None:
        own = shop.webhooks.get(event_type)
        url = own.address if own else self.default_url
        if not url:
            return
        topic, number = TOPICS[event_type], self.world.ids.next("notification")
        body = dumps({"type": topic, "tts_notification_id": number, "shop_id": shop.id, "timestamp": at, "data": data})
        delivery = Delivery(number, topic, shop.id, url, body)
        self.log.append(delivery)
        self._queue.put_nowait(delivery)

    def send_again(self, delivery_id: str) -> bool:
        """Deliver a known notification once more, as TikTok sometimes does."""
        for delivery in self.log:
            if delivery.id == delivery_id:
                self._queue.put_nowait(delivery)
                return True
        return False

    @property
    def unsent(self) -> int:
        return self._queue.qsize()

    async def run(self) -> None:
        """Sends until cancelled, a few notifications at a time."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session:
            await asyncio.gather(*(self._send_all(session) for _ in range(SENDERS)))

    async def _send_all(self, session: aiohttp.ClientSession) -> None:
        while True:
            await self._send(session, await self._queue.get())

    async def _send(self, session: aiohttp.ClientSession, delivery: Delivery) -> None:
        signature = notification_signature(self.tokens.app_key, self.tokens.app_secret, delivery.body)
        headers = {"Content-Type": "application/json", "Authorization": signature}
        attempt: dict[str, Any] = {"at": self.world.clock.now()}
        try:
            async with session.post(delivery.url, data=delivery.body, headers=headers, allow_redirects=False) as answer:
                attempt["status"] = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            attempt["error"] = f"{type(error).__name__}: {error}"[:200]
        delivery.tries.append(attempt)
        if attempt.get("status") == 200:
            delivery.state = "delivered"
        elif len(delivery.tries) <= len(RETRIES_AFTER):
            delivery.state = "retrying"
            due = attempt["at"] + RETRIES_AFTER[len(delivery.tries) - 1]
            self.world.schedule.at(due, lambda at: self._queue.put_nowait(delivery))
        else:
            delivery.state = "lost"
