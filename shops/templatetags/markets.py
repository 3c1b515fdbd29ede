"""Words and rules of a shop's market, for templates."""

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from django import template
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from marketplaces.base import Capabilities
from marketplaces.records import Progress
from shops import markets
from shops.models import Shop

register = template.Library()

PROGRESS = {
    Progress.NO_LABEL: _("No label yet"),
    Progress.LABEL_MADE: _("Label made"),
    Progress.PARTLY_LABELLED: _("Label made for a part"),
    Progress.HANDED_OVER: _("Handed over"),
    Progress.DELIVERED: _("Delivered"),
}


@register.filter
def market(shop: Shop) -> Capabilities:
    return markets.capabilities(shop, timezone.now())


@register.filter
def words(shop: Shop, status: str) -> str:
    """What people say for a status word of the marketplace; the word itself where nobody has said."""
    return market(shop).status_labels.get(status, status)


@register.filter
def progress(shop: Shop, status: str) -> str:
    """How far an order with this status is on its way; what the marketplace calls it where that says more."""
    return how_far(market(shop), status)


def how_far(market: Capabilities, status: str) -> str:
    told = market.progress.get(status)
    return str(PROGRESS[told]) if told else market.status_labels.get(status, status)


@register.filter
def order_link(shop: Shop, order_id: str) -> str:
    """The order in the marketplace's own seller centre; empty where we know no address."""
    return market(shop).order_url.replace("{order_id}", quote(order_id, safe=""))


@register.filter
def centre_link(shop: Shop) -> str:
    """The marketplace's own seller centre, where requests can be answered by hand; empty where we know no address."""
    parts = urlsplit(market(shop).order_url)
    return f"{parts.scheme}://{parts.netloc}/" if parts.netloc else ""


@register.filter
def messages_link(shop: Shop) -> str:
    """The shop's messages with buyers over there; empty where we know no address."""
    return market(shop).messages_url.replace("{shop_id}", quote(shop.marketplace_id, safe=""))


@register.filter
def package_words(shop: Shop, status: str) -> str:
    """As `words`, of a package."""
    return market(shop).package_labels.get(status, status)


@register.filter
def at(values: Mapping[str, str] | None, key: str) -> str:
    """What a mapping has for a key, or nothing."""
    return (values or {}).get(key, "")
