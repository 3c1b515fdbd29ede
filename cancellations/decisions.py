"""What staff can do: decide, take back, ask again, set aside. Page, API, admin and command call these and no other.

Each writes rows in one transaction and asks for later work on commit; nothing here speaks to a marketplace.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cancellations import drafts, rules, tasks
from cancellations.evidence import Picture
from cancellations.models import (
    CancellationRequest,
    Decision,
    DecisionLine,
    Event,
    Evidence,
    Verdict,
)
from cancellations.models.words import Words
from cancellations.shipping import Shipping, shipping_problems
from marketplaces.base import Capabilities, Notice
from orders.models import LineItem, Order
from shops.models import Role, Shop
from shops.roles import must_be_agent, must_have_role

if TYPE_CHECKING:
    from accounts.models import User


class NotAllowed(Exception):
    """The market's rules or the request's state do not allow this; the text says why, in words for a person.

    `notice` is the market's rule behind it, where there is one to read.
    """

    def __init__(self, why: str, notice: Notice | None = None) -> None:
        super().__init__(why)
        self.notice = notice


class AlreadyDecided(NotAllowed):
    """Somebody was faster. `decision` is what they decided."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(rules.already_decided(decision))
        self.decision = decision


class TooLate(NotAllowed):
    """The decision is on its way, or done, and can't be taken back."""


@dataclass(frozen=True)
class Details:
    """What goes with a verdict. `reason` is the marketplace's code, `reason_text` what staff saw."""

    reason: str = ""
    reason_text: str = ""
    comment: str = ""
    pictures: Sequence[Picture | Evidence] = ()  # new ones, and drafts of whoever decides
    shipping: Shipping = field(default_factory=Shipping)

    def given(self) -> set[str]:
        """What goes with a rejection, by the names of the fields that it is asked with."""
        told = {"reason": self.reason, "comment": self.comment, "images": self.pictures}
        return {name for name, value in told.items() if value}


def decide(
    cancellation: CancellationRequest, verdict: Verdict, user: "User", details: Details | None = None
) -> Decision:
    """Record what staff want done about a request; it is sent when the undo window ends.

    Raises PermissionDenied, AlreadyDecided (a decision is on its way), NotAllowed (rules or state) or ValidationError
    (a dictionary by field). The request's row is locked: of two people who decide at once one is told about the other.
    """
    details = details or Details()
    must_be_agent(user, cancellation.shop)
    with transaction.atomic():
        locked = CancellationRequest.objects.select_for_update(of=("self",)).get(pk=cancellation.pk)
        if locked.order_id:  # whose items somebody may be cancelling at this moment
            Order.objects.select_for_update(of=("self",)).get(pk=locked.order_id)
        check(locked, verdict, details)
        decision = new_decision(locked.shop, user, verdict, details, cancellation=locked, order=locked.order)
        record(decision, "decision.recorded")
        keep_pictures(decision, details.pictures)
    return decision


def check(cancellation: CancellationRequest, verdict: Verdict, details: Details) -> None:
    market = must_be_offered(cancellation, verdict)
    problems: dict[str, str] = {}
    if verdict == Verdict.REJECT:
        problems.update(not_taken(market, details.given()))
        if market.takes_reject_reason and not details.reason:
            problems["reason"] = _("Choose a reason: the marketplace shows it to the buyer.")
        if market.takes_comment and len(details.comment) > market.comment_max_length:
            problems["comment"] = _("At most %(limit)d characters; this has %(length)d.") % {
                "limit": market.comment_max_length,
                "length": len(details.comment),
            }
        if market.takes_images and len(details.pictures) > market.max_images:
            problems["images"] = _("At most %(limit)d images.") % {"limit": market.max_images}
    if verdict == Verdict.SHIP_TO_REJECT:
        problems.update(shipping_problems(cancellation.order, details.shipping))
    if problems:
        raise ValidationError(problems)


def not_taken(market: Capabilities, given: Collection[str]) -> dict[str, str]:
    """What would be ignored over there is refused here: of `given`, each name with why."""
    words = {
        "reason": (market.takes_reject_reason, _("%(marketplace)s takes no reason with a rejection.")),
        "comment": (market.takes_comment, _("%(marketplace)s takes no comment with a rejection.")),
        "images": (market.takes_images, _("%(marketplace)s takes no images with a rejection.")),
    }
    return {
        name: why % {"marketplace": market.marketplace_name}
        for name, (taken, why) in words.items()
        if name in given and not taken
    }


