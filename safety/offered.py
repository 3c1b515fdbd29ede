"""What a safety net can do in a shop's market on a day, beside what silence does there, and why not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from cancellations import rules
from cancellations.models import Decision, Verdict
from marketplaces.base import Capabilities, Notice
from safety.models import SafetyNet
from shops.models import Shop

Action = SafetyNet.Action
# A yes gives the money back, as silence that approves does.
ANSWERS = {Action.APPROVE: "approves", Action.REJECT: "rejects", Action.SHIP_TO_REJECT: "rejects"}


@dataclass(frozen=True)
class Choice:
    """One thing that a net can do. `why_not` is empty exactly where it is offered."""

    action: SafetyNet.Action
    effect: str
    why_not: str = ""
    notice: Notice | None = None


def choices(shop: Shop, now: datetime) -> list[Choice]:
    market = rules.capabilities(shop, now)
    nothing = no_deadlines(market)
    return [
        Choice(one, effect(one, market), nothing or why_not(one, shop, market), notice(one, market)) for one in Action
    ]


def no_deadlines(market: Capabilities) -> str:
    """Why there is no last moment at all in this market; empty where silence decides."""
    if market.silence != "nothing":
        return ""
    return _(
        "%(marketplace)s names no deadline and decides nothing by itself: a request waits until it is answered."
    ) % {"marketplace": market.marketplace_name}


def silence(market: Capabilities) -> str:
    """Which way silence goes, in one sentence."""
    name = {"marketplace": market.marketplace_name}
    if market.silence == "approves":
        return _("When nobody answers by the deadline, %(marketplace)s approves: the order is cancelled.") % name
    if market.silence == "rejects":
        return _("When nobody answers by the deadline, %(marketplace)s rejects: the order goes on.") % name
    return no_deadlines(market)


def effect(action: SafetyNet.Action, market: Capabilities) -> str:
    """What it does, held against silence."""
    if action == Action.TELL:
        return _("Nothing is decided for you. %(silence)s") % {"silence": silence(market)}
    done = rules.rejecting(market) if action == Action.REJECT else ships_or_approves(action, market)
    if ANSWERS[action] == market.silence:
        return _("%(done)s Silence would do the same, only later.") % {"done": done}
    return _("%(done)s Silence would do the opposite.") % {"done": done}


def ships_or_approves(action: SafetyNet.Action, market: Capabilities) -> str:
    if action == Action.APPROVE:
        return _("The order is cancelled and the buyer gets the refund.")
    return _(
        "Where a package is ready, it is marked as shipped, and %(marketplace)s rejects the request because of it. "
        "Where none is, people are told."
    ) % {"marketplace": market.marketplace_name}


def why_not(action: SafetyNet.Action, shop: Shop, market: Capabilities) -> str:
    if action == Action.REJECT:
        return rules.reject_is_over(shop, market) or no_reasons(shop, market)
    if action == Action.SHIP_TO_REJECT and not market.shipping_rejects:
        return rules.cannot_ship(None, market)
    return ""


def no_reasons(shop: Shop, market: Capabilities) -> str:
    if not market.takes_reject_reason or reject_reasons(shop, market):
        return ""
    return _("No reason to reject is known in this market yet. Once somebody has rejected a request, it can be chosen.")


def notice(action: SafetyNet.Action, market: Capabilities) -> Notice | None:
    if action == Action.REJECT:
        return market.reject_notice
    return market.shipping_notice if action == Action.SHIP_TO_REJECT else None


def reject_reasons(shop: Shop, market: Capabilities) -> Sequence[tuple[str, str]]:
    """(code, words) as the market lists them, and those that the shop's people have given. What is on offer for a
    request only the marketplace knows: it is asked before the net acts."""
    listed = {reason.name: reason.text for reason in market.listed_reject_reasons}
    given = Decision.objects.filter(shop=shop, verdict=Verdict.REJECT).exclude(reason="").order_by("pk")
    return list((dict(given.values_list("reason", "reason_text")[:500]) | listed).items())
