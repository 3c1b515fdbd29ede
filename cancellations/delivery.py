"""Decisions go out. The only place that changes anything at a marketplace.

Claim, then write down what is about to be sent, then send it, then write down what came back; in between, no
transaction is open. From the moment a change is about to be sent until its answer is written, the row says that the
outcome is unknown, so whoever finds it after a crash asks the marketplace before sending anything again.
"""

import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Max, Value, When
from django.utils import timezone

from cancellations import calls, following, happening, outcome, sync
from cancellations.models import Attempt, CancellationRequest, Decision, Event, Evidence, Verdict
from cancellations.models.words import Words, kept
from cancellations.outcome import Shows
from marketplaces.base import Adapter
from marketplaces.errors import (
    CredentialsRejected,
    MarketplaceError,
    OutcomeUnknown,
    Refused,
    TemporaryFailure,
    Unsupported,
)
from marketplaces.records import Receipt, UploadedImage
from orders import sync as orders_sync
from shops import pulling, tokens
from shops.models import Connection

logger = structlog.get_logger(__name__)

# After a lost answer the call may still be under way over there; asking at once would only see what was before.
ASK_AFTER = timedelta(seconds=5)
# How long an accepted decision may go unconfirmed before people are told that the marketplace shows something else.
READ_BACK_FOR = timedelta(minutes=10)
LONGEST_WAIT = 60.0  # seconds between two tries
# However long the marketplace asks us to wait, the request's deadline comes nearer.
LONGEST_WAIT_ASKED_FOR = 900.0
# So many failures in a row make a person look at an error of ours; a database that restarts is back before that.
PATIENCE_WITH_OURSELVES = 5

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


class ImageGone(Exception):
    """A file that goes with the decision cannot be found; says so in words for staff."""


def deliver(decision_id: int) -> None:
    """Do what this decision needs next: send it, ask what became of it, or read it back. Does nothing unless due."""
    decision = claim(decision_id)
    if decision is None:
        return
    with structlog.contextvars.bound_contextvars(decision=decision.pk, verdict=decision.verdict):
        try:
            take_next_step(decision)
        except ClaimLost:
            logger.warning("delivery.claim_lost")
        except Exception as error:
            break_off(decision, note=error.args[0] if isinstance(error, ImageGone) else "")
            raise


def break_off(decision: Decision, note: str) -> None:
    """After an error of ours: again soon, asking first where something was sent; in the end a person has to look."""
    try:
        if decision.failures < PATIENCE_WITH_OURSELVES:
            move(decision, due_at=after(backoff(decision)), failures=F("failures") + 1)
        else:
            stall(decision, Stalled.BROKEN, note=note)
    except ClaimLost:
        logger.warning("delivery.claim_lost")


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
    decision = Decision.objects.select_related(
        "shop__connection", "cancellation__line_item", "cancellation__order", "order"
    ).get(pk=decision_id)
    return decision if decision.claim == mine else None


def take_next_step(decision: Decision) -> None:
    if decision.state == State.ACCEPTED:
        read_back(decision)
    elif decision.is_outcome_unknown:
        ask(decision)
    elif settled := settled_meanwhile(decision):
        finish(decision, State.REFUSED, note=settled)
    else:
        send(decision)


def settled_meanwhile(decision: Decision) -> str:
    """Why there is nothing left to send, when the request was settled while the decision waited."""
    cancellation = decision.cancellation
    if cancellation is None or cancellation.needs_answer or cancellation.state == cancellation.State.UNKNOWN:
        return ""
    return Words(
        "Not sent: the request was settled meanwhile (%(state)s).",
        state=CancellationRequest.State(cancellation.state).label,
    )


# --- sending --------------------------------------------------------------------------------------------------------


