"""A worker takes an attempt to connect from the seller's consent to shops that a person can choose from.

Each step is written down before the next one. A code works once, so that it is sent is noted first: whoever finds that
note and no tokens cannot know how it ended, and says so.
"""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from celery import shared_task
from django.db import transaction
from django.utils import timezone

from audit.log import write
from marketplaces.errors import CredentialsRejected, MarketplaceError, OutcomeUnknown, Rejects, TemporaryFailure
from marketplaces.registry import marketplace
from shops import nudging
from shops.connecting.entitled import may_finish, others_shops, shops_renewed_for_others, whom_to_ask
from shops.connecting.sellers import LONGEST_ID, Account, authorize, store_shop, told_of
from shops.connecting.telling import write_for_each
from shops.models import ConnectAttempt, Connection, Shop
from shops.models.connecting import ConnectAttemptQuerySet
from shops.outgoing import announce_shops

logger = structlog.get_logger(__name__)

# Longer than the calls of one step take; then another worker goes on.
LEASE = timedelta(minutes=2)
TEST_WINDOW = timedelta(minutes=1)
# How long each state may last before its secrets are let go of.
LASTS = {
    ConnectAttempt.State.CONSENT: timedelta(minutes=30),
    ConnectAttempt.State.HELD: timedelta(minutes=30),
    ConnectAttempt.State.CHOOSING: timedelta(days=1),
}
# From the start on; an attempt that no worker is at then has met a mistake of ours again and again, or no worker.
LONGEST_WORK = timedelta(hours=1)

State = ConnectAttempt.State
Failure = ConnectAttempt.Failure
REJECTED = {
    Rejects.KEY: Failure.KEY,
    Rejects.CODE: Failure.CODE,
    Rejects.REGION: Failure.REGION,
    Rejects.SCOPE: Failure.SCOPE,
}


def nudge(attempt: ConnectAttempt) -> None:
    """Send for a worker once this is committed. A broker that is down costs the seconds until the next sweep."""
    transaction.on_commit(lambda: send_for_worker(attempt.pk))


def send_for_worker(attempt_id: UUID) -> None:
    nudging.send(work_on_connection, str(attempt_id))


@shared_task
def work_on_connection(attempt_id: str) -> None:
    work(attempt_id)


@shared_task
def sweep_connecting() -> None:
    """Go on with what nobody heard of or what a worker was lost with, and end what took too long."""
    now = timezone.now()
    end_what_took_too_long(now)
    for pk in ConnectAttempt.objects.due(now).values_list("pk", flat=True):
        work_on_connection.delay(str(pk))


class Stop(Exception):
    """There will be no connection, and this is why."""

    def __init__(self, failure: ConnectAttempt.Failure, **detail: object) -> None:
        super().__init__(failure)
        self.failure, self.detail = failure, detail


class ClaimLost(Exception):
    """Another worker goes on with it."""


def work(attempt_id: str) -> None:
    """Go as far as a worker can: tokens, shops, a test call; a renewal is stored, else a person chooses."""
    attempt = claim(attempt_id)
    if attempt is None:
        return
    try:
        check_person(attempt)
        fetch_tokens(attempt)
        check_scopes(attempt)
        fetch_shops(attempt)
        check(attempt)
        test(attempt)
        if attempt.is_renewal:
            renew(attempt)
        else:
            note(attempt, state=State.CHOOSING, claimed_until=None)
    except ClaimLost:
        return
    except Stop as stop:
        end(attempt, stop.failure, **stop.detail)
    except MarketplaceError as error:
        meet(attempt, error)


def claim(attempt_id: str) -> ConnectAttempt | None:
    now = timezone.now()
    until = now + LEASE
    if not ConnectAttempt.objects.due(now).filter(pk=attempt_id).update(claimed_until=until):
        return None
    return ConnectAttempt.objects.select_related("app", "connection", "user").get(pk=attempt_id)


def held(attempt: ConnectAttempt) -> ConnectAttemptQuerySet:
    """The row, while this worker's claim on it holds."""
    return ConnectAttempt.objects.filter(pk=attempt.pk, state=State.WORKING, claimed_until=attempt.claimed_until)


def note(attempt: ConnectAttempt, **columns: object) -> None:
    if not held(attempt).update(**columns):
        raise ClaimLost
    for name, value in columns.items():
        setattr(attempt, name, value)


def account_of(attempt: ConnectAttempt) -> Account:
    app = attempt.app
    api_url, auth_url = (app.api_url, app.auth_url) if app else ("", "")
    if marketplace(attempt.marketplace).signs_in_with_password:
        key, secret = attempt.user_name, attempt.password or ""
    elif app:
        key, secret = app.app_key, app.app_secret
    else:
        raise Stop(Failure.KEY)
    return Account(attempt.marketplace, key, secret, api_url, auth_url, attempt.options, app)


def fetch_tokens(attempt: ConnectAttempt) -> None:
    if attempt.authorization:
        return
    adapter = account_of(attempt).adapter()
    if not attempt.code:  # signing in again does no harm
        tokens = adapter.refresh_tokens("")
    elif attempt.exchanging_at:
        raise Stop(Failure.UNKNOWN)
    else:
        note(attempt, exchanging_at=timezone.now())
        tokens = adapter.tokens_from_code(attempt.code)
    packed = ConnectAttempt.packed(tokens, tokens.shops)
    note(attempt, authorization=packed, code=None, tokens_at=timezone.now())


def fetch_shops(attempt: ConnectAttempt) -> None:
    if attempt.shops_at:
        return
    tokens = attempt.tokens
    shops = attempt.found or account_of(attempt).adapter(tokens.access_token).authorized_shops()
    if any(len(shop.marketplace_id) > LONGEST_ID for shop in shops):
        raise Stop(Failure.REFUSED, is_id_too_long=True)
    note(attempt, authorization=ConnectAttempt.packed(tokens, shops), shops_at=timezone.now())


