"""What can be decided about a request, and why not: the market's rulebook, the request's state and the shop's link."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from cancellations.models import CancellationRequest, Decision, Verdict
from marketplaces.base import CancelReason, Capabilities, Notice
from marketplaces.records import Money
from orders.models import Order
from orders.parcels import lines_to_ship
from shops.markets import capabilities as capabilities  # everybody asks the rules
from shops.models import Connection, Shop


@dataclass(frozen=True)
class Offer:
    """A verdict as it can be offered now. `why_not` is empty exactly where it is allowed."""

    verdict: Verdict
    why_not: str = ""
    effect: str = ""  # what will happen, in one sentence
    notice: Notice | None = None
    refund: Money | None = None  # what the buyer gets back by it; None where the marketplace does not tell
    standing: Notice | None = None  # what it does to the shop's standing, where a page says so
    second_person: bool = False  # whoever asks would need somebody to countersign
    exists: bool = True  # else this market never has this verdict, and screens leave it out

    @property
    def allowed(self) -> bool:
        return not self.why_not


def offers(cancellation: CancellationRequest, now: datetime) -> dict[Verdict, Offer]:
    """Every verdict a request can get, in the order in which screens show them."""
    market, why_not = capabilities(cancellation.shop, now), not_now(cancellation)
    verdicts = [Verdict.APPROVE, Verdict.SHIP_TO_REJECT, Verdict.REJECT]
    return {verdict: offer(cancellation, verdict, market, why_not) for verdict in verdicts}


def offer(cancellation: CancellationRequest, verdict: Verdict, market: Capabilities, why_not: str) -> Offer:
    """One verdict; `why_not` is what `not_now` says."""
    standing, nothing = market.standing.get(verdict), nothing_back(cancellation)
    if verdict == Verdict.APPROVE:
        notice = None if cancellation.line_item_id else market.approve_notice  # which is about whole orders
        return Offer(verdict, why_not, approving(cancellation), notice, cancellation.refund(), standing)
    if verdict == Verdict.REJECT:
        over = reject_is_over(cancellation.shop, market)
        return Offer(verdict, over or why_not, rejecting(market), market.reject_notice, nothing, standing)
    return Offer(
        verdict,
        cannot_ship(cancellation.order, market) or why_not,
        _("The package is marked as shipped, and %(marketplace)s rejects the request because of it.")
        % {"marketplace": market.marketplace_name},
        market.shipping_notice,
        nothing,
        standing,
        exists=market.shipping_rejects,
    )


def nothing_back(cancellation: CancellationRequest) -> Money | None:
    """Of no money, where the marketplace tells of refunds at all."""
    return Money(Decimal(0), cancellation.currency) if cancellation.refund() else None


def approving(cancellation: CancellationRequest) -> str:
    """What approving does, in one sentence. Where the marketplace shows no requests, it tells of no refunds either."""
    if not cancellation.is_recorded:
        return _("The order is cancelled and the buyer gets the refund.")
    return _("The line is cancelled.") if cancellation.line_item_id else _("The order is cancelled.")


def rejecting(market: Capabilities) -> str:
    if market.takes_reject_reason and market.takes_comment:
        return _("The request is closed and the order goes on. The buyer sees the reason and the comment.")
    if market.takes_reject_reason:
        return _("The request is closed and the order goes on. The buyer sees the reason.")
    return _("The request is closed and the order goes on. %(marketplace)s takes no reason with it.") % {
        "marketplace": market.marketplace_name
    }


def not_now(cancellation: CancellationRequest, but: Decision | None = None) -> str:
    """Why nothing at all can be decided about this request; `but` is a decision that is in nobody's way."""
    if not cancellation.needs_answer:
        return _("This request is settled: %(state)s.") % {"state": cancellation.get_state_display()}
    if (live := cancellation.live_decision) and live != but:
        return already_decided(live)
    if live := live_item_cancellation(cancellation):
        return already_decided(live)
    return link_is_down(cancellation.shop)


