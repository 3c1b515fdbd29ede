"""Buyers are forgotten: by schedule once everything about an order is long over, and when one of them asks for it.

Both erase the same. Ids, amounts, times, reasons and verdicts stay, for disputes and for the accounts.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING

import structlog
from celery import shared_task
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Exists, F, Func, JSONField, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import log
from cancellations.checks import NotAllowed
from cancellations.models import Announcement, CancellationRequest, Decision, DecisionQuerySet, Event, Evidence, Note
from orders import forgetting as orders_forgetting
from orders.models import OVER, Order, OrderQuerySet
from shops.models import Connection

if TYPE_CHECKING:
    from accounts.models import User

logger = structlog.get_logger(__name__)
ERASED_AT_ONCE = 500
# One run goes on for no longer; the next one goes on where it ended, since what is erased is not looked at again.
LONGEST_RUN = 300.0  # seconds
# What a request that was recorded here, and its end, say in somebody's own words.
TOLD_IN_WORDS = ("cancellation.recorded", "cancellation.closed")
# Of shops that were disconnected nobody will ever tell us how far their orders are.
IS_OVER = OVER | Q(shop__connection__state=Connection.State.DISCONNECTED)
MOST_TOLD = 10
# What keeps copies of rows, and lies on a floor above: each deletes its own and says of what how many.
ALSO_FORGETS: list[Callable[[], Counter[str]]] = []


class StillOpen(NotAllowed):
    """Something about this buyer is not over, and has to be ended first. `what` says what, one line each."""

    def __init__(self, what: Sequence[str]) -> None:
        super().__init__(_("Nothing was erased, because not everything is over: %(what)s") % {"what": " ".join(what)})
        self.what = what


def forget(orders: OrderQuerySet, user: "User | None" = None) -> Counter[str]:
    """Erase what these orders of a buyer tell of them, evidence too; returns how many rows of each kind.

    `user` is None on a command line. Raises PermissionDenied for who is no superuser, and StillOpen.
    """
    if user is not None and not user.is_superuser:
        raise PermissionDenied
    with transaction.atomic():
        locked = list(orders.select_for_update(of=("self",), no_key=True).select_related("shop").order_by("pk"))
        if what := list(islice(still_open(locked), MOST_TOLD)):
            raise StillOpen(what)
        ids = [order.pk for order in locked]
        counts = erase(ids, timezone.now())
        counts["pictures"] = erase_pictures(
            Evidence.objects.filter(
                Q(decision__in=decisions_about(ids)) | Q(is_from_bench=True, cancellation__order__in=ids)
            )
        )
        for forgets in ALSO_FORGETS if locked else ():
            counts += forgets()
        for order in locked:
            log.write("buyer_data.erased", about=order, actor=user)
    return counts


def still_open(orders: Collection[Order]) -> Iterator[str]:
    """What has to be ended before these can be forgotten, in words."""
    requests = CancellationRequest.objects.waiting().filter(order__in=orders)
    decisions = decisions_about([order.pk for order in orders]).live().select_related("order", "cancellation")
    announced = Announcement.objects.waiting().filter(order__in=orders).select_related("order")
    over = set(Order.objects.filter(IS_OVER, pk__in=[order.pk for order in orders]).values_list("pk", flat=True))
    return chain(
        (_("Request %(id)s about order %(order)s waits for an answer.") % {"id": one, "order": one.order_label}
         for one in requests),
        (_("A decision about order %(order)s is on its way or needs somebody.") % {"order": one.order_label}
         for one in decisions),
        (_("Somebody may ask to cancel order %(order)s, and nobody has looked into it.") % {"order": one.order}
         for one in announced),
        (_("Order %(order)s is under way.") % {"order": one} for one in orders if one.pk not in over),
    )  # fmt: skip


def decisions_about(order_ids: Collection[int]) -> DecisionQuerySet:
    requests = CancellationRequest.objects.filter(order__in=order_ids).values_list("pk", flat=True)
    return Decision.objects.filter(Q(order__in=order_ids) | Q(cancellation__in=list(requests)))


def erase(order_ids: Collection[int], now: datetime) -> Counter[str]:
    """Orders, and what was written about their requests. They must be locked."""
    requests = list(CancellationRequest.objects.filter(order__in=order_ids).values_list("pk", flat=True))
    of_requests = CancellationRequest.objects.filter(pk__in=requests)
    of_requests.exclude(note="", extra={}).update(note="", extra={})
    Event.objects.filter(cancellation__in=requests, name__in=TOLD_IN_WORDS).update(detail=without("detail", "note"))
    notes, _of_each = Note.objects.filter(cancellation__in=requests).delete()
    Decision.objects.filter(cancellation__in=requests).exclude(comment="").update(comment="")
    orders = orders_forgetting.erase(order_ids, now)
    return Counter(orders=orders, requests=len(requests), notes=notes)


def without(column: str, name: str) -> Func:
    """The JSON of this column without one of its members."""
    return Func(F(column), Value(name), template="%(expressions)s::text", arg_joiner=" - ", output_field=JSONField())


def erase_pictures(evidence: "QuerySet[Evidence]") -> int:
    """Delete files, of the oldest first and not too many; that there was one, its name and checksum stay."""
    with_file = evidence.exclude(image="").order_by("created_at")
    rows = list(with_file.select_for_update(of=("self",), skip_locked=True)[:ERASED_AT_ONCE])
    for row in rows:
        # Before the row is written: should that fail, the next run finds the row, and no file is left behind.
        default_storage.delete(str(row.image.name))
    return Evidence.objects.filter(pk__in=[row.pk for row in rows]).update(image="")


# --- by schedule ----------------------------------------------------------------------------------------------------


@shared_task
def purge_buyer_data() -> None:
    if settings.KEEP_BUYER_DATA_DAYS > 0:
        purge(timezone.now() - timedelta(days=settings.KEEP_BUYER_DATA_DAYS))


def purge(before: datetime) -> Counter[str]:
    """Erase what orders tell of their buyers where nothing has happened since then, some at a time."""
    counts: Counter[str] = Counter()
    ends = time.monotonic() + LONGEST_RUN
    last: Order | None = None
    try:
        while time.monotonic() < ends:
            with transaction.atomic():
                found = list(long_over(before, last)[:ERASED_AT_ONCE])
                if found:
                    counts += erase([order.pk for order in found], timezone.now())
            if len(found) < ERASED_AT_ONCE:
                break
            last = found[-1]
    finally:
        tell("buyer_data.purged", counts)
    return counts


def long_over(before: datetime, last: Order | None = None) -> OrderQuerySet:
    """Orders with data about their buyers of which nothing is open and nothing is newer, oldest first, after `last`.

    They are locked; those that somebody else holds are left to the next run.
    """
    requests = CancellationRequest.objects.filter(order=OuterRef("pk"))
    # One by one, because each has an index that it would lose inside an OR.
    decided = [Decision.objects.filter(**{name: OuterRef("pk")}) for name in ("order", "cancellation__order")]
    ended_at = Coalesce("settled_at", "made_at")
    newer = [one.annotate(ended_at=ended_at).filter(ended_at__gte=before) for one in decided]
    rows = Order.objects.filter(IS_OVER, purged_at=None, created_at__lt=before, updated_at__lt=before)
    if last:
        later = Q(created_at__gt=last.created_at) | Q(created_at=last.created_at, pk__gt=last.pk)
        rows = rows.filter(later, created_at__gte=last.created_at)
    return (
        rows.filter(
            ~Exists(requests.filter(Q(needs_answer=True) | Q(updated_at__gte=before))),
            *(~Exists(one.live()) for one in decided),
            *(~Exists(one) for one in newer),
            ~Exists(Announcement.objects.waiting().filter(order=OuterRef("pk"))),
        )
        .order_by("created_at", "pk")
        .only("created_at")
        .select_for_update(of=("self",), skip_locked=True, no_key=True)
    )


@shared_task
def purge_evidence() -> None:
    if settings.KEEP_EVIDENCE_DAYS > 0:
        purge_pictures(timezone.now() - timedelta(days=settings.KEEP_EVIDENCE_DAYS))


def purge_pictures(before: datetime) -> int:
    """Delete the files of decisions that ended before then, and of photos from the bench that none took; returns how
    many.
    """
    ended = Q(decision__settled_at__lt=before) | Q(decision__settled_at=None, decision__made_at__lt=before)
    never_sent = Q(is_from_bench=True, decision=None, cancellation__needs_answer=False)
    old = Evidence.objects.filter(ended | never_sent, created_at__lt=before).exclude(decision__state__in=Decision.LIVE)
    erased = 0
    while True:
        with transaction.atomic():
            count = erase_pictures(old)
        erased += count
        if count < ERASED_AT_ONCE:
            break
    tell("evidence.purged", Counter(pictures=erased))
    return erased


def tell(action: str, counts: Counter[str]) -> None:
    """In the log and in the audit log, where anything was erased: how much, and nothing of it."""
    told = {name: count for name, count in counts.items() if count}
    if told:
        logger.info(action, **told)
        log.write(action, after=told)
