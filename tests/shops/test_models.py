"""Who may do what in which shop, and what must always be true of shops and their runs."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction
from django.utils import timezone

from shops.models import Connection, Membership, Role, Shop, SyncCursor, SyncKind, SyncRun
from tests.factories import ConnectionFactory, ShopFactory, UserFactory, member

pytestmark = pytest.mark.django_db

MATRIX = {
    Role.VIEWER: {Role.VIEWER},
    Role.AGENT: {Role.VIEWER, Role.AGENT},
    Role.MANAGER: {Role.VIEWER, Role.AGENT, Role.MANAGER},
}


class TestRoles:
    @pytest.mark.parametrize("has", list(Role))
    @pytest.mark.parametrize("asked", list(Role))
    def test_each_role_may_do_what_the_ones_before_it_may(self, has: Role, asked: Role) -> None:
        shop, other = ShopFactory(), ShopFactory()
        found = Shop.objects.where_role(member(has, shop), asked)
        assert set(found) == ({shop} if asked in MATRIX[has] else set())
        assert other not in found

    def test_a_role_in_one_shop_is_none_in_another(self) -> None:
        mine, theirs = ShopFactory(), ShopFactory()
        person = member(Role.MANAGER, mine)
        Membership.objects.create(user=person, shop=theirs, role=Role.VIEWER)
        assert set(Shop.objects.visible_to(person)) == {mine, theirs}
        assert set(Shop.objects.where_role(person, Role.AGENT)) == {mine}

    @pytest.mark.parametrize("role", list(Role))
    def test_strangers_see_nothing_and_superusers_everything(self, role: Role) -> None:
        shop = ShopFactory()
        people: list[tuple[Any, set[Shop]]] = [
            (AnonymousUser(), set()),
            (UserFactory(), set()),
            (UserFactory(is_staff=True), set()),
            (UserFactory(is_superuser=True), {shop}),
            (UserFactory(is_superuser=True, is_active=False), set()),
            (member(Role.MANAGER, shop, is_active=False), set()),
        ]
        for person, sees in people:
            assert set(Shop.objects.where_role(person, role)) == sees
            assert set(Shop.objects.visible_to(person)) == sees

    def test_a_shop_is_found_once_however_many_members_it_has(self) -> None:
        shop = ShopFactory()
        person = member(Role.AGENT, shop)
        for _ in range(3):
            member(Role.MANAGER, shop)
        assert Shop.objects.visible_to(person).count() == 1

    def test_runs_are_seen_by_those_who_see_the_shop(self) -> None:
        run = SyncRun.objects.create(shop=ShopFactory(), kind=SyncKind.ORDERS)
        assert SyncRun.objects.visible_to(member(Role.VIEWER, run.shop)).get() == run
        assert not SyncRun.objects.visible_to(UserFactory()).exists()


class TestDueForPull:
    @pytest.mark.parametrize(
        ("shop", "due"),
        [
            ({}, True),
            ({"is_active": False}, False),
            ({"connection__state": Connection.State.RECONNECT}, False),
            ({"connection__state": Connection.State.DISCONNECTED}, False),
        ],
        ids=str,
    )
    def test_only_active_shops_with_a_link_that_works(self, shop: dict[str, Any], due: bool) -> None:
        now = timezone.now()
        ShopFactory(next_pull_at=now, **shop)
        assert Shop.objects.due_for_pull(now).exists() == due
        assert not Shop.objects.due_for_pull(now - timedelta(seconds=1)).exists()


class TestWhatTheDatabaseRefuses:
    @pytest.mark.parametrize(
        ("constraint", "make"),
        [
            ("one_shop_per_marketplace_id", lambda shop: ShopFactory(marketplace_id="1")),
            (
                "one_membership_per_user_and_shop",
                lambda shop: Membership.objects.create(user=UserFactory._meta.model.objects.get(), shop=shop),
            ),
            ("one_cursor_per_shop_and_kind", lambda shop: SyncCursor.objects.create(shop=shop, kind="orders")),
            ("one_running_sync_per_shop_and_kind", lambda shop: SyncRun.objects.create(shop=shop, kind="orders")),
        ],
        ids="shop membership cursor run".split(),
    )
    def test_the_same_thing_twice(self, constraint: str, make: Any) -> None:
        shop = ShopFactory()
        UserFactory()
        make(shop)
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            make(shop)

    def test_but_not_a_run_after_one_that_has_ended_or_of_another_kind(self) -> None:
        shop = ShopFactory()
        SyncRun.objects.create(shop=shop, kind="orders", state=SyncRun.State.FAILED)
        SyncRun.objects.create(shop=shop, kind="orders")
        assert SyncRun.objects.create(shop=shop, kind="cancellations")

    def test_a_connection_is_not_deleted_from_under_its_shops(self) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            ShopFactory().connection.delete()


class TestRuns:
    @pytest.mark.parametrize(
        ("state", "seen", "expected", "percent"),
        [
            ("running", 0, None, None),
            ("running", 50, 200, 25),
            ("running", 200, 200, 99),
            ("running", 300, 200, 99),
            ("running", 5, 0, None),
            ("succeeded", 0, None, 100),
            ("failed", 50, 200, 25),
        ],
    )
    def test_progress_is_what_was_seen_of_what_there_is(
        self, state: str, seen: int, expected: int | None, percent: int | None
    ) -> None:
        assert SyncRun(state=state, seen=seen, expected=expected).percent == percent

    def test_the_latest_of_each_shop_is_one_run_a_shop(self) -> None:
        now = timezone.now()
        shops = ShopFactory.create_batch(2)
        for shop in shops:
            for hours in (3, 1, 2):
                SyncRun.objects.create(
                    shop=shop, kind="orders", state="succeeded", started_at=now - timedelta(hours=hours)
                )
        latest = SyncRun.objects.latest_of_each_shop()
        assert {(run.shop, run.started_at) for run in latest} == {(shop, now - timedelta(hours=1)) for shop in shops}


def test_a_shops_credentials_are_its_connections_with_its_own_cipher() -> None:
    shop = ShopFactory(connection=ConnectionFactory(access_token="token"), cipher="its cipher")
    told = shop.credentials()
    assert (told.access_token, told.shop_cipher) == ("token", "its cipher")
    assert shop.connection.credentials().shop_cipher == ""
