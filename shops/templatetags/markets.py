"""Words and rules of a shop's market, for templates."""

from collections.abc import Mapping

from django import template
from django.utils import timezone

from marketplaces.base import Capabilities
from shops import markets
from shops.models import Shop

register = template.Library()


@register.filter
def market(shop: Shop) -> Capabilities:
    return markets.capabilities(shop, timezone.now())


@register.filter
def words(shop: Shop, status: str) -> str:
    """What people say for a status word of the marketplace; the word itself where nobody has said."""
    return market(shop).status_labels.get(status, status)


@register.filter
def order_link(shop: Shop, order_id: str) -> str:
    """The order in the marketplace's own seller centre; empty where we know no address."""
    return market(shop).order_url.replace("{order_id}", order_id)


@register.filter
def at(values: Mapping[str, str] | None, key: str) -> str:
    """What a mapping has for a key, or nothing."""
    return (values or {}).get(key, "")
