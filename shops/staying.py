"""What becomes of an authorization once it is given: it nears its end, the seller takes it back, or we let it go."""

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from celery import shared_task
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.mail import send_mail
from django.db import transaction
from django.urls import reverse
from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from audit.log import write
from shops.connecting.attempts import fail
from shops.connecting.entitled import may_disconnect
from shops.connecting.telling import write_for_each
from shops.models import AuthorizationNotice, ConnectAttempt, Connection, Permission, Shop
from shops.models.connections import TAKEN_BACK
from shops.outgoing import announce_shops
from shops.roles import who_may

logger = structlog.get_logger(__name__)

# Pushes tell whole seconds, and clocks differ.
SAME_MOMENT = timedelta(seconds=2)


def deauthorized(shop: Shop, at: datetime) -> None:
    """The marketplace says that the seller took the authorization back at this moment.

    It may say so late or twice: what is older than the authorization we have says nothing about it. A pull that failed
    first has found that it ended, but not why.
    """
    with transaction.atomic():
        connection = Connection.objects.select_for_update().get(pk=shop.connection_id)
        authorized_at = connection.authorized_at or connection.created_at
        is_known = connection.problem == TAKEN_BACK or connection.state == Connection.State.DISCONNECTED
        if is_known or at < authorized_at - SAME_MOMENT:
            return
        was_connected = connection.state == Connection.State.CONNECTED
        connection.state, connection.problem = Connection.State.RECONNECT, TAKEN_BACK
        connection.save(update_fields=["state", "problem"])
        if was_connected:
            announce_shops(connection.shops.all(), "shop.disconnected", because="taken_back")
        write("connection.deauthorized", about=connection, shop_id=shop.pk, after={"at": at})
    logger.warning("connection.deauthorized", connection=connection.pk)


def authorization_ends(shop: Shop, ends_at: datetime, told_at: datetime | None = None) -> None:
    """The marketplace announces when the authorization ends, which may be sooner than it said with the tokens.

    Told (`told_at`) before the authorization that we have was given, it is about an older one.
    """
    with transaction.atomic():
        connection = Connection.objects.select_for_update().get(pk=shop.connection_id)
        authorized_at = connection.authorized_at or connection.created_at
        is_about_an_older_one = ends_at <= authorized_at or (told_at and told_at < authorized_at - SAME_MOMENT)
        if is_about_an_older_one or connection.announced_end == ends_at:
            return
        before, connection.announced_end = connection.announced_end, ends_at
        connection.save(update_fields=["announced_end"])
        write(
            "connection.end_announced",
            about=connection,
            shop_id=shop.pk,
            before={"ends": before},
            after={"ends": ends_at},
        )
    logger.info("connection.end_announced", connection=connection.pk)


def disconnect(connection: Connection, user: User) -> None:
    """Let go of an authorization: its secrets are erased; its shops, their members and all their history stay.

    Raises PermissionDenied. What was decided and not sent waits, and says so, until the seller is connected again.
    """
    if not may_disconnect(user, connection):
        raise PermissionDenied(_("Only those who may connect in all shops of this seller may disconnect it."))
    with transaction.atomic():
        locked = Connection.objects.select_for_update().get(pk=connection.pk)
        before = {"state": locked.state, "ends": locked.authorization_ends_at}
        Connection.objects.filter(pk=locked.pk).update(
            state=Connection.State.DISCONNECTED, problem="", app_secret="", access_token="", refresh_token="",
            access_token_expires_at=None, refresh_token_expires_at=None, announced_end=None, renewing_until=None,
            renewal_failed_at=None, renewal_problem="", scopes=[],
        )  # fmt: skip
        locked.shops.update(cipher="")
        for attempt in ConnectAttempt.objects.filter(connection=locked, state__in=ConnectAttempt.UNSETTLED):
            fail(ConnectAttempt.objects.filter(pk=attempt.pk), attempt, ConnectAttempt.Failure.LATE)
        if locked.state == Connection.State.CONNECTED:
            announce_shops(locked.shops.all(), "shop.disconnected", because="by_hand")
        write_for_each(
            locked.shops.all(), "connection.ended", about=locked, actor=user, before=before,
            after={"state": "disconnected"},
        )  # fmt: skip
    connection.refresh_from_db()


@shared_task
def warn_of_ends() -> None:
    warn(timezone.now())


def warn(now: datetime) -> None:
    """Note each step towards the end of an authorization once, and write to those who can renew it."""
    soon = now + timedelta(days=max(AuthorizationNotice.STEPS))
    for connection in Connection.objects.filter(state=Connection.State.CONNECTED).ending_by(soon):
        ends_at = connection.authorization_ends_at
        if ends_at and ends_at > now:
            step = min(days for days in AuthorizationNotice.STEPS if ends_at <= now + timedelta(days=days))
            AuthorizationNotice.objects.get_or_create(connection=connection, ends_at=ends_at, days=step)
    for notice in AuthorizationNotice.objects.filter(mailed_at=None).select_related("connection"):
        # Claimed before it is sent: rather one letter too few than one a minute.
        if AuthorizationNotice.objects.filter(pk=notice.pk, mailed_at=None).update(mailed_at=now):
            write_to(people_who_renew(notice.connection), notice)


def ends_in(seller: str, left: timedelta) -> str:
    """The subject of a letter. A day that has begun counts as one."""
    days = math.ceil(left / timedelta(days=1))
    if days <= 1:
        return _("%(seller)s: the authorization ends in less than a day") % {"seller": seller}
    text = ngettext(
        "%(seller)s: the authorization ends in %(days)d day",
        "%(seller)s: the authorization ends in %(days)d days",
        days,
    )
    return text % {"seller": seller, "days": days}


def in_their_zone(moment: datetime, person: User) -> str:
    there = moment.astimezone(ZoneInfo(person.time_zone))
    return f"{formats.date_format(there, 'DATE_FORMAT')}, {formats.date_format(there, 'H:i')} ({person.time_zone})"


def people_who_renew(connection: Connection) -> list[User]:
    """Who may connect in one of its shops; administrators where nobody may."""
    members = who_may(Permission.CONNECT, connection.shops.all())
    people = User.objects.filter(is_active=True, memberships__in=members).distinct()
    return list(people) or list(User.objects.filter(is_active=True, is_superuser=True))


def write_to(people: Iterable[User], notice: AuthorizationNotice) -> None:
    """A letter for each, in their language. One that cannot be sent keeps none of the others."""
    seller, shops = notice.connection.seller_name, list(notice.connection.shops.active())
    for person in people:
        with translation.override(person.language or translation.get_language()):
            subject = ends_in(seller, notice.ends_at - timezone.now())
            body = _(
                "The authorization of %(seller)s ends on %(date)s. After that no request of these shops is seen or "
                "answered here: %(shops)s.\n\nTo renew it, open one of them under “Shops” and choose “Renew the "
                "authorization”. It takes the seller's consent and a minute."
            ) % {
                "seller": seller,
                "date": in_their_zone(notice.ends_at, person),
                "shops": ", ".join(str(shop) for shop in shops),
            }
            if settings.PUBLIC_URL and shops:
                body += f"\n\n{settings.PUBLIC_URL}{reverse('shops:shop', args=[shops[0].pk])}"
            try:
                send_mail(" ".join(subject.split()), body, None, [person.email])
            except OSError as error:
                logger.warning("notice.not_mailed", notice=notice.pk, error=str(error))
