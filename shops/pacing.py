"""No more calls than a marketplace takes, by all workers and webs together: when the next may go is in the cache."""

import time

import structlog
from django.conf import settings
from django.core.cache import cache
from redis import Redis
from redis.exceptions import RedisError

from marketplaces import turns
from marketplaces.turns import Turn

logger = structlog.get_logger(__name__)
# Of what a marketplace takes. Calls leave evenly and arrive less so, and the other side counts them where they arrive.
SHARE = 0.92
# What somebody waits for goes before so many that are waiting already.
AHEAD = 2
# A cache that did not answer is left alone for so long, and everybody calls at once: the marketplace's own limit holds.
PAUSE_SECONDS = 10.0
pause = {"until": 0.0}

# GCRA: one number for each limit, the moment at which the next turn is due; whoever takes it moves it on. Microseconds,
# by the server's clock unless one is given.
TAKE = """
local interval, ahead, longest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now = tonumber(ARGV[4])
if not now then
    local time = redis.call('TIME')
    now = time[1] * 1000000 + time[2]
end
local due = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
local wait = math.max(0, due - ahead * interval - now)
if wait <= longest then
    local next_due = due + interval
    local kept = math.ceil((next_due - now) / 1000) + 1000
    redis.call('SET', KEYS[1], string.format('%.0f', next_due), 'PX', kept)
end
return wait
"""


def take(turn: Turn, longest: float, *, now: float | None = None) -> float:
    """Seconds until the turn; more than `longest` where none was taken. A cache that is away costs nobody a call."""
    if not settings.PACE_CALLS or time.monotonic() < pause["until"]:
        return 0
    interval = 1_000_000 / (turn.per_second * SHARE)
    moment = "" if now is None else int(now * 1_000_000)
    wishes = int(interval), AHEAD if turn.is_urgent else 0, int(longest * 1_000_000), moment
    try:
        microseconds = _client().register_script(TAKE)(keys=[f"turns:{turn.among}"], args=wishes)
    except RedisError as error:
        pause["until"] = time.monotonic() + PAUSE_SECONDS
        logger.warning("turns.cache_unreachable", error=str(error))
        return 0
    return float(microseconds) / 1_000_000


def _client() -> Redis:
    """The one behind Django's cache, which has no way to run a script."""
    client: Redis = cache._cache.get_client(write=True)  # type: ignore[attr-defined]
    return client


turns.handed_out_by(take)
