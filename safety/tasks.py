"""Broker messages turned into calls. The rows are the queue: each message may be lost or come twice."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from safety import by_hand, catching, ladder, reach, sending
from safety.models import Telling
from shops import nudging

SWEPT_FOR_SECONDS = 30


@shared_task
def sweep_nets() -> None:
    """Have each request seen to whose net's moment has come, and tell early of what nets will not do."""
    now = timezone.now()
    for pk in catching.due(now).values_list("pk", flat=True)[: settings.SAFETY_AT_ONCE]:
        act.apply_async((pk,), expires=SWEPT_FOR_SECONDS)
    catching.tell_early(now)
    catching.tell_of_failures(now)


@shared_task
def act(cancellation_id: int) -> None:
    catching.act(cancellation_id)


@shared_task
def sweep_tellings() -> None:
    """With the workers for other people's servers, who still tell people when those that send decisions are gone."""
    now = timezone.now()
    ladder.climb(now)
    by_hand.look(now)
    sending.deliver()


@shared_task
def deliver() -> None:
    sending.deliver()


@shared_task
def look_who_is_reached() -> None:
    reach.look(timezone.now())


@shared_task
def forget_old_tellings() -> None:
    """Of what has long been settled; events on the timelines stay."""
    if settings.KEEP_OUTGOING_DAYS:
        before = timezone.now() - timedelta(days=settings.KEEP_OUTGOING_DAYS)
        Telling.objects.filter(settled_at__lt=before).delete()


def nudge() -> None:
    """Have a worker tell people now. A broker that is down costs the seconds until the next sweep."""
    nudging.send(deliver, expires=SWEPT_FOR_SECONDS)