def send(decision: Decision, *, with_new_token: bool = False) -> None:
    used_token = decision.shop.connection.access_token
    try:
        adapter = tokens.adapter_for(decision.shop)
        images = upload_evidence(decision, adapter)
        attempt = begin(decision, Attempt.Purpose.SEND)
        with completing(attempt):
            receipt = calls.make_the_call(decision, adapter, images)
            attempt.request_id = receipt.request_id
    except OutcomeUnknown as error:
        wait_and_ask(decision, error)
    except TemporaryFailure as error:
        try_later(decision, error)
    except CredentialsRejected as error:
        if with_new_token:
            wait_for_reconnection(decision, used_token, error)
        else:
            renew_and_send(decision, used_token, error)
    except Refused as error:
        look_after_refusal(decision, error)
    except Unsupported as error:
        logger.error("delivery.unsupported", error=str(error))
        stall(decision, Stalled.UNSUPPORTED, error, is_outcome_unknown=may_have_happened(decision))
    else:
        accept(decision, receipt)


def upload_evidence(decision: Decision, adapter: Adapter) -> list[UploadedImage]:
    """The images as the marketplace knows them. Uploading one twice changes nothing, so a lost answer means: again."""
    images = []
    for evidence in decision.evidence.all():
        if not evidence.marketplace_image_id:
            content = content_of(evidence)
            attempt = begin(decision, Attempt.Purpose.UPLOAD)
            try:
                with completing(attempt):
                    uploaded = adapter.upload_image(content, evidence.original_name, evidence.mime_type)
            except OutcomeUnknown as error:
                raise TemporaryFailure(error.message, code=error.code, request_id=error.request_id) from None
            evidence.marketplace_image_id = uploaded.image_id
            evidence.save(update_fields=["marketplace_image_id"])
        images.append(UploadedImage(evidence.marketplace_image_id, evidence.mime_type, evidence.width, evidence.height))
    return images


def content_of(evidence: Evidence) -> bytes:
    try:
        with evidence.image.open("rb") as file:
            return bytes(file.read())
    except FileNotFoundError as problem:
        words = Words(
            "The image %(name)s is no longer in the server's storage, so nothing was sent. Set this aside and reject "
            "again with the image, or have whoever keeps the server bring the file back.",
            name=evidence.original_name,
        )
        raise ImageGone(words) from problem


# --- asking and reading back ----------------------------------------------------------------------------------------


def ask(decision: Decision) -> None:
    """An answer was lost: see what the marketplace shows before anything is sent again."""
    try:
        shows = look(decision, Attempt.Purpose.ASK)
    except MarketplaceError as error:
        ask_later(decision, error)
        return
    if shows == Shows.DONE:
        finish(decision, State.CONFIRMED, note=outcome.found_done(decision))
    elif shows == Shows.NOT_DONE:
        # Not done, so the way is free to send it, with the same key. Should the first call arrive late after all, the
        # flag, which stays, has it found.
        send(decision)
    elif shows == Shows.SOMETHING_ELSE:
        finish(decision, State.REFUSED, note=outcome.settled_otherwise(decision, shows))
    else:  # also where this marketplace is silent: a second call might answer another request than the first
        stall(decision, Stalled.OUTCOME_UNKNOWN, note=outcome.cannot_tell(decision, shows))


def read_back(decision: Decision) -> None:
    """The call was accepted: does the marketplace show it?"""
    try:
        shows = look(decision, Attempt.Purpose.READ_BACK)
    except MarketplaceError as error:
        ask_later(decision, error)
        return
    if shows == Shows.DONE:
        finish(decision, State.CONFIRMED)
        if not is_shown_by_the_order(decision):
            pulling.ask_for_pull(decision.shop)  # which brings what became of the order
    elif shows == Shows.SILENT:
        finish(decision, State.CONFIRMED, note=outcome.taken_at_its_word(decision))
    elif shows == Shows.SOMETHING_ELSE or waited_long_enough(decision):
        stall(decision, Stalled.DISAGREEMENT, note=outcome.disagreement(decision, shows))
    else:
        move(decision, due_at=after(backoff(decision)), failures=F("failures") + 1)


