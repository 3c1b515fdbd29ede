"""A shop in the admin: what is changed there is checked before every page about the shop relies on it."""

import pytest
from django.test import Client
from django.urls import reverse

from shops.models import Shop
from tests.factories import ShopFactory, UserFactory

pytestmark = pytest.mark.django_db


def saved(client: Client, shop: Shop, time_zone: str) -> str:
    """The answer's words when an administrator gives the shop this time zone."""
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    address = reverse("admin:shops_shop_change", args=[shop.pk])
    form = client.get(address).context["adminform"].form
    told = {name: "" if value is None else value for name, value in form.initial.items() if value is not False}
    none = {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
    return client.post(address, {**told, **none, "time_zone": time_zone}, follow=True).content.decode()


@pytest.mark.parametrize("name", ["Mars/Olympus", "europe/paris ", "../../etc/passwd", "9" * 60])
def test_a_time_zone_that_nobody_knows_is_refused_at_its_field(client: Client, name: str) -> None:
    shop = ShopFactory()
    assert "is no time zone; write it like Europe/Berlin" in saved(client, shop, name)
    shop.refresh_from_db()
    assert shop.time_zone == "Europe/London"


def test_one_that_is_known_is_taken(client: Client) -> None:
    shop = ShopFactory()
    saved(client, shop, "Asia/Jakarta")
    shop.refresh_from_db()
    assert shop.time_zone == "Asia/Jakarta"
