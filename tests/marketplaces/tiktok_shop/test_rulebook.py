"""What can be done in which market on which day."""

import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplaces.base import Adapter, Capabilities, Marketplace
from marketplaces.records import Credentials
from marketplaces.registry import MARKETPLACES, marketplace
from marketplaces.tiktok_shop import rulebook
from marketplaces.tiktok_shop.adapter import TikTokShop
from marketplaces.tiktok_shop.rulebook import capabilities, regions

TODAY = date(2026, 11, 21)
US_END = date(2024, 3, 31)
OUT_OF_STOCK = "seller_cancel_reason_out_of_stock"
SOUTH_EAST_ASIA = ["ID", "MY", "PH", "SG", "TH", "VN"]
EUROPE = ["DE", "ES", "FR", "IE", "IT"]


# Pages that bear no date; whatever stands on them is known to be old or new by its text alone.
UNDATED = {"cancel-reasons-later", "us-academy", "us-cancellations", "th-academy"}
BOOK: dict[str, Any] = {}
for part in ("rulebook.toml", "rulebook_reasons.toml", "rulebook_records.toml"):
    BOOK |= tomllib.loads((Path(rulebook.__file__).parent / part).read_text("utf-8"))


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


def test_before_the_end_a_us_shop_rejects_and_is_told_the_day() -> None:
    found = capabilities("US", US_END - timedelta(days=12))
    assert found.can_reject
    assert found.reject_until == US_END
    assert found.reject_notice is not None
    assert (found.reject_notice.date, "31 March 2024" in found.reject_notice.text) == (US_END, True)


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


def test_every_market_reason_and_notice_says_where_it_was_read_and_from_when_that_is() -> None:
    markets = [BOOK["default"] | market for market in BOOK["markets"].values()]
    tables = ("cancel_reasons", "reject_reasons", "known_reasons", "notices", "buyers", "standing")
    told = [*markets, *(one for table in tables for one in BOOK[table])]
    told += [one for market in markets for one in market["response_times"]]
    told += [one for market in markets for one in market.values() if isinstance(one, dict)]
    for entry in told:
        source = BOOK["sources"][entry["source"]]
        assert isinstance(entry.get("since") or source.get("as_of"), date) or entry["source"] in UNDATED, entry
    assert {entry["source"] for entry in told} == BOOK["sources"].keys()
    assert {name for name, source in BOOK["sources"].items() if "as_of" not in source} == UNDATED


@pytest.mark.parametrize("region", regions())
def test_whatever_is_told_of_a_market_has_a_page_to_read(region: str) -> None:
    found = capabilities(region, TODAY)
    notices = (found.shipping_notice, found.reject_notice, found.cancel_notice, found.lines_notice)
    pages = {source.url for source in found.sources}
    for notice in (*found.notices, *found.buyers, *(one for one in notices if one)):
        assert notice.text and notice.url in pages
    named = [
        *(reason.source for reason in found.cancel_reasons),
        *(reason.source for reason in found.listed_reject_reasons),
        *(time.source for time in found.response_times),
    ]
    assert set(named) <= set(found.sources)
    assert all(source.url.startswith("https://") and source.title for source in found.sources)


@pytest.mark.parametrize("region", regions())
def test_how_long_sellers_have_is_told_by_each_page_that_says_so(region: str) -> None:
    hours = [one.hours for one in capabilities(region, TODAY).response_times]
    assert hours == ([48, 24] if region in ("US", "TH") else [48])


@given(st.sampled_from(regions()), st.dates(date(2020, 1, 1), date(2035, 1, 1)))
def test_every_reason_offered_for_a_state_is_in_the_book_for_that_market(region: str, day: date) -> None:
    found = capabilities(region, day)
    members = {region} | {group for group, inside in BOOK["groups"].items() if region in inside}
    for reason in found.cancel_reasons:
        [raw] = [one for one in BOOK["cancel_reasons"] if one["name"] == reason.name and members & set(one["markets"])]
        assert reason.text == raw["text"]
        assert set(reason.order_statuses) <= set(raw["order_statuses"])
        assert set(reason.order_statuses) <= {"UNPAID", *found.cancellable_order_statuses}
        assert day < raw.get("until", {}).get(region, date.max)
        assert reason.name in found.known_reasons


@pytest.mark.parametrize(
    ("region", "unpaid", "paid"),
    [
        ("US", 4, 4), ("GB", 3, 3), ("ID", 3, 2), ("MY", 3, 2), ("PH", 4, 3), ("SG", 2, 2), ("TH", 3, 2), ("VN", 3, 2),
        ("MX", 3, 3), ("BR", 4, 3), ("JP", 4, 5), *((region, 4, 4) for region in EUROPE),
    ],
)  # fmt: skip
def test_every_market_has_as_many_reasons_to_cancel_as_its_page_lists(region: str, unpaid: int, paid: int) -> None:
    """Those of paid orders without the address in South-East Asia, which was announced as removed."""
    reasons = capabilities(region, TODAY).cancel_reasons
    counts = [len([one for one in reasons if status in one.order_statuses]) for status in ("UNPAID", "ON_HOLD")]
    assert counts == [unpaid, paid]
    assert len([one for one in reasons if "AWAITING_SHIPMENT" in one.order_statuses]) == paid


