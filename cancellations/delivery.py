"""Decisions go out. The only place that changes anything at a marketplace.

Claim, then write down what is about to be sent, then send it, then write down what came back; in between, no
transaction is open. From the moment a change is about to be sent until its answer is written, the row says that the
outcome is unknown, so whoever finds it after a crash asks the marketplace before sending anything again.
"""

from datetime import timedelta
from typing import TypeAlias

import structlog
from django.utils import timezone

from cancellations import calls, journal, outcome, sync
from cancellations.models import Attempt, CancellationRequest, Decision, Evidence, Verdict
from cancellations.models.words import Words
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
from marketplaces.records import UploadedImage
from orders import sync as orders_sync
from shops import pulling, tokens

logger = structlog.get_logger(__name__)

# How long an accepted decision may go unconfirmed before people are told that the marketplace shows something else.
READ_BACK_FOR = timedelta(minutes=10)
# So many failures in a row make a person look at an error of ours; a database that restarts is back before that.
PATIENCE_WITH_OURSELVES = 5
# So many refusals to show what became of a decision make a person look: a no is an answer and mostly stays one, but the
# first may only mean that the marketplace is slow to know what it has just been sent. Without waits asked for, that is
# about a minute; who asks again is told of the next no at once.
PATIENCE_WITH_A_NO = 6

State: TypeAlias = Decision.State
Stalled: TypeAlias = Decision.Stalled


class ImageGone(Exception):
    """A file that goes with the decision cannot be found; says so in words for staff."""


def deliver(decision_id: int) -> None:
    """Do what this decision needs next: send it, ask what became of it, or read it back. Does nothing unless due."""
    decision = journal.claim(decision_id)
    if decision is None:
        return
    with structlog.contextvars.bound_contextvars(decision=decision.pk, verdict=decision.verdict):
        try:
            take_next_step(decision)
        except journal.ClaimLost:
            logger.warning("delivery.claim_lost")
        except Exception as error:
            break_off(decision, note=error.args[0] if isinstance(error, ImageGone) else "")
            raise


def break_off(decision: Decision, note: str) -> None:
    """After an error of ours: again soon, asking first where something was sent; in the end a person has to look."""
    try:
        if decision.failures < PATIENCE_WITH_OURSELVES:
            journal.move(decision, due_at=journal.after(journal.backoff(decision)), failures=decision.failures + 1)
        else:
            journal.stall(decision, Stalled.BROKEN, note=note)
    except journal.ClaimLost:
        logger.warning("delivery.claim_lost")


def take_next_step(decision: Decision) -> None:
    if decision.state == State.ACCEPTED:
        read_back(decision, journal.begin(decision, Attempt.Purpose.READ_BACK))
    elif decision.is_outcome_unknown:
        ask(decision)
    elif settled := settled_meanwhile(decision):
        journal.finish(decision, State.REFUSED, note=settled)
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
        attempt = journal.begin(decision, Attempt.Purpose.SEND)
        with journal.noting_failure(attempt):
            receipt = calls.make_the_call(decision, adapter, images)
    except OutcomeUnknown as error:
        journal.wait_and_ask(decision, error)
    except TemporaryFailure as error:
        journal.try_later(decision, error)
    except CredentialsRejected as error:
        if with_new_token:
            wait_for_reconnection(decision, used_token, error)
        else:
            renew_and_send(decision, used_token, error)
    except Refused as error:
        look_after_refusal(decision, error)
    except Unsupported as error:
        logger.error("delivery.unsupported", error=str(error))
        journal.stall(decision, Stalled.UNSUPPORTED, error, is_outcome_unknown=journal.may_have_happened(decision))
    else:
        read_back(decision, journal.accept(decision, attempt, receipt))


def renew_and_send(decision: Decision, used_token: str, error: CredentialsRejected) -> None:
    """A token that died is renewed and the call repeated, which is safe since it was a definite no."""
    connection = decision.shop.connection
    try:
        renewed = error.expired and tokens.renew(connection, used_token)
    except MarketplaceError as failure:
        journal.try_later(decision, TemporaryFailure(failure.message, code=failure.code, request_id=failure.request_id))
        return
    if renewed:
        connection.refresh_from_db()
        send(decision, with_new_token=True)
    else:
        wait_for_reconnection(decision, used_token, error)


def wait_for_reconnection(decision: Decision, used_token: str, error: CredentialsRejected) -> None:
    tokens.mark_for_reconnection(decision.shop.connection, error, used_token)
    journal.stall(decision, Stalled.RECONNECT, error, is_outcome_unknown=journal.may_have_happened(decision))


