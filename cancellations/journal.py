"""What a worker writes down about the decision it holds: before a call goes out, and after its answer came.

Nothing here speaks to a marketplace. Each change is one conditional UPDATE that only whoever holds the claim can make;
what others hear of it is written in the same transaction.
"""

import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Max, Value, When
from django.utils import timezone

from cancellations import following, happening
from cancellations.models import Attempt, CancellationRequest, Decision, Event, Verdict
from cancellations.models.words import kept
from marketplaces.errors import (
    CredentialsRejected,
    MarketplaceError,
    OutcomeUnknown,
    Refused,
    TemporaryFailure,
    Unsupported,
)
from marketplaces.records import Receipt
from shops.models import Connection

# After a lost answer the call may still be under way over there; asking at once would only see what was before.
ASK_AFTER = timedelta(seconds=5)
LONGEST_WAIT = 60.0  # seconds between two tries
# However long the marketplace asks us to wait, the request's deadline comes nearer.
LONGEST_WAIT_ASKED_FOR = 900.0

State: TypeAlias = Decision.State
Stalled: TypeAlias = Decision.Stalled
OUTCOMES: dict[type[MarketplaceError], Attempt.Outcome] = {
    TemporaryFailure: Attempt.Outcome.TEMPORARY,
    OutcomeUnknown: Attempt.Outcome.UNKNOWN,
    CredentialsRejected: Attempt.Outcome.CREDENTIALS,
    Refused: Attempt.Outcome.REFUSED,
    Unsupported: Attempt.Outcome.UNSUPPORTED,
}


class ClaimLost(Exception):
    """Another worker has taken the decision over, or its state has moved: leave it alone."""


def claim(decision_id: int) -> Decision | None:
    """Take a due decision for CLAIM_SECONDS with one conditional UPDATE; None when it is not due or somebody has it."""
    now = timezone.now()
    mine = uuid.uuid4()
    taken = (
        Decision.objects.due(now)
        .filter(pk=decision_id)
        .update(
            claim=mine,
            due_at=now + timedelta(seconds=settings.CLAIM_SECONDS),
            state=Case(When(state=State.RECORDED, then=Value(State.SENDING)), default=F("state")),
        )
    )
    if not taken:
        return None
    decision = Decision.objects.select_related("shop__connection", "cancellation__line_item", "order").get(
        pk=decision_id
    )
    if decision.cancellation and decision.cancellation.order_id == decision.order_id:
        decision.cancellation.order = decision.order
    decision.tries = decision.attempts.count()
    return decision if decision.claim == mine else None


def begin(decision: Decision, purpose: Attempt.Purpose, **changes: Any) -> Attempt:
    """Write down that a call is about to be made, and `changes` of the decision with it; raises ClaimLost when the
    decision is no longer ours.
    """
    now = timezone.now()
    if purpose == Attempt.Purpose.SEND:
        changes |= {"is_outcome_unknown": True, "sent_at": decision.sent_at or now}
    with transaction.atomic(savepoint=False):
        # Each call gets a whole lease: uploads may have used up the one that the claim began with.
        move(decision, due_at=now + timedelta(seconds=settings.CLAIM_SECONDS), **changes)
        decision.tries += 1
        return Attempt.objects.create(decision=decision, number=decision.tries, purpose=purpose, started_at=now)


@contextmanager
def completing(attempt: Attempt) -> Iterator[None]:
    """Write down what became of an attempt, whatever that is; the error goes on to the caller.

    A crash of ours writes nothing: the attempt stays without an answer, as it is.
    """
    with noting_failure(attempt):
        yield
    succeeded(attempt)


@contextmanager
def noting_failure(attempt: Attempt) -> Iterator[None]:
    """As `completing`, but for a success, which the caller writes down with what follows from it."""
    try:
        yield
    except MarketplaceError as error:
        attempt.outcome = OUTCOMES.get(type(error), Attempt.Outcome.UNKNOWN)
        attempt.code, attempt.message, attempt.request_id = error.code, error.message, error.request_id
        attempt.finished_at = timezone.now()
        attempt.save()
        raise


def succeeded(attempt: Attempt) -> None:
    attempt.outcome, attempt.finished_at = Attempt.Outcome.OK, timezone.now()
    attempt.save()


def move(decision: Decision, **changes: Any) -> None:
    """Change the row, and the object, if this worker still holds it; raises ClaimLost otherwise. Plain values only."""
    moved = Decision.objects.filter(pk=decision.pk, claim=decision.claim, state__in=Decision.MOVING).update(**changes)
    if not moved:
        raise ClaimLost
    for name, value in changes.items():
        setattr(decision, name, value)


def accept(decision: Decision, attempt: Attempt, receipt: Receipt) -> Attempt:
    """The marketplace took it; returns the look at what it shows, which begins in the same transaction.

    Raises ClaimLost; that the marketplace took it is written down all the same.
    """
    result = {"status": receipt.status, "cancellation_id": receipt.cancellation_id, "package_id": receipt.package_id}
    attempt.request_id = receipt.request_id
    try:
        with transaction.atomic():
            succeeded(attempt)
            look = begin(
                decision, Attempt.Purpose.READ_BACK,
                state=State.ACCEPTED, accepted_at=attempt.finished_at, is_outcome_unknown=False, failures=0,
                code=receipt.code, message=receipt.message, request_id=receipt.request_id, note=receipt.warning,
                result={name: value for name, value in result.items() if value},
            )  # fmt: skip
            tell(decision, "decision.accepted")
    except ClaimLost:
        succeeded(attempt)
        raise
    return look


