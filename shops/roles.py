"""Who may do what in a shop."""

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from shops.models import Membership, MembershipQuerySet, Permission, Role, Shop, ShopGroup
from shops.models.reach import Reach, at_hand, read

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from accounts.models import User


def must_be_agent(user: "User", shop: Shop) -> None:
    must_have_role(user, shop, Role.AGENT)


def must_have_role(user: "User", shop: Shop, role: Role) -> None:
    """Raises PermissionDenied for whoever has a lesser role in this shop, or none."""
    if not has_role(user, shop, role):
        raise PermissionDenied(_("Your role in this shop does not allow this."))


def has_role(user: "User", shop: Shop, role: Role) -> bool:
    """Whether this person has this role in a shop, or a greater one."""
    if known := by_memberships_alone(user, shop):
        return shop.pk in known.with_role(role)
    return Shop.objects.where_role(user, role).filter(pk=shop.pk).exists()


def by_memberships_alone(user: "User", shop: Shop) -> Reach | None:
    """What is at hand while a page is read, else what is known of this shop now; of whoever may neither more nor less
    than that.
    """
    return None if user.is_superuser or user.token or not user.is_active else at_hand(user) or read(user, shop)


def may(user: "User", shop: Shop, permission: Permission) -> bool:
    if known := by_memberships_alone(user, shop):
        return permission in known.allowed_in(shop.pk)
    return Shop.objects.where_may(user, permission).filter(pk=shop.pk).exists()


def must_be_allowed(user: "User", shop: Shop, permission: Permission) -> None:
    """Raises PermissionDenied for whoever may not do this in this shop, naming what they would need."""
    if not may(user, shop, permission):
        raise PermissionDenied(why_not_allowed(permission))


def why_not_allowed(permission: Permission) -> str:
    return _("You would need the permission “%(permission)s” in this shop. An administrator can give it.") % {
        "permission": permission.label
    }


def permissions_in(user: "User", shop: Shop) -> set[Permission]:
    """All that this person may do in a shop."""
    if known := by_memberships_alone(user, shop):
        return known.allowed_in(shop.pk)
    shops = Shop.objects.filter(pk=shop.pk)
    here = {one.value: Exists(Shop.objects.where_may(user, one).filter(pk=OuterRef("pk"))) for one in Permission}
    allowed = shops.annotate(**here).values(*here)
    return {Permission(name) for row in allowed for name, is_allowed in row.items() if is_allowed}


def role_in(user: "User", shop: Shop) -> Role | None:
    """This person's greatest role in a shop, by themselves or through a group; with an API token no more than its."""
    here = {one.value: Exists(Shop.objects.where_role(user, one).filter(pk=OuterRef("pk"))) for one in Role}
    has = Shop.objects.filter(pk=shop.pk).annotate(**here).values(*here).get()
    return next((role for role in reversed(Role) if has[role]), None)


def who_may(permission: Permission, shops: "QuerySet[Shop]") -> "QuerySet[Membership]":
    """The memberships that allow this in one of these shops. Superusers may without one."""
    return members_of(shops).with_role(Role.AGENT).allowing(permission)


def members_of(shops: "QuerySet[Shop]") -> MembershipQuerySet:
    """Memberships in one of these shops, or in a group that one of them is in."""
    return Membership.objects.filter(Q(shop__in=shops) | Q(group__in=ShopGroup.objects.filter(shops__in=shops)))
