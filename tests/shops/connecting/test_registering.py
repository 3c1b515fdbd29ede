"""Which app of ours a connection speaks with: the seller is sent there to renew."""

from datetime import timedelta

import pytest
from django.utils import timezone

from marketplaces.records import ShopRecord, Tokens
from shops.connecting.registering import app_of
from shops.connecting.sellers import Account, connect
from shops.models import App, Connection
from tests.factories import ConnectionFactory, ShopFactory

pytestmark = pytest.mark.django_db
LATER = timezone.now() + timedelta(days=30)


@pytest.fixture(autouse=True)
def apps() -> dict[str, App]:
    """Two with one key, as somebody enters who has a single app."""
    return {
        audience: App.objects.create(marketplace="tiktok_shop", audience=audience, app_key="app-key")
        for audience in ("world", "us")
    }


def connected_in(region: str, app_key: str = "app-key") -> Connection:
    shop = ShopFactory(region=region, connection=ConnectionFactory(app_key=app_key))
    return shop.connection


@pytest.mark.parametrize(("region", "audience"), [("US", "us"), ("GB", "world"), ("DE", "world")])
def test_of_two_apps_with_one_key_it_is_the_one_for_these_sellers(region: str, audience: str) -> None:
    app = app_of(connected_in(region))
    assert app is not None and app.audience == audience


def test_an_app_that_alone_has_the_key_is_used_across_borders() -> None:
    App.objects.filter(audience="us").delete()
    app = app_of(connected_in("US"))
    assert app is not None and app.audience == "world"


def test_an_app_with_another_key_is_none() -> None:
    assert app_of(connected_in("US", app_key="another")) is None


def test_what_was_noted_counts_for_more(apps: dict[str, App]) -> None:
    connection = connected_in("US")
    connection.app = apps["world"]
    assert app_of(connection) == apps["world"]


def test_whoever_connects_without_naming_an_app_gets_the_one_that_fits(apps: dict[str, App]) -> None:
    record = ShopRecord(marketplace_id="1", name="Oak", region="US", seller_type="LOCAL", cipher="c", code="O")
    tokens = Tokens("a", LATER, "r", LATER, "Oak", shops=(record,))
    connection = connect(Account("tiktok_shop", "app-key", "secret"), tokens)
    assert Connection.objects.get(pk=connection.pk).app == apps["us"]