def look(decision: Decision, purpose: Attempt.Purpose) -> Shows:
    """Read what the decision is about again, store it, and say what it shows. Raises marketplaces.errors."""
    attempt = begin(decision, purpose)
    came: list[bool] = []
    with completing(attempt):
        if decision.order and is_shown_by_the_order(decision):
            order_id = decision.order.marketplace_id
            records = orders_sync.read_again(decision.shop, [order_id])
            came.append(any(record.marketplace_id == order_id for record in records))
            decision.order.refresh_from_db()
        if decision.cancellation and not decision.cancellation.is_recorded:
            cancel_id = decision.cancellation.marketplace_id
            told = sync.read_again(decision.shop, [cancel_id])
            came.append(any(record.marketplace_id == cancel_id for record in told))
            decision.cancellation.refresh_from_db()
    # Where nothing came, our rows are as they were before the call and prove nothing.
    return outcome.shown(decision) if all(came) else Shows.GONE


def is_shown_by_the_order(decision: Decision) -> bool:
    if decision.cancellation and decision.cancellation.is_recorded:
        return True
    return decision.verdict in (Verdict.SHIP_TO_REJECT, Verdict.CANCEL_ITEMS)


def look_after_refusal(decision: Decision, error: Refused) -> None:
    """A no is read back too: the request may have been settled underneath, perhaps by an earlier try of ours."""
    try:
        shows = look(decision, Attempt.Purpose.READ_BACK)
    except MarketplaceError:
        shows = Shows.CANNOT_TELL
    tried_before = may_have_happened(decision)
    is_unclear = shows in (Shows.CANNOT_TELL, Shows.GONE)
    # "Already done" about something that does not show yet may well be our own earlier try.
    contradicted = error.already_processed and shows == Shows.NOT_DONE
    if shows == Shows.DONE and tried_before:
        finish(decision, State.CONFIRMED, error, note=outcome.found_done(decision))
    elif tried_before and (is_unclear or shows == Shows.SILENT or contradicted):
        stall(decision, Stalled.OUTCOME_UNKNOWN, error, note=outcome.cannot_tell(decision, shows))
    elif is_unclear and error.already_processed and decision.cancellation:
        stall(decision, Stalled.OUTCOME_UNKNOWN, error, note=outcome.refused_and_cannot_tell(decision, shows))
    else:
        finish(decision, State.REFUSED, error, note=outcome.after_refusal(decision, shows, error))


def may_have_happened(decision: Decision) -> bool:
    """Whether an earlier try may have had its effect: the answer was lost, or the worker that held it died."""
    may = (Attempt.Outcome.UNKNOWN, Attempt.Outcome.UNFINISHED, Attempt.Outcome.OK)
    return decision.attempts.filter(purpose=Attempt.Purpose.SEND, outcome__in=may).exists()


# --- writing down ---------------------------------------------------------------------------------------------------


def begin(decision: Decision, purpose: Attempt.Purpose) -> Attempt:
    """Write down that a call is about to be made; raises ClaimLost when the decision is no longer ours."""
    now = timezone.now()
    with transaction.atomic():
        # Each call gets a whole lease: uploads may have used up the one that the claim began with.
        lease = now + timedelta(seconds=settings.CLAIM_SECONDS)
        if purpose == Attempt.Purpose.SEND:
            move(decision, due_at=lease, is_outcome_unknown=True, sent_at=decision.sent_at or now)
        else:
            move(decision, due_at=lease)
        last = decision.attempts.aggregate(last=Max("number"))["last"] or 0
        return Attempt.objects.create(decision=decision, number=last + 1, purpose=purpose, started_at=now)


@contextmanager
def completing(attempt: Attempt) -> Iterator[None]:
    """Write down what became of an attempt, whatever that is; the error goes on to the caller.

    A crash of ours writes nothing: the attempt stays without an answer, as it is.
    """
    try:
        yield
    except MarketplaceError as error:
        attempt.outcome = OUTCOMES.get(type(error), Attempt.Outcome.UNKNOWN)
        attempt.code, attempt.message, attempt.request_id = error.code, error.message, error.request_id
        attempt.finished_at = timezone.now()
        attempt.save()
        raise
    attempt.outcome, attempt.finished_at = Attempt.Outcome.OK, timezone.now()
    attempt.save()


