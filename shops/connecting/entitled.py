"""Who may connect sellers, renew what they gave, and let go of it."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _

from shops.models import App, Connection, Permission, Shop, ShopQuerySet
from shops.roles import members_of, who_may

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User

    Person = User | AnonymousUser


def may_connect(user: "Person") -> bool:
    """Whoever may connect in one shop may connect another seller; the first one is an administrator's."""
    return user.is_superuser or Shop.objects.where_may(user, Permission.CONNECT).exists()


def must_connect(user: "Person") -> None:
    if not may_connect(user):
        raise PermissionDenied(_("Only managers may connect sellers."))


def may_change_app(user: "Person", app: App | None) -> bool:
    """Whoever may connect, unless shops that this person has no say in speak through the app already."""
    if app is None or not app.app_key:
        return may_connect(user)
    speaking = Shop.objects.active().filter(connection__marketplace=app.marketplace, connection__app_key=app.app_key)
    others = speaking.exclude(connection__state=Connection.State.DISCONNECTED)
    return may_connect(user) and not beyond(user, others).exists()


def may_renew(user: "Person", connection: Connection) -> bool:
    """Renewing shows nobody anything new, so a say in one of its shops is enough."""
    return user.is_superuser or Shop.objects.where_may(user, Permission.CONNECT).filter(connection=connection).exists()


def may_disconnect(user: "Person", connection: Connection) -> bool:
    """Disconnecting ends the work of all who have a shop of it: that takes a say in every shop that somebody has."""
    return may_renew(user, connection) and not beyond(user, Shop.objects.filter(connection=connection)).exists()


def others_shops(user: "Person", slug: str, marketplace_ids: Collection[str]) -> ShopQuerySet:
    """Those of these shops that are here already and that this person has no say in, or in none of their seller's."""
    known = Shop.objects.filter(marketplace=slug, marketplace_id__in=marketplace_ids)
    if user.is_superuser:
        return known.none()
    of_sellers = Shop.objects.filter(connection__in=known.values("connection"))
    theirs = Shop.objects.where_may(user, Permission.CONNECT).filter(pk__in=of_sellers)
    return beyond(user, known) if theirs.exists() else known


def beyond(user: "Person", shops: ShopQuerySet) -> ShopQuerySet:
    """The shops that have members and in which this person may not connect."""
    if user.is_superuser:
        return shops.none()
    members = members_of(shops)
    return shops.exclude(pk__in=Shop.objects.where_may(user, Permission.CONNECT)).of_members(members)


def whom_to_ask(shops: ShopQuerySet) -> list[str]:
    """Who may connect in these shops, by name; nobody where only an administrator may."""
    members = who_may(Permission.CONNECT, shops).filter(user__is_active=True).select_related("user")
    return sorted({str(member.user) for member in members})
