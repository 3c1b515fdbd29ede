"""What can be done in a shop's market, and the words that market has for things."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from marketplaces.base import CancelReason, Capabilities
from marketplaces.errors import MarketplaceError
from marketplaces.records import Credentials
from marketplaces.registry import marketplace
from shops.market_words import active_language, capabilities_in
from shops.models import Shop


def capabilities(shop: Shop, now: datetime) -> Capabilities:
    """What can be done there now, in words of the active language."""
    return capabilities_on(shop, market_day(shop, now))


def capabilities_on(shop: Shop, day: date) -> Capabilities:
    return capabilities_in(active_language(), shop.marketplace, shop.region, day)


def market_day(shop: Shop, now: datetime) -> date:
    """The day it is in the shop's market: rules change with the market's calendar."""
    return now.astimezone(shop.zone).date()


@dataclass(frozen=True)
class ForOrders:
    """Reasons for which a seller may cancel orders that stand like this; `are_offered` where we follow the page."""

    statuses: Sequence[str]
    reasons: Sequence[CancelReason]
    are_offered: bool


def reasons_by_order(market: Capabilities) -> list[ForOrders]:
    """What a market lists, by the states that an order goes through; states with the same reasons stand together."""
    found: list[ForOrders] = []
    for status in market.order_statuses:
        reasons = [reason for reason in market.cancel_reasons if status in reason.order_statuses]
        are_offered = status in market.cancellable_order_statuses
        if found and (found[-1].reasons, found[-1].are_offered) == (reasons, are_offered):
            found[-1] = ForOrders([*found[-1].statuses, status], reasons, are_offered)
        elif reasons:
            found.append(ForOrders([status], reasons, are_offered))
    return found


def check_options(slug: str, options: Mapping[str, str]) -> None:
    """Raises ValidationError, in words for a person, for options that this marketplace does not know."""
    platform = marketplace(slug)
    known = {option.name: option for option in platform.options}
    problems = []
    for name, value in options.items():
        option = known.get(name)
        if option is None:
            problems.append(
                _("%(marketplace)s has no option “%(name)s”. Known: %(known)s.")
                % {"marketplace": platform.name, "name": name, "known": ", ".join(known) or _("none")}
            )
        elif not isinstance(value, str) or (value not in option.choices if option.choices else not value.isprintable()):
            choices = ", ".join(f'"{choice}"' for choice in option.choices)
            problems.append(
                _("“%(name)s” is one of these, as text: %(choices)s.") % {"name": name, "choices": choices}
                if choices
                else _("“%(name)s” is a text.") % {"name": name}
            )
    if problems:
        raise ValidationError(problems)
    try:
        platform.adapter(Credentials("", "", options=options))
    except MarketplaceError as error:
        raise ValidationError(error.message) from None
