"""Letting people into a shop, and out of it again. Nobody gives or takes what they do not have."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from shops.models import Membership, Permission, Role, Shop
from shops.roles import must_have_role, permissions_in, role_in

if TYPE_CHECKING:
    from accounts.models import User


def let_in(
    shop: Shop, person: "User", role: Role, permissions: Collection[Permission] | None, by: "User"
) -> Membership:
    """Make this person a member of the shop, or change what they are in it; None is what the role brings.

    Raises PermissionDenied, or ValidationError at `role` or `permissions` for what whoever asks does not have, and
    where nobody would be left to look after the shop.
    """
    must_have_role(by, shop, Role.MANAGER)
    with transaction.atomic():
        of_shop = {one.user_id: one for one in Membership.objects.select_for_update().filter(shop=shop)}
        known = of_shop.get(person.pk)
        must_be_theirs_to_give(by, shop, role, permissions, known)
        if known:
            must_be_theirs_to_take(by, shop, set(known.allowed) - given(role, permissions))
        if known and role != Role.MANAGER:
            must_leave_a_manager(known, list(of_shop.values()), by)
        before = told(known) if known else {}
        membership = known or Membership(shop=shop, user=person)
        membership.role = role
        membership.permissions = sorted(permissions) if permissions is not None else None
        membership.save()
        if told(membership) != before:
            log.write(
                "membership.changed" if known else "membership.made",
                about=membership, actor=by, shop_id=shop.pk, before=before, after=told(membership),
            )  # fmt: skip
    return membership


def let_go(membership: Membership, by: "User") -> None:
    """End a membership in one shop. Raises PermissionDenied, or ValidationError where nobody would look after it."""
    shop = membership.shop
    assert shop  # memberships in groups are an administrator's
    must_have_role(by, shop, Role.MANAGER)
    with transaction.atomic():
        of_shop = list(Membership.objects.select_for_update().filter(shop=shop))
        must_leave_a_manager(membership, of_shop, by)
        if membership.user_id != by.pk:
            must_be_theirs_to_take(by, shop, set(membership.allowed))
        log.write("membership.ended", about=membership, actor=by, shop_id=shop.pk, before=told(membership))
        membership.delete()


def must_be_theirs_to_give(
    by: "User", shop: Shop, role: Role, permissions: Collection[Permission] | None, known: Membership | None
) -> None:
    """Of what somebody had before, nothing has to be anybody's to give again."""
    own = permissions_in(by, shop)
    had = set(known.allowed) if known else set()
    if missing := given(role, permissions) - own - had:
        why = _("You cannot give what you may not do yourself: %(what)s.") % {"what": in_words(missing)}
        raise ValidationError({"permissions": why})
    if role not in Role.at_most(role_in(by, shop) or Role.VIEWER):
        raise ValidationError({"role": _("You cannot give a greater role than your own.")})


def must_be_theirs_to_take(by: "User", shop: Shop, taken: Collection[Permission]) -> None:
    """Else somebody who may little could put out whoever let them in."""
    if foreign := set(taken) - permissions_in(by, shop):
        why = _("You cannot take from somebody what you may not do yourself: %(what)s.") % {"what": in_words(foreign)}
        raise ValidationError({"permissions": why})


def given(role: Role, permissions: Collection[Permission] | None) -> set[Permission]:
    return set(Permission.of_role(role) if permissions is None else permissions)


def in_words(permissions: Collection[Permission]) -> str:
    return ", ".join(str(Permission(one).label) for one in sorted(permissions))


def must_leave_a_manager(leaving: Membership, of_shop: Collection[Membership], by: "User") -> None:
    """Superusers may leave a shop to administrators; others would shut themselves out of it."""
    managers = {one.pk for one in of_shop if one.role == Role.MANAGER}
    if leaving.pk in managers and managers == {leaving.pk} and not by.is_superuser:
        raise ValidationError({"role": _("Somebody has to look after the shop: make another manager first.")})


def told(membership: Membership) -> dict[str, Any]:
    return {
        "person": membership.user.email,
        "role": membership.role,
        "permissions": membership.permissions,
    }
