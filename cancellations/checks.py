"""What must hold before a decision is recorded: the market's rules, the state of things, what goes with it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from cancellations import countersigning, rules
from cancellations.evidence import Picture
from cancellations.models import CancellationRequest, Decision, Evidence, Verdict
from cancellations.shipping import Shipping, shipping_problems
from marketplaces.base import Capabilities, Notice
from marketplaces.records import Money
from orders.models import LineItem, Order


class NotAllowed(Exception):
    """The market's rules or the request's state do not allow this; the text says why, in words for a person.

    `notice` is the market's rule behind it, where there is one to read; `settled_by` the decision that settled it.
    """

    def __init__(self, why: str, notice: Notice | None = None, settled_by: Decision | None = None) -> None:
        super().__init__(why)
        self.notice = notice
        self.settled_by = settled_by


class AlreadyDecided(NotAllowed):
    """Somebody was faster. `decision` is what they decided."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(rules.already_decided(decision))
        self.decision = decision


class NotUnsigned(NotAllowed):
    """The decision waits for no second person, or not for this one."""


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
        settled_by = None if cancellation.needs_answer else cancellation.confirmed_decision
        raise NotAllowed(offer.why_not, offer.notice, settled_by)
    return market


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


def must_give_back_no_more(decision: Decision, now: Money | None) -> None:
    """What somebody signs is what was decided: the refund may have grown since."""
    before = decision.money
    if before and now and (now.currency != before.currency or now.amount > before.amount):
        raise NotAllowed(_("The refund has changed since this was decided. Decline it, and decide anew."))


def must_still_be_offered(decision: Decision) -> None:
    """Raises NotAllowed where what was decided has become impossible while it waited for a second person."""
    now = timezone.now()
    if decision.cancellation_id:
        asked = CancellationRequest.objects.get(pk=decision.cancellation_id)  # as it is by now
        why_not = rules.not_now(asked, but=decision)
        offer = rules.offer(asked, Verdict(decision.verdict), rules.capabilities(asked.shop, now), why_not)
        must_give_back_no_more(decision, countersigning.given_back_by_approval(asked))
    else:
        assert decision.order
        decision.order.refresh_from_db()
        offer = rules.items_offer(decision.order, now, but=decision)
    if not offer.allowed:
        raise NotAllowed(offer.why_not, offer.notice)
    for line in decision.lines.select_related("line_item"):
        item = line.line_item
        if item.open_quantity < line.quantity or item.cancelled_in_all != line.cancelled_before:
            raise NotAllowed(
                _("“%(item)s” has changed since this was decided. Decline it, and decide anew.") % {"item": item}
            )
