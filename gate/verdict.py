"""May this parcel leave? A function of rows: what stands against it, the strongest first.

In doubt a parcel stays. What a push says may hold or pull one before anything is read; that one may leave again is only
believed once it was read.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from cancellations.models import CancellationRequest, Decision, PushedNotification
from cancellations.models import Verdict as Decided
from gate.facts import Facts
from gate.models import PullTask
from gate.reasons import Reason, Verdict, caution, words
from marketplaces.base import Notice
from marketplaces.records import Progress
from orders.models import LineItem, Order
from shops.models import Connection
from shops.pulling import OVERLAP

State, Says = CancellationRequest.State, PushedNotification.Says
APPROVED = (State.APPROVED, State.COMPLETED)
SENT = (Decision.State.SENDING, Decision.State.ACCEPTED, Decision.State.CONFIRMED)
REJECTS = (Decided.REJECT, Decided.SHIP_TO_REJECT)
# What a request that stands like this and was pushed about would have been called.
AGREES = {
    State.WAITING: Says.WAITING,
    State.APPROVED: Says.APPROVED,
    State.COMPLETED: Says.APPROVED,
    State.CLOSED: Says.CLOSED,
    State.UNKNOWN: Says.UNCLEAR,
}


@dataclass(frozen=True)
class Asked:
    """What came of asking the marketplace while somebody waited: when it answered, or why it did not."""

    at: datetime | None = None
    why_not: str = ""


@dataclass(frozen=True)
class ParcelLine:
    line: LineItem
    out: int  # how many must not leave
    stays: int  # how many may


@dataclass(frozen=True)
class Answer:
    verdict: Verdict
    reason: Reason
    words: str
    order: Order
    package_id: str = ""
    cancellation: CancellationRequest | None = None
    decision: Decision | None = None
    lines: Sequence[ParcelLine] = ()
    notice: Notice | None = None  # the market's rule behind it
    as_of: datetime | None = None  # everything that changed before was known; None: it was never read to the end
    is_stale: bool = False
    caution: str = ""  # since when there is no data, where that is too long
    asked: Asked | None = None
    pulled: PullTask | None = None  # somebody has seen to this very answer

    @property
    def out(self) -> dict[str, int]:
        return {one.line.marketplace_id: one.out for one in self.lines if one.out}

    @property
    def takes_a_part_out(self) -> bool:
        return self.verdict == Verdict.PULL and bool(self.out) and any(one.stays for one in self.lines)


@dataclass
class Parcel:
    """What is looked at: an order, or one package of it, with all that the rules below ask for."""

    facts: Facts
    package_id: str
    now: datetime
    asked: Asked | None
    lines: list[LineItem] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lines = in_package(self.facts.lines, self.package_id)
        times = (self.facts.read_until, self.asked.at if self.asked else None)
        self.as_of = max((time for time in times if time), default=None)
        self.unread = [push for push in newest_of_each(self.facts.pushes) if not self.is_read(push)]
        self.out = {line.pk: min(line.quantity, out) for line, out in self.outs()}

    # --- what has been read ---------------------------------------------------------------------------------------

    def is_read(self, push: PushedNotification) -> bool:
        """Whether our rows are at least as new as this push: what it is about shows so, or so much time has gone by
        that the marketplace's search shows it too.
        """
        if self.as_of and self.as_of >= push.received_at + OVERLAP:
            return True
        if push.says == Says.ORDER_CANCELLED:
            return self.facts.order.is_cancelled or self.facts.order.updated_at > push.sent_at
        request = self.request(push.cancellation_id)
        return bool(request and (AGREES[State(request.state)] == push.says or request.updated_at > push.sent_at))

    def pushed(self, *says: PushedNotification.Says) -> list[PushedNotification]:
        return [push for push in self.unread if push.says in says]

    def request(self, marketplace_id: str) -> CancellationRequest | None:
        return next((one for one in self.facts.requests if one.marketplace_id == marketplace_id), None)

    # --- requests and decisions -----------------------------------------------------------------------------------

    def decision(self, request: CancellationRequest) -> Decision | None:
        return next((one for one in self.facts.decisions if one.cancellation_id == request.pk), None)

    def concerns(self, request: CancellationRequest) -> list[LineItem]:
        """Lines in this parcel that a request is about; all of them where it names none, or one that is not here."""
        if request.line_item_id:
            return [line for line in self.lines if line.pk == request.line_item_id]
        items: set[str] = set(getattr(request, "item_ids", ()))
        known = {line.marketplace_id for line in self.facts.lines}
        return [line for line in self.lines if line.marketplace_id in items or not items or items - known]

    def waiting(self) -> list[CancellationRequest]:
        """Those about something in this parcel that are not settled, even in a word that we have not met."""
        pushed = {push.cancellation_id for push in self.pushed(Says.WAITING)}
        return [
            one
            for one in self.facts.requests
            if (one.needs_answer or one.state in (State.WAITING, State.UNKNOWN) or one.marketplace_id in pushed)
            and (self.concerns(one) or not self.lines)
        ]

    def is_sent_to_reject(self, request: CancellationRequest) -> bool:
        """And cannot be taken back any more."""
        decision = self.decision(request)
        return bool(decision and decision.verdict == Decided.SHIP_TO_REJECT and decision.state in SENT)

    def in_doubt(self) -> list[CancellationRequest]:
        return [one for one in self.waiting() if not self.is_sent_to_reject(one)]

    def asked_without_a_request(self) -> bool:
        """The order, or a push, says that somebody asks, and no request that we have explains it."""
        unknown = any(not self.request(push.cancellation_id) for push in self.pushed(Says.WAITING))
        order = self.facts.order
        explained = self.facts.was_looked_into or any(
            one.needs_answer or one.updated_at >= order.updated_at for one in self.facts.requests
        )
        return unknown or (order.is_cancel_requested and not explained)

    # --- what must not leave --------------------------------------------------------------------------------------

    def outs(self) -> Iterator[tuple[LineItem, int]]:
        """How many of each line, by what says the most."""
        ways: list[Callable[[LineItem], int]] = [lambda line: line.cancelled_in_all, self.being_cancelled]
        wholly = {line.pk for request in self.approved() for line in self.concerns(request)}
        for line in self.lines:
            all_of_it = self.facts.order.is_cancelled or self.pushed(Says.ORDER_CANCELLED) or self.is_approved_unread()
            is_out = (all_of_it or line.pk in wholly) and not line.is_cancelled  # else a part of it may have left
            yield line, line.quantity if is_out else max(way(line) for way in ways)

    def being_cancelled(self, line: LineItem) -> int:
        items: Any = [item for one in self.cancelling_items() for item in getattr(one, "items", ())]
        return max((item["quantity"] for item in items if item["line"] == line.pk), default=0)

    def cancelling_items(self) -> list[Decision]:
        return [one for one in self.facts.decisions if one.verdict == Decided.CANCEL_ITEMS and one.is_moving]

    def approving(self) -> list[Decision]:
        return [one for one in self.facts.decisions if one.verdict == Decided.APPROVE and one.is_moving]

    def approved(self) -> list[CancellationRequest]:
        """Requests whose lines are gone or about to be, whatever the order itself shows yet."""
        on_their_way = {one.cancellation_id for one in self.approving()}
        pushed = {push.cancellation_id for push in self.pushed(Says.APPROVED)}
        return [
            one
            for one in self.facts.requests
            if one.pk in on_their_way or one.marketplace_id in pushed or one.state in APPROVED
        ]

    def is_approved_unread(self) -> bool:
        """An approval was pushed of a request that is not here: nobody knows for how much."""
        return any(not self.request(push.cancellation_id) for push in self.pushed(Says.APPROVED))

    def parts(self) -> list[ParcelLine]:
        return [
            ParcelLine(line, self.out[line.pk], 0 if line.is_cancelled else line.quantity - self.out[line.pk])
            for line in self.lines
        ]

    # --- where it is ----------------------------------------------------------------------------------------------

    def progress(self, line: LineItem) -> Progress | None:
        return self.facts.market.progress.get(line.status or self.facts.order.status)

    def has_left(self) -> bool:
        """All of it that is not cancelled. What is only labelled is still here, where the market tells one from the
        other.
        """
        order = self.facts.order
        if order.collected_at or order.delivered_at:
            return True
        rest = [line for line in self.lines if not line.is_cancelled]
        labelled = Progress.LABEL_MADE
        if not self.lines:
            return order.is_shipped and self.facts.market.progress.get(order.status) != labelled
        return bool(rest) and all(line.is_shipped and self.progress(line) != labelled for line in rest)

    def is_packed(self) -> bool:
        """It has a label: a tracking number, or the marketplace counts it as shipped and nobody has it yet."""
        order = self.facts.order
        if any(line.is_shipped or line.tracking_number for line in self.lines):
            return True
        return bool(order.tracking_number) or order.is_shipped

    def is_ready(self) -> bool:
        """Whether an order with this status can be shipped; what has a label could."""
        known = self.facts.market.shippable_order_statuses
        return self.is_packed() or not known or self.facts.order.status in known

    def pulled(self, request: CancellationRequest | None) -> PullTask | None:
        """Whether somebody has seen to just this: what is out now was taken out, or the whole parcel for this request.

        Of a parcel that leaves without a part, that part must have been taken out by name.
        """
        tasks = (one for one in self.facts.pulled if one.package_id in ("", self.package_id))
        newest = next(tasks, None)
        if newest is None or (newest.state == PullTask.State.PUT_BACK and not newest.out):
            return None
        out = {part.line.marketplace_id: part.out for part in self.parts() if part.out}
        is_covered = all(newest.out.get(line, 0) >= count for line, count in out.items())
        if out and any(part.stays for part in self.parts()):
            return newest if is_covered else None
        is_same = newest.cancellation_id == (request.pk if request else None)
        return newest if (is_same and (request or not out)) or (out and is_covered) else None

    def out_in_vain(self) -> PullTask | None:
        """What was taken out last, of this parcel or of any package of the order, where more is out than must be."""
        seen = set()
        for task in self.facts.pulled:
            if task.state == PullTask.State.DROPPED or task.package_id in seen:
                continue
            if self.package_id and task.package_id not in ("", self.package_id):
                continue
            if self.is_more_than_must_be(task):
                return task
            if task.package_id == self.package_id or self.package_id:
                return None
            seen.add(task.package_id)
        return None

    def is_more_than_must_be(self, task: PullTask) -> bool:
        """Of a parcel that may leave. A task that names nothing took out all of it."""
        if not task.out:
            return task.state == PullTask.State.DONE
        out = {line.marketplace_id: self.out[line.pk] for line in self.lines}
        return any(count > out.get(line, count) for line, count in task.out.items())


def verdict(facts: Facts, now: datetime, package_id: str = "", asked: Asked | None = None) -> Answer:
    """About an order, or one package of it; `asked` tells how asking the marketplace went, where somebody did."""
    parcel = Parcel(facts, package_id, now, asked)
    found, reason, request = decided(parcel)
    is_stale = knows_nothing_new(parcel, now)
    if found == Verdict.SHIP and is_stale:
        found, reason, request = Verdict.HOLD, Reason.NOT_ASKED, None
    return Answer(
        found, reason, words(found, reason, facts, package_id), facts.order, package_id, request,
        parcel.decision(request) if request else next((one for one in facts.decisions if one.is_live), None),
        parcel.parts(), notice(parcel, found, request), parcel.as_of, is_stale,
        caution(parcel.as_of) if is_stale else "", asked,
        parcel.out_in_vain() if reason == Reason.PUT_BACK else parcel.pulled(request),
    )  # fmt: skip


def knows_nothing_new(parcel: Parcel, now: datetime) -> bool:
    """Read too long ago; or of a shop that lets us in no more, so that nothing that happens there comes here."""
    if parcel.as_of is None or now - parcel.as_of > timedelta(minutes=settings.GATE_STALE_MINUTES):
        return True
    return parcel.facts.order.shop.connection.state != Connection.State.CONNECTED


Found = tuple[Verdict, Reason, CancellationRequest | None]


def decided(parcel: Parcel) -> Found:
    """The strongest that is to be said: what is gone, what is cancelled, what is asked, what is not known."""
    rules = (left, cancelled, asked_for, partly_cancelled, not_known)
    for rule in rules:
        if found := rule(parcel):
            return found
    if parcel.out_in_vain():
        return Verdict.HOLD, Reason.PUT_BACK, None
    sent = next((one for one in parcel.waiting() if parcel.is_sent_to_reject(one)), None)
    if sent:
        return Verdict.SHIP, Reason.SHIP_TO_REJECT, sent
    return Verdict.SHIP, Reason.TAKEN_OUT if any(parcel.out.values()) else Reason.NOTHING_AGAINST, None


def left(parcel: Parcel) -> Found | None:
    return (Verdict.HOLD, Reason.ALREADY_LEFT, first(parcel.waiting())) if parcel.has_left() else None


def cancelled(parcel: Parcel) -> Found | None:
    if parcel.facts.order.is_cancelled:
        return Verdict.PULL, Reason.CANCELLED, settled(parcel)
    if not parcel.lines and not (parcel.approved() or parcel.pushed(Says.ORDER_CANCELLED, Says.APPROVED)):
        return None
    if any(part.stays for part in parcel.parts()):
        return None
    return Verdict.PULL, why_cancelled(parcel), settled(parcel)


def partly_cancelled(parcel: Parcel) -> Found | None:
    if not any(parcel.out.values()) or is_taken_out(parcel):
        return None
    why = why_cancelled(parcel)
    return Verdict.PULL, Reason.PART_CANCELLED if why == Reason.CANCELLED else why, settled(parcel)


def is_taken_out(parcel: Parcel) -> bool:
    done = parcel.pulled(settled(parcel))
    return bool(done and done.state != PullTask.State.DROPPED)


def why_cancelled(parcel: Parcel) -> Reason:
    """The youngest reason for which it must not leave; that it is cancelled where that is certain."""
    if all(parcel.out[line.pk] <= line.cancelled_in_all for line in parcel.lines) and parcel.lines:
        return Reason.CANCELLED
    if parcel.pushed(Says.ORDER_CANCELLED):
        return Reason.JUST_CANCELLED
    if parcel.pushed(Says.APPROVED):
        return Reason.JUST_APPROVED
    if parcel.approving():
        return Reason.APPROVAL_UNDER_WAY
    return Reason.ITEMS_UNDER_WAY if parcel.cancelling_items() else Reason.CANCELLED


def asked_for(parcel: Parcel) -> Found | None:
    """A request waits, or a decision has an outcome that nobody knows."""
    stalled = [one for one in parcel.facts.decisions if one.state == Decision.State.STALLED]
    if stalled:
        about = [one for one in parcel.facts.requests if one.pk == stalled[0].cancellation_id]
        return Verdict.HOLD, Reason.DECISION_STALLED, first(about)
    for request in parcel.in_doubt():
        decision = parcel.decision(request)
        if decision and decision.is_moving and decision.verdict in REJECTS:
            return Verdict.HOLD, Reason.DECISION_UNDER_WAY, request
    if parcel.in_doubt() or parcel.asked_without_a_request():
        verdict = Verdict.PULL if parcel.is_packed() else Verdict.HOLD
        return verdict, Reason.REQUEST_WAITS, first(parcel.in_doubt())
    waits = any(
        one.verdict == Decided.CANCEL_ITEMS and one.state == Decision.State.UNSIGNED for one in parcel.facts.decisions
    )
    return (Verdict.HOLD, Reason.DECISION_UNDER_WAY, None) if waits else None


def not_known(parcel: Parcel) -> Found | None:
    sent = {one.marketplace_id for one in parcel.facts.requests if parcel.is_sent_to_reject(one)}
    if any(push.cancellation_id not in sent for push in parcel.pushed(Says.CLOSED, Says.UNCLEAR)):
        return Verdict.HOLD, Reason.NOT_READ_YET, None
    if parcel.facts.order.is_on_hold:
        return Verdict.HOLD, Reason.ON_HOLD, None
    return None if parcel.is_ready() else (Verdict.HOLD, Reason.NOT_READY, None)


def settled(parcel: Parcel) -> CancellationRequest | None:
    """The request behind a cancellation, as far as one is here."""
    return first([*parcel.approved(), *parcel.waiting()])


def first(requests: Sequence[CancellationRequest]) -> CancellationRequest | None:
    return next(iter(requests), None)


def in_package(lines: Sequence[LineItem], package_id: str) -> list[LineItem]:
    """What is in a package, as far as the marketplace tells: all of the order where it does not. What is cancelled and
    in no package may have been in this one.
    """
    inside = [line for line in lines if line.package_id == package_id]
    if not package_id or not inside:
        return list(lines)
    return [line for line in lines if line in inside or (not line.package_id and line.cancelled_in_all)]


def newest_of_each(pushes: Sequence[PushedNotification]) -> list[PushedNotification]:
    """The last that was said of each request and of the order itself; `pushes` come newest first."""
    found: dict[str, PushedNotification] = {}
    for push in pushes:
        found.setdefault("" if push.says == Says.ORDER_CANCELLED else push.cancellation_id or "?", push)
    return list(found.values())


def notice(parcel: Parcel, found: Verdict, request: CancellationRequest | None) -> Notice | None:
    """That shipping rejects, where a parcel is at stake that would do so."""
    is_at_stake = request is not None and (request.needs_answer or found == Verdict.SHIP)
    return parcel.facts.market.shipping_notice if is_at_stake and parcel.facts.market.shipping_rejects else None