def must_be_offered(cancellation: CancellationRequest, verdict: Verdict) -> Capabilities:
    """The market that offers this verdict now. Raises AlreadyDecided or NotAllowed; cheap enough to be asked early."""
    if live := cancellation.live_decision:
        raise AlreadyDecided(live)
    market = rules.capabilities(cancellation.shop, timezone.now())
    offer = rules.offer(cancellation, verdict, market, rules.not_now(cancellation))
    if not offer.allowed:
        raise NotAllowed(offer.why_not, offer.notice)
    return market


def cancel_items(order: Order, items: Mapping[int, int], user: "User", reason: str) -> Decision:
    """Record that staff want lines of an order cancelled: {LineItem.pk: quantity}. All lines means the whole order.

    Raises as `decide` does.
    """
    must_be_agent(user, order.shop)
    with transaction.atomic():
        locked = Order.objects.select_for_update(of=("self",)).get(pk=order.pk)
        must_offer_items(locked)
        lines = check_items(locked, items, reason)
        text = next(
            (
                known.text
                for known in rules.cancel_reasons(locked, timezone.now(), partial=False)
                if known.name == reason
            ),
            "",
        )
        details = Details(reason=reason, reason_text=text)
        decision = new_decision(locked.shop, user, Verdict.CANCEL_ITEMS, details, order=locked)
        DecisionLine.objects.bulk_create(
            DecisionLine(
                decision=decision, line_item=line, quantity=items[line.pk], cancelled_before=line.cancelled_in_all
            )
            for line in lines
        )
        record(decision, "decision.recorded")
    return decision


def must_offer_items(order: Order) -> None:
    """Raises AlreadyDecided or NotAllowed where staff may not cancel anything of this order now."""
    if live := Decision.objects.live().filter(order=order).select_related("made_by").first():
        raise AlreadyDecided(live)
    offer = rules.items_offer(order, timezone.now())
    if not offer.allowed:
        raise NotAllowed(offer.why_not, offer.notice)


def check_items(order: Order, items: Mapping[int, int], reason: str) -> list[LineItem]:
    """The chosen line items; raises ValidationError by field: `items`, `reason`."""
    lines = {line.pk: line for line in order.lines.all()}
    chosen = [lines[pk] for pk in items if pk in lines]
    if not items:
        raise ValidationError({"items": _("Choose at least one item.")})
    if len(chosen) != len(items):
        raise ValidationError({"items": _("One of these items is not part of this order.")})
    for line in chosen:
        if not line.open_quantity:
            raise ValidationError(
                {
                    "items": _("“%(item)s” is %(status)s and cannot be cancelled.")
                    % {"item": line, "status": line.status}
                }
            )
        if not 1 <= items[line.pk] <= line.open_quantity:
            raise ValidationError(
                {
                    "items": _("Between 1 and %(most)d of “%(item)s” can be cancelled.")
                    % {"most": line.open_quantity, "item": line}
                }
            )
    now = timezone.now()
    partial = not covers_order(lines.values(), items)
    if partial and not rules.capabilities(order.shop, now).can_cancel_lines:
        raise ValidationError({"items": _("In this market an order can only be cancelled as a whole.")})
    check_cancel_reason(order, reason, partial=partial)
    return chosen


def check_cancel_reason(order: Order, reason: str, *, partial: bool) -> None:
    """Raises ValidationError for a reason that the marketplace does not take for this."""
    now = timezone.now()
    if why := no_cancel_reason(rules.capabilities(order.shop, now)):
        if reason:
            raise ValidationError({"reason": why})
    elif reason not in {known.name for known in rules.cancel_reasons(order, now, partial=partial)}:
        raise ValidationError({"reason": _("This reason does not fit the order's state or a part of an order.")})


def no_cancel_reason(market: Capabilities) -> str:
    """Why items are cancelled without a reason; empty where the marketplace wants one."""
    if market.takes_cancel_reason:
        return ""
    return _("%(marketplace)s takes no reason for cancelling items.") % {"marketplace": market.marketplace_name}


def covers_order(lines: Iterable[LineItem], items: Mapping[int, int]) -> bool:
    return all(items.get(line.pk) == line.open_quantity for line in lines if not line.is_cancelled)


def withdraw(decision: Decision, user: "User") -> None:
    """Take a decision back before it is sent. Raises TooLate when a worker has it, PermissionDenied for others'."""
    if decision.made_by_id != user.pk:
        must_have_role(user, decision.shop, Role.MANAGER)
    must_be_agent(user, decision.shop)
    now = timezone.now()
    with transaction.atomic():
        taken_back = Decision.objects.filter(
            pk=decision.pk, state=Decision.State.RECORDED, is_outcome_unknown=False
        ).update(state=Decision.State.WITHDRAWN, settled_at=now, note=Words("Taken back before it was sent."))
        decision.refresh_from_db()
        if not taken_back:
            raise TooLate(_("Too late to take it back: it is %(state)s.") % {"state": decision.get_state_display()})
        tell(decision, "decision.withdrawn", user)


