"""The page that shows a market's rules to staff, and the same over the API."""

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from marketplaces.tiktok_shop.rulebook import capabilities, regions
from shops.markets import reasons_by_order
from shops.models import Role, Shop
from tests.factories import ShopFactory, UserFactory, at, member

pytestmark = pytest.mark.django_db


def shown(client: Client, role: Role = Role.VIEWER, **shop: Any) -> str:
    """The page's words, with single spaces, as a member of the shop reads them."""
    found = ShopFactory(**shop)
    client.force_login(member(role, found))
    answer = client.get(reverse("shops:rules", args=[found.pk]))
    assert answer.status_code == 200
    return " ".join(unescape(answer.content.decode()).split())


@pytest.mark.parametrize("region", regions())
def test_every_market_shows_its_reasons_notices_and_sources(client: Client, region: str) -> None:
    page, market = shown(client, region=region), capabilities(region, timezone.now().date())
    assert f"Rules of TikTok Shop, {market.market_name}" in page
    for reason in market.cancel_reasons:
        assert f"<code>{reason.name}</code>" in page
        assert reason.text in page
    for notice in (*market.notices, *market.buyers):
        assert notice.text in page
        assert f'href="{notice.url}"' in page
    for source in market.sources:
        assert source.title in page
        assert f'href="{source.url}"' in page
    assert "TikTok Shop approves the request." in page
    assert "48 hours</b>, says" in page


@pytest.mark.parametrize("role", list(Role))
def test_everybody_of_the_shop_reads_them(client: Client, role: Role) -> None:
    assert "Out of stock" in shown(client, role)


def test_a_stranger_does_not(client: Client) -> None:
    shop = ShopFactory()
    client.force_login(member(Role.MANAGER, ShopFactory()))
    assert client.get(reverse("shops:rules", args=[shop.pk])).status_code == 404
    client.force_login(UserFactory(is_superuser=True))
    assert client.get(reverse("shops:rules", args=[shop.pk])).status_code == 200


def test_the_shop_leads_there(client: Client) -> None:
    shop = ShopFactory(next_pull_at=timezone.now() + timedelta(hours=1))
    client.force_login(member(Role.VIEWER, shop))
    assert reverse("shops:rules", args=[shop.pk]) in client.get(reverse("shops:shop", args=[shop.pk])).content.decode()


def test_where_shipping_rejects_the_page_says_so_with_its_day(client: Client) -> None:
    page = shown(client, region="US", time_zone="America/Los_Angeles")
    assert "TikTok Shop rejects the buyer's request by itself" in page
    assert "(March 31, 2024)" in page
    assert "None: shipping the order is the answer." in page
    assert "The pages contradict each other." in page
    assert "For these reasons alone: Out of stock." in page


def test_a_shop_that_may_reject_all_the_same_is_told_that_it_alone_may(client: Client) -> None:
    page = shown(client, region="US", allows_reject=True)
    assert "For this shop alone:" in page
    assert "seller_reject_apply_product_has_been_packed" in page


def test_elsewhere_reasons_to_reject_are_listed_and_asked_for(client: Client) -> None:
    page = shown(client, region="MX")
    assert "only what it offers then can be chosen" in page
    assert "reverse_reject_request_reason_5" in page
    assert "Orders are cancelled as a whole" in page


def test_what_no_page_says_is_said(client: Client) -> None:
    japan = shown(client, region="JP", time_zone="Asia/Tokyo")
    unsaid = japan[japan.index("What no page says") :]
    for told in ("Which reasons to reject there are", "Whose fault", "own seller centre", "policy", "Asia/Tokyo"):
        assert told in unsaid
    malaysia = shown(client, region="MY")
    unsaid = malaysia[malaysia.index("What no page says") :]
    assert "own seller centre" not in unsaid
    assert "policy" not in unsaid


def test_a_fault_is_shown_with_its_day_on_both_sides_of_it(client: Client, time_machine: Any) -> None:
    time_machine.move_to(at("2025-08-30 12:00"))
    assert "the buyer's; the seller's from August 31, 2025" in shown(client, region="ID", time_zone="Asia/Jakarta")
    time_machine.move_to(at("2025-08-30 18:00"))  # tomorrow in Jakarta
    assert "the seller's, since August 31, 2025" in shown(client, region="ID", time_zone="Asia/Jakarta")


def test_a_market_nobody_knows_and_one_without_reasons_have_a_page_too(client: Client) -> None:
    assert "the reasons of this market are not known here" in shown(client, region="ZZ")
    page = shown(client, region="US", marketplace="crux_timp", connection__marketplace="crux_timp")
    for told in ("Nothing happens: the request stays open.", "No page says how long.", "Crux Connect takes none."):
        assert told in page


def test_states_with_the_same_reasons_stand_together_and_unpaid_orders_are_not_offered() -> None:
    found = reasons_by_order(capabilities("US", timezone.now().date()))
    assert [(list(one.statuses), one.are_offered) for one in found] == [
        (["UNPAID"], False), (["ON_HOLD", "AWAITING_SHIPMENT", "AWAITING_COLLECTION"], True),
    ]  # fmt: skip
    assert reasons_by_order(capabilities("ZZ", timezone.now().date())) == []


def test_the_api_tells_the_same(client: Client) -> None:
    shop: Shop = ShopFactory(region="ID", time_zone="Asia/Jakarta")
    client.force_login(member(Role.VIEWER, shop))
    told = client.get(f"/api/v1/shops/{shop.pk}/rules/").json()
    market = capabilities("ID", timezone.now().date())
    assert [one["name"] for one in told["cancel_reasons"]] == [one.name for one in market.cancel_reasons]
    out_of_stock = next(one for one in told["cancel_reasons"] if one["name"] == "seller_cancel_reason_out_of_stock")
    assert (out_of_stock["seller_fault"], out_of_stock["fault_since"]) == (True, "2025-08-31")
    assert out_of_stock["source"]["as_of"] == "2025-10-24"
    assert out_of_stock["cancels_lines"] is False
    assert len(told["listed_reject_reasons"]) == 5
    assert [one["hours"] for one in told["response_times"]] == [48]
    assert {one["url"] for one in told["sources"]} == {one.url for one in market.sources}