def move(decision: Decision, **changes: Any) -> None:
    """Change the row if this worker still holds it; raises ClaimLost otherwise."""
    moved = Decision.objects.filter(pk=decision.pk, claim=decision.claim, state__in=Decision.MOVING).update(**changes)
    if not moved:
        raise ClaimLost
    decision.refresh_from_db(fields=list(changes))


def accept(decision: Decision, receipt: Receipt) -> None:
    """The marketplace took it; what it shows is read back at once."""
    now = timezone.now()
    result = {"status": receipt.status, "cancellation_id": receipt.cancellation_id, "package_id": receipt.package_id}
    with transaction.atomic():
        move(
            decision, state=State.ACCEPTED, accepted_at=now, is_outcome_unknown=False, failures=0,
            code=receipt.code, message=receipt.message, request_id=receipt.request_id, note=receipt.warning,
            result={name: value for name, value in result.items() if value},
        )  # fmt: skip
        tell(decision, "decision.accepted")
    read_back(decision)


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


def wait_and_ask(decision: Decision, error: OutcomeUnknown) -> None:
    wait = max(ASK_AFTER, timedelta(seconds=backoff(decision)))
    move(
        decision, due_at=timezone.now() + wait, failures=F("failures") + 1,
        code=error.code, message=error.message, request_id=error.request_id,
    )  # fmt: skip


def ask_later(decision: Decision, error: MarketplaceError) -> None:
    """Asking failed, so nothing is known that was not known before."""
    if isinstance(error, CredentialsRejected):
        stall(decision, Stalled.RECONNECT, error)
    else:
        move(decision, due_at=after(backoff(decision, error)), failures=F("failures") + 1)


def try_later(decision: Decision, error: TemporaryFailure) -> None:
    """This try did nothing over there, so the decision waits its turn again and can still be taken back.

    Not so after an earlier try whose answer was lost: that one may yet have its effect, so it is asked about again.
    """
    lost = may_have_happened(decision)
    move(
        decision, state=State.SENDING if lost else State.RECORDED, is_outcome_unknown=lost,
        due_at=after(backoff(decision, error)),
        failures=F("failures") + 1, code=error.code, message=error.message, request_id=error.request_id,
    )  # fmt: skip


def renew_and_send(decision: Decision, used_token: str, error: CredentialsRejected) -> None:
    """A token that died is renewed and the call repeated, which is safe since it was a definite no."""
    connection = decision.shop.connection
    try:
        renewed = error.expired and tokens.renew(connection, used_token)
    except MarketplaceError as failure:
        try_later(decision, TemporaryFailure(failure.message, code=failure.code, request_id=failure.request_id))
        return
    if renewed:
        connection.refresh_from_db()
        send(decision, with_new_token=True)
    else:
        wait_for_reconnection(decision, used_token, error)


def wait_for_reconnection(decision: Decision, used_token: str, error: CredentialsRejected) -> None:
    tokens.mark_for_reconnection(decision.shop.connection, error, used_token)
    stall(decision, Stalled.RECONNECT, error, is_outcome_unknown=may_have_happened(decision))


def backoff(decision: Decision, error: MarketplaceError | None = None) -> float:
    """Seconds until the next try: what the marketplace asked for, else doubling from one second, with jitter."""
    asked_for = getattr(error, "retry_after", None)
    own = min(LONGEST_WAIT, 2.0 ** min(decision.failures, 6))
    wait = own if asked_for is None else min(asked_for, LONGEST_WAIT_ASKED_FOR)
    return float(wait) + (random.uniform(0, 0.5) if wait else 0)  # noqa: S311


def after(seconds: float) -> datetime:
    return timezone.now() + timedelta(seconds=seconds)


def waited_long_enough(decision: Decision) -> bool:
    return bool(decision.accepted_at and timezone.now() - decision.accepted_at > READ_BACK_FOR)


def tell(decision: Decision, name: str) -> None:
    happening.note([event_of(decision, name)])


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