def check(attempt: ConnectAttempt) -> None:
    """Raises Stop where this seller cannot be connected, or not by this person."""
    check_person(attempt)
    tokens, found = attempt.tokens, attempt.found
    if not found:
        raise Stop(Failure.NO_SHOPS, seller=tokens.seller_name)
    ids = [shop.marketplace_id for shop in found]
    if attempt.is_renewal:
        if not Shop.objects.filter(connection=attempt.connection, marketplace_id__in=ids).exists():
            raise Stop(Failure.ANOTHER_SELLER, seller=tokens.seller_name or found[0].name)
        others = shops_renewed_for_others(attempt)
    else:
        others = others_shops(attempt.user, attempt.marketplace, ids)
    if others.exists():
        raise Stop(Failure.ELSEWHERE, people=whom_to_ask(others), seller=tokens.seller_name or found[0].name)


def check_person(attempt: ConnectAttempt) -> None:
    """Raises Stop where whoever began it may not do so any more."""
    if not may_finish(attempt):
        raise Stop(Failure.ELSEWHERE, is_left_out=True)


def check_scopes(attempt: ConnectAttempt) -> None:
    """Raises Stop where rights are missing. Older answers name none at all; then only calls tell."""
    tokens = attempt.tokens
    required = marketplace(attempt.marketplace).required_scopes
    missing = [scope for scope in required if scope not in tokens.scopes]
    if tokens.scopes and missing:
        raise Stop(Failure.SCOPE, scopes=missing, seller=tokens.seller_name)


def test(attempt: ConnectAttempt) -> None:
    """One harmless call for each shop: what changed in the last minute."""
    account, token = account_of(attempt), attempt.tokens.access_token
    now = timezone.now()
    for shop in attempt.found:
        account.adapter(token, shop).orders_updated(now - TEST_WINDOW, now)
    note(attempt, tested_at=timezone.now())


def renew(attempt: ConnectAttempt) -> None:
    """Store a renewed authorization, and the new names and ciphers of the shops that we have.

    Raises Stop where that came to be somebody else's matter during the test calls.
    """
    with transaction.atomic():
        connection = Connection.objects.select_for_update().get(pk=attempt.connection_id or 0)
        check(attempt)
        before = {"state": connection.state, "ends": connection.authorization_ends_at}
        authorize(connection, account_of(attempt), attempt.tokens)
        ours = set(connection.shops.values_list("marketplace_id", flat=True))
        for record in attempt.found:
            if record.marketplace_id in ours:
                store_shop(connection, record, is_wanted=True)
        connection.shops.filter(is_active=True).update(next_pull_at=timezone.now())
        if not held(attempt).settle(state=State.DONE, failure="", settled_at=timezone.now()):
            raise ClaimLost
        if before["state"] != Connection.State.CONNECTED:
            announce_shops(connection.shops.all(), "shop.connected")
        after = told_of(connection, ours)
        told = {"about": connection, "actor": attempt.user, "before": before, "after": after}
        write_for_each(connection.shops.all(), "connection.renewed", **told)


def meet(attempt: ConnectAttempt, error: MarketplaceError) -> None:
    """What the marketplace did not do: wait for another try where nothing is spent, else end."""
    said = {"said": error.message[:500], "code": error.code, "request_id": error.request_id}
    logger.warning("connection.not_made", attempt=str(attempt.pk), code=error.code, error=error.message)
    if isinstance(error, TemporaryFailure):
        again = {"exchanging_at": None} if not attempt.authorization else {}
        held(attempt).update(state=State.HELD, failure=Failure.UNREACHABLE, detail=said, claimed_until=None, **again)
    elif isinstance(error, CredentialsRejected):
        end(attempt, REJECTED.get(error.what, Failure.REFUSED) if error.what else Failure.REFUSED, **said)
    elif isinstance(error, OutcomeUnknown):
        end(attempt, Failure.UNKNOWN, **said)
    else:
        end(attempt, Failure.REFUSED, **said)


def end(attempt: ConnectAttempt, failure: ConnectAttempt.Failure, **detail: object) -> None:
    with transaction.atomic():
        fail(held(attempt), attempt, failure, **detail)


def fail(
    rows: ConnectAttemptQuerySet, attempt: ConnectAttempt, failure: ConnectAttempt.Failure, **detail: object
) -> bool:
    """End an attempt without a connection, if it is still among these rows; its secrets end with it."""
    failed = rows.settle(state=State.FAILED, failure=failure, detail=detail, settled_at=timezone.now())
    if failed:
        write("connection.failed", about=attempt, actor=attempt.user, after={"why": failure, **detail})
    return bool(failed)


def end_what_took_too_long(now: datetime) -> None:
    """Let go of the secrets of those who never came back, never tried again or never chose, or that nobody finishes."""
    for state, lasts in LASTS.items():
        why = Failure.NOBODY_CHOSE if state == State.CHOOSING else Failure.LATE
        old = ConnectAttempt.objects.filter(state=state, started_at__lt=now - lasts).select_related("user")
        for attempt in old:
            with transaction.atomic():
                fail(ConnectAttempt.objects.filter(pk=attempt.pk, state=state), attempt, why)
    for attempt in ConnectAttempt.objects.due(now).filter(started_at__lt=now - LONGEST_WORK).select_related("user"):
        with transaction.atomic():
            fail(ConnectAttempt.objects.due(now).filter(pk=attempt.pk), attempt, Failure.UNKNOWN, is_stuck=True)
