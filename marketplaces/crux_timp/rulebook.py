"""What can be done at Crux Connect. Its pages know one market and no dates, so nothing depends on the day."""

from datetime import date
from functools import lru_cache

from marketplaces.base import Capabilities, Notice, Source
from marketplaces.crux_timp.known import (
    ALLOCATED,
    BACKORDERED,
    CANCELLED,
    HAS_TRACKING,
    NEEDS_TRACKING,
    PARTIAL,
    REJECTED,
    UNALLOCATED,
)

MARKETPLACE = "crux_timp"
MARKETPLACE_NAME = "Crux Connect"
_PAGES = "https://docs.cruxconnect.com/"
_MARKETS = {"US": "United States"}

# An order has the word of its line that is least far, so under any of these something of it is open.
_OPEN = (UNALLOCATED, PARTIAL, BACKORDERED, NEEDS_TRACKING, ALLOCATED)

_REQUESTS = (
    "Crux Connect lists no requests to cancel. A retailer's request is announced by e-mail and on the dashboard: "
    "record it here, for the order or for one line, and answer it here."
)
_APPROVE = "All lines of yours that are still open are cancelled. Lines of other suppliers are not."
_REJECT = "No reason can go with it: tell the retailer yourself why the order stands."
_SHIPPING = "Shipping answers no request: it stays open until it is confirmed or rejected."
_ITEMS = (
    "Items are cancelled by allocating the order again: units that wait for stock go first, then accepted ones. What "
    "is left of a line that was not allocated yet is accepted by it."
)
_CHANGES = (
    "Crux Connect cannot be asked what changed: orders of the last days are read again, older ones while a request "
    "about them waits, and when somebody opens them."
)


@lru_cache(maxsize=16)
def capabilities(region: str, today: date) -> Capabilities:
    """What can be done in this market on this day, which is the same everywhere and always.

    The time zone is UTC, in which Crux Connect writes its times: no page says where it, or a supplier, is at home.
    """
    return Capabilities(
        marketplace=MARKETPLACE,
        marketplace_name=MARKETPLACE_NAME,
        region=region,
        market_name=_MARKETS.get(region, region),
        can_reject=True,
        reject_until=None,
        reject_notice=Notice(_REJECT, _PAGES),
        shipping_rejects=False,
        shipping_notice=Notice(_SHIPPING),
        takes_reject_reason=False,
        takes_comment=False,
        comment_max_length=0,
        takes_images=False,
        max_images=0,
        image_formats=(),
        max_image_bytes=0,
        min_image_side=0,
        max_image_side=0,
        can_cancel_order=True,
        can_cancel_lines=True,
        cancellable_order_statuses=_OPEN,
        shippable_order_statuses=_OPEN,
        cancel_reasons=(),
        takes_cancel_reason=False,
        previews_refunds=False,
        shows_requests=False,
        announces_requests=True,
        silence="nothing",
        time_zone="UTC",
        approve_has_key=False,
        approve_notice=Notice(_APPROVE, _PAGES),
        items_notice=Notice(_ITEMS, _PAGES),
        requests_notice=Notice(_REQUESTS, _PAGES),
        notices=(Notice(_CHANGES),),
        status_labels=_LABELS,
        order_statuses=(*_OPEN, HAS_TRACKING, REJECTED, CANCELLED),
        sources=(Source("Crux Connect's documentation", _PAGES),),
    )


_LABELS = {
    UNALLOCATED: "To be allocated",
    PARTIAL: "Partly allocated",
    ALLOCATED: "Allocated",
    BACKORDERED: "Backordered",
    NEEDS_TRACKING: "To be shipped",
    HAS_TRACKING: "Shipped",
    REJECTED: "Rejected by us, all or some",  # a line has this word even when it was about some of its units
    CANCELLED: "Cancelled",
}

TEXTS = (_APPROVE, _CHANGES, _ITEMS, _REJECT, _REQUESTS, _SHIPPING, *_MARKETS.values(), *_LABELS.values())
