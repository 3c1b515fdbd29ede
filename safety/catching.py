"""The net acts: the request is read again, then decided in one transaction with the row that says so.

That row is unique for a request and its deadline, so that a net decides once, whatever dies and however many look.
Where it cannot decide, people are told, and it looks again until the deadline.
"""

from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import DurationField, Exists, ExpressionWrapper, F, Max, OuterRef, Q, Subquery, Value
from django.utils import timezone

from cancellations import countersigning, decisions, live, rules
from cancellations.checks import AlreadyDecided, Details, NotAllowed
from cancellations.models import CancellationRequest, Decision, Verdict
from cancellations.models.words import Words
from cancellations.rereading import reread
from cancellations.shipping import Shipping, needs_tracking
from marketplaces.errors import MarketplaceError
from orders.models import Order
from safety import telling
from safety.models import Catch, SafetyNet, Telling
from safety.offered import no_deadlines
from safety.reading import Link
from shops.models import Permission, Role, Shop

logger = structlog.get_logger(__name__)
Action, Why = SafetyNet.Action, Telling.Why
# Each try reads the request from its marketplace again.
TRIED_AGAIN_AFTER = timedelta(minutes=1)


class Cannot(Exception):
    """The net does not act; people are told the words."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def due(now: datetime, early: timedelta = timedelta(0)) -> Any:
    """Requests that a net has to see to, the next deadline first; `early` looks ahead.

    Without those of which people have been told where it only tells, and those that it could not decide a moment ago.
    Others that it could not decide come last: however many there are, they keep it from none.
    """
    minutes = ExpressionWrapper(F("shop__safety_net__minutes") * Value(timedelta(minutes=1)), DurationField())
    live_ones = Decision.objects.live().filter(cancellation=OuterRef("pk"))
    caught = Catch.objects.filter(cancellation=OuterRef("pk"), deadline=OuterRef("deadline"))
    told = Telling.objects.filter(cancellation=OuterRef("pk"), deadline=OuterRef("deadline"), step="net")
    last_try = told.order_by().values("cancellation").annotate(last=Max("tried_at")).values("last")
    rows = CancellationRequest.objects.waiting().annotate(tried_at=Subquery(last_try)).filter(
        ~Exists(live_ones), ~Exists(caught), shop__is_active=True, shop__safety_net__is_on=True,
        deadline__gt=now, deadline__lte=now + early + minutes,
    )  # fmt: skip
    rows = rows.filter(~Exists(told) | ~Q(shop__safety_net__action=Action.TELL))
    rows = rows.filter(Q(tried_at=None) | Q(tried_at__lte=now - TRIED_AGAIN_AFTER))
    return rows.order_by(F("tried_at").asc(nulls_first=True), "deadline", "pk")


def act(pk: int) -> None:
    """See to one request. Called as often as you like, by as many as you like."""
    now = timezone.now()
    row = due(now).filter(pk=pk).select_related("shop__connection", "order").first()
    if row is None:
        return
    net = SafetyNet.objects.select_related("set_by").get(shop=row.shop_id)
    if net.action == Action.TELL:
        telling.tell_all([row], "net", Why.NET)
        return
    try:
        details = prepared(row, net)
        caught = catch(row, net, details)
    except Cannot as cannot:
        telling.tell_all([row], "net", Why.NET_CANNOT, cannot.words)
        Telling.objects.filter(cancellation=row, deadline=row.deadline, step="net").update(tried_at=timezone.now())
        return
    if caught:
        logger.info("safety_net.caught", cancellation=pk, decision=caught.decision_id)


# --- before -----------------------------------------------------------------------------------------------------------


def prepared(row: CancellationRequest, net: SafetyNet) -> Details:
    """What goes with the decision. Asks the marketplace, so no transaction; raises Cannot."""
    must_be_possible(row, net, is_allowed=may_still(net))
    must_be_fresh(row)
    try:
        return {Action.REJECT: rejection, Action.SHIP_TO_REJECT: shipment}.get(Action(net.action), nothing)(row, net)
    except MarketplaceError as error:
        logger.warning("safety_net.not_asked", cancellation=row.pk, code=error.code)
        raise Cannot(Words("The marketplace could not be asked before it was to act.")) from None


def may_still(net: SafetyNet) -> bool:
    """Whether who set it still looks after the shop, and may decide this there."""
    managed = Shop.objects.where_role(net.set_by, Role.MANAGER) & Shop.objects.where_may(
        net.set_by, Permission(net.action)
    )
    return managed.filter(pk=net.shop_id).exists()


def must_be_possible(row: CancellationRequest, net: SafetyNet, *, is_allowed: bool) -> None:
    """What can be known without asking anybody. Raises Cannot."""
    verdict, shop = Verdict(net.action), row.shop
    market = rules.capabilities(shop, timezone.now())
    if no_deadlines(market):
        raise Cannot(Words("This market has no deadlines."))
    if not is_allowed:
        raise Cannot(Words("%(person)s, who set it, may not do this in the shop any more.", person=str(net.set_by)))
    offer = rules.offer(row, verdict, market, "")
    if not offer.allowed:
        raise Cannot(offer.why_not)
    if verdict == Verdict.SHIP_TO_REJECT and row.order and needs_tracking(row.order):
        raise Cannot(Words("No package is ready that the marketplace's carrier takes."))
    if verdict == Verdict.APPROVE and needs_second(row, net):
        raise Cannot(Words("Approving this needs a second person."))


def needs_second(row: CancellationRequest, net: SafetyNet) -> bool:
    money = countersigning.given_back_by_approval(row)
    return countersigning.needs_second_person(net.set_by, row.shop, Verdict.APPROVE, money, row.order)


def must_be_fresh(row: CancellationRequest) -> None:
    """Read again just before; where it did not come, what was pulled of late will do. Raises Cannot."""
    try:
        if row.order:
            order = Order.objects.select_related("shop__connection").get(pk=row.order.pk)
            if row.marketplace_id in reread(order):
                return
    except MarketplaceError as error:
        logger.warning("safety_net.not_read_again", cancellation=row.pk, code=error.code)
    if not Link.of([row.shop_id]).is_fresh(row.shop, timezone.now()):
        raise Cannot(Words("What is known of this request is old, and it could not be read again."))


def nothing(_row: CancellationRequest, _net: SafetyNet) -> Details:
    return Details()


def rejection(row: CancellationRequest, net: SafetyNet) -> Details:
    """With the reason, where the marketplace offers it for this very request."""
    takes_reason = rules.capabilities(row.shop, timezone.now()).takes_reject_reason
    if takes_reason and net.reason not in {one.name for one in live.reject_reasons(row)}:
        words = Words("The marketplace does not offer the reason “%(reason)s” for it.", reason=net.reason_text)
        raise Cannot(words)
    return Details(reason=net.reason, reason_text=net.reason_text, comment=net.comment)


def shipment(row: CancellationRequest, _net: SafetyNet) -> Details:
    """Dropped off, or else fetched at the first time on offer."""
    options = live.handover_options(row.order) if row.order else None
    slots = [slot for slot in options.pickup_slots if slot.available] if options else []
    if options and options.can_drop_off:
        return Details(shipping=Shipping(handover_method="DROP_OFF"))
    if options and options.can_pickup and (slots or not options.pickup_slots):
        start, end = (slots[0].start, slots[0].end) if slots else (None, None)
        return Details(shipping=Shipping(handover_method="PICKUP", pickup_start=start, pickup_end=end))
    raise Cannot(Words("The marketplace offers no way to hand the package over."))


# --- the moment -------------------------------------------------------------------------------------------------------


def catch(row: CancellationRequest, net: SafetyNet, details: Details) -> Catch | None:
    """Decide, once. None where somebody was faster, or the request or the net has changed. Raises Cannot."""
    try:
        with transaction.atomic():
            # Whoever switches the net off, or sets another, waits for this or is waited for.
            held = SafetyNet.objects.select_for_update(of=("self",)).filter(pk=net.pk, set_at=net.set_at, is_on=True)
            locked = CancellationRequest.objects.select_for_update(of=("self",), no_key=True).filter(pk=row.pk)
            if not held or not locked or not due(timezone.now()).filter(pk=row.pk, deadline=row.deadline).exists():
                return None
            asked = CancellationRequest.objects.select_related("shop__connection", "order").get(pk=row.pk)
            assert asked.deadline
            must_be_possible(asked, net, is_allowed=may_still(net))
            decision = decisions.decide(asked, Verdict(net.action), net.set_by, details, by_safety_net=True)
            if decision.state == Decision.State.UNSIGNED:
                raise Cannot(Words("Approving this needs a second person."))
            return Catch.objects.create(
                cancellation=asked, deadline=asked.deadline, decision=decision, minutes=net.minutes, set_by=net.set_by
            )
    except AlreadyDecided:
        return None
    except (NotAllowed, PermissionDenied) as no:
        raise Cannot(str(no)) from None
    except ValidationError as no:
        raise Cannot(" ".join(no.messages)) from None


# --- afterwards -------------------------------------------------------------------------------------------------------


def tell_of_failures(now: datetime) -> None:
    """What a net decided and the marketplace did not do waits for people again, who believe it answered."""
    ended = (Decision.State.REFUSED, Decision.State.SET_ASIDE)
    lost = Catch.objects.filter(
        cancellation=OuterRef("pk"), deadline=OuterRef("deadline"), decision__state__in=ended
    )  # fmt: skip
    told = Telling.objects.filter(cancellation=OuterRef("pk"), deadline=OuterRef("deadline"), step="net_failed")
    live_ones = Decision.objects.live().filter(cancellation=OuterRef("pk"))
    waiting = CancellationRequest.objects.waiting().filter(deadline__gt=now)
    rows = waiting.filter(Exists(lost), ~Exists(told), ~Exists(live_ones)).select_related("shop")
    words = Words("The marketplace did not do what it decided.")
    telling.tell_all(
        list(rows.order_by("deadline", "pk")[: settings.SAFETY_AT_ONCE]), "net_failed", Why.NET_CANNOT, words
    )


# --- early ------------------------------------------------------------------------------------------------------------


def tell_early(now: datetime) -> None:
    """Tell people while there is time of what a net would not do: too much money, nothing packed, no right any more.

    Of many any come, and others in the next sweep, so that each is looked at within the hour.
    """
    early = timedelta(minutes=settings.SAFETY_EARLY_MINUTES)
    told = Telling.objects.filter(cancellation=OuterRef("pk"), deadline=OuterRef("deadline"), step="net")
    rows = due(now, early).filter(~Exists(told)).exclude(shop__safety_net__action=Action.TELL)
    allowed: dict[int, bool] = {}
    rows = rows.select_related("shop__connection", "shop__safety_net__set_by", "order").order_by("?")
    for row in rows[: settings.SAFETY_AT_ONCE]:
        net = row.shop.safety_net
        if net.pk not in allowed:
            allowed[net.pk] = may_still(net)
        try:
            must_be_possible(row, net, is_allowed=allowed[net.pk])
        except Cannot as cannot:
            telling.tell_all([row], "net", Why.NET_CANNOT, cannot.words)
