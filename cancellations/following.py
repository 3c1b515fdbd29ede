"""Requests that the marketplace does not show, but people recorded: what the order's lines tell about them.

Such a marketplace also announces now and then that somebody asks to cancel, without saying what: a person finds out.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from cancellations import happening, outcome
from cancellations.models import Announcement, CancellationRequest, Event
from marketplaces import records
from marketplaces.base import Adapter, Capabilities
from marketplaces.errors import CredentialsRejected, MarketplaceError, OutcomeUnknown, Refused
from marketplaces.records import Page
from orders import sync as orders_sync
from orders.models import Order
from shops import pulling
from shops.models import Shop, SyncKind, SyncRun

logger = structlog.get_logger(__name__)
# After so many orders in a row that cannot be read, the marketplace itself is down.
PATIENCE = 3


def follow(shop: Shop, market: Capabilities) -> list[SyncRun]:
    """Read again what waits here, and what was announced; returns the runs, which say how they ended.

    A failure of one step keeps none of the others from being done.
    """
    runs: list[SyncRun | None] = []
    broken: Exception | None = None
    steps: list[Callable[[], object]] = [lambda: read_orders_that_wait(shop), lambda: read_flagged_orders(shop)]
    if market.announces_requests:
        steps.append(lambda: runs.append(read_announcements(shop)))
    steps += [lambda: announce_flagged_orders(shop), lambda: settle_what_lines_show(shop)]
    for step in steps:
        try:
            step()
        except MarketplaceError as error:
            logger.warning("following.failed", shop=shop.pk, code=error.code, error=error.message)
        except Exception as error:
            logger.exception("following.broken", shop=shop.pk)
            broken = error
    if broken:
        raise broken
    return [run for run in runs if run]


def recorded_and_waiting(shop: Shop) -> Sequence[CancellationRequest]:
    rows = CancellationRequest.objects.waiting().filter(shop=shop, recorded_at__isnull=False, order__isnull=False)
    return list(rows.select_related("order", "line_item").prefetch_related("order__lines").order_by("pk"))


def read_orders_that_wait(shop: Shop) -> None:
    """Orders are listed by when they were made, so that old ones whose request waits have to be asked for by id.

    One by one, so that an order that cannot be read keeps no other from being followed.
    """
    failed = 0
    for order_id in sorted({cancellation.order_marketplace_id for cancellation in recorded_and_waiting(shop)}):
        try:
            orders_sync.read_again(shop, [order_id])
            failed = 0
        except CredentialsRejected:
            raise
        except MarketplaceError as error:
            logger.warning("following.order_failed", shop=shop.pk, order=order_id, code=error.code, error=error.message)
            failed += 1
            if failed == PATIENCE:
                raise


def read_flagged_orders(shop: Shop) -> None:
    for flagged in orders_sync.with_cancel_requested(shop):
        with transaction.atomic():
            orders_sync.store(shop, flagged)


def read_announcements(shop: Shop) -> SyncRun | None:
    """Stored at once: reading them may have used them up. Whoever died over them may have had some in hand."""
    if pulling.has_died(shop, SyncKind.ANNOUNCEMENTS):
        announce_that_none_can_be_read(shop, OutcomeUnknown("The worker that read them stopped."))

    def fetch(adapter: Adapter, since: datetime, until: datetime, cursor: str) -> Page[records.Announcement]:
        try:
            return Page(adapter.announcements())
        except (OutcomeUnknown, Refused) as error:
            announce_that_none_can_be_read(shop, error)
            raise

    return pulling.pull(shop, pulling.Kind(kind=SyncKind.ANNOUNCEMENTS, fetch=fetch, store=store_announcements))


def announce_that_none_can_be_read(shop: Shop, error: MarketplaceError) -> None:
    """Some may have been used up unread, so a person has to look over there; said once a day."""
    now = timezone.now()
    title = _("What the marketplace announced could not be read (%(problem)s): look there yourself.")
    unread = records.Announcement(f"unread/{now:%Y-%m-%d}", title % {"problem": error.message}, now, True)
    store_announcements(shop, [unread])


def store_announcements(shop: Shop, told: Sequence[records.Announcement]) -> int:
    """Each once, however often it is told; returns how many were new."""
    before = Announcement.objects.filter(shop=shop).count()
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
    return Announcement.objects.filter(shop=shop).count() - before


def announce_flagged_orders(shop: Shop) -> None:
    """An order that says itself that somebody asks, but not for how much of it, is for a person to look into too.

    Once for each time that it came to say so: it has not changed since it was announced, or its request answered.
    """
    since = {"order": OuterRef("pk")}
    announced = Announcement.objects.filter(**since, announced_at__gte=OuterRef("updated_at"))
    requests = CancellationRequest.objects.filter(**since)
    answered = requests.filter(Q(needs_answer=True) | Q(updated_at__gte=OuterRef("updated_at")))
    flagged = Order.objects.filter(~Exists(announced), ~Exists(answered), shop=shop, is_cancel_requested=True)
    Announcement.objects.bulk_create(
        [
            Announcement(
                shop=shop,
                order=order,
                marketplace_id=f"{order.marketplace_id}/{order.updated_at.isoformat()}",
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
            event = Event(
                shop_id=cancellation.shop_id, order_id=cancellation.order_id, cancellation=cancellation,
                name="cancellation.moved", detail={"from": cancellation.state, "to": state, "status": ""},
            )  # fmt: skip
            happening.note([event])
    cancellation.refresh_from_db()
