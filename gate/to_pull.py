"""Parcels that are labelled and must not leave, or were taken out and may leave again, as far as nobody has seen to
them: a question, not rows.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q

from cancellations.models import CancellationRequest, Decision
from cancellations.models import Verdict as Decided
from gate import facts
from gate.models import PullTask, PullTaskQuerySet
from gate.reasons import Reason, Verdict
from gate.verdict import Answer, verdict
from orders.models import LineItem, Order, OrderQuerySet

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User

MOST = 200
# What was asked before has left, or has been found.
LOOKED_BACK = timedelta(days=14)
CANCELS = (Decided.APPROVE, Decided.CANCEL_ITEMS)
APPROVED = (CancellationRequest.State.APPROVED, CancellationRequest.State.COMPLETED)


def to_pull(user: "User | AnonymousUser", now: datetime) -> tuple[Sequence[Answer], bool]:
    """(those to be pulled or put back, whether these are all): the next deadline first; eight queries."""
    found = facts.read(candidates(user, now)[: MOST + 1], now)
    answers = [verdict(one, now) for one in found[:MOST]]
    wanted = [
        one for one in answers if (one.verdict == Verdict.PULL and not one.pulled) or one.reason == Reason.PUT_BACK
    ]
    return sorted(wanted, key=lambda one: deadline(one, now)), len(found) <= MOST


def deadline(answer: Answer, now: datetime) -> datetime:
    request = answer.cancellation
    return (request.deadline if request and request.needs_answer else None) or now + timedelta(days=999)


def candidates(user: "User | AnonymousUser", now: datetime) -> OrderQuerySet:
    """Orders with a label, about which somebody asks, or whose cancellation is on its way or young."""
    requests = CancellationRequest.objects.filter(order__isnull=False)
    about = requests.waiting().values("order").order_by()
    about = about.union(
        requests.filter(state__in=APPROVED, created_at__gte=now - LOOKED_BACK).values("order").order_by(),
        Decision.objects.live().filter(verdict__in=CANCELS, order__isnull=False).values("order").order_by(),
        taken_out(now).values("order").order_by(),
    )
    lines = LineItem.objects.filter(Q(is_shipped=True) | ~Q(tracking_number=""), order=OuterRef("pk"))
    labelled = Q(is_shipped=True) | ~Q(tracking_number="") | Exists(lines)
    orders = Order.objects.visible_to(user).filter(labelled, pk__in=about)
    return orders.filter(collected_at=None, delivered_at=None).order_by("-created_at", "-pk")


def taken_out(now: datetime) -> PullTaskQuerySet:
    """What lies apart and was not put back, of orders that are not cancelled."""
    later = PullTask.objects.filter(
        order=OuterRef("order"), package_id=OuterRef("package_id"), pk__gt=OuterRef("pk"), state=PullTask.State.PUT_BACK
    )
    tasks = PullTask.objects.filter(state=PullTask.State.DONE, done_at__gte=now - LOOKED_BACK)
    return tasks.filter(~Exists(later), order__is_cancelled=False)
