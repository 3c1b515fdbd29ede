"""Letting people into a shop and out of it: nobody gives what they do not have."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse

from accounts.models import User
from audit.models import Entry
from shops.members import let_go, let_in
from shops.models import Membership, Permission, Role, Shop, ShopGroup
from shops.roles import role_in
from tests.factories import ShopFactory, UserFactory, member

pytestmark = pytest.mark.django_db
# What the page has ticked for an agent.
VERDICTS = ["approve", "reject", "ship_to_reject", "cancel_items"]


@pytest.fixture
def shop() -> Shop:
    return ShopFactory()


@pytest.fixture
def manager(shop: Shop) -> User:
    return member(Role.MANAGER, shop)


class TestLettingIn:
    def test_a_manager_makes_somebody_a_member(self, shop: Shop, manager: User) -> None:
        person = UserFactory()
        let_in(shop, person, Role.AGENT, None, manager)
        assert role_in(person, shop) == Role.AGENT
        entry = Entry.objects.get(action="membership.made")
        assert (entry.actor, entry.shop_id) == (manager, shop.pk)
        assert entry.after == {"person": person.email, "role": "agent", "permissions": None}

    def test_doing_so_again_changes_what_they_are(self, shop: Shop, manager: User) -> None:
        person = member(Role.AGENT, shop)
        let_in(shop, person, Role.AGENT, [Permission.REJECT], manager)
        assert person.memberships.get().permissions == ["reject"]
        assert Entry.objects.get().before["permissions"] is None

    def test_nothing_that_changed_nothing_is_written_down(self, shop: Shop, manager: User) -> None:
        let_in(shop, member(Role.AGENT, shop), Role.AGENT, None, manager)
        assert not Entry.objects.exists()

    @pytest.mark.parametrize("role", [Role.VIEWER, Role.AGENT])
    def test_only_managers_do(self, shop: Shop, role: Role) -> None:
        with pytest.raises(PermissionDenied):
            let_in(shop, UserFactory(), Role.VIEWER, None, member(role, shop))

    def test_nobody_gives_a_permission_that_they_have_not(self, shop: Shop, manager: User) -> None:
        manager.memberships.update(permissions=[Permission.APPROVE])
        with pytest.raises(ValidationError, match="may not do yourself: reject"):
            let_in(shop, UserFactory(), Role.AGENT, [Permission.APPROVE, Permission.REJECT], manager)
        with pytest.raises(ValidationError, match="may not do yourself"):
            let_in(shop, manager, Role.MANAGER, None, manager)
        assert let_in(shop, UserFactory(), Role.AGENT, [Permission.APPROVE], manager)

    def test_nobody_takes_a_permission_that_they_have_not(self, shop: Shop, manager: User) -> None:
        stronger = member(Role.MANAGER, shop)
        manager.memberships.update(permissions=[Permission.APPROVE])
        with pytest.raises(ValidationError, match="cannot take from somebody"):
            let_in(shop, stronger, Role.VIEWER, None, manager)
        with pytest.raises(ValidationError, match="cannot take from somebody"):
            let_go(stronger.memberships.get(), manager)
        assert role_in(stronger, shop) == Role.MANAGER
        let_go(manager.memberships.get(), manager)
        assert not manager.memberships.exists()

    def test_what_somebody_had_before_they_keep(self, shop: Shop, manager: User) -> None:
        manager.memberships.update(permissions=[Permission.APPROVE])
        person = member(Role.AGENT, shop)
        person.memberships.update(permissions=[Permission.APPROVE, Permission.REJECT])
        let_in(shop, person, Role.AGENT, [Permission.REJECT], manager)
        assert person.memberships.get().permissions == ["reject"]

    def test_the_last_manager_stays_one(self, shop: Shop, manager: User) -> None:
        with pytest.raises(ValidationError, match="another manager first"):
            let_in(shop, manager, Role.AGENT, None, manager)
        with pytest.raises(ValidationError, match="another manager first"):
            let_go(manager.memberships.get(), manager)
        member(Role.MANAGER, shop)
        let_go(manager.memberships.get(), manager)
        assert role_in(manager, shop) is None
        assert Entry.objects.get().action == "membership.ended"


class TestThePage:
    @pytest.fixture
    def page(self, shop: Shop) -> str:
        return reverse("shops:members", args=[shop.pk])

    @pytest.fixture
    def staff(self, client: Client, manager: User) -> Client:
        client.force_login(manager)
        return client

    def test_somebody_is_added_by_address(self, staff: Client, page: str, shop: Shop) -> None:
        person = UserFactory(email="ada@example.test")
        answer = staff.post(page, {"email": "Ada@example.test", "role": "agent", "permissions": VERDICTS}, follow=True)
        assert role_in(person, shop) == Role.AGENT
        assert f"{person} is a member now." in answer.content.decode()

    @pytest.mark.parametrize(
        ("sent", "field", "words"),
        [
            ({"email": "nobody@example.test", "role": "agent"}, "email", "Nobody signs in here with this address."),
            ({"email": "ada", "role": "agent"}, "email", "valid email"),
            ({"email": "ada@example.test", "role": "king"}, "role", "king"),
            ({"email": "ada@example.test", "role": "agent", "permissions": "fly"}, "permissions", "fly"),
            ({"email": "ada@example.test", "role": "agent", "permissions": "export"}, "is_special", "does not count"),
        ],
    )
    def test_what_is_wrong_is_said_at_its_field(
        self, staff: Client, page: str, sent: dict[str, str], field: str, words: str
    ) -> None:
        UserFactory(email="ada@example.test")
        answer = staff.post(page, sent)
        assert answer.status_code == 422
        assert words in " ".join(answer.context["form"].errors[field])
        assert Membership.objects.count() == 1

    def test_who_is_a_member_already_is_changed_and_not_added(self, staff: Client, page: str, shop: Shop) -> None:
        known = member(Role.AGENT, shop, email="ada@example.test")
        answer = staff.post(page, {"email": "ada@example.test", "role": "viewer", "permissions": VERDICTS})
        assert "is a member already" in " ".join(answer.context["form"].errors["email"])
        assert role_in(known, shop) == Role.AGENT

    def test_ticks_count_only_with_their_box(self, staff: Client, page: str) -> None:
        UserFactory(email="ada@example.test")
        staff.post(page, {"email": "ada@example.test", "role": "agent", "permissions": VERDICTS})
        changed = Membership.objects.get(user__email="ada@example.test")
        assert changed.permissions is None
        sent: dict[str, Any] = {"role": "agent", "is_special": "on", "permissions": ["approve"]}
        named = {f"member-{changed.pk}-{name}": value for name, value in sent.items()}
        assert staff.post(reverse("shops:member", args=[changed.pk]), named).status_code == 302
        changed.refresh_from_db()
        assert changed.permissions == ["approve"]

    def test_a_change_that_cannot_be_is_said_in_its_place(self, staff: Client, manager: User) -> None:
        own = manager.memberships.get()
        sent: dict[str, Any] = {"role": "viewer", "permissions": list(Permission)}
        answer = staff.post(
            reverse("shops:member", args=[own.pk]), {f"member-{own.pk}-{name}": value for name, value in sent.items()}
        )
        assert answer.status_code == 422
        assert "make another manager first" in answer.content.decode()

    def test_whoever_leaves_is_led_to_the_other_shops(self, staff: Client, shop: Shop, manager: User) -> None:
        member(Role.MANAGER, shop)
        answer = staff.post(reverse("shops:remove_member", args=[manager.memberships.get().pk]))
        assert answer["Location"] == reverse("shops:list")

    def test_members_through_a_group_are_shown_and_not_changed_here(self, staff: Client, page: str, shop: Shop) -> None:
        group = ShopGroup.objects.create(name="All the mugs")
        group.shops.add(shop)
        one = Membership.objects.create(user=UserFactory(), group=group, role=Role.AGENT)
        assert "through the group All the mugs" in staff.get(page).content.decode()
        assert staff.post(reverse("shops:member", args=[one.pk]), {"role": "viewer"}).status_code == 404

    def test_it_costs_the_same_for_many(
        self, staff: Client, page: str, shop: Shop, django_assert_max_num_queries: Any
    ) -> None:
        for _ in range(20):
            member(Role.AGENT, shop)
        with django_assert_max_num_queries(14):
            staff.get(page)
