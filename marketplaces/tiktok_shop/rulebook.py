"""What can be done in which TikTok Shop market on which day: reads rulebook.toml and answers as Capabilities.

Pure in its date, so both sides of every change can be asked for.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from marketplaces.base import CancelReason, Capabilities, Notice

MARKETPLACE = "tiktok_shop"
MARKETPLACE_NAME = "TikTok Shop"

_BOOK: Mapping[str, Any] = tomllib.loads((Path(__file__).parent / "rulebook.toml").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class _Market:
    """One market's rules, whatever the day."""

    region: str
    name: str
    time_zone: str
    silence: str
    cancellable_order_statuses: Sequence[str]
    shippable_order_statuses: Sequence[str]
    shipping_notice: Mapping[str, str]
    partial_cancel: bool = False
    shipping_rejects_from: date | None = None
    shipping_rejects_notice: Mapping[str, str] | None = None
    reject_until: date | None = None
    reject_notice: Mapping[str, str] | None = None
    order_url: str = ""


def regions() -> Sequence[str]:
    """The markets in the rulebook, as two letters of ISO 3166."""
    return tuple(_BOOK["markets"])


@lru_cache(maxsize=256)
def capabilities(region: str, today: date) -> Capabilities:
    """What can be done in this market on this day.

    A market that the rulebook does not know gets what is safe everywhere: approve, reject with a live reason, and no
    cancelling by the seller, since its reasons are not known.
    """
    market = _market(region)
    reasons = _cancel_reasons(market, today)
    can_reject = market.reject_until is None or today < market.reject_until
    ships_to_reject = market.shipping_rejects_from is not None and market.shipping_rejects_from <= today
    partial = market.partial_cancel and any(reason.partial for reason in reasons)
    limits = _BOOK["limits"]
    return Capabilities(
        marketplace=MARKETPLACE,
        marketplace_name=MARKETPLACE_NAME,
        region=region,
        market_name=market.name,
        can_reject=can_reject,
        reject_until=market.reject_until,
        reject_notice=_reject_notice(market, today),
        shipping_rejects=ships_to_reject,
        shipping_notice=_shipping_notice(market, ships_to_reject),
        takes_reject_reason=True,
        takes_comment=True,
        comment_max_length=limits["comment_max_length"],
        takes_images=True,
        max_images=limits["max_images"],
        image_formats=tuple(limits["image_formats"]),
        max_image_bytes=limits["max_image_bytes"],
        min_image_side=limits["min_image_side"],
        max_image_side=limits["max_image_side"],
        can_cancel_order=bool(reasons),
        can_cancel_lines=partial,
        cancellable_order_statuses=tuple(market.cancellable_order_statuses) if reasons else (),
        shippable_order_statuses=tuple(market.shippable_order_statuses),
        cancel_reasons=reasons,
        takes_cancel_reason=True,
        previews_refunds=True,
        shows_requests=True,
        announces_requests=False,
        silence=market.silence,
        time_zone=market.time_zone,
        approve_has_key=True,
        notices=_notices(region, today),
        order_url=market.order_url,
        status_labels=_BOOK["status_labels"],
        order_statuses=tuple(_BOOK["order_statuses"]),
    )


def _market(region: str) -> _Market:
    own: Mapping[str, Any] = _BOOK["markets"].get(region, {})
    return _Market(**({"region": region, "name": region} | _BOOK["default"] | own))


def _cancel_reasons(market: _Market, today: date) -> Sequence[CancelReason]:
    return tuple(
        _cancel_reason(raw, market, today)
        for raw in _BOOK["cancel_reasons"]
        if market.region in raw["markets"] and today < raw.get("until", {}).get(market.region, date.max)
    )


def _cancel_reason(raw: Mapping[str, Any], market: _Market, today: date) -> CancelReason:
    fault_from = raw.get("fault_from", {}).get(market.region)
    allowed = {"UNPAID", *market.cancellable_order_statuses}
    return CancelReason(
        name=raw["name"],
        text=raw["text"],
        order_statuses=tuple(status for status in raw["order_statuses"] if status in allowed),
        partial=market.partial_cancel and raw.get("partial", False),
        seller_fault=None if fault_from is None else fault_from <= today,
    )


def _reject_notice(market: _Market, today: date) -> Notice | None:
    if market.reject_until is None or market.reject_notice is None:
        return None
    text, days = market.reject_notice["text"], (market.reject_until - today).days
    if days > 0:
        left = "1 day" if days == 1 else f"{days} days"
        text = f"{text} Rejecting here works for {left} more."
    return Notice(text, market.reject_notice["url"], market.reject_until)


def _shipping_notice(market: _Market, ships_to_reject: bool) -> Notice | None:
    if ships_to_reject and market.shipping_rejects_notice:
        words, since = market.shipping_rejects_notice, market.shipping_rejects_from
    else:
        words, since = market.shipping_notice, None
    return Notice(words["text"], words["url"], since)


def _notices(region: str, today: date) -> Sequence[Notice]:
    known = region in _BOOK["markets"]
    if not known:
        return (Notice(f"TikTok Shop's rules for the market {region or 'without a name'} are not known here."),)
    return tuple(
        Notice(raw["text"], raw["url"], raw["from"])
        for raw in _BOOK["notices"]
        if region in raw["markets"] and raw["from"] <= today
    )
