"""A marketplace's rules in the language of whoever reads them. Marketplaces know no languages: they write English.

The sentences are in `Marketplace.texts`, which the command makemessages hands to the translators. The wording of
reasons is the marketplace's own and stays as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import date
from functools import lru_cache
from typing import Any

from django.utils import formats, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from marketplaces.base import Capabilities, Notice
from marketplaces.registry import marketplace


@lru_cache(maxsize=512)
def capabilities_in(language: str, slug: str, region: str, today: date) -> Capabilities:
    """What can be done in a market on this day, told in this language."""
    market = marketplace(slug).capabilities(region, today)
    with translation.override(language):
        market = replace(market, **{field.name: told(getattr(market, field.name)) for field in fields(market)})
        return replace(
            market,
            market_name=in_words(market.market_name),
            status_labels=all_in_words(market.status_labels),
            package_labels=all_in_words(market.package_labels),
            reject_notice=with_days_left(market.reject_notice, market.reject_until, today),
        )


def told(value: Any) -> Any:
    """Notices in the active language, wherever they stand in a field; everything else as it is."""
    if isinstance(value, Notice):
        return replace(value, text=sentence(value), values={})
    if isinstance(value, Mapping):
        return {key: told(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(told(one) for one in value)
    return value


def sentence(notice: Notice) -> str:
    if not notice.values:
        return _(notice.text)
    return _(notice.text) % {name: in_words(value) for name, value in notice.values.items()}


def in_words(value: str | date) -> str:
    if isinstance(value, date):
        return formats.date_format(value)
    return _(value) if value else ""  # gettext's translation of nothing is the head of its catalog


def all_in_words(labels: Mapping[str, str]) -> Mapping[str, str]:
    return {name: in_words(label) for name, label in labels.items()}


def with_days_left(notice: Notice | None, until: date | None, today: date) -> Notice | None:
    """While rejecting ends on a day to come, how long it still works."""
    if notice is None or until is None or until <= today:
        return notice
    days = (until - today).days
    left = ngettext("Rejecting here works for %(days)d more day.", "Rejecting here works for %(days)d more days.", days)
    return replace(notice, text=f"{notice.text} {left % {'days': days}}")


def active_language() -> str:
    """English where nobody reads: in workers and commands that were given no language."""
    return translation.get_language() or "en"
