"""Broker messages turned into calls. The rows are the queue: each message may be lost or come twice."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from cancellations import countersigning, delivery, drafts, journal, sync
from cancellations.models import Decision
from shops import nudging, pulling
from shops.models import Shop

SWEPT_AT_ONCE = 500
# Until its row is due the next sweep sends for it again, so what has waited that long behind others can be thrown away.
SWEPT_FOR_SECONDS = 30
# A sweep whose end was not heard of for so long is repeated: its messages may be lost.
SWEEP_LASTS_SECONDS = 10


def nudge_delivery(decision_id: int, wait: float) -> None:
    """Send the message `deliver` in `wait` seconds. A broker that is down costs the seconds until the next sweep."""
    nudging.send(deliver, decision_id, wait=wait, expires=wait + SWEPT_FOR_SECONDS)


@shared_task
def deliver(decision_id: int) -> None:
    delivery.deliver(decision_id)


@shared_task
def sweep_decisions() -> None:
    """Send for what is due and nobody was heard to take, what silence decides next first.

    While the last sweep's messages wait, they are enough.
    """
    journal.resume_reconnected()
    countersigning.end_overtaken()
    if nudging.is_on_its_way(end_of_sweep):
        return
    now = timezone.now()
    due = Decision.objects.due(now).most_urgent_first(now).values_list("pk", flat=True)[:SWEPT_AT_ONCE]
    for pk in due:
        deliver.apply_async((pk,), expires=SWEPT_FOR_SECONDS)
    if due:
        nudging.send_once(end_of_sweep, seconds=SWEEP_LASTS_SECONDS)


@shared_task
def end_of_sweep() -> None:
    """The last message of a sweep: whoever takes it knows that the others were taken."""
    nudging.arrived(end_of_sweep)


@shared_task
def forget_old_drafts() -> None:
    drafts.forget_old(timezone.now())


@shared_task
def forget_client_keys() -> None:
    """With the answers that they were given: from then on the same name is a new request's."""
    made_before = timezone.now() - timedelta(hours=settings.KEEP_IDEMPOTENCY_HOURS)
    Decision.objects.exclude(client_key="").filter(made_at__lt=made_before).update(client_key="")


@shared_task
def pull_shop(shop_id: int, full: bool = False) -> None:
    shop = Shop.objects.select_related("connection").get(pk=shop_id)
    began = timezone.now()
    sync.pull(shop, full=full or shop.wants_full_pull)
    pulling.rest_after(shop, timezone.now() - began)


@shared_task
def pull_due_shops() -> None:
    for shop in pulling.claim_due_shops(timezone.now()):
        pull_shop.delay(shop.pk)
