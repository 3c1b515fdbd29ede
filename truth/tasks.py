"""Broker messages turned into calls. The rows are the queue: each message may be lost or come twice."""

from celery import shared_task
from django.utils import timezone

from shops import nudging
from truth import checking
from truth.models import Check

SWEPT_FOR_SECONDS = 60


def nudge(check_id: int, wait: float = 0) -> None:
    """Send the message `compare`. A broker that is down costs the seconds until the next sweep."""
    nudging.send(compare, check_id, wait=wait)


@shared_task
def compare(check_id: int) -> None:
    """One page; then another message for the next."""
    wait = checking.take_step(check_id)
    if wait is not None:
        nudge(check_id, wait)


@shared_task
def sweep_checks() -> None:
    checking.make_missing()
    for pk in Check.objects.due(timezone.now()).order_by("due_at").values_list("pk", flat=True):
        compare.apply_async((pk,), expires=SWEPT_FOR_SECONDS)


@shared_task
def forget_settled() -> None:
    checking.forget_old(timezone.now())
