"""How far an order is on its way, in words that are the same for every marketplace."""

import pytest

from shops.models import Shop
from shops.templatetags.markets import progress


@pytest.mark.parametrize(
    ("marketplace", "status", "words"),
    [
        ("tiktok_shop", "AWAITING_SHIPMENT", "No label yet"),
        ("tiktok_shop", "PARTIALLY_SHIPPING", "Label made for a part"),
        ("tiktok_shop", "AWAITING_COLLECTION", "Label made"),
        ("tiktok_shop", "IN_TRANSIT", "Handed over"),
        ("tiktok_shop", "DELIVERED", "Delivered"),
        ("tiktok_shop", "COMPLETED", "Completed"),  # as a refunded order is, which nobody delivered
        ("tiktok_shop", "ON_HOLD", "On hold"),
        ("tiktok_shop", "A_NEW_WORD", "A_NEW_WORD"),
        ("crux_timp", "NeedsTracking", "To be shipped"),
        ("crux_timp", "HasTracking", "Shipped"),
    ],
)
def test_a_status_says_whether_there_is_a_label(marketplace: str, status: str, words: str) -> None:
    assert progress(Shop(marketplace=marketplace, region="GB", time_zone="Europe/London"), status) == words
