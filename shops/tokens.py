"""Keeping a connection's tokens alive, and speaking for a shop with them."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from marketplaces.base import Adapter
from marketplaces.errors import CredentialsRejected, MarketplaceError, TemporaryFailure
from marketplaces.records import Tokens
from marketplaces.registry import marketplace
from shops.models import Connection, Shop
from shops.outgoing import announce_shops

logger = structlog.get_logger(__name__)
RENEWAL_LEASE = timedelta(seconds=60)
Answer = TypeVar("Answer")


def adapter_for(shop: Shop) -> Adapter:
    return marketplace(shop.marketplace).adapter(shop.credentials())


def call_for(shop: Shop, call: Callable[[Adapter], Answer]) -> Answer:
    """Make one call for a shop. A token that has died is renewed once and the call repeated.

    An expired token is a definite no, so repeating is safe for changes too. Raises marketplaces.errors; credentials
    that are rejected for good mark the connection.
    """
    outside_transactions()
    if shop.connection.state == Connection.State.DISCONNECTED:
        raise CredentialsRejected("This shop is disconnected.")
    used_token = shop.connection.access_token
    try:
        return call(adapter_for(shop))
    except CredentialsRejected as rejected:
        if not (rejected.expired and renew(shop.connection, used_token)):
            mark_for_reconnection(shop.connection, rejected, used_token)
            raise
    shop.connection.refresh_from_db()
    used_token = shop.connection.access_token
    try:
        return call(adapter_for(shop))
    except CredentialsRejected as rejected:
        mark_for_reconnection(shop.connection, rejected, used_token)
        raise


def outside_transactions() -> None:
    """Raises RuntimeError inside a transaction: a slow marketplace must never hold a row lock."""
    with transaction.atomic(durable=True):
        pass


def renew(connection: Connection, used_token: str = "") -> bool:
    """Renew the tokens, one worker at a time; True when there is a token to go on with that is not `used_token`.

    A refresh token can be used once, so the renewal is claimed before the call and stored in one statement after it.
    Raises TemporaryFailure when another worker is at it or the marketplace can't be reached.
    """
    now = timezone.now()
    current = Connection.objects.get(pk=connection.pk)
    if used_token and current.access_token != used_token:
        return True
    claimed = Connection.objects.filter(
        Q(renewing_until__isnull=True) | Q(renewing_until__lt=now), pk=connection.pk
    ).update(renewing_until=now + RENEWAL_LEASE)
    if not claimed:
        raise TemporaryFailure("Another worker is renewing the access token.", retry_after=2)
    # Read after claiming: the renewal of a moment ago may have been somebody else's.
    current.refresh_from_db()
    if used_token and current.access_token != used_token:
        release(current)
        return True
    try:
        tokens = marketplace(current.marketplace).adapter(current.credentials()).refresh_tokens(current.refresh_token)
    except CredentialsRejected as rejected:
        release(current, rejected)
        if used_token:  # it has died, and this is why there is no other
            mark_for_reconnection(current, rejected, used_token)
        return False
    except MarketplaceError as error:
        release(current, error)
        raise
    with transaction.atomic():
        # Whoever disconnected it meanwhile does not want it back.
        locked = Connection.objects.select_for_update().filter(pk=current.pk)
        if not locked.exclude(state=Connection.State.DISCONNECTED).exists():
            return False
        store_tokens(current, tokens)
    logger.info("tokens.renewed", connection=current.pk)
    return True


def release(connection: Connection, why: MarketplaceError | None = None) -> None:
    """Let another worker renew; `why` it did not work is shown until it does."""
    told = {"renewal_failed_at": timezone.now(), "renewal_problem": str(why)[:500]} if why else {}
    Connection.objects.filter(pk=connection.pk).update(renewing_until=None, **told)
    if why:
        logger.warning("tokens.not_renewed", connection=connection.pk, code=why.code, error=why.message)


def store_tokens(connection: Connection, tokens: Tokens) -> None:
    connection.access_token = tokens.access_token
    connection.access_token_expires_at = tokens.access_token_expires_at
    connection.refresh_token = tokens.refresh_token
    connection.refresh_token_expires_at = tokens.refresh_token_expires_at
    connection.scopes = list(tokens.scopes) or connection.scopes
    connection.state, connection.problem, connection.renewing_until = Connection.State.CONNECTED, "", None
    connection.renewed_at, connection.renewal_failed_at, connection.renewal_problem = timezone.now(), None, ""
    # Not what an administrator may have changed since this row was read.
    changed = [
        "access_token", "access_token_expires_at", "refresh_token", "refresh_token_expires_at", "scopes", "state",
        "problem", "renewing_until", "renewed_at", "renewal_failed_at", "renewal_problem",
    ]  # fmt: skip
    connection.save(update_fields=changed if connection.pk else None)


def mark_for_reconnection(connection: Connection, why: CredentialsRejected, used_token: str) -> None:
    """Have a person authorize again, unless somebody just did: a no to `used_token` says nothing about another one."""
    with transaction.atomic():
        current = Connection.objects.select_for_update().get(pk=connection.pk)
        if current.access_token != used_token or current.state != Connection.State.CONNECTED:
            return
        current.state, current.problem = Connection.State.RECONNECT, str(why)[:500]
        current.save(update_fields=["state", "problem"])
        announce_shops(current.shops.all(), "shop.disconnected", because="rejected")
    logger.warning("connection.rejected", connection=connection.pk, code=why.code, request_id=why.request_id)


def renew_due_tokens() -> int:
    """Renew every access token that ends within a day; returns how many were renewed."""
    now = timezone.now()
    renewed = 0
    for connection in Connection.objects.filter(state=Connection.State.CONNECTED):
        if not connection.needs_renewal(now):
            continue
        with suppress(MarketplaceError):  # noted on the connection; the next round tries again
            renewed += renew(connection)
    return renewed
