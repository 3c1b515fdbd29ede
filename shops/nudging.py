"""Asking for a worker now. Whatever is asked for stands in a row as well, which the next sweep finds."""

import time
from typing import Any

import structlog
from celery import Task, current_app
from kombu.exceptions import OperationalError

logger = structlog.get_logger(__name__)
# A broker that did not answer is left alone for so long: five hundred decisions would each wait for it again.
PAUSE_SECONDS = 5.0
pause = {"until": 0.0}


def send(task: "Task[..., Any] | str", *args: Any, wait: float = 0, expires: float | None = None) -> None:
    """Send a message for a task, or for the task of that name, in `wait` seconds.

    A broker that is down costs the seconds until the next sweep, and raises nothing.
    """
    if time.monotonic() < pause["until"]:
        return
    options: dict[str, Any] = {"countdown": wait or None, "expires": expires, "retry": False}
    try:
        if isinstance(task, str):
            current_app.send_task(task, args, **options)
        else:
            task.apply_async(args, **options)
    except (OperationalError, OSError) as error:
        pause["until"] = time.monotonic() + PAUSE_SECONDS
        logger.warning("broker.unreachable", task=task if isinstance(task, str) else task.name, error=str(error))
