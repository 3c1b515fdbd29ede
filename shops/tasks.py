from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from shops import tokens
from shops.connecting import sellers
from shops.heartbeat import OUTSIDE, WORKER, note
from shops.models import Shop, SyncRun

# A shop that is pulled every minute makes three thousand runs a day, nearly all of which say nothing.
KEEP_UNEVENTFUL_RUNS = timedelta(days=1)


@shared_task
def heartbeat() -> None:
    note(WORKER)


@shared_task
def heartbeat_outside() -> None:
    """From a worker of the queue for webhooks and exports."""
    note(OUTSIDE)


@shared_task
def renew_tokens() -> None:
    tokens.renew_due_tokens()


@shared_task
def pull_shops() -> None:
    for shop in Shop.objects.one_of_each_connection():
        sellers.pull_shops(shop)


@shared_task
def forget_uneventful_runs() -> None:
    SyncRun.objects.uneventful().filter(started_at__lt=timezone.now() - KEEP_UNEVENTFUL_RUNS).delete()
