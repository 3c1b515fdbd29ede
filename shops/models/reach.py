"""What a person may do where, read once while a page is made: all of its parts ask, and the answer is the same."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Q

from audit import origin
from shops.models.members import Membership, Permission, Role

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User
    from shops.models.shops import Shop

READING = ("GET", "HEAD")


@dataclass(frozen=True)
class Reach:
    """By memberships alone: that superusers may everything, and what a token takes away, is for others to say."""

    memberships: Mapping[int, Collection[Membership]]  # by Shop.pk

    def with_role(self, role: Role) -> list[int]:
        """Shop.pk of those in which it is this role or a greater one."""
        enough = set(Role.at_least(role))
        return [shop for shop, found in self.memberships.items() if any(one.role in enough for one in found)]

    def allowing(self, permission: Permission) -> list[int]:
        return [shop for shop in self.memberships if permission in self.allowed_in(shop)]

    def allowed_in(self, shop: int) -> set[Permission]:
        return {permission for one in self.memberships.get(shop, ()) for permission in one.allowed}


def at_hand(user: "User | AnonymousUser") -> Reach | None:
    """This person's reach while a page is read; None elsewhere. Whoever changes something is asked about anew."""
    request = origin.answered.get()
    if request is None or request.method not in READING or user.pk is None:
        return None
    known: dict[int, Reach] = request.__dict__.setdefault("reach_by_person", {})
    if user.pk not in known:
        known[user.pk] = read(user)
    return known[user.pk]


def read(user: "User | AnonymousUser", in_shop: "Shop | None" = None) -> Reach:
    """In one shop, or else in all; one query."""
    found: dict[int, list[Membership]] = defaultdict(list)
    memberships = Membership.objects.filter(user=user.pk)
    if in_shop:
        memberships = memberships.filter(Q(shop=in_shop) | Q(group__shops=in_shop))
    rows = memberships.values_list("role", "permissions", "shop", "group__shops")
    for role, permissions, shop, of_group in rows:
        if shop or of_group:
            found[shop or of_group].append(Membership(role=role, permissions=permissions))
    return Reach(found)
