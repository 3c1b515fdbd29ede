"""Broker messages turned into calls. The rows are the queue: each message may be lost or come twice."""

from celery import shared_task
from django.utils import timezone

from shops import nudging
from webhooks import delivery, notices
from webhooks import relay as relaying
from webhooks.models import Endpoint

SWEPT_AT_ONCE = 500
# Until then the next sweep sends for it again.
SWEPT_FOR_SECONDS = 30


def nudge(endpoint_id: int) -> None:
    """Have a worker see to this endpoint. A broker that is down costs the seconds until the next sweep."""
    nudging.send(deliver, endpoint_id, expires=SWEPT_FOR_SECONDS)


@shared_task
def relay() -> None:
    nudging.arrived(relay)
    for endpoint_id in relaying.relay():
        nudge(endpoint_id)


@shared_task
def deliver(endpoint_id: int) -> None:
    if delivery.deliver(endpoint_id):
        nudge(endpoint_id)


@shared_task
def sweep() -> None:
    """Hand on what nobody was told of, go on with what is due, and write to owners."""
    relaying.relay()
    for pk in Endpoint.objects.due(timezone.now()).values_list("pk", flat=True)[:SWEPT_AT_ONCE]:
        nudge(pk)
    notices.write_due()
