"""What people do with their endpoints. Page, API and admin call these and no other."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit import log
from shops import addresses, outgoing
from shops.models import Role, Shop
from shops.models.shops import may_with_token
from webhooks import tasks
from webhooks.delivery import wake
from webhooks.events import TEST_NAME, TYPES
from webhooks.models import Delivery, Endpoint, tests_of
from webhooks.signing import new_secret

MOST = 20
# For so long the secret before signs as well.
OVERLAP = timedelta(hours=24)


@dataclass(frozen=True)
class Wish:
    """What an endpoint shall be. `types` empty is every event, `shops` None all that the owner manages."""

    name: str
    url: str
    types: Collection[str] = ()
    shops: Collection[Shop] | None = None


def must_be_manager(user: User) -> None:
    """Endpoints are for managers of a shop: what they are told goes to another system for good."""
    if not Shop.objects.where_role(user, Role.MANAGER).exists() and not is_unlimited_superuser(user):
        raise PermissionDenied(_("Endpoints are for managers: you would need that role in a shop."))


def may_be_stopped_by(user: User) -> None:
    """Its owner stops it whatever became of their role, so that nothing flows that nobody can end."""
    if not may_with_token(user, Role.MANAGER):
        raise PermissionDenied(_("Endpoints are for managers: you would need that role in a shop."))


def is_unlimited_superuser(user: User) -> bool:
    return user.is_superuser and user.token is None


def make(user: User, wish: Wish) -> Endpoint:
    """The row, whose `secret` is to be shown now and never again.

    Raises PermissionDenied, or ValidationError by field: `name`, `url`, `types`, `shops`.
    """
    must_be_manager(user)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)  # so that nobody has one too many
        if Endpoint.objects.filter(owner=user).count() >= MOST:
            raise ValidationError(
                {"name": _("You have %(most)d endpoints, which is as many as there may be.") % {"most": MOST}}
            )
        endpoint = Endpoint(owner=user, secret=new_secret())
        put(endpoint, user, wish)
        log.write("endpoint.made", about=endpoint, actor=user, after=told(endpoint))
    return endpoint


def change(endpoint: Endpoint, user: User, wish: Wish) -> None:
    """Raises as `make` does. What waits goes to the new address."""
    must_be_manager(user)
    with transaction.atomic():
        before = told(endpoint)
        put(endpoint, user, wish)
        log.write("endpoint.changed", about=endpoint, actor=user, before=before, after=told(endpoint))


def put(endpoint: Endpoint, user: User, wish: Wish) -> None:
    check(wish)
    shops = limited(user, wish.shops)
    endpoint.name, endpoint.url = wish.name.strip(), wish.url
    endpoint.types = [name for name in TYPES if name in wish.types]
    endpoint.is_limited = shops is not None
    changed = ["name", "url", "types", "is_limited"]
    endpoint.save(update_fields=changed if endpoint.pk else None)
    endpoint.shops.set(shops or [])


def check(wish: Wish) -> None:
    problems: dict[str, Any] = {}
    if not wish.name.strip():
        problems["name"] = _("Give it a name that you know it by.")
    if unknown := sorted(set(wish.types).difference(TYPES)):
        problems["types"] = _("There is no event %(name)s.") % {"name": ", ".join(unknown)}
    try:
        addresses.check(wish.url)
    except ValidationError as error:
        problems["url"] = error.messages
    if problems:
        raise ValidationError(problems)


def limited(user: User, shops: Iterable[Shop] | None) -> list[Shop] | None:
    """The shops that it is told of. A token for some shops makes no endpoint for others."""
    managed = Shop.objects.where_role(user, Role.MANAGER).only("pk")
    if shops is None:
        return list(managed) if user.token is not None and user.token.is_limited else None
    chosen = list(shops)
    if not chosen:
        raise ValidationError({"shops": _("Choose at least one shop, or let it be told of all of yours.")})
    if {shop.pk for shop in chosen} - set(managed.values_list("pk", flat=True)):
        raise ValidationError({"shops": _("You do not manage one of these shops.")})
    return chosen


def told(endpoint: Endpoint) -> dict[str, Any]:
    """What the audit log says: of the address only the host, for the rest may open doors."""
    shops = sorted(endpoint.shops.values_list("pk", flat=True)) if endpoint.is_limited else "all"
    return {"name": endpoint.name, "host": endpoint.host, "types": endpoint.types or "all", "shops": shops}


def rotate(endpoint: Endpoint, user: User) -> Endpoint:
    """A new secret, to be shown once; the one before signs for a day as well, so that nothing is refused meanwhile."""
    must_be_manager(user)
    with transaction.atomic():
        locked = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
        locked.previous_secret, locked.previous_until = locked.secret, timezone.now() + OVERLAP
        locked.secret = new_secret()
        locked.save(update_fields=["secret", "previous_secret", "previous_until"])
        log.write("endpoint.secret_rotated", about=locked, actor=user)
    return locked


def pause(endpoint: Endpoint, user: User) -> None:
    """What happens from now on waits. Twice is as good as once."""
    may_be_stopped_by(user)
    with transaction.atomic():
        active = Endpoint.objects.filter(pk=endpoint.pk, state__in=Endpoint.TRYING)
        if active.update(state=Endpoint.State.PAUSED, is_mail_due=False):
            log.write("endpoint.paused", about=endpoint, actor=user)
    endpoint.refresh_from_db(fields=["state"])


def resume(endpoint: Endpoint, user: User) -> None:
    """All that waits goes out now, in order. Twice is as good as once."""
    must_be_manager(user)
    with transaction.atomic():
        still = Endpoint.objects.filter(pk=endpoint.pk).exclude(state=Endpoint.State.ACTIVE)
        if still.update(state=Endpoint.State.ACTIVE, is_mail_due=False):
            log.write("endpoint.resumed", about=endpoint, actor=user)
        wake(endpoint.pk)
        send_for_worker(endpoint)
    endpoint.refresh_from_db(fields=["state"])


def remove(endpoint: Endpoint, user: User) -> None:
    """With its log; nothing that waits goes out any more."""
    may_be_stopped_by(user)
    with transaction.atomic():
        # Before its deliveries, as a worker does that is at it.
        Endpoint.objects.select_for_update().only("pk").filter(pk=endpoint.pk).first()
        log.write("endpoint.removed", about=endpoint, actor=user, before=told(endpoint))
        endpoint.delete()


def test(endpoint: Endpoint, user: User) -> Delivery:
    """Send it an event of its own, whatever it wants to hear else. Raises ValidationError where nothing is tried."""
    must_be_manager(user)
    if endpoint.state == Endpoint.State.GONE:
        raise ValidationError(_("It has answered that it wants no more: resume it first."))
    if not endpoint.is_trying:
        raise ValidationError(_("It is paused: resume it first."))
    now = timezone.now()
    with transaction.atomic():
        event = outgoing.event(TEST_NAME, tests_of(endpoint), {"endpoint": endpoint.pk}, shop_id=None, at=now)
        event.taken_at = now
        event.save()
        delivery = Delivery.objects.create(endpoint=endpoint, event=event, about=event.about)
        Endpoint.objects.filter(pk=endpoint.pk).update(rests_until=None)
        log.write("endpoint.tested", about=endpoint, actor=user)
        send_for_worker(endpoint)
    return delivery


def replay(delivery: Delivery, user: User) -> None:
    """Send it once more, under the same id; whoever took it knows it again."""
    must_be_manager(user)
    with transaction.atomic():
        Endpoint.objects.filter(pk=delivery.endpoint_id).update(rests_until=None)
        queue_again([delivery], timezone.now())
        log.write("endpoint.replayed", about=delivery.endpoint, actor=user, after={"events": 1})
        send_for_worker(delivery.endpoint)
    delivery.refresh_from_db()


def replay_failed(endpoint: Endpoint, user: User, since: datetime | None = None) -> int:
    """All that failed, or all that happened since a moment and failed; returns how many."""
    must_be_manager(user)
    with transaction.atomic():
        failed = Delivery.objects.visible_to(user).filter(endpoint=endpoint, state=Delivery.State.FAILED)
        rows = failed.filter(event__at__gte=since) if since else failed
        Endpoint.objects.filter(pk=endpoint.pk).update(rests_until=None)
        count = queue_again(list(rows.only("pk")), timezone.now())
        log.write("endpoint.replayed", about=endpoint, actor=user, after={"events": count})
        send_for_worker(endpoint)
    return count


def queue_again(deliveries: Sequence[Delivery], now: datetime) -> int:
    return Delivery.objects.filter(pk__in=[one.pk for one in deliveries]).update(
        state=Delivery.State.WAITING, due_at=now, first_tried_at=None, settled_at=None, attempts=0, problem="",
        status=None, excerpt="", took_ms=None,
    )  # fmt: skip


def send_for_worker(endpoint: Endpoint) -> None:
    transaction.on_commit(lambda: tasks.nudge(endpoint.pk))