@pytest.mark.parametrize(
    ("region", "count"),
    [("US", 7), ("GB", 4), ("ID", 5), ("MY", 4), ("PH", 4), ("SG", 4), ("TH", 4), ("VN", 4), ("MX", 3), ("BR", 3),
     ("JP", 0), *((region, 2) for region in EUROPE)],
)  # fmt: skip
def test_reasons_to_reject_are_listed_to_explain(region: str, count: int) -> None:
    assert len(capabilities(region, TODAY).listed_reject_reasons) == count


def test_buyers_are_customers_where_the_marketplace_calls_them_so() -> None:
    name = "seller_cancel_paid_reason_buyer_requested_cancellation"
    said = {
        region: reason.text
        for region in regions()
        for reason in capabilities(region, TODAY).cancel_reasons
        if reason.name == name
    }
    buyers = {"US", "PH"}
    assert {region for region, text in said.items() if text.startswith("Buyer")} == buyers
    assert said.keys() - buyers == {"MX", "BR", "JP", *EUROPE}


def test_single_items_can_be_cancelled_in_the_uk_since_april_2024() -> None:
    before, after = capabilities("GB", date(2024, 3, 31)), capabilities("GB", date(2024, 4, 1))
    assert (before.can_cancel_lines, after.can_cancel_lines) == (False, True)
    assert before.lines_notice is not None
    assert after.lines_notice is None
    assert [len([one for one in found.notices if "line items" in one.text]) for found in (before, after)] == [0, 1]


@pytest.mark.parametrize(
    ("region", "word", "since"),
    [
        ("ID", "missing stock", date(2025, 8, 31)),
        ("MY", "no longer a reason", date(2025, 8, 31)),
        *((region, "no longer a reason", date(2024, 3, 1)) for region in ["ID", "PH", "SG", "TH", "VN"]),
        *((region, "request at hand", date(2025, 9, 24)) for region in SOUTH_EAST_ASIA),
    ],
)
def test_a_notice_is_told_from_its_day_on(region: str, word: str, since: date) -> None:
    def told(day: date) -> list[date | None]:
        return [one.date for one in capabilities(region, day).notices if word in one.text]

    assert (told(since - timedelta(days=1)), told(since)) == ([], [since])


def test_records_may_name_reasons_of_buyers_system_and_operators_and_ended_ones_of_sellers() -> None:
    assert "seller_cancel_paid_reason_address_not_deliver" in capabilities("ID", TODAY).known_reasons
    for region in regions():
        known = capabilities(region, TODAY).known_reasons
        assert {"operator_cancel_risk_control_block", "system_cancel_add_address_overtime"} <= known
        assert "seller_invented_this" not in known
        unpaid = "system_cancel_unpaid_time_out"
        assert (unpaid in known, f"{unpaid}_uk" in known) == (region != "GB", region == "GB")
    assert "package_damagaed" in capabilities("DE", TODAY).known_reasons
    assert capabilities("ZZ", TODAY).known_reasons == frozenset()


def test_what_buyers_of_a_market_read_is_known() -> None:
    read = {region: capabilities(region, TODAY).language for region in regions()}
    assert {region for region, language in read.items() if language == "en"} == {"US", "GB", "IE", "PH", "SG"}
    assert (read["DE"], read["MX"], read["BR"], read["MY"]) == ("de", "es", "pt", "ms")


@pytest.mark.parametrize("region", [*regions(), "ZZ"])
def test_links_go_to_a_seller_centre_or_nowhere(region: str) -> None:
    found = capabilities(region, TODAY)
    for url, about in ((found.order_url, "{order_id}"), (found.messages_url, "{shop_id}")):
        assert url == "" or (url.startswith("https://seller-") and about in url)


def test_what_a_verdict_does_to_the_standing_is_told_only_where_a_page_says_it() -> None:
    assert {region for region in regions() if capabilities(region, TODAY).standing} == {"TH", "US"}
    assert "is not in the list" in capabilities("TH", TODAY).standing["approve"].text
    assert "approve" not in capabilities("US", TODAY).standing
    for region in ("TH", "US"):
        found = capabilities(region, TODAY)
        assert {notice.url for notice in found.standing.values()} <= {source.url for source in found.sources}


def test_the_registry_knows_tiktok_shop_by_the_interface() -> None:
    found: Marketplace = marketplace("tiktok_shop")
    speaker: Adapter = found.adapter(Credentials("key", "secret"))
    assert speaker.marketplace == "tiktok_shop"
    assert found.name == TikTokShop().name == "TikTok Shop"
    assert found.capabilities("US", TODAY) == capabilities("US", TODAY)
    assert set(MARKETPLACES) >= {"tiktok_shop"}
    with pytest.raises(KeyError):
        marketplace("nowhere")
