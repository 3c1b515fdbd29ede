"""What can be done in which TikTok Shop market on which day: reads the rulebook's TOML and answers as Capabilities.

Pure in its date, so both sides of every change can be asked for.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from marketplaces.base import CancelReason, Capabilities, ListedReason, Notice, ResponseTime, Source
from marketplaces.tiktok_shop import evidence
from marketplaces.tiktok_shop.known import PROGRESS

MARKETPLACE = "tiktok_shop"
MARKETPLACE_NAME = "TikTok Shop"

_PAGES = "https://partner.tiktokshop.com/docv2/page/"
_UNKNOWN_MARKET = "TikTok Shop's rules for the market %(market)s are not known here."
_NO_MARKET = "TikTok Shop's rules for a market without a name are not known here."

Raw = Mapping[str, Any]


def _read(*names: str) -> Raw:
    folder = Path(__file__).parent
    return {key: value for name in names for key, value in tomllib.loads((folder / name).read_text("utf-8")).items()}


_BOOK = _read("rulebook.toml", "rulebook_reasons.toml", "rulebook_records.toml")
CALLS_PER_SECOND: int = _BOOK["limits"]["calls_per_second"]
_SOURCES = {
    name: Source(raw["title"], raw.get("url", _PAGES + name), raw.get("as_of"))
    for name, raw in _BOOK["sources"].items()
}


@dataclass(frozen=True, slots=True)
class _Market:
    """One market's rules, whatever the day."""

    region: str
    name: str
    source: str
    time_zone: str
    silence: str
    cancellable_order_statuses: Sequence[str]
    shippable_order_statuses: Sequence[str]
    response_times: Sequence[Raw]
    shipping_notice: Raw
    cancel_notice: Raw
    lines_notice: Raw
    partial_cancel: bool = False
    partial_cancel_from: date | None = None
    shipping_rejects_from: date | None = None
    shipping_rejects_notice: Raw | None = None
    reject_until: date | None = None
    reject_notice: Raw | None = None
    language: str = ""
    order_url: str = ""
    messages_url: str = ""
    policy_url: str = ""

    def cancels_lines(self, today: date) -> bool:
        return self.partial_cancel or (self.partial_cancel_from is not None and self.partial_cancel_from <= today)


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
    partial = any(reason.partial for reason in reasons)
    limits = _BOOK["limits"]
    return Capabilities(
        marketplace=MARKETPLACE,
        marketplace_name=MARKETPLACE_NAME,
        region=region,
        market_name=market.name,
        can_reject=can_reject,
        reject_until=market.reject_until,
        reject_notice=_reject_notice(market),
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
        language=market.language,
        order_url=market.order_url,
        messages_url=market.messages_url,
        status_labels=_BOOK["status_labels"],
        package_labels=_BOOK["package_labels"],
        progress=PROGRESS,
        order_statuses=tuple(_BOOK["order_statuses"]),
        cancel_notice=_notice(market.cancel_notice) if reasons else None,
        lines_notice=_notice(market.lines_notice) if reasons and not partial else None,
        buyers=tuple(_notice(raw) for raw in _of("buyers", region)),
        response_times=tuple(ResponseTime(raw["hours"], _SOURCES[raw["source"]]) for raw in market.response_times),
        listed_reject_reasons=tuple(
            ListedReason(raw["name"], raw["text"], _SOURCES[raw["source"]]) for raw in _of("reject_reasons", region)
        ),
        known_reasons=_known_reasons(region),
        policy_url=market.policy_url,
        standing={verdict: _notice(raw) for raw in _of("standing", region) for verdict in raw["verdicts"]},
        evidence_hints=evidence.hints(region),
        sources=_sources(market, today),
    )


def _market(region: str) -> _Market:
    own: Raw = _BOOK["markets"].get(region, {})
    return _Market(**({"region": region, "name": region} | _BOOK["default"] | own))


