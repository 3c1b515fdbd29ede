"""Authorizations that sellers take back or that near their end; late and doubled news change nothing."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from audit.models import Entry
from shops.models import AuthorizationNotice, Connection, Role, Shop
from shops.staying import authorization_ends, deauthorized, ends_in, warn
from tests.factories import ConnectionFactory, ShopFactory, UserFactory, at, member

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture
def shop() -> Shop:
    return ShopFactory(connection=ConnectionFactory(authorized_at=NOW - timedelta(days=10)))


def fresh(shop: Shop) -> Connection:
    return Connection.objects.get(pk=shop.connection_id)


class TestTakenBack:
    def test_the_connection_has_to_be_authorized_again(self, shop: Shop) -> None:
        deauthorized(shop, NOW)
        assert fresh(shop).state == Connection.State.RECONNECT
        assert "taken the authorization back" in fresh(shop).problem

    def test_it_is_in_the_audit_log_once_however_often_it_is_told(self, shop: Shop) -> None:
        deauthorized(shop, NOW)
        deauthorized(shop, NOW)
        assert Entry.objects.get(action="connection.deauthorized").shop_id == shop.pk

    def test_what_is_older_than_the_authorization_disconnects_nothing(self, shop: Shop) -> None:
        deauthorized(shop, NOW - timedelta(days=11))
        assert fresh(shop).state == Connection.State.CONNECTED

    def test_nothing_is_disturbed_that_we_disconnected_ourselves(self, shop: Shop) -> None:
        Connection.objects.update(state=Connection.State.DISCONNECTED)
        deauthorized(shop, NOW)
        assert fresh(shop).state == Connection.State.DISCONNECTED

    def test_a_pull_that_failed_first_knew_not_why(self, shop: Shop) -> None:
        Connection.objects.update(state=Connection.State.RECONNECT, problem="The access token is invalid.")
        for _ in range(2):
            deauthorized(shop, NOW)
        assert "taken the authorization back" in fresh(shop).problem
        assert Entry.objects.filter(action="connection.deauthorized").count() == 1


class TestNearItsEnd:
    def test_the_sooner_of_what_was_said_counts(self, shop: Shop) -> None:
        ends = NOW + timedelta(days=30)
        authorization_ends(shop, ends)
        assert fresh(shop).authorization_ends_at == ends
        Connection.objects.update(refresh_token_expires_at=NOW + timedelta(days=3))
        assert fresh(shop).authorization_ends_at == NOW + timedelta(days=3)

    def test_what_was_said_of_an_older_authorization_is_not_kept(self, shop: Shop) -> None:
        authorization_ends(shop, NOW - timedelta(days=11))
        authorization_ends(shop, NOW + timedelta(days=20), told_at=NOW - timedelta(days=11))
        assert fresh(shop).announced_end is None

    def test_it_is_written_down_once(self, shop: Shop) -> None:
        for _ in range(3):
            authorization_ends(shop, NOW + timedelta(days=30))
        assert Entry.objects.filter(action="connection.end_announced").count() == 1


class TestWarnings:
    @pytest.mark.parametrize(
        ("days", "step"), [(31, None), (30, 30), (15, 30), (14, 14), (8, 14), (7, 7), (2, 7), (1, 1), (0.5, 1)]
    )
    def test_each_step_is_noted(self, shop: Shop, days: float, step: int | None) -> None:
        Connection.objects.update(refresh_token_expires_at=NOW + timedelta(days=days))
        warn(NOW)
        assert list(AuthorizationNotice.objects.values_list("days", flat=True)) == ([step] if step else [])

    def test_each_is_written_once_to_those_who_can_renew(
        self, shop: Shop, mailoutbox: list[Any], settings: Any
    ) -> None:
        settings.PUBLIC_URL = "https://here.example"
        manager = member(Role.MANAGER, shop)
        member(Role.AGENT, shop)
        Connection.objects.update(refresh_token_expires_at=NOW + timedelta(days=14))
        for _ in range(3):
            warn(NOW)
        assert [letter.to for letter in mailoutbox] == [[manager.email]]
        warn(NOW + timedelta(days=7, minutes=1))
        assert len(mailoutbox) == 2
        assert str(shop) in mailoutbox[0].body
        assert f"https://here.example/shops/{shop.pk}/" in mailoutbox[0].body

    def test_in_the_language_of_whoever_reads_it(self, shop: Shop, mailoutbox: list[Any]) -> None:
        member(Role.MANAGER, shop, language="de")
        Connection.objects.update(refresh_token_expires_at=NOW + timedelta(days=14))
        warn(NOW)
        assert mailoutbox[0].body

    @pytest.mark.parametrize(
        ("left", "told"),
        [
            (timedelta(days=14), "in 14 days"),
            (timedelta(days=13, hours=1), "in 14 days"),
            (timedelta(days=1, hours=3), "in 2 days"),
            (timedelta(days=1), "in less than a day"),
            (timedelta(minutes=5), "in less than a day"),
        ],
    )
    def test_days_that_have_begun_count(self, left: timedelta, told: str) -> None:
        assert ends_in("Oak", left) == f"Oak: the authorization ends {told}"

    def test_the_end_is_told_on_the_readers_clock(self, shop: Shop, mailoutbox: list[Any]) -> None:
        member(Role.MANAGER, shop, time_zone="America/Los_Angeles")
        now, ends = at("2026-05-01 12:00"), at("2026-05-11 05:30")
        Connection.objects.update(refresh_token_expires_at=ends)
        with time_machine.travel(now, tick=False):
            warn(now)
        assert "ends on May 10, 2026, 22:30 (America/Los_Angeles). After that" in mailoutbox[0].body

    def test_administrators_are_told_where_a_shop_has_no_managers(self, shop: Shop, mailoutbox: list[Any]) -> None:
        root = UserFactory(is_superuser=True)
        Connection.objects.update(announced_end=NOW + timedelta(days=3))
        warn(NOW)
        assert [letter.to for letter in mailoutbox] == [[root.email]]

    def test_a_renewed_authorization_is_warned_of_anew(self, shop: Shop) -> None:
        for days in (14, 13):
            Connection.objects.update(refresh_token_expires_at=NOW + timedelta(days=days))
            warn(NOW)
        assert AuthorizationNotice.objects.count() == 2

    def test_what_is_cut_already_is_not_warned_of(self, shop: Shop) -> None:
        Connection.objects.update(refresh_token_expires_at=NOW + timedelta(days=1), state="reconnect")
        warn(NOW)
        assert not AuthorizationNotice.objects.exists()
