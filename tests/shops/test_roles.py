"""Who may do what in a shop: roles, single permissions, groups of shops, and what an API token leaves of them."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction

from accounts.models import User
from shops.models import Membership, Permission, Role, Shop, ShopGroup
from shops.roles import may, members_of, must_be_allowed, permissions_in, role_in, who_may
from tests.factories import ShopFactory, UserFactory, member

pytestmark = pytest.mark.django_db
VERDICTS = {Permission.APPROVE, Permission.REJECT, Permission.SHIP_TO_REJECT, Permission.CANCEL_ITEMS}


def allowed(user: User, shop: Shop) -> set[Permission]:
    """Asked in all three ways, which must agree."""
    found = permissions_in(user, shop)
    assert found == {one for one in Permission if may(user, shop, one)}
    assert found == {one for one in Permission if Shop.objects.where_may(user, one).filter(pk=shop.pk).exists()}
    return found


def with_token(user: User, scope: str, *shops: Shop) -> User:
    user.token = SimpleNamespace(
        scope=scope, is_limited=bool(shops), shops=Shop.objects.filter(pk__in=[shop.pk for shop in shops])
    )
    return user


class TestPermissions:
    @pytest.mark.parametrize(
        ("role", "brings"), [(Role.VIEWER, set()), (Role.AGENT, VERDICTS), (Role.MANAGER, set(Permission))]
    )
    def test_a_role_brings_its_own(self, role: Role, brings: set[Permission]) -> None:
        shop = ShopFactory()
        assert allowed(member(role, shop), shop) == brings

    def test_a_list_on_the_membership_takes_the_place_of_what_the_role_brings(self) -> None:
        shop = ShopFactory()
        agent = member(Role.AGENT, shop)
        agent.memberships.update(permissions=[Permission.APPROVE, Permission.EXPORT])
        assert allowed(agent, shop) == {Permission.APPROVE, Permission.EXPORT}

    def test_a_viewer_reads_whatever_the_list_says(self) -> None:
        shop = ShopFactory()
        viewer = member(Role.VIEWER, shop)
        viewer.memberships.update(permissions=list(Permission))
        assert allowed(viewer, shop) == set()

    def test_a_permission_here_is_none_there(self) -> None:
        here, there = ShopFactory(), ShopFactory()
        agent = member(Role.AGENT, here)
        Membership.objects.create(user=agent, shop=there, role=Role.AGENT, permissions=[])
        assert (allowed(agent, here), allowed(agent, there)) == (VERDICTS, set())

    def test_whoever_may_not_hears_which_permission_it_would_take(self) -> None:
        shop = ShopFactory()
        with pytest.raises(PermissionDenied, match="the permission “cancel items” in this shop"):
            must_be_allowed(member(Role.VIEWER, shop), shop, Permission.CANCEL_ITEMS)

    def test_a_superuser_may_everything_and_whoever_left_nothing(self) -> None:
        shop = ShopFactory()
        assert allowed(UserFactory(is_superuser=True), shop) == set(Permission)
        assert allowed(UserFactory(is_superuser=True, is_active=False), shop) == set()
        assert allowed(member(Role.MANAGER, shop, is_active=False), shop) == set()

    def test_the_members_who_may_are_found(self) -> None:
        shop, other = ShopFactory(), ShopFactory()
        agent, manager = member(Role.AGENT, shop), member(Role.MANAGER, shop)
        member(Role.VIEWER, shop)
        member(Role.MANAGER, other)
        here = Shop.objects.filter(pk=shop.pk)
        assert {one.user for one in who_may(Permission.APPROVE, here)} == {agent, manager}
        assert {one.user for one in who_may(Permission.CONNECT, here)} == {manager}


class TestGroups:
    @pytest.fixture
    def group(self) -> ShopGroup:
        group = ShopGroup.objects.create(name="Mugs")
        group.shops.set([ShopFactory(), ShopFactory()])
        return group

    def test_a_membership_opens_every_shop_of_its_group_and_no_other(self, group: ShopGroup) -> None:
        ShopFactory()
        person = UserFactory()
        Membership.objects.create(user=person, group=group, role=Role.AGENT)
        assert set(Shop.objects.visible_to(person)) == set(group.shops.all())
        assert all(allowed(person, shop) == VERDICTS for shop in group.shops.all())

    def test_a_shop_that_joins_or_leaves_the_group_is_opened_or_closed_with_it(self, group: ShopGroup) -> None:
        person, shop = UserFactory(), ShopFactory()
        Membership.objects.create(user=person, group=group, role=Role.AGENT)
        group.shops.add(shop)
        assert allowed(person, shop) == VERDICTS
        group.shops.remove(shop)
        assert not Shop.objects.visible_to(person).filter(pk=shop.pk).exists()

    def test_of_several_memberships_the_one_that_allows_most_counts(self, group: ShopGroup) -> None:
        shop = group.shops.first()
        assert shop
        person = member(Role.VIEWER, shop)
        Membership.objects.create(user=person, group=group, role=Role.MANAGER, permissions=[Permission.RULES])
        assert role_in(person, shop) == Role.MANAGER
        assert allowed(person, shop) == {Permission.RULES}

    def test_its_members_are_members_of_its_shops(self, group: ShopGroup) -> None:
        shop = group.shops.first()
        assert shop
        membership = Membership.objects.create(user=UserFactory(), group=group, role=Role.AGENT)
        assert members_of(Shop.objects.filter(pk=shop.pk)).get() == membership

    @pytest.mark.parametrize("both", [True, False])
    def test_a_membership_is_in_a_shop_or_in_a_group(self, group: ShopGroup, both: bool) -> None:
        where: dict[str, Any] = {"shop": ShopFactory(), "group": group} if both else {}
        wrong = Membership(user=UserFactory(), role=Role.AGENT, **where)
        with pytest.raises(ValidationError, match="one of the two"):
            wrong.full_clean()
        with pytest.raises(IntegrityError), transaction.atomic():
            wrong.save()


class TestRoles:
    @pytest.mark.parametrize("role", Role)
    def test_the_role_is_told(self, role: Role) -> None:
        shop = ShopFactory()
        assert role_in(member(role, shop), shop) == role

    def test_a_stranger_has_none_and_a_superuser_the_greatest(self) -> None:
        shop = ShopFactory()
        assert role_in(UserFactory(), shop) is None
        assert role_in(UserFactory(is_superuser=True), shop) == Role.MANAGER


class TestTokens:
    @pytest.mark.parametrize(
        ("scope", "role", "gives"),
        [("read", Role.VIEWER, set()), ("decide", Role.AGENT, VERDICTS), ("admin", Role.MANAGER, set(Permission))],
    )
    @pytest.mark.parametrize("is_superuser", [True, False])
    def test_its_scope_ends_what_a_person_may(
        self, scope: str, role: Role, gives: set[Permission], is_superuser: bool
    ) -> None:
        shop = ShopFactory()
        person = with_token(member(Role.MANAGER, shop, is_superuser=is_superuser), scope)
        assert (role_in(person, shop), allowed(person, shop)) == (role, gives)

    def test_it_gives_nothing_that_its_owner_has_not(self) -> None:
        shop = ShopFactory()
        assert allowed(with_token(member(Role.VIEWER, shop), "admin"), shop) == set()
        assert not Shop.objects.visible_to(with_token(UserFactory(), "admin")).exists()

    @pytest.mark.parametrize("is_superuser", [True, False])
    def test_its_shops_are_all_there_are(self, is_superuser: bool) -> None:
        one, other = ShopFactory(), ShopFactory()
        person = with_token(member(Role.MANAGER, one, other, is_superuser=is_superuser), "admin", one)
        assert Shop.objects.visible_to(person).get() == one
        assert allowed(person, other) == set()

    def test_one_whose_shops_are_all_gone_opens_nothing(self) -> None:
        shop = ShopFactory()
        person = with_token(member(Role.MANAGER, shop), "admin")
        person.token.is_limited, person.token.shops = True, Shop.objects.none()
        assert not Shop.objects.visible_to(person).exists()
