"""A worker takes the items of a batch, some at a time, and decides about each what was started for all.

The rows are the queue here too: items and their decisions are written in one transaction, so a worker that dies leaves
behind what is decided and what is not, and nothing in between. The sweep finds what nobody goes on with.
"""

from datetime import timedelta

import structlog
from celery import shared_task
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from cancellations import decisions
from cancellations.checks import Details, NotAllowed
from cancellations.models import Batch, BatchItem, Decision, Verdict
from shops import nudging

logger = structlog.get_logger(__name__)

# So many, then the next message: whoever has decided about one request does not wait behind a thousand.
AT_ONCE = 50
# The same for what is decided and not sent yet: a worker sends in the order in which things fell due.
UNSENT_AT_MOST = 200
LOOK_AGAIN_SECONDS = 1.0
PROPOSED_FOR = timedelta(days=1)


def nudge(batch_id: int, wait: float = 0) -> None:
    """Send the message `work_batch` in `wait` seconds. A broker that is down costs those until the next sweep."""
    nudging.send(work_batch, batch_id, wait=wait)


@shared_task
def work_batch(batch_id: int) -> None:
    work(batch_id)


@shared_task
def sweep_batches() -> None:
    for pk in Batch.objects.due(timezone.now()).values_list("pk", flat=True):
        work_batch.delay(pk)


@shared_task
def forget_proposals() -> None:
    """Batches that nobody started. Their rows are locked first: one that is being started at this moment is kept."""
    old = Batch.objects.filter(started_at=None, made_at__lt=timezone.now() - PROPOSED_FOR)
    with transaction.atomic():
        locked = list(old.select_for_update(skip_locked=True).values_list("pk", flat=True))
        Batch.objects.filter(pk__in=locked).delete()


def work(batch_id: int) -> None:
    """Decide about some of what waits in a batch, and send for whoever decides about the rest."""
    batch = claim(batch_id)
    if batch is None:
        return
    if too_many_unsent():
        go_on(batch, LOOK_AGAIN_SECONDS)
        return
    with translation.override(batch.language or None):
        if not decide_some(batch):
            finish(batch)
            return
    go_on(batch)


def too_many_unsent() -> bool:
    """Of all batches. What the marketplace put off is not counted: it may be put off for long."""
    unsent = Decision.objects.filter(batch_item__isnull=False, state=Decision.State.RECORDED, failures=0)
    return unsent[:UNSENT_AT_MOST].count() >= UNSENT_AT_MOST


def go_on(batch: Batch, wait: float = 0) -> None:
    Batch.objects.filter(pk=batch.pk).update(due_at=timezone.now() + timedelta(seconds=wait))
    nudge(batch.pk, wait)


def claim(batch_id: int) -> Batch | None:
    """Take a due batch for CLAIM_SECONDS with one conditional UPDATE; None when it is not due or somebody has it."""
    now = timezone.now()
    taken = Batch.objects.due(now).filter(pk=batch_id).update(due_at=now + timedelta(seconds=settings.CLAIM_SECONDS))
    return Batch.objects.select_related("made_by").get(pk=batch_id) if taken else None


def decide_some(batch: Batch) -> bool:
    """AT_ONCE together, or one after the other where that is broken by one of them; False when none is left after."""
    try:
        return decide_next(batch, AT_ONCE)
    except Exception as broken:
        logger.info("batch.one_by_one", batch=batch.pk, error=repr(broken))
    return all(decide_next(batch, 1) for _number in range(AT_ONCE))


def decide_next(batch: Batch, at_most: int) -> bool:
    """Decide about some items and write down what came of each, in one transaction; False when none is left after.

    A worker whose claim ran out may still be at it: its items are locked, and so nobody else's. Of many, raises as
    `decisions.decide_together` does.
    """
    decide = decisions.decide_together if at_most > 1 else decisions.decide_each
    with transaction.atomic():
        waiting = batch.items.waiting().select_for_update(skip_locked=True, of=("self",))
        items = list(waiting.select_related("cancellation__shop").order_by("pk")[:at_most])
        verdict, details = Verdict(batch.verdict), details_of(batch)
        wanted = [decisions.Wanted(item.cancellation, verdict, details) for item in items]
        for item, made in zip(items, decide(wanted, batch.made_by), strict=True):
            write_down(item, made)
        BatchItem.objects.bulk_update(items, ["state", "decision", "why"])
    return len(items) == at_most


def write_down(item: BatchItem, made: Decision | Exception) -> None:
    """On the item, which is not saved yet: its decision, or why there is none."""
    if isinstance(made, Decision):
        item.state, item.decision = BatchItem.State.DECIDED, made
        return
    item.state = BatchItem.State.FAILED
    if isinstance(made, NotAllowed | PermissionDenied | ValidationError):
        item.why = words_of(made)
    else:
        logger.error("batch.item_broken", batch=item.batch_id, cancellation=item.cancellation_id, exc_info=made)
        item.why = _("An error of ours kept it from being decided. Nothing was sent.")


def details_of(batch: Batch) -> Details:
    return Details(reason=batch.reason, reason_text=batch.reason_text, comment=batch.comment)


def words_of(no: Exception) -> str:
    return " ".join(no.messages) if isinstance(no, ValidationError) else str(no)


def finish(batch: Batch) -> None:
    """Say that all is decided, unless another worker still has an item in its hands."""
    left = BatchItem.objects.waiting().filter(batch=OuterRef("pk"))
    Batch.objects.filter(~Exists(left), pk=batch.pk, finished_at=None).update(finished_at=timezone.now())
