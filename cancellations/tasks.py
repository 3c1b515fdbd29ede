"""Broker messages turned into calls. The rows are the queue: each message may be lost or come twice."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from cancellations import countersigning, delivery, drafts, sync
from cancellations.models import Decision
from shops import nudging, pulling
from shops.models import Shop

SWEPT_AT_ONCE = 500
# Until its row is due the next sweep sends for it again, so what has waited that long behind others can be thrown away.
SWEPT_FOR_SECONDS = 30


def nudge_delivery(decision_id: int, wait: float) -> None:
    """Send the message `deliver` in `wait` seconds. A broker that is down costs the seconds until the next sweep."""
    nudging.send(deliver, decision_id, wait=wait)


@shared_task
def deliver(decision_id: int) -> None:
    delivery.deliver(decision_id)


@shared_task
def sweep_decisions() -> None:
    delivery.resume_reconnected()
    countersigning.end_overtaken()
    for pk in Decision.objects.due(timezone.now()).order_by("due_at").values_list("pk", flat=True)[:SWEPT_AT_ONCE]:
        deliver.apply_async((pk,), expires=SWEPT_FOR_SECONDS)


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
    sync.pull(Shop.objects.select_related("connection").get(pk=shop_id), full=full)


@shared_task
def pull_due_shops() -> None:
    for shop in pulling.claim_due_shops(timezone.now()):
        pull_shop.delay(shop.pk, full=shop.wants_full_pull)
