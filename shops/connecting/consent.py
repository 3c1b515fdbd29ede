"""Asking a seller for consent, and recognising who comes back with it.

The `state` that goes with the seller is a random text, signed with its time. The row keeps only its hash, is bound to
the person and the browser session that asked, and is taken once.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from audit.log import write
from marketplaces.records import Consent
from marketplaces.registry import marketplace
from shops.connecting.attempts import fail, nudge
from shops.connecting.entitled import may_finish, may_renew, must_connect
from shops.connecting.registering import audience_for, consent_page
from shops.models import App, ConnectAttempt, Connection

if TYPE_CHECKING:
    from accounts.models import User

STATE_LASTS = timedelta(minutes=30)  # as long as the marketplace's code does
signer = signing.TimestampSigner(salt="shops.connecting.consent")

State = ConnectAttempt.State
Failure = ConnectAttempt.Failure


class NotOurs(Exception):
    """What came back belongs to nothing that this person asked for; the text says so, and what to do."""


def ask_consent(user: "User", session_key: str, app: App, connection: Connection | None = None) -> str:
    """Begin a way to a connection, or the renewal of one; returns the address to send the person to."""
    must_be_allowed(user, connection)
    nonce = secrets.token_urlsafe(32)
    begin(user, session_key, app.marketplace, connection, app=app, nonce_hash=hashed(nonce), state=State.CONSENT)
    return marketplace(app.marketplace).consent_url(consent_page(app), app.service_id, signer.sign(nonce))


def sign_in(
    user: "User", session_key: str, slug: str, user_name: str, password: str, options: Mapping[str, str],
    connection: Connection | None = None,
) -> ConnectAttempt:  # fmt: skip
    """Have a worker try a seller's user name and password, at once."""
    must_be_allowed(user, connection)
    app = App.objects.filter(marketplace=slug, audience="").first()
    attempt = begin(
        user, session_key, slug, connection, app=app, user_name=user_name, password=password, options=dict(options),
        state=State.WORKING,
    )  # fmt: skip
    nudge(attempt)
    return attempt


def must_be_allowed(user: "User", connection: Connection | None) -> None:
    must_connect(user)
    if connection and not may_renew(user, connection):
        raise PermissionDenied(_("Only managers of its shops may renew an authorization."))


def begin(
    user: "User", session_key: str, slug: str, connection: Connection | None, **columns: object
) -> ConnectAttempt:
    with transaction.atomic():
        attempt: ConnectAttempt = ConnectAttempt.objects.create(
            user=user, session_hash=hashed(session_key), marketplace=slug, connection=connection,
            is_renewal=connection is not None, **columns,
        )  # fmt: skip
        write("connection.asked_for", about=attempt, actor=user, after={"renews": connection and str(connection)})
    return attempt


def come_back(user: "User", session_key: str, slug: str, query: Mapping[str, str]) -> ConnectAttempt:
    """Take what a seller came back with; a worker goes on with it. Raises NotOurs, and nothing is taken then."""
    consent = marketplace(slug).read_consent(query)
    nonce, is_late = read_state(consent.state)
    attempt = ConnectAttempt.objects.filter(marketplace=slug, nonce_hash=hashed(nonce)).select_related("app").first()
    if attempt is None:
        raise NotOurs(_("This answer belongs to nothing that was asked for here. Begin again on this page."))
    is_theirs = attempt.user_id == user.pk and constant_time_compare(attempt.session_hash, hashed(session_key))
    if not is_theirs:
        raise NotOurs(
            _(
                "This was begun by somebody else, or in another browser or before signing in anew. Nothing was "
                "connected. Begin again on this page, and let the seller consent in this browser."
            )
        )
    with transaction.atomic():
        if take(attempt, consent, is_late=is_late):
            nudge(attempt)
    attempt.refresh_from_db()
    return attempt


def read_state(state: str) -> tuple[str, bool]:
    """(what was signed, whether that was too long ago)."""
    if not state:
        raise NotOurs(
            _(
                "You come from the marketplace's own pages, so nobody here knows what for. Begin on this page: "
                "the seller is asked once more, and then the shops appear here."
            )
        )
    try:
        return signer.unsign(state, max_age=STATE_LASTS), False
    except signing.SignatureExpired:
        return signer.unsign(state), True
    except signing.BadSignature:
        raise NotOurs(_("This answer was not made for anything asked here. Begin again on this page.")) from None


def take(attempt: ConnectAttempt, consent: Consent, *, is_late: bool) -> bool:
    """Note what came back, once; True where a worker has to go on with it."""
    waiting = ConnectAttempt.objects.filter(pk=attempt.pk, state=State.CONSENT)
    now = timezone.now()
    app = attempt.app
    if not may_finish(attempt):
        fail(waiting, attempt, Failure.ELSEWHERE, is_left_out=True)
    elif is_late:
        fail(waiting, attempt, Failure.LATE)
    elif not consent.code:
        fail(waiting, attempt, Failure.DENIED)
    elif app and consent.app_key and consent.app_key != app.app_key:
        fail(waiting, attempt, Failure.KEY)
    elif is_for_another_app(attempt, consent.region):
        detail = {"region": consent.region}
        waiting.update(state=State.HELD, failure=Failure.REGION, detail=detail, code=consent.code, consented_at=now)
    else:
        return bool(waiting.update(state=State.WORKING, code=consent.code, consented_at=now))
    return False


def is_for_another_app(attempt: ConnectAttempt, region: str) -> bool:
    if not attempt.app or not re.fullmatch("[A-Z]{2}", region):
        return False
    audience = audience_for(marketplace(attempt.marketplace), region)
    return audience is not None and audience.name != attempt.app.audience


def try_again(attempt: ConnectAttempt) -> bool:
    """Let a worker go on where the marketplace could not be reached, or where the seller seemed to be another app's."""
    with transaction.atomic():
        held = ConnectAttempt.objects.filter(pk=attempt.pk, state=State.HELD)
        taken = held.update(state=State.WORKING, failure="", claimed_until=None)
        if taken:
            nudge(attempt)
    return bool(taken)


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
