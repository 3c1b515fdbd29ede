"""Having a marketplace push a shop's changes to us: registered by topic, looked at daily, put right where it differs.

Whoever asks only writes down what is wanted; a worker does it. Pulls go on, whatever becomes of it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from celery import shared_task
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.log import write
from marketplaces.base import PushTopic
from marketplaces.errors import MarketplaceError, Refused
from marketplaces.records import RegisteredPush
from marketplaces.registry import marketplace
from shops import nudging
from shops.models import Connection, Permission, PushRegistration, Shop, ShopQuerySet
from shops.roles import must_be_allowed
from shops.tokens import call_for

if TYPE_CHECKING:
    from accounts.models import User

logger = structlog.get_logger(__name__)
LEASE = timedelta(minutes=5)
LOOK_AGAIN = timedelta(days=1)
TRY_AGAIN = timedelta(minutes=5)


def topics(shop: Shop) -> Sequence[PushTopic]:
    """What this shop's marketplace can push; empty where it pushes nothing."""
    return marketplace(shop.marketplace).push_topics


def address_for(shop: Shop) -> str:
    """Where this shop's pushes go; "" where the settings do not say how we are reached."""
    path = reverse("cancellations:webhook", args=[shop.marketplace])
    return f"{settings.PUBLIC_URL}{path}" if settings.PUBLIC_URL else ""


def address_problem(shop: Shop) -> str:
    """Why nothing can be registered, in the active language; "" where it can."""
    address = address_for(shop)
    if not address:
        return _("The server does not say at which address it is reached: an administrator sets PUBLIC_URL.")
    problem = marketplace(shop.marketplace).push_address_problem(address, shop.connection.api_url)
    return f"{_(problem)} {address}" if problem else ""


def register(shop: Shop, user: "User") -> None:
    """Have every topic pushed to us. Raises PermissionDenied, and ValidationError where it cannot work."""
    must_be_allowed(user, shop, Permission.CONNECT)
    if problem := address_problem(shop):
        raise ValidationError(problem)
    want(shop, "pushes.registered", is_wanted=True)


def remove(shop: Shop, user: "User") -> None:
    """Have no topic pushed to us any more. Raises PermissionDenied."""
    must_be_allowed(user, shop, Permission.CONNECT)
    want(shop, "pushes.removed", is_wanted=False)


@transaction.atomic
def want(shop: Shop, action: str, *, is_wanted: bool) -> None:
    now, names = timezone.now(), [topic.name for topic in topics(shop)]
    wanted = [
        PushRegistration(shop=shop, topic=name, is_wanted=is_wanted, asked_at=now, check_at=now) for name in names
    ]
    PushRegistration.objects.bulk_create(
        wanted,
        update_conflicts=True,
        unique_fields=["shop", "topic"],
        update_fields=["is_wanted", "asked_at", "check_at"],
    )
    write(action, about=shop, shop_id=shop.pk, after={"topics": names, "address": address_for(shop)})
    transaction.on_commit(lambda: nudge(shop.pk))


def nudge(shop_id: int) -> None:
    """A broker that is down costs the seconds until the next sweep."""
    nudging.send(settle_pushes, shop_id)


@shared_task
def settle_pushes(shop_id: int) -> None:
    for shop in settling(timezone.now()).filter(pk=shop_id):
        settle(shop)


@shared_task
def sweep_registrations() -> None:
    for pk in settling(timezone.now()).values_list("pk", flat=True):
        settle_pushes.delay(pk)


def settling(now: datetime) -> ShopQuerySet:
    """Shops that can be asked and of which a registration has to be looked at."""
    due = PushRegistration.objects.filter(check_at__lte=now).values("shop")
    able = Shop.objects.active().filter(connection__state=Connection.State.CONNECTED)
    return able.filter(pk__in=due).select_related("connection")


def settle(shop: Shop) -> None:
    """Ask the marketplace what is registered and put right what differs; one worker at a time."""
    now = timezone.now()
    if not shop.push_registrations.filter(check_at__lte=now).update(check_at=now + LEASE):
        return
    rows = list(shop.push_registrations.all())
    try:
        told = {one.topic: one for one in call_for(shop, lambda adapter: adapter.registered_pushes())}
        for row in rows:
            put_right(shop, row, told)
    except MarketplaceError as error:  # the rest would fail like this one
        logger.warning("pushes.not_settled", shop=shop.pk, code=error.code, error=error.message)
        for row in rows:
            note(row, problem=str(error)[:500], settled_at=timezone.now(), check_at=timezone.now() + TRY_AGAIN)


def put_right(shop: Shop, row: PushRegistration, told: Mapping[str, RegisteredPush]) -> None:
    """Raises marketplaces.errors, but for a refusal, which is about this topic alone."""
    here, address, now = told.get(row.topic), address_for(shop), timezone.now()
    found = here.address if here else ""
    is_ours = here is not None and found == address
    result = {"address": found, "since": here.since if here else None, "problem": ""}
    try:
        if row.is_wanted and not is_ours:
            call_for(shop, lambda adapter: adapter.register_push(row.topic, address))
            result |= {"address": address, "since": now}
            if not row.is_settling:
                result["repaired_at"] = now
                write(
                    "push.repaired", about=row, shop_id=shop.pk, before={"address": found}, after={"address": address}
                )
        elif not row.is_wanted and is_ours:
            call_for(shop, lambda adapter: adapter.remove_push(row.topic))
            result |= {"address": "", "since": None}
    except Refused as refused:
        result["problem"] = str(refused)[:500]
    note(row, **result, settled_at=now, check_at=now + LOOK_AGAIN)


def note(row: PushRegistration, **told: object) -> None:
    """Write down what was found, unless somebody has asked for something else meanwhile: then it is looked at again."""
    PushRegistration.objects.filter(pk=row.pk, asked_at=row.asked_at).update(**told)
