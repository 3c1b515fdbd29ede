"""How often somebody may call, counted where the cache is, over a sliding window."""

import math
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import structlog
from django.conf import settings
from limits import RateLimitItem, parse
from limits.storage import storage_from_string
from limits.strategies import RateLimiter, SlidingWindowCounterRateLimiter
from redis.exceptions import RedisError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

logger = structlog.get_logger(__name__)
# A cache that did not answer is left alone for so long: nobody's call is to wait for it again and again.
PAUSE_SECONDS = 10
pause = {"until": 0.0}


@dataclass(frozen=True)
class Allowance:
    """What is left of a limit: `left` calls in the next `seconds`."""

    name: str
    limit: RateLimitItem
    is_kept: bool
    left: int
    resets_at: float

    @property
    def seconds(self) -> int:
        return max(1, math.ceil(self.resets_at - time.time()))


@lru_cache(maxsize=4)
def limiter(url: str) -> RateLimiter:
    """At a URL as the cache has it; on a socket `limits` wants it with the protocol."""
    options: Any = {"socket_connect_timeout": 1, "socket_timeout": 2}
    return SlidingWindowCounterRateLimiter(storage_from_string(url.replace("unix://", "redis+unix://", 1), **options))


def allowance(name: str, rate: str, who: str, *, calls: int = 1) -> Allowance | None:
    """Count so many calls of `who`, or none and just look. None where there is no limit, or nobody can count."""
    if not rate or time.monotonic() < pause["until"]:
        return None
    limit = parse(rate)
    try:
        counting = limiter(settings.CACHES["default"]["LOCATION"])
        is_kept = counting.hit(limit, name, who) if calls else counting.test(limit, name, who)
        window = counting.get_window_stats(limit, name, who)
    except RedisError as error:
        pause["until"] = time.monotonic() + PAUSE_SECONDS
        logger.warning("throttle.cache_unreachable", error=str(error))
        return None
    return Allowance(name, limit, is_kept, window.remaining, window.reset_time)


class PerToken(BaseThrottle):
    """So many calls for each API token, and for each person who comes with a session; fewer of those that write."""

    def allow_request(self, request: Request, view: Any) -> bool:
        token = getattr(request.user, "token", None)
        who = f"token:{token.pk[:32]}" if token else f"user:{request.user.pk}"
        rates = {"all": settings.API_RATE}
        if request.method not in SAFE_METHODS:
            rates["write"] = settings.API_WRITE_RATE
        found = [allowance(name, rate, who) for name, rate in rates.items()]
        view.allowances = [one for one in found if one]
        self.spent = [one for one in view.allowances if not one.is_kept]
        return not self.spent

    def wait(self) -> float:
        return float(max(one.seconds for one in self.spent))


class TellsLimits:
    """For views: what is left, in the words of the draft and in those that most clients know."""

    allowances: "list[Allowance]" = []

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        final = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[misc]
        if self.allowances:
            for name, value in headers(self.allowances).items():
                final.headers[name] = value
        return final


def headers(allowances: list[Allowance]) -> dict[str, str]:
    """`RateLimit` as draft-ietf-httpapi-ratelimit-headers has it; `X-RateLimit-…` of the limit that ends first."""
    least = min(allowances, key=lambda one: (one.is_kept, one.left))
    policies = [f'"{one.name}";q={one.limit.amount};w={one.limit.get_expiry()}' for one in allowances]
    return {
        "RateLimit-Policy": ", ".join(policies),
        "RateLimit": ", ".join(f'"{one.name}";r={one.left};t={one.seconds}' for one in allowances),
        "X-RateLimit-Limit": str(least.limit.amount),
        "X-RateLimit-Remaining": str(least.left),
        "X-RateLimit-Reset": str(math.ceil(least.resets_at)),
    }
