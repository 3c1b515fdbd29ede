"""What can be done in a shop's market, and the words that market has for things."""

from datetime import date, datetime

from marketplaces.base import Capabilities
from marketplaces.registry import marketplace
from shops.models import Shop


def capabilities(shop: Shop, now: datetime) -> Capabilities:
    return marketplace(shop.marketplace).capabilities(shop.region, market_day(shop, now))


def market_day(shop: Shop, now: datetime) -> date:
    """The day it is in the shop's market: rules change with the market's calendar."""
    return now.astimezone(shop.zone).date()
