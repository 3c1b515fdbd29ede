from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from audit import log


@shared_task
def forget_old_entries() -> None:
    if settings.KEEP_AUDIT_DAYS > 0:
        log.purge(timezone.now() - timedelta(days=settings.KEEP_AUDIT_DAYS))