def finish(decision: Decision, state: State, error: MarketplaceError | None = None, *, note: str = "") -> None:
    said = {"code": error.code, "message": error.message, "request_id": error.request_id} if error else {}
    with transaction.atomic():
        move(
            decision, state=state, settled_at=timezone.now(), is_outcome_unknown=False,
            **said, **({"note": note} if note else {}),
        )  # fmt: skip
        tell(decision, f"decision.{state}")
        if decision.cancellation and decision.cancellation.is_recorded:
            settle_recorded(decision)


def settle_recorded(decision: Decision) -> None:
    """Nobody but us can say what became of a request that the marketplace does not show."""
    cancellation = decision.cancellation
    assert cancellation
    if decision.state != State.CONFIRMED:
        following.settle_if_shown(cancellation)
    elif decision.verdict == Verdict.REJECT:
        following.settle(cancellation, CancellationRequest.State.CLOSED)
    else:
        following.settle(cancellation, CancellationRequest.State.APPROVED)


def stall(decision: Decision, why: Stalled, error: MarketplaceError | None = None, **changes: Any) -> None:
    """Stop until a person has looked."""
    said = {"code": error.code, "message": error.message, "request_id": error.request_id} if error else {}
    with transaction.atomic():
        move(decision, state=State.STALLED, stalled_because=why, **said, **changes)
        tell(decision, "decision.stalled")


def may_have_happened(decision: Decision) -> bool:
    """Whether an earlier try may have had its effect: the answer was lost, or the worker that held it died."""
    may = (Attempt.Outcome.UNKNOWN, Attempt.Outcome.UNFINISHED, Attempt.Outcome.OK)
    return any(one.purpose == Attempt.Purpose.SEND and one.outcome in may for one in decision.attempts.all())


def refusals_to_show(decision: Decision) -> int:
    """How often the marketplace has refused to show what became of the last try."""
    refused = (Attempt.Outcome.REFUSED, Attempt.Outcome.UNSUPPORTED)
    sends = decision.attempts.filter(purpose=Attempt.Purpose.SEND)
    last = sends.aggregate(last=Max("number"))["last"] or 0
    looks = decision.attempts.filter(purpose__in=(Attempt.Purpose.ASK, Attempt.Purpose.READ_BACK), outcome__in=refused)
    return looks.filter(number__gt=last).count()


def wait_and_ask(decision: Decision, error: OutcomeUnknown) -> None:
    wait = max(ASK_AFTER, timedelta(seconds=backoff(decision)))
    move(
        decision, due_at=timezone.now() + wait, failures=decision.failures + 1,
        code=error.code, message=error.message, request_id=error.request_id,
    )  # fmt: skip


def ask_later(decision: Decision, error: MarketplaceError) -> None:
    """Asking failed, so nothing is known that was not known before."""
    if isinstance(error, CredentialsRejected):
        stall(decision, Stalled.RECONNECT, error)
    else:
        move(decision, due_at=after(backoff(decision, error)), failures=decision.failures + 1)


def try_later(decision: Decision, error: TemporaryFailure) -> None:
    """This try did nothing over there, so the decision waits its turn again and can still be taken back.

    Not so after an earlier try whose answer was lost: that one may yet have its effect, so it is asked about again.
    """
    lost = may_have_happened(decision)
    move(
        decision, state=State.SENDING if lost else State.RECORDED, is_outcome_unknown=lost,
        due_at=after(backoff(decision, error)),
        failures=decision.failures + 1, code=error.code, message=error.message, request_id=error.request_id,
    )  # fmt: skip


def backoff(decision: Decision, error: MarketplaceError | None = None) -> float:
    """Seconds until the next try: what the marketplace asked for, else doubling from one second, with jitter."""
    asked_for = getattr(error, "retry_after", None)
    own = min(LONGEST_WAIT, 2.0 ** min(decision.failures, 6))
    wait = own if asked_for is None else min(asked_for, LONGEST_WAIT_ASKED_FOR)
    return float(wait) + (random.uniform(0, 0.5) if wait else 0)  # noqa: S311


def after(seconds: float) -> datetime:
    return timezone.now() + timedelta(seconds=seconds)


def tell(decision: Decision, name: str) -> None:
    happening.note([event_of(decision, name)], [decision])


def event_of(decision: Decision, name: str) -> Event:
    return Event(
        shop_id=decision.shop_id, order_id=decision.order_id, cancellation_id=decision.cancellation_id,
        decision=decision, name=name,
        detail={
            "verdict": decision.verdict, "code": decision.code, "request_id": decision.request_id,
            "message": decision.message, "note": kept(decision.note),
        },
    )  # fmt: skip


def resume_reconnected() -> int:
    """Put decisions that stalled for want of a connection back on their way once it is there; returns how many."""
    waiting = Decision.objects.filter(
        state=State.STALLED,
        stalled_because=Stalled.RECONNECT,
        shop__connection__state=Connection.State.CONNECTED,
    )
    with transaction.atomic():
        # One that somebody sets aside just now is theirs.
        rows = list(waiting.select_for_update(of=("self",), skip_locked=True))
        resumed = Decision.objects.filter(pk__in=[row.pk for row in rows]).update(
            state=Case(When(accepted_at__isnull=False, then=Value(State.ACCEPTED)), default=Value(State.SENDING)),
            stalled_because="",
            due_at=timezone.now(),
            failures=0,
        )
        happening.note([event_of(row, "decision.resumed") for row in rows])
    return resumed
