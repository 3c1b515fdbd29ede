"""The one place that knows which marketplaces exist."""

from marketplaces.base import Marketplace
from marketplaces.crux_timp.adapter import CruxTimp
from marketplaces.tiktok_shop.adapter import TikTokShop

MARKETPLACES: dict[str, Marketplace] = {"tiktok_shop": TikTokShop(), "crux_timp": CruxTimp()}


def marketplace(slug: str) -> Marketplace:
    """Raises KeyError for a marketplace that is not there."""
    return MARKETPLACES[slug]