def _of(table: str, region: str) -> Iterator[Raw]:
    """Entries about this market; none about one that the rulebook does not know."""
    groups = _BOOK["groups"]
    known = _BOOK["markets"].keys() & {region}
    for raw in _BOOK[table]:
        markets = raw.get("markets", known)
        if known and any(region in groups.get(name, (name,)) for name in markets):
            yield raw


def _notice(raw: Raw, since: date | None = None) -> Notice:
    return Notice(raw["text"], _SOURCES[raw["source"]].url, since)


def _cancel_reasons(market: _Market, today: date) -> Sequence[CancelReason]:
    return tuple(
        _cancel_reason(raw, market, today)
        for raw in _of("cancel_reasons", market.region)
        if today < raw.get("until", {}).get(market.region, date.max)
    )


def _cancel_reason(raw: Raw, market: _Market, today: date) -> CancelReason:
    fault_from = raw.get("fault_from", {}).get(market.region)
    allowed = {"UNPAID", *market.cancellable_order_statuses}
    return CancelReason(
        name=raw["name"],
        text=raw["text"],
        order_statuses=tuple(status for status in raw["order_statuses"] if status in allowed),
        partial=market.cancels_lines(today) and raw.get("partial", False),
        seller_fault=None if fault_from is None else fault_from <= today,
        source=_SOURCES[raw["source"]],
        fault_since=fault_from,
        fault_source=None if fault_from is None else _SOURCES[raw["fault_source"]],
    )


def _known_reasons(region: str) -> frozenset[str]:
    """Whatever a cancellation here may name: reasons of sellers, also those that have ended, and of everybody else."""
    others = [name for raw in _of("known_reasons", region) for name in raw["names"].split()]
    return frozenset(others).union(raw["name"] for raw in _of("cancel_reasons", region))


def _sources(market: _Market, today: date) -> Sequence[Source]:
    """Every page that this market's rules of today were read from, the newest first, those without a date last."""
    notices = (market.shipping_notice, market.cancel_notice, market.lines_notice, market.reject_notice)
    entries = [
        *market.response_times,
        *(raw for raw in (*notices, market.shipping_rejects_notice) if raw),
        *(
            raw
            for table in ("buyers", "cancel_reasons", "reject_reasons", "notices", "standing")
            for raw in _of(table, market.region)
        ),
    ]
    names = {market.source, *(raw["source"] for raw in entries if raw.get("since", today) <= today)}
    return sorted((_SOURCES[name] for name in names), key=lambda one: (one.as_of or date.min, one.title), reverse=True)


def _reject_notice(market: _Market) -> Notice | None:
    if market.reject_until is None or market.reject_notice is None:
        return None
    return _notice(market.reject_notice, market.reject_until)


def _shipping_notice(market: _Market, ships_to_reject: bool) -> Notice:
    if ships_to_reject and market.shipping_rejects_notice:
        return _notice(market.shipping_rejects_notice, market.shipping_rejects_from)
    return _notice(market.shipping_notice)


def _notices(region: str, today: date) -> Sequence[Notice]:
    if region not in _BOOK["markets"]:
        return (Notice(_UNKNOWN_MARKET, values={"market": region}) if region else Notice(_NO_MARKET),)
    return tuple(_notice(raw, raw.get("since")) for raw in _of("notices", region) if raw.get("since", today) <= today)


def _texts() -> Iterator[str]:
    """Every sentence of ours; the words of reasons are TikTok Shop's own."""
    yield from (_UNKNOWN_MARKET, _NO_MARKET, *evidence.TEXTS, *_BOOK["status_labels"].values())
    yield from _BOOK["package_labels"].values()
    for raw in (_BOOK["default"], *_BOOK["markets"].values()):
        yield from (value["text"] for name, value in raw.items() if name.endswith("_notice"))
    yield from (raw["text"] for raw in (*_BOOK["buyers"], *_BOOK["notices"], *_BOOK["standing"]))
    yield from (raw["name"] for raw in _BOOK["markets"].values())


TEXTS = tuple(_texts())
