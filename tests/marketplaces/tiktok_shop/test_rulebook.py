"""What can be done in which market on which day."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplaces.base import Adapter, Capabilities, Marketplace
from marketplaces.records import Credentials
from marketplaces.registry import MARKETPLACES, marketplace
from marketplaces.tiktok_shop.adapter import TikTokShop
from marketplaces.tiktok_shop.rulebook import capabilities, regions

TODAY = date(2026, 11, 21)
US_END = date(2024, 3, 31)
OUT_OF_STOCK = "seller_cancel_reason_out_of_stock"
SOUTH_EAST_ASIA = ["ID", "MY", "PH", "SG", "TH", "VN"]
EUROPE = ["DE", "ES", "FR", "IE", "IT"]


def names(found: Capabilities) -> set[str]:
    return {reason.name for reason in found.cancel_reasons}


def test_every_market_of_the_platform_is_known() -> None:
    assert sorted(regions()) == sorted(["US", "GB", "MX", "BR", "JP", *SOUTH_EAST_ASIA, *EUROPE])


@pytest.mark.parametrize("region", [*regions(), "ZZ", ""])
def test_every_market_says_all_there_is_to_say(region: str) -> None:
    found = capabilities(region, TODAY)
    ZoneInfo(found.time_zone)
    assert (found.marketplace, found.region, found.silence) == ("tiktok_shop", region, "approves")
    assert found.order_url == "" or "{order_id}" in found.order_url
    assert all(reason.order_statuses and reason.text for reason in found.cancel_reasons)
    assert all(notice.text for notice in found.notices)
    assert len(names(found)) == len(found.cancel_reasons)


def test_before_the_end_a_us_shop_rejects_and_is_told_the_days_left() -> None:
    found = capabilities("US", US_END - timedelta(days=12))
    assert found.can_reject
    assert found.reject_until == US_END
    assert found.reject_notice is not None
    assert "12 days more" in found.reject_notice.text
    assert "1 day more" in (capabilities("US", US_END - timedelta(days=1)).reject_notice or found.reject_notice).text


@pytest.mark.parametrize("day", [US_END, US_END + timedelta(days=1), TODAY])
def test_from_the_end_on_a_us_shop_rejects_by_shipping(day: date) -> None:
    found = capabilities("US", day)
    assert not found.can_reject
    assert found.shipping_rejects
    for notice in (found.reject_notice, found.shipping_notice):
        assert notice is not None
        assert notice.url.startswith("https://partner.tiktokshop.com/docv2/page/us-only-order-cancellation")
    assert found.reject_notice is not None
    assert found.reject_notice.date == US_END
    assert "more" not in found.reject_notice.text


def test_shipping_did_not_reject_before_2024() -> None:
    assert not capabilities("US", date(2023, 12, 31)).shipping_rejects
    assert capabilities("US", date(2024, 1, 1)).shipping_rejects


@pytest.mark.parametrize("region", [region for region in regions() if region != "US"])
def test_elsewhere_rejecting_works_and_shipping_waits(region: str) -> None:
    found = capabilities(region, TODAY)
    assert found.can_reject
    assert (found.reject_until, found.reject_notice, found.shipping_rejects) == (None, None, False)
    assert found.shipping_notice is not None
    assert "21011007" in found.shipping_notice.text


@given(st.sampled_from([*regions(), "ZZ"]), st.dates(date(2020, 1, 1), date(2035, 1, 1)))
def test_there_is_always_a_way_to_say_no(region: str, day: date) -> None:
    found = capabilities(region, day)
    assert found.can_reject or found.shipping_rejects


@pytest.mark.parametrize("region", regions())
def test_line_items_are_cancelled_in_the_us_and_the_uk_and_only_out_of_stock(region: str) -> None:
    found = capabilities(region, TODAY)
    partial = {reason.name for reason in found.cancel_reasons if reason.partial}
    expected = {"US": {OUT_OF_STOCK}, "GB": {OUT_OF_STOCK + "_uk"}}.get(region, set())
    assert (partial, found.can_cancel_lines) == (expected, bool(expected))


def test_uk_reasons_are_those_of_the_uk() -> None:
    assert all(name.endswith("_uk") for name in names(capabilities("GB", TODAY)))
    assert not [
        name for region in regions() if region != "GB" for name in names(capabilities(region, TODAY)) if "_uk" in name
    ]


@pytest.mark.parametrize(
    ("region", "missing"),
    [
        ("SG", "seller_cancel_unpaid_reason_buyer_hasnt_paid_within_time_allowed"),
        ("MX", "seller_cancel_unpaid_reason_wrong_price"),
        ("MX", "seller_cancel_reason_wrong_price"),
        ("BR", "seller_cancel_reason_wrong_price"),
        ("ID", "seller_cancel_paid_reason_buyer_requested_cancellation"),
        ("DE", "seller_cancel_order_reason_potential_fraud"),
    ],
)
def test_markets_differ_in_their_reasons(region: str, missing: str) -> None:
    assert missing not in names(capabilities(region, TODAY))


def test_out_of_stock_became_the_sellers_fault_in_indonesia() -> None:
    def fault(region: str, day: date) -> bool | None:
        return next(one.seller_fault for one in capabilities(region, day).cancel_reasons if one.name == OUT_OF_STOCK)

    assert fault("ID", date(2025, 8, 30)) is False
    assert fault("ID", date(2025, 8, 31)) is True
    assert fault("MY", TODAY) is None


@pytest.mark.parametrize(
    ("region", "last"),
    [*[(region, date(2024, 2, 29)) for region in ["ID", "PH", "SG", "TH", "VN"]], ("MY", date(2025, 8, 30))],
)
def test_the_address_stopped_being_a_reason_in_south_east_asia(region: str, last: date) -> None:
    def address(day: date) -> list[str]:
        return [name for name in names(capabilities(region, day)) if "address" in name]

    assert len(address(last)) == 1
    assert address(last + timedelta(days=1)) == []


@pytest.mark.parametrize("region", regions())
def test_sellers_cancel_until_shipping_and_in_the_us_until_collection(region: str) -> None:
    found = capabilities(region, TODAY)
    statuses = {"ON_HOLD", "AWAITING_SHIPMENT"} | ({"AWAITING_COLLECTION"} if region == "US" else set())
    assert set(found.cancellable_order_statuses) == statuses
    offered = {status for reason in found.cancel_reasons for status in reason.order_statuses}
    assert offered == statuses | {"UNPAID"}


def test_a_market_nobody_knows_gets_what_is_safe() -> None:
    found = capabilities("ZZ", TODAY)
    assert found.can_reject
    assert not (found.shipping_rejects or found.can_cancel_order or found.can_cancel_lines)
    assert (found.time_zone, list(found.cancel_reasons), found.order_url) == ("UTC", [], "")
    assert "not known" in found.notices[0].text


def test_south_east_asia_is_told_about_parcels_to_be_kept_back() -> None:
    for region in SOUTH_EAST_ASIA:
        assert [one for one in capabilities(region, TODAY).notices if "handover" in one.text]
        assert not [one for one in capabilities(region, date(2025, 10, 13)).notices if "handover" in one.text]


def test_the_registry_knows_tiktok_shop_by_the_interface() -> None:
    found: Marketplace = marketplace("tiktok_shop")
    speaker: Adapter = found.adapter(Credentials("key", "secret"))
    assert speaker.marketplace == "tiktok_shop"
    assert found.name == TikTokShop().name == "TikTok Shop"
    assert found.capabilities("US", TODAY) == capabilities("US", TODAY)
    assert set(MARKETPLACES) >= {"tiktok_shop"}
    with pytest.raises(KeyError):
        marketplace("nowhere")