def live_item_cancellation(cancellation: CancellationRequest) -> Decision | None:
    """Items of this very order are being cancelled: what is left of it to decide is known when that has ended.

    Costs a query unless the request came `with_standing()`.
    """
    if cancellation.order_id is None:
        return None
    if CancellationRequest.order.is_cached(cancellation):
        known: list[Decision] | None = getattr(cancellation.order, "live_item_cancellations", None)
        if known is not None:
            return next(iter(known), None)
    live = Decision.objects.live().filter(order=cancellation.order_id, verdict=Verdict.CANCEL_ITEMS)
    return live.select_related("made_by").first()


def already_decided(decision: Decision) -> str:
    return _("%(who)s has decided already: %(verdict)s (%(state)s).") % {
        "who": decision.made_by or _("Somebody"),
        "verdict": decision.get_verdict_display(),
        "state": decision.get_state_display(),
    }


def link_is_down(shop: Shop) -> str:
    if shop.connection.state == Connection.State.CONNECTED:
        return ""
    return _(
        "This shop has to be connected again before anything can be sent. Until then, answer in the marketplace's "
        "own screens."
    )


def reject_is_over(shop: Shop, market: Capabilities) -> str:
    if market.can_reject or shop.allows_reject:
        return ""
    if market.shipping_rejects and market.reject_until:
        return _(
            "In this market (%(market)s) the Reject Cancellation endpoint was to be left by %(date)s: shipping the "
            "package rejects the request instead. Use “ship to reject”."
        ) % {
            "market": market.market_name,
            "date": date_format(market.reject_until),
        }
    return _("%(marketplace)s has no way to reject a request in this market.") % {
        "marketplace": market.marketplace_name
    }


def cannot_ship(order: Order | None, market: Capabilities) -> str:
    if not market.shipping_rejects:
        return market.shipping_notice.text if market.shipping_notice else _("Shipping does not reject a request here.")
    if order is None:
        return _("The order has not been read yet.")
    if order.status not in market.shippable_order_statuses:
        status = market.status_labels.get(order.status, order.status)
        return _("The order is “%(status)s”, which cannot be shipped.") % {"status": status}
    if order.lines.all() and not lines_to_ship(order):
        return _("Everything of this order has left already.")
    if order.fulfillment_type and not order.is_shipped_by_seller:
        return _("The marketplace ships this order itself.")
    return ""


def items_offer(order: Order, now: datetime, but: Decision | None = None) -> Offer:
    """Whether staff may cancel lines of this order, or all of it, on their own initiative; `but` as in `not_now`."""
    market = capabilities(order.shop, now)
    return Offer(
        Verdict.CANCEL_ITEMS,
        cannot_cancel_items(order, market, but),
        _("The chosen items are cancelled and the buyer is refunded for them.")
        if market.previews_refunds
        else _("The chosen items are cancelled."),
        market.items_notice,
        standing=market.standing.get(Verdict.CANCEL_ITEMS),
    )


def cannot_cancel_items(order: Order, market: Capabilities, but: Decision | None = None) -> str:
    if not market.can_cancel_order or order.status not in market.cancellable_order_statuses:
        status = market.status_labels.get(order.status, order.status)
        return _("The order is “%(status)s”, which a seller cannot cancel in this market.") % {"status": status}
    if order.cancellations.waiting().exists():
        return _("Somebody has asked to cancel this order: answer that request.")
    live = Decision.objects.live().filter(order=order).select_related("made_by").first()
    if live and live != but:
        return already_decided(live)
    return link_is_down(order.shop)


def cancel_reasons(order: Order, now: datetime, *, partial: bool) -> list[CancelReason]:
    """The reasons a seller may give for this order now; for single lines often fewer than for all of it."""
    market = capabilities(order.shop, now)
    return [
        reason
        for reason in market.cancel_reasons
        if order.status in reason.order_statuses and (reason.partial or not partial)
    ]
