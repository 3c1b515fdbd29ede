"""What browsers are told about pages and files of people who are signed in."""

import pytest
from django.test import Client
from django.urls import reverse

from cancellations.models import Evidence
from shops.models import Role
from tests.config.test_strangers import addresses  # noqa: F401
from tests.factories import ShopFactory, member

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("page", ["cancellations:queue", "orders:list", "shops:list", "accounts:profile"])
def test_no_browser_keeps_a_page_of_somebody_who_is_signed_in(client: Client, page: str) -> None:
    client.force_login(member(Role.AGENT, ShopFactory()))
    assert "no-store" in client.get(reverse(page))["Cache-Control"]


def test_neither_does_it_keep_what_the_api_tells(client: Client) -> None:
    client.force_login(member(Role.AGENT, ShopFactory()))
    assert "no-store" in client.get("/api/v1/orders/")["Cache-Control"]


def test_an_image_is_kept_by_nobody_but_the_browser_and_taken_for_nothing_else(
    client: Client,
    addresses: dict[str, str],  # noqa: F811
) -> None:
    image = Evidence.objects.exclude(decision=None).get()
    assert image.decision
    client.force_login(member(Role.VIEWER, image.decision.shop))
    answer = client.get(addresses["cancellations:evidence"])
    answer.close()
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"].startswith("private")
    assert "default-src 'none'" in answer["Content-Security-Policy"]
