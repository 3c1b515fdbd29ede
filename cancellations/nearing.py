"""Requests that silence decides soon: told once for each deadline, so that somebody can still answer."""

from datetime import datetime, timedelta

from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from cancellations.happening import about_deadline
from cancellations.models import CancellationRequest, Decision
from shops import outgoing
from shops.models import OutgoingEvent


@shared_task
def tell_of_near_deadlines() -> None:
    tell(timezone.now())


def tell(now: datetime) -> None:
    """The deadline is in the id of what is told, so that one that moves is told of again, and none twice."""
    ends = now + timedelta(hours=settings.DEADLINE_NEAR_HOURS)
    live = Decision.objects.live().filter(cancellation=OuterRef("pk"))
    rows = CancellationRequest.objects.waiting().filter(~Exists(live), deadline__gt=now, deadline__lte=ends)
    with transaction.atomic():
        # Nobody settles or decides them meanwhile. One that somebody is at just now is looked at by the next sweep.
        free = rows.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True)
        free_now = rows.filter(pk__in=list(free)).order_by("deadline", "pk")
        events = [about_deadline(row, now) for row in free_now]
        ids = [event.event_id for event in events]
        told = set(OutgoingEvent.objects.filter(event_id__in=ids).values_list("event_id", flat=True))
        outgoing.announce(event for event in events if event.event_id not in told)
