"""Requests over the API that carry a name: the first is carried out, the same one again gets its answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.encryption import decrypted, encrypted
from accounts.models import IdempotencyKey, User

# Longer than an answer takes, so that only a dead process is taken over from.
LEASE = timedelta(seconds=60)


class Reused(Exception):
    """The key was sent with another request."""


class InUse(Exception):
    """The first request is still being answered."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def claim(user: User, key: str, fingerprint: str) -> IdempotencyKey | Answer:
    """The row, ours for LEASE, or the answer that the same request got. Raises Reused, InUse."""
    until = timezone.now() + LEASE
    row, is_new = IdempotencyKey.objects.get_or_create(
        user=user, key=key, defaults={"fingerprint": fingerprint, "leased_until": until}
    )
    if is_new:
        return row
    if row.fingerprint != fingerprint:
        raise Reused
    if row.status is not None:
        return Answer(row.status, row.headers, decrypted(row.body).encode() if row.body else b"")
    if row.leased_until > timezone.now() or not leased(row).update(leased_until=until):
        raise InUse
    row.leased_until = until
    return row


def keep(row: IdempotencyKey, answer: Answer) -> bool:
    """False for whoever lost the claim in the meantime and keeps nothing: the other one's answer counts."""
    body = encrypted(answer.body.decode()) if answer.body else ""
    return leased(row).update(status=answer.status, headers=dict(answer.headers), body=body) > 0


def release(row: IdempotencyKey) -> None:
    """Nothing was done: the key is as if it had never been sent."""
    leased(row).delete()


def leased(row: IdempotencyKey) -> QuerySet[IdempotencyKey]:
    return IdempotencyKey.objects.filter(pk=row.pk, status=None, leased_until=row.leased_until)


def rotate_secrets() -> int:
    """Write every kept answer again with the first key; returns how many there were."""
    rotated = 0
    for pk in IdempotencyKey.objects.exclude(body="").values_list("pk", flat=True).iterator():
        with transaction.atomic():
            row = IdempotencyKey.objects.select_for_update().filter(pk=pk).first()
            if row is not None:
                row.body = encrypted(decrypted(row.body))
                row.save(update_fields=["body"])
                rotated += 1
    return rotated


@shared_task
def forget_old_keys() -> None:
    kept_for = timedelta(hours=settings.KEEP_IDEMPOTENCY_HOURS)
    IdempotencyKey.objects.filter(made_at__lt=timezone.now() - kept_for).delete()
