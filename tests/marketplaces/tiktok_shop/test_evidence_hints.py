"""What TikTok Shop wants to see with a rejection, as far as its pages say."""

from datetime import date

import pytest

from marketplaces.tiktok_shop.evidence import hints
from marketplaces.tiktok_shop.rulebook import capabilities, regions

PACKED = "seller_reject_apply_product_has_been_packed"
AGREED = "order_manage_list_action_respond_popup_reject_reason_buyer_agree"
TODAY = date(2026, 11, 21)


@pytest.mark.parametrize("region", ["ID", "TH"])
def test_a_market_with_a_page_of_its_own_says_what_that_page_says(region: str) -> None:
    packed, agreed = hints(region)[PACKED][0], hints(region)[AGREED][0]
    assert packed.text.startswith("Photos of the package")
    assert agreed.text.startswith("Screenshots")
    assert (packed.date, packed.url.startswith("https://")) == (date(2024, 4, 19), True)


@pytest.mark.parametrize("region", ["GB", "DE", "VN", "XX"])
def test_one_without_says_so_and_names_whose_page_it_is(region: str) -> None:
    (packed,) = hints(region)[PACKED]
    told = packed.text % packed.values
    assert "publishes no list" in told
    assert "Indonesia and Thailand asks for: Photos of the package" in told


@pytest.mark.parametrize("region", regions())
def test_for_every_other_reason_the_honest_words_are_that_nothing_is_published(region: str) -> None:
    (other,) = capabilities(region, TODAY).evidence_hints[""]
    assert "publishes no list" in other.text
    assert other.values == {"day": date(2026, 11, 21)}


def test_only_reasons_that_a_market_lists_have_hints() -> None:
    known = {reason.name for region in regions() for reason in capabilities(region, TODAY).listed_reject_reasons}
    assert set(hints("TH")) - {""} <= known