def ask_again(decision: Decision, user: "User") -> None:
    """Have a worker ask once more about a stalled decision. Raises NotAllowed when it is not stalled."""
    must_be_agent(user, decision.shop)
    with transaction.atomic():
        revived = Decision.objects.filter(pk=decision.pk, state=Decision.State.STALLED).update(
            state=Decision.State.ACCEPTED if decision.accepted_at else Decision.State.SENDING,
            stalled_because="",
            due_at=timezone.now(),
            failures=0,
        )
        decision.refresh_from_db()
        if not revived:
            raise NotAllowed(
                _("This decision is %(state)s, so there is nothing to ask.") % {"state": decision.get_state_display()}
            )
        tell(decision, "decision.asked_again", user)
        nudge(decision)


def set_aside(decision: Decision, user: "User", note: str) -> None:
    """End a stalled decision that a manager has looked into, so that the request can be decided anew.

    Raises NotAllowed when it is not stalled, ValidationError without a note.
    """
    must_have_role(user, decision.shop, Role.MANAGER)
    if not note.strip():
        raise ValidationError({"note": _("Say what you found, for those who come after you.")})
    with transaction.atomic():
        ended = Decision.objects.filter(pk=decision.pk, state=Decision.State.STALLED).update(
            state=Decision.State.SET_ASIDE, stalled_because="", settled_at=timezone.now(), note=note.strip()
        )
        decision.refresh_from_db()
        if not ended:
            raise NotAllowed(_("Only a decision that needs somebody can be set aside."))
        tell(decision, "decision.set_aside", user, {"note": note.strip()})


def new_decision(
    shop: Shop, user: "User", verdict: Verdict, details: Details, *,
    cancellation: CancellationRequest | None = None, order: Order | None = None,
) -> Decision:  # fmt: skip
    send_after = timezone.now() + undo_window(cancellation)
    decision = Decision(
        shop=shop, order=order, cancellation=cancellation, verdict=verdict, made_by=user,
        reason=details.reason, reason_text=details.reason_text, comment=details.comment,
        shipment=details.shipping.as_json() if verdict == Verdict.SHIP_TO_REJECT else {},
        send_after=send_after, due_at=send_after,
    )  # fmt: skip
    try:
        with transaction.atomic():
            decision.save()
    except IntegrityError:
        about = {"cancellation": cancellation} if cancellation else {"order": order}
        raise AlreadyDecided(Decision.objects.live().filter(**about).latest("pk")) from None
    return decision


def undo_window(cancellation: CancellationRequest | None) -> timedelta:
    """UNDO_SECONDS, but never so long that silence decides first."""
    window = timedelta(seconds=settings.UNDO_SECONDS)
    if cancellation is None or cancellation.deadline is None:
        return window
    return max(timedelta(0), min(window, (cancellation.deadline - timezone.now()) / 2))


def until_when_it_can_be_undone(cancellation: CancellationRequest | None = None) -> str:
    """What to know before deciding, in one sentence."""
    seconds = int(undo_window(cancellation).total_seconds())
    if not seconds:
        return _("It is sent at once and cannot be undone.")
    return ngettext(
        "You can undo it for %(count)d second, not after that.",
        "You can undo it for %(count)d seconds, not after that.",
        seconds,
    ) % {"count": seconds}


def keep_pictures(decision: Decision, pictures: Sequence[Picture | Evidence]) -> None:
    """Each of them once, however often it was given."""
    drafts.attach(decision, [given for given in pictures if isinstance(given, Evidence)])
    kept = set(decision.evidence.values_list("sha256", flat=True))
    for picture in pictures:
        if isinstance(picture, Picture) and picture.sha256 not in kept:
            kept.add(picture.sha256)
            evidence = drafts.new_evidence(picture)
            evidence.decision = decision
            drafts.store(evidence, picture)


def record(decision: Decision, name: str) -> None:
    tell(decision, name, decision.made_by)
    nudge(decision)


def tell(decision: Decision, name: str, user: "User | None", detail: Mapping[str, Any] | None = None) -> None:
    Event.objects.create(
        shop_id=decision.shop_id, order_id=decision.order_id, cancellation_id=decision.cancellation_id,
        decision=decision, actor=user, name=name, detail={"verdict": decision.verdict, **(detail or {})},
    )  # fmt: skip


def nudge(decision: Decision) -> None:
    """Ask for a worker once this is committed. The sweep finds the decision if nobody hears it."""
    wait = max(0.0, (decision.due_at - timezone.now()).total_seconds())
    transaction.on_commit(lambda: tasks.nudge_delivery(decision.pk, wait))
