"""Who may do what in a shop."""

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _

from shops.models import Role, Shop

if TYPE_CHECKING:
    from accounts.models import User


def must_be_agent(user: "User", shop: Shop) -> None:
    must_have_role(user, shop, Role.AGENT)


def must_have_role(user: "User", shop: Shop, role: Role) -> None:
    """Raises PermissionDenied for whoever has a lesser role in this shop, or none."""
    if not Shop.objects.where_role(user, role).filter(pk=shop.pk).exists():
        raise PermissionDenied(_("Your role in this shop does not allow this."))
