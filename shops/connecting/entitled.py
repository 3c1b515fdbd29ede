"""Who may connect sellers, renew what they gave, and let go of it."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _

from shops.models import App, ConnectAttempt, Connection, Permission, Shop, ShopQuerySet
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


def may_change_app(user: "Person", app: App | None, new_key: str = "") -> bool:
    """Whoever may connect and has a say in all that speaks with its key, or with the one it is to have.

    Sellers whose shops nobody is a member of are administrators'.
    """
    if app is None or user.is_superuser:
        return may_connect(user)
    keys = {app.app_key, new_key} - {""}
    speaking = Connection.objects.filter(marketplace=app.marketplace, app_key__in=keys)
    reached = speaking.exclude(state=Connection.State.DISCONNECTED)
    return may_connect(user) and all(may_disconnect(user, connection) for connection in reached)


def may_renew(user: "Person", connection: Connection) -> bool:
    """Renewing shows nobody anything new, so a say in one of its shops is enough."""
    return user.is_superuser or Shop.objects.where_may(user, Permission.CONNECT).filter(connection=connection).exists()


def may_disconnect(user: "Person", connection: Connection) -> bool:
    """Disconnecting ends the work of all who have a shop of it: that takes a say in every shop that somebody has."""
    return may_renew(user, connection) and not beyond(user, Shop.objects.filter(connection=connection)).exists()


def may_finish(attempt: ConnectAttempt) -> bool:
    """Whether the person who began it may still do so."""
    user = attempt.user
    user.refresh_from_db(fields=["is_active", "is_superuser"])
    may_renew_it = not attempt.is_renewal or bool(attempt.connection and may_renew(user, attempt.connection))
    return user.is_active and may_connect(user) and may_renew_it


def others_shops(user: "Person", slug: str, marketplace_ids: Collection[str]) -> ShopQuerySet:
    """The shops of these shops' sellers that are here already and that this person has no say in.

    What these shops are authorized with, the seller's other shops here speak with from then on.
    """
    known = Shop.objects.filter(marketplace=slug, marketplace_id__in=marketplace_ids)
    if user.is_superuser:
        return known.none()
    of_sellers = Shop.objects.filter(connection__in=known.values("connection"))
    theirs = Shop.objects.where_may(user, Permission.CONNECT).filter(pk__in=of_sellers)
    return beyond(user, of_sellers) if theirs.exists() else known


def shops_renewed_for_others(attempt: ConnectAttempt) -> ShopQuerySet:
    """Shops that a renewal would have speak with an authorization that does not open them, and not this person's.

    Another user may be allowed less over there, so a change of the user is everybody's matter.
    """
    shops = Shop.objects.filter(connection=attempt.connection)
    is_another_user = attempt.user_name and attempt.connection and attempt.user_name != attempt.connection.app_key
    opened = [] if is_another_user else [shop.marketplace_id for shop in attempt.found]
    return beyond(attempt.user, shops.exclude(marketplace_id__in=opened))


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
