"""What a row of the queue says. A page has dozens of rows, and templates that work it out take longer than all queries:
here it is worked out once for each row, and the template writes it down."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.utils.translation import gettext as _

from accounts.templatetags.times import clock, is_readers_zone_at, left, moment
from cancellations.models import CancellationRequest, Decision, TimeLeft, Verdict
from cancellations.templatetags.queue import cut
from marketplaces.base import Capabilities
from orders.templatetags.money import money
from shops import markets
from shops.models import Connection, Shop
from shops.templatetags.markets import how_far


class TimeLeftWords(NamedTuple):
    """How long still, and what the marketplace does then: on the reader's clock, and `there` on the shop's."""

    band: str
    until: str
    left: str
    then: str
    there: str


class StateWords(NamedTuple):
    """Where a request stands, or our answer to it; `kind` is a CSS class, `hint` a tooltip."""

    kind: str
    words: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    pk: str
    url: str
    decides: bool
    waits: bool
    picture: str
    name: str
    variant: str
    more: str
    label: str
    market: str
    region: str
    shop: str
    buyer: str
    reason: str
    refund: str
    time: TimeLeftWords | None
    changed: str
    progress: str
    state: StateWords | None
    on_it: str
    whose: str


def in_words(requests: Iterable[CancellationRequest], decides_in: set[int], now: datetime) -> list[Row]:
    """`requests` as `with_row_columns()` reads them; `decides_in` are the shops in which the reader may answer."""
    return [row(request, markets.capabilities(request.shop, now), decides_in, now) for request in requests]


def row(request: CancellationRequest, market: Capabilities, decides_in: set[int], now: datetime) -> Row:
    shop, lines = request.shop, request.lines.all()
    line, more = (lines[0], len(lines) - 1) if lines else (None, 0)
    decision = next(iter(request.history), None)
    claim = request.on_it(now)
    is_somebody_elses = request.assigned_to_id and request.assigned_to_id != (claim and claim.user_id)
    buyer = request.order.buyer_name if request.order else ""
    return Row(
        pk=str(request.pk),
        url=request.get_absolute_url(),
        decides=request.shop_id in decides_in,
        waits=request.needs_answer,
        picture=line.image_url if line else "",
        name=cut((line and line.product_name) or request.order_label, 90),
        variant=cut(line.sku_name, 40) if line else "",
        more=_("+%(more)s more") % {"more": more} if more > 0 else "",
        label=request.order_label,
        market=market.market_name,
        region=shop.region,
        shop=cut(shop.name, 45),
        buyer=_("for %(buyer)s") % {"buyer": cut(buyer, 40)} if buyer else "",
        reason=cut(request.reason_text or request.reason or request.note, 80),
        refund=money(request.refund_total, request.currency),
        time=time_left_words(request.deadline, shop, market, now) if request.needs_answer else None,
        changed="" if request.needs_answer else moment(request.updated_at),
        progress=how_far(market, request.order.status) if request.order else "",
        state=state_words(request, decision) if shows_state(request, decision) else None,
        on_it=cut(claim.user, 30) if claim else "",
        whose=_("for %(who)s") % {"who": cut(request.assigned_to, 30)} if is_somebody_elses else "",
    )


def shows_state(request: CancellationRequest, decision: Decision | None) -> bool:
    """That a request waits is said by the time that it has left."""
    if not request.needs_answer:
        return True
    return decision is not None and (decision.is_live or decision.state == Decision.State.REFUSED)


def time_left_words(deadline: datetime | None, shop: Shop, market: Capabilities, now: datetime) -> TimeLeftWords:
    if deadline is None:
        then = _("nothing happens until you answer") if market.silence == "nothing" else ""
        return TimeLeftWords("", "", _("no deadline"), then, "")
    band = TimeLeft.until(deadline, now)
    zone = shop.zone
    city = str(zone).rpartition("/")[2].replace("_", " ")
    there = "" if is_readers_zone_at(zone, deadline) else f"{clock(deadline, zone)} {city}"
    return TimeLeftWords(
        band.value, deadline.isoformat(), left(deadline), then_words(deadline, band, shop, market), there
    )


def then_words(deadline: datetime, band: TimeLeft, shop: Shop, market: Capabilities) -> str:
    at = clock(deadline)
    if band == TimeLeft.OVER and shop.connection.state != Connection.State.CONNECTED:
        return _("deadline %(at)s; the outcome is only in the marketplace's own seller centre") % {"at": at}
    if band == TimeLeft.OVER:
        return _("deadline %(at)s") % {"at": at}
    if market.silence == "approves":
        return _("approves itself %(at)s") % {"at": at}
    if market.silence == "rejects":
        return _("rejects itself %(at)s") % {"at": at}
    return at


def state_words(request: CancellationRequest, decision: Decision | None) -> StateWords:
    if decision and decision.state == Decision.State.UNSIGNED:
        return StateWords(decision.state, f"{decision.get_verdict_display()}: {_('to be countersigned')}")
    if decision and (decision.is_live or (request.needs_answer and decision.state == Decision.State.REFUSED)):
        return StateWords(decision.state, f"{decision.get_verdict_display()}: {decision.get_state_display()}")
    if request.needs_answer:
        return StateWords("waiting", _("waiting"))
    if request.state == CancellationRequest.State.UNKNOWN:
        return StateWords("unknown", request.status, _("A word of the marketplace that we do not know"))
    if request.state == CancellationRequest.State.CLOSED and decision and was_by_us(decision):
        return StateWords("closed", _("rejected by us"))
    return StateWords(request.state, request.get_state_display())


def was_by_us(decision: Decision) -> bool:
    """Whether it was our answer that closed a request: where the answer to our call was lost, the buyer may as well
    have withdrawn it."""
    is_confirmed = decision.state == Decision.State.CONFIRMED and decision.accepted_at is not None
    return is_confirmed and decision.verdict != Verdict.APPROVE
