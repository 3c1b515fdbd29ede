"""Sessions: when each was last seen, and ending them."""

import time
from datetime import timedelta
from typing import Any

from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from allauth.usersessions.models import UserSession
from celery import shared_task
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from django.utils import timezone

from audit import log

SEEN_AT = "seen_at"
# The last time seen is written down no more often than this.
NOTED_EVERY = timedelta(minutes=1).total_seconds()


class Adapter(DefaultUserSessionsAdapter):  # type: ignore[misc]
    def end_sessions(self, sessions: list[UserSession]) -> None:
        super().end_sessions(sessions)
        if sessions:
            ended = [{"address": session.ip, "with": session.user_agent} for session in sessions]
            log.write("sessions.ended", about=sessions[0].user, before={"sessions": ended})


def begin(sender: Any, request: HttpRequest | None, **more: Any) -> None:
    """Django's signal that somebody has signed in."""
    if request is not None:
        request.session[SEEN_AT] = int(time.time())


def note_activity(request: HttpRequest) -> None:
    """Ends the session of who did nothing for SESSION_IDLE_SECONDS; writes at most once a minute."""
    quiet = time.time() - request.session.get(SEEN_AT, 0)
    if SEEN_AT in request.session and 0 < settings.SESSION_IDLE_SECONDS < quiet:
        logout(request)
    elif quiet > NOTED_EVERY:
        request.session[SEEN_AT] = int(time.time())
        UserSession.objects.create_from_request(request)


@shared_task
def forget_ended() -> None:
    """Django keeps sessions that have ended, and allauth where they were from, until somebody deletes them."""
    now = timezone.now()
    Session.objects.filter(expire_date__lt=now).delete()
    going_on = Session.objects.filter(session_key=OuterRef("session_key"))
    # One that begins at this moment may not be stored yet.
    UserSession.objects.filter(~Exists(going_on), last_seen_at__lt=now - timedelta(days=1)).delete()
