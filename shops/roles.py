"""Who may do what in a shop."""

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _

from shops.models import Permission, Role, Shop

if TYPE_CHECKING:
    from accounts.models import User


def must_be_agent(user: "User", shop: Shop) -> None:
    must_have_role(user, shop, Role.AGENT)


def must_have_role(user: "User", shop: Shop, role: Role) -> None:
    """Raises PermissionDenied for whoever has a lesser role in this shop, or none."""
    if not Shop.objects.where_role(user, role).filter(pk=shop.pk).exists():
        raise PermissionDenied(_("Your role in this shop does not allow this."))


def may(user: "User", shop: Shop, permission: Permission) -> bool:
    return Shop.objects.where_may(user, permission).filter(pk=shop.pk).exists()


def must_be_allowed(user: "User", shop: Shop, permission: Permission) -> None:
    """Raises PermissionDenied for whoever may not do this in this shop, naming what they would need."""
    if not may(user, shop, permission):
        raise PermissionDenied(
            _("You would need the permission “%(permission)s” in this shop. A manager can give it.")
            % {"permission": permission.label}
        )