def upload_evidence(decision: Decision, adapter: Adapter) -> list[UploadedImage]:
    """The images as the marketplace knows them. Uploading one twice changes nothing, so a lost answer means: again."""
    if decision.verdict != Verdict.REJECT:  # the only one that takes any
        return []
    images = []
    for evidence in decision.evidence.all():
        if not evidence.marketplace_image_id:
            content = content_of(evidence)
            attempt = journal.begin(decision, Attempt.Purpose.UPLOAD)
            try:
                with journal.completing(attempt):
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
        shows = look(decision, journal.begin(decision, Attempt.Purpose.ASK))
    except MarketplaceError as error:
        look_later(decision, error)
        return
    if shows == Shows.DONE:
        journal.finish(decision, State.CONFIRMED, note=outcome.found_done(decision))
    elif shows == Shows.NOT_DONE and decision.restored_from:
        journal.stall(decision, Stalled.RESTORED, note=outcome.restored_and_not_done())
    elif shows == Shows.NOT_DONE:
        # Not done, so the way is free to send it, with the same key. Should the first call arrive late after all, the
        # flag, which stays, has it found.
        send(decision)
    elif shows == Shows.SOMETHING_ELSE:
        journal.finish(decision, State.REFUSED, note=outcome.settled_otherwise(decision, shows))
    else:  # also where this marketplace is silent: a second call might answer another request than the first
        journal.stall(decision, Stalled.OUTCOME_UNKNOWN, note=outcome.cannot_tell(decision, shows))


def read_back(decision: Decision, attempt: Attempt) -> None:
    """The call was accepted: does the marketplace show it?"""
    try:
        shows = look(decision, attempt)
    except MarketplaceError as error:
        look_later(decision, error)
        return
    if shows == Shows.DONE:
        journal.finish(decision, State.CONFIRMED)
        if not is_shown_by_the_order(decision):
            pulling.ask_for_pull(decision.shop)  # which brings what became of the order
    elif shows == Shows.SILENT:
        journal.finish(decision, State.CONFIRMED, note=outcome.taken_at_its_word(decision))
    elif shows == Shows.SOMETHING_ELSE or waited_long_enough(decision):
        journal.stall(decision, Stalled.DISAGREEMENT, note=outcome.disagreement(decision, shows))
    else:
        journal.move(decision, due_at=journal.after(journal.backoff(decision)), failures=decision.failures + 1)


def look(decision: Decision, attempt: Attempt) -> Shows:
    """Read what the decision is about again, store it, and say what it shows. Raises marketplaces.errors."""
    came: list[bool] = []
    with journal.completing(attempt):
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


def look_later(decision: Decision, error: MarketplaceError) -> None:
    """Nothing was shown, so nothing is known that was not known before; where that stays so, a person has to look."""
    is_over = journal.refusals_to_show(decision) >= PATIENCE_WITH_A_NO
    if not isinstance(error, Refused | Unsupported) or not is_over:
        journal.ask_later(decision, error)
    elif not decision.accepted_at:
        journal.stall(decision, Stalled.OUTCOME_UNKNOWN, error, note=outcome.refuses_to_show(decision))
    elif waited_long_enough(decision):
        journal.stall(decision, Stalled.DISAGREEMENT, error, note=outcome.refuses_to_show(decision))
    else:
        journal.ask_later(decision, error)


def look_after_refusal(decision: Decision, error: Refused) -> None:
    """A no is read back too: the request may have been settled underneath, perhaps by an earlier try of ours."""
    try:
        shows = look(decision, journal.begin(decision, Attempt.Purpose.READ_BACK))
    except MarketplaceError:
        shows = Shows.CANNOT_TELL
    tried_before = journal.may_have_happened(decision)
    is_unclear = shows in (Shows.CANNOT_TELL, Shows.GONE)
    # "Already done" about something that does not show yet may well be our own earlier try.
    contradicted = error.already_processed and shows == Shows.NOT_DONE
    if shows == Shows.DONE and tried_before:
        journal.finish(decision, State.CONFIRMED, error, note=outcome.found_done(decision))
    elif tried_before and (is_unclear or shows == Shows.SILENT or contradicted):
        journal.stall(decision, Stalled.OUTCOME_UNKNOWN, error, note=outcome.cannot_tell(decision, shows))
    elif is_unclear and error.already_processed and decision.cancellation:
        journal.stall(decision, Stalled.OUTCOME_UNKNOWN, error, note=outcome.refused_and_cannot_tell(decision, shows))
    else:
        journal.finish(decision, State.REFUSED, error, note=outcome.after_refusal(decision, shows, error))


def waited_long_enough(decision: Decision) -> bool:
    return bool(decision.accepted_at and timezone.now() - decision.accepted_at > READ_BACK_FOR)
