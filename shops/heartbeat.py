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
    return all_last_seen(who)[0]


def all_last_seen(*who: str) -> list[datetime | None]:
    try:
        seen = cache.get_many(f"seen:{one}" for one in who)
    except (RedisError, OSError):
        seen = {}
    return [seen.get(f"seen:{one}") for one in who]


def silence(who: str) -> Silence | None:
    """None where somebody of this kind is alive."""
    return silences(who)[0]


def silences(*who: str) -> list[Silence | None]:
    """Of several kinds, by one look."""
    now = timezone.now()
    return [None if seen and now - seen < SILENT_AFTER else Silence(seen) for seen in all_last_seen(*who)]
