"""The database came back as it was some time ago. What was decided, sent and taken back since is not known here."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Case, F, Value, When
from django.utils import timezone
from django.utils.translation import gettext as _

from cancellations.models import Batch, BatchItem, Decision
from cancellations.models.words import Words

State = Decision.State


def taken_back() -> Words:
    return Words(
        "Taken back. It came back with a copy of the database, so whether it had been sent since the copy is not known "
        "here."
    )


def settled_unsigned() -> Words:
    return Words(
        "It is settled meanwhile. This came back with a copy of the database, so whether it had been countersigned and "
        "sent since the copy is not known here."
    )


@dataclass(frozen=True)
class Doubtful:
    """How much of what came back may have gone on since: decisions and requests of batches."""

    decisions: int
    batch_items: int


@transaction.atomic
def send_nothing_twice(copied_at: datetime) -> Doubtful:
    """Have the marketplace asked about every decision that was not settled in the copy, before anything is sent.

    What it does not show as done waits for a person, who may know that it was taken back. Batches go no further: what
    their workers had not decided in the copy, they may have decided since. Call it before any worker runs.
    """
    now = timezone.now()
    decisions = Decision.objects.live().update(
        restored_from=copied_at,
        # Who waits for a second person can be taken back as before; signing it has it asked about.
        is_outcome_unknown=Case(When(state=State.UNSIGNED, then=F("is_outcome_unknown")), default=Value(True)),
        claim=None,
        due_at=now,
    )
    undecided = BatchItem.objects.waiting().filter(batch__in=Batch.objects.started())
    why = _("The database was put back to an earlier copy, so this may have been decided since. Look before you retry.")
    batch_items = undecided.update(state=BatchItem.State.FAILED, why=why)
    Batch.objects.started().filter(finished_at=None).update(finished_at=now)
    return Doubtful(decisions, batch_items)
