"""A test of one channel, by whoever looks after the shop."""

import uuid
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from safety import tasks
from safety.models import Channel, Telling
from shops.models import Role, Shop
from shops.roles import must_have_role

if TYPE_CHECKING:
    from accounts.models import User


def send_test(shop: Shop, user: "User", channel: str) -> Telling:
    """Tell this person, or the shop's chat channel, that this is a test. What comes of it stands in the row.

    Raises PermissionDenied, and ValidationError at `channel`.
    """
    must_have_role(user, shop, Role.MANAGER)
    if channel not in Channel.values:
        raise ValidationError({"channel": _("Choose one of these.")})
    person = None if channel == Channel.CHAT else user
    with transaction.atomic():
        made = Telling.objects.create(
            shop=shop, step=f"test:{uuid.uuid4().hex}", why=Telling.Why.TEST, channel=channel, person=person
        )
        log.write("channel.tested", about=shop, actor=user, after={"channel": channel})
        transaction.on_commit(tasks.nudge)
    return made


def last_tests(shop: Shop) -> dict[str, Telling]:
    """Of each channel the last test."""
    rows = Telling.objects.filter(shop=shop, why=Telling.Why.TEST).order_by("channel", "-pk").distinct("channel")
    return {one.channel: one for one in rows.select_related("person")}
