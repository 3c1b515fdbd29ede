from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from shops.models import Connection, Role, Shop, SyncKind, SyncRun
from tests.factories import ShopFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(client: Client) -> Shop:
    shop = ShopFactory(next_pull_at=timezone.now() + timedelta(hours=1))
    client.force_login(member(Role.MANAGER, shop))
    return shop


def shown(client: Client, shop: Shop, name: str = "shop") -> str:
    return client.get(reverse(f"shops:{name}", args=[shop.pk])).content.decode()


def test_shops_are_listed_with_the_end_of_their_last_pull(client: Client, shop: Shop) -> None:
    SyncRun.objects.create(shop=shop, kind=SyncKind.ORDERS, state=SyncRun.State.SUCCEEDED)
    SyncRun.objects.create(shop=shop, kind=SyncKind.CANCELLATIONS, state=SyncRun.State.FAILED)
    found = client.get(reverse("shops:list")).content.decode()
    assert shop.name in found
    assert "failed" in found


def test_a_manager_has_a_shop_read_and_watches_it(client: Client, shop: Shop) -> None:
    assert "every 1500ms" not in shown(client, shop)
    answer = client.post(reverse("shops:sync", args=[shop.pk]), headers={"HX-Request": "true"})
    assert "every 1500ms" in answer.content.decode()
    shop.refresh_from_db()
    assert shop.next_pull_at <= timezone.now()
    assert client.post(reverse("shops:sync", args=[shop.pk]))["Location"] == reverse("shops:shop", args=[shop.pk])


def test_agents_read_a_shop_and_cannot_have_it_read(client: Client, shop: Shop) -> None:
    client.force_login(member(Role.AGENT, shop))
    assert "Sync now" not in shown(client, shop)
    assert client.post(reverse("shops:sync", args=[shop.pk])).status_code == 403


def test_a_pull_under_way_shows_its_progress(client: Client, shop: Shop) -> None:
    SyncRun.objects.create(shop=shop, kind=SyncKind.ORDERS, expected=200, seen=50, written=40, pages=1)
    found = shown(client, shop, "runs")
    assert 'value="25"' in found
    assert "50 of 200 seen, 40 new or changed, 1 page" in " ".join(found.split())
    assert "every 1500ms" in found


def test_a_pull_that_failed_shows_what_support_will_ask_for(client: Client, shop: Shop) -> None:
    SyncRun.objects.create(
        shop=shop, kind=SyncKind.ORDERS, state=SyncRun.State.FAILED, error="Shop not found", error_code="36009021",
        request_id="2024abc", set_aside=[{"id": "577", "problem": "no <id>"}], drift=["order.status: LIMBO"],
    )  # fmt: skip
    found = shown(client, shop)
    for told in ("Shop not found", "36009021", "2024abc", "577", "no &lt;id&gt;", "order.status: LIMBO"):
        assert told in found


def test_nobody_coming_to_pull_is_said_aloud(client: Client, shop: Shop) -> None:
    Shop.objects.update(next_pull_at=timezone.now() - timedelta(minutes=5))
    assert "no worker has taken it" in shown(client, shop)


def test_a_shop_to_connect_again_says_so_and_keeps_its_secrets(client: Client, shop: Shop) -> None:
    Connection.objects.update(state=Connection.State.RECONNECT, problem="105002 access token expired")
    found = shown(client, shop)
    assert "has to be connected again" in found
    assert "105002" in found
    assert "Sync now" not in found
    for secret in ("app-secret", "access-token", "refresh-token", shop.cipher):
        assert secret not in found


def test_a_shop_says_what_its_market_does_not_tell_and_which_rule_is_about_what(client: Client) -> None:
    shop = ShopFactory(marketplace="crux_timp", region="US", connection__marketplace="crux_timp")
    client.force_login(member(Role.VIEWER, shop))
    found = " ".join(shown(client, shop).split())
    for told in ("lists no requests to cancel", "<b>Approving:</b>", "<b>Rejecting:</b>", "<b>Cancelling items:</b>"):
        assert told in found, told
