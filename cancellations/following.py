"""Requests that the marketplace does not show, but people recorded: what the order's lines tell about them.

Such a marketplace also announces now and then that somebody asks to cancel, without saying what: a person finds out.
"""

from collections.abc import Sequence

import structlog
from django.db import transaction
from django.utils import timezone

from cancellations import outcome
from cancellations.models import Announcement, CancellationRequest, Event
from marketplaces import records
from marketplaces.base import Capabilities
from marketplaces.errors import MarketplaceError
from orders import sync as orders_sync
from orders.models import Order
from shops.models import Shop
from shops.tokens import call_for

logger = structlog.get_logger(__name__)
READ_AT_ONCE = 50  # orders


def follow(shop: Shop, market: Capabilities) -> None:
    """Read again what waits here, and what was announced. A failure of one keeps the other from nothing."""
    steps = [read_orders_that_wait, read_flagged_orders, *([read_announcements] if market.announces_requests else [])]
    for step in steps:
        try:
            step(shop)
        except MarketplaceError as error:
            logger.warning("following.failed", shop=shop.pk, code=error.code, error=error.message)
    announce_flagged_orders(shop)
    settle_what_lines_show(shop)


def recorded_and_waiting(shop: Shop) -> Sequence[CancellationRequest]:
    rows = CancellationRequest.objects.waiting().filter(shop=shop, recorded_at__isnull=False, order__isnull=False)
    return list(rows.select_related("order", "line_item").prefetch_related("order__lines").order_by("pk"))


def read_orders_that_wait(shop: Shop) -> None:
    """Orders are listed by when they were made, so that old ones whose request waits have to be asked for by id."""
    ids = sorted({cancellation.order_marketplace_id for cancellation in recorded_and_waiting(shop)})
    for start in range(0, len(ids), READ_AT_ONCE):
        orders_sync.read_again(shop, ids[start : start + READ_AT_ONCE])


def read_flagged_orders(shop: Shop) -> None:
    flagged = orders_sync.with_cancel_requested(shop)
    with transaction.atomic():
        orders_sync.store(shop, flagged)


def read_announcements(shop: Shop) -> None:
    """Stored at once: reading them may have used them up."""
    told = call_for(shop, lambda adapter: adapter.announcements())
    store_announcements(shop, told)


def store_announcements(shop: Shop, told: Sequence[records.Announcement]) -> None:
    Announcement.objects.bulk_create(
        [
            Announcement(
                shop=shop,
                marketplace_id=one.marketplace_id,
                title=one.title,
                is_cancellation=one.is_cancellation,
                announced_at=one.announced_at,
            )
            for one in told
        ],
        ignore_conflicts=True,
    )


def announce_flagged_orders(shop: Shop) -> None:
    """An order that says itself that somebody asks, but not for how much of it, is for a person to look into too."""
    flagged = Order.objects.filter(shop=shop, is_cancel_requested=True).exclude(
        cancellations__in=CancellationRequest.objects.filter(needs_answer=True)
        | CancellationRequest.objects.filter(state=CancellationRequest.State.APPROVED)
    )
    Announcement.objects.bulk_create(
        [
            Announcement(
                shop=shop,
                order=order,
                marketplace_id=f"{order.marketplace_id}/{order.fingerprint}",
                title=order.status,
                is_cancellation=True,
                announced_at=order.updated_at,
            )
            for order in flagged
        ],
        ignore_conflicts=True,
    )


def settle_what_lines_show(shop: Shop) -> None:
    for cancellation in recorded_and_waiting(shop):
        settle_if_shown(cancellation)


def settle_if_shown(cancellation: CancellationRequest) -> None:
    """Somebody confirmed it in the marketplace's own screens."""
    if outcome.lines_are_cancelled(cancellation):
        settle(cancellation, CancellationRequest.State.APPROVED)


def settle(cancellation: CancellationRequest, state: CancellationRequest.State) -> None:
    """Write down what became of a recorded request, with the event that tells of it; once."""
    with transaction.atomic():
        settled = CancellationRequest.objects.filter(pk=cancellation.pk, needs_answer=True).update(
            state=state, needs_answer=False, updated_at=timezone.now()
        )
        if settled:
            Event.objects.create(
                shop_id=cancellation.shop_id, order_id=cancellation.order_id, cancellation=cancellation,
                name="cancellation.moved", detail={"from": cancellation.state, "to": state, "status": ""},
            )  # fmt: skip
    cancellation.refresh_from_db()
