"""Authorizations that sellers take back or that near their end; late and doubled news change nothing."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import Entry
from shops.models import Connection, Shop
from shops.staying import authorization_ends, deauthorized
from tests.factories import ConnectionFactory, ShopFactory

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
