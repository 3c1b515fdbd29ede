"""Signs of life: every few seconds the beat sends a task, and a worker does it. Both leave the time at which they did.

They stand in the cache and not in a row: whoever cannot reach the cache cannot reach the broker beside it either, a
write every few seconds costs the database nothing, and what is asked on every page is one look.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from celery.signals import before_task_publish
from django.core.cache import cache
from django.utils import timezone
from redis.exceptions import RedisError

# A worker that reads a large shop may be at it for a while; its others go on beating.
SILENT_AFTER = timedelta(seconds=60)
BEAT, WORKER, OUTSIDE = "beat", "worker", "outside"


@dataclass(frozen=True)
class Silence:
    """Nobody has been seen for too long; `since` is None where nobody was ever seen."""

    since: datetime | None


def note(who: str) -> None:
    cache.set(f"seen:{who}", timezone.now(), None)


@before_task_publish.connect(sender="shops.tasks.heartbeat")
def note_beat(**_: Any) -> None:
    """In the beat's own process, as it sends the task that a worker will do."""
    try:
        note(BEAT)
    except (RedisError, OSError):
        return


def last_seen(who: str) -> datetime | None:
    """None where nobody was ever seen; without a cache nobody can be."""
    try:
        seen: datetime | None = cache.get(f"seen:{who}")
    except (RedisError, OSError):
        return None
    return seen


def silence(who: str) -> Silence | None:
    """None where somebody of this kind is alive."""
    seen = last_seen(who)
    return None if seen and timezone.now() - seen < SILENT_AFTER else Silence(seen)
