"""What becomes of an authorization once it is given: it nears its end, the seller takes it back, or we let it go."""

from datetime import datetime, timedelta

import structlog
from django.db import transaction

from audit.log import write
from shops.models import Connection, Shop

logger = structlog.get_logger(__name__)

TAKEN_BACK = "The seller has taken the authorization back at the marketplace."
# Pushes tell whole seconds, and clocks differ.
SAME_MOMENT = timedelta(seconds=2)


def deauthorized(shop: Shop, at: datetime) -> None:
    """The marketplace says that the seller took the authorization back at this moment.

    It may say so late or twice: what is older than the authorization we have says nothing about it.
    """
    with transaction.atomic():
        connection = Connection.objects.select_for_update().get(pk=shop.connection_id)
        authorized_at = connection.authorized_at or connection.created_at
        if connection.state != Connection.State.CONNECTED or at < authorized_at - SAME_MOMENT:
            return
        connection.state, connection.problem = Connection.State.RECONNECT, TAKEN_BACK
        connection.save(update_fields=["state", "problem"])
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
