"""Broker messages turned into calls. The rows are the queue: each message may be lost or come twice."""

from celery import shared_task
from django.utils import timezone

from exports import writing
from exports.models import Export
from shops import nudging

SWEPT_AT_ONCE = 20
# Until its row is due the next sweep sends for it again.
SWEPT_FOR_SECONDS = 30


def nudge(export_id: int) -> None:
    """Send the message `write_export`. A broker that is down costs the seconds until the next sweep."""
    nudging.send(write_export, export_id)


@shared_task
def write_export(export_id: int) -> None:
    """A part of one; then whoever has waited longest gets a part, so that two long ones keep nobody waiting."""
    writing.write(export_id)
    following = writing.next_due()
    if following is not None:
        nudge(following)


@shared_task
def sweep_exports() -> None:
    for pk in Export.objects.due(timezone.now()).order_by("due_at").values_list("pk", flat=True)[:SWEPT_AT_ONCE]:
        write_export.apply_async((pk,), expires=SWEPT_FOR_SECONDS)


@shared_task
def remove_ended_exports() -> None:
    writing.remove_ended()
