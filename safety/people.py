"""Who would be told in a shop. A few queries, however many shops."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.models import User
from cancellations.models import CancellationRequest
from safety.models import Rung
from shops.models import Membership, Role, Shop

Who = Rung.Who


@dataclass(frozen=True)
class People:
    """Of each shop those who answer requests, and its managers; superusers where there is nobody else."""

    agents: dict[int, list[User]]
    managers: dict[int, list[User]]
    superusers: list[User]

    @classmethod
    def of(cls, shops: Collection[int]) -> "People":
        agents: dict[int, list[User]] = defaultdict(list)
        managers: dict[int, list[User]] = defaultdict(list)
        for shop_id, member in sorted(memberships(shops), key=lambda found: found[1].user.email):
            if member.allowed and member.user not in agents[shop_id]:
                agents[shop_id].append(member.user)
            if member.role == Role.MANAGER and member.user not in managers[shop_id]:
                managers[shop_id].append(member.user)
        return cls(dict(agents), dict(managers), list(User.objects.filter(is_active=True, is_superuser=True)))

    def working(self, shop_id: int) -> list[User]:
        """Who can answer; where no member can, who looks after the shop or after everything."""
        return self.agents.get(shop_id) or self.managers.get(shop_id) or self.superusers

    def see(self, shop_id: int, person: User) -> bool:
        return person.is_superuser or person in [*self.agents.get(shop_id, []), *self.managers.get(shop_id, [])]

    def told(self, who: str, person: User | None, row: CancellationRequest, now: datetime) -> Sequence[User]:
        """Whom a rung means for this request. Nobody is left out because somebody has gone: others are told instead."""
        managers = self.managers.get(row.shop_id) or self.working(row.shop_id)
        if who == Who.PERSON:
            return [person] if person and person.is_active and self.may_see(row.shop, person) else managers
        if who == Who.ASSIGNEE:
            claim = row.on_it(now)
            on_it = row.assigned_to or (claim.user if claim else None)
            is_there = on_it and on_it.is_active and self.see(row.shop_id, on_it)
            return [on_it] if on_it and is_there else self.working(row.shop_id)
        return managers if who == Who.MANAGERS else self.working(row.shop_id)

    def may_see(self, shop: Shop, person: User) -> bool:
        return self.see(shop.pk, person) or Shop.objects.visible_to(person).filter(pk=shop.pk).exists()


def memberships(shops: Collection[int]) -> list[tuple[int, Membership]]:
    """(shop, membership) of all who can sign in and are at least agents, by themselves or through a group."""
    able = Membership.objects.with_role(Role.AGENT).filter(user__is_active=True).select_related("user")
    found = [(one.shop_id, one) for one in able.filter(shop__in=shops) if one.shop_id]
    of_groups: dict[int | None, list[int]] = defaultdict(list)
    for group, shop_id in Shop.groups.through.objects.filter(shop__in=shops).values_list("shopgroup", "shop"):
        of_groups[group].append(shop_id)
    through = able.filter(group__in=list(of_groups)) if of_groups else []
    return found + [(shop_id, one) for one in through for shop_id in of_groups[one.group_id]]
