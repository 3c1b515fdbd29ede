"""Asking for a worker now. Whatever is asked for stands in a row as well, which the next sweep finds."""

import time
from contextlib import suppress
from typing import Any

import structlog
from celery import Task, current_app
from django.core.cache import cache
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

logger = structlog.get_logger(__name__)
# A broker that did not answer is left alone for so long: five hundred decisions would each wait for it again.
PAUSE_SECONDS = 5.0
# A message that was lost keeps others from being sent for so long, unless whoever sends it says otherwise.
ON_ITS_WAY_SECONDS = 5
pause = {"until": 0.0}


def send(task: "Task[..., Any] | str", *args: Any, wait: float = 0, expires: float | None = None) -> None:
    """Send a message for a task, or for the task of that name, in `wait` seconds.

    A broker that is down costs the seconds until the next sweep, and raises nothing.
    """
    if is_left_alone():
        return
    options: dict[str, Any] = {"countdown": wait or None, "expires": expires, "retry": False}
    try:
        if isinstance(task, str):
            current_app.send_task(task, args, **options)
        else:
            task.apply_async(args, **options)
    except (OperationalError, OSError) as error:
        leave_alone()
        logger.warning("broker.unreachable", task=name_of(task), error=str(error))


def is_left_alone() -> bool:
    return time.monotonic() < pause["until"]


def leave_alone() -> None:
    pause["until"] = time.monotonic() + PAUSE_SECONDS


def send_once(task: "Task[..., Any] | str", *args: Any, seconds: int | None = None) -> None:
    """Send a message unless one for the same is on its way; the task says that it `arrived` before it reads anything.

    So what is written meanwhile, however much, costs one message. One that was lost is taken to be on its way for so
    many `seconds`. A cache that is down costs the seconds until the next sweep, and raises nothing.
    """
    if is_left_alone():
        return
    try:
        if cache.add(key_of(task, *args), True, seconds or ON_ITS_WAY_SECONDS):
            send(task, *args)
    except RedisError as error:
        leave_alone()
        logger.warning("cache.unreachable", task=name_of(task), error=str(error))


def arrived(task: "Task[..., Any] | str", *args: Any) -> None:
    """What is written from now on is worth a message of its own."""
    with suppress(RedisError):  # then it is one in a few seconds
        cache.delete(key_of(task, *args))


def is_on_its_way(task: "Task[..., Any] | str", *args: Any) -> bool:
    """As far as is known: with a cache that is down, no."""
    try:
        return bool(cache.get(key_of(task, *args)))
    except RedisError:
        return False


def key_of(task: "Task[..., Any] | str", *args: Any) -> str:
    return ":".join(["on-its-way", name_of(task), *map(str, args)])


def name_of(task: "Task[..., Any] | str") -> str:
    return task if isinstance(task, str) else str(task.name)
