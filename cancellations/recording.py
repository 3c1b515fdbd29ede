"""What staff and integrators do where a marketplace shows no requests: write down what they heard, and close it again.

Each writes rows in one transaction; nothing here speaks to a marketplace.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import log
from cancellations import happening
from cancellations.checks import AlreadyDecided, NotAllowed
from cancellations.models import Announcement, CancellationLine, CancellationRequest, Event
from orders.models import LineItem, Order
from shops.markets import capabilities
from shops.models import Shop
from shops.roles import must_be_agent

if TYPE_CHECKING:
    from accounts.models import User


# What is older is a slip of the pen; and the year 1 has no time in every zone.
LONGEST_AGO = timedelta(days=366)


class AlreadyRecorded(NotAllowed):
    """Somebody has written this request down, and it waits for an answer. `cancellation` is that one."""

    def __init__(self, cancellation: CancellationRequest) -> None:
        super().__init__(
            _("%(who)s has recorded this request already, and it waits for an answer.")
            % {"who": cancellation.recorded_by or _("Somebody")}
        )
        self.cancellation = cancellation


@dataclass(frozen=True)
class Heard:
    """How a request came to us. `asked_at` is aware; None means now."""

    through: str = CancellationRequest.Channel.EMAIL
    asked_at: datetime | None = None
    note: str = ""


def must_be_recorded_by_hand(shop: Shop) -> None:
    """Raises NotAllowed where the marketplace lists requests itself."""
    market = capabilities(shop, timezone.now())
    if market.shows_requests:
        raise NotAllowed(
            _("%(marketplace)s lists its requests, so they come in by themselves: there is nothing to record.")
            % {"marketplace": market.marketplace_name}
        )


def record(order: Order, line_item: LineItem | None, user: "User", heard: Heard) -> CancellationRequest:
    """Write down that somebody asks to cancel an order, or one line of it; it then waits in the queue like any other.

    Raises PermissionDenied, NotAllowed (the marketplace lists requests itself), AlreadyRecorded, or ValidationError by
    field: `order`, `line_item`, `asked_at`.
    """
    must_be_agent(user, order.shop)
    must_be_recorded_by_hand(order.shop)
    asked_at = heard.asked_at or timezone.now()
    if asked_at > timezone.now():
        raise ValidationError({"asked_at": _("This is in the future.")})
    if asked_at < timezone.now() - LONGEST_AGO:
        raise ValidationError({"asked_at": _("This is more than a year ago.")})
    with transaction.atomic():
        locked = Order.objects.select_for_update(of=("self",)).get(pk=order.pk)
        lines = lines_in_question(locked, line_item)
        cancellation = CancellationRequest(
            shop=order.shop, order=locked, order_marketplace_id=locked.marketplace_id, order_number=locked.number,
            line_item=line_item, marketplace_id=next_id(locked), state=CancellationRequest.State.WAITING,
            needs_answer=True, created_at=asked_at, updated_at=timezone.now(), recorded_at=timezone.now(),
            recorded_by=user, heard_through=heard.through, note=heard.note.strip(),
        )  # fmt: skip
        try:
            with transaction.atomic():
                cancellation.save()
        except IntegrityError:
            raise AlreadyRecorded(recorded_before(locked, line_item)) from None
        CancellationLine.objects.bulk_create(as_line_of(cancellation, line) for line in lines)
        tell(cancellation, "cancellation.recorded", user, cancellation.note)
    return cancellation


def lines_in_question(order: Order, line_item: LineItem | None) -> list[LineItem]:
    """The lines that can still be cancelled; raises ValidationError by field where there is none."""
    lines = list(order.lines.all())
    if line_item is None:
        still_open = [line for line in lines if line.open_quantity]
        if not still_open:
            raise ValidationError({"order": _("Nothing of this order can be cancelled any more.")})
        return still_open
    line = next((line for line in lines if line.pk == line_item.pk), None)
    if line is None:
        raise ValidationError({"line_item": _("This order has no such line item.")})
    if not line.open_quantity:
        words = capabilities(order.shop, timezone.now()).status_labels
        named = {"item": line, "status": words.get(line.status, line.status)}
        raise ValidationError({"line_item": _("“%(item)s” cannot be cancelled: %(status)s.") % named})
    return [line]


def next_id(order: Order) -> str:
    """Requests have no id over there, so they are numbered here: a buyer may ask again after a rejection."""
    return f"{order.marketplace_id}/{order.cancellations.count() + 1}"


def recorded_before(order: Order, line_item: LineItem | None) -> CancellationRequest:
    """The one that is in the way; somebody may have closed it in this very moment."""
    return order.cancellations.select_related("recorded_by").filter(line_item=line_item).latest("pk")


def as_line_of(cancellation: CancellationRequest, line: LineItem) -> CancellationLine:
    return CancellationLine(
        cancellation=cancellation, marketplace_id=line.marketplace_id, line_item_marketplace_id=line.marketplace_id,
        sku_id=line.sku_id, sku_name=line.sku_name, product_name=line.product_name, seller_sku=line.seller_sku,
        image_url=line.image_url, quantity=line.open_quantity, currency=line.currency,
    )  # fmt: skip


def close(cancellation: CancellationRequest, user: "User", note: str) -> None:
    """End a recorded request that needs no answer from here: withdrawn, settled elsewhere, or recorded by mistake.

    Raises PermissionDenied, NotAllowed (not recorded here, or settled), AlreadyDecided, ValidationError without a note.
    """
    must_be_agent(user, cancellation.shop)
    if not note.strip():
        raise ValidationError({"note": _("Say why it needs no answer, for those who come after you.")})
    with transaction.atomic():
        locked = CancellationRequest.objects.select_for_update(of=("self",)).get(pk=cancellation.pk)
        must_be_closable(locked)
        locked.state, locked.needs_answer, locked.updated_at = locked.State.CLOSED, False, timezone.now()
        locked.save(update_fields=["state", "needs_answer", "updated_at"])
        tell(locked, "cancellation.closed", user, note.strip())
    cancellation.refresh_from_db()


def must_be_closable(cancellation: CancellationRequest) -> None:
    if not cancellation.is_recorded:
        raise NotAllowed(_("The marketplace lists this request and says itself when it is settled."))
    if not cancellation.needs_answer:
        raise NotAllowed(_("This request is settled: %(state)s.") % {"state": cancellation.get_state_display()})
    if live := cancellation.live_decision:
        raise AlreadyDecided(live)


def handle(announcement: Announcement, user: "User", cancellation: CancellationRequest | None = None) -> None:
    """Note that somebody looked into an announcement, and which request came of it. Twice is as good as once."""
    must_be_agent(user, announcement.shop)
    with transaction.atomic():
        is_first = Announcement.objects.filter(pk=announcement.pk, handled_at=None).update(
            handled_at=timezone.now(), handled_by=user, cancellation=cancellation
        )
        if is_first:
            came_of = cancellation.pk if cancellation else None
            log.write("announcement.handled", about=announcement, actor=user, cancellation_id=came_of)
    announcement.refresh_from_db()


def tell(cancellation: CancellationRequest, name: str, user: "User", note: str) -> None:
    event = Event(
        shop_id=cancellation.shop_id, order_id=cancellation.order_id, cancellation=cancellation, actor=user, name=name,
        detail={"note": note, "heard_through": cancellation.heard_through},
    )  # fmt: skip
    happening.note([event])
    log.write(name, about=cancellation, actor=user, after={"heard_through": cancellation.heard_through})
