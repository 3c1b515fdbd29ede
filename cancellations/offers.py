"""What one person can decide about a request now."""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from cancellations import countersigning, rules
from cancellations.models import CancellationRequest, Verdict
from cancellations.rules import Offer
from shops.models import Permission
from shops.roles import permissions_in, why_not_allowed

if TYPE_CHECKING:
    from accounts.models import User


def offers_to(user: "User", cancellation: CancellationRequest, now: datetime) -> dict[Verdict, Offer]:
    """Every verdict as `rules.offers` has it, but for what this person may not do, or not alone."""
    offers = rules.offers(cancellation, now)
    if not any(offer.allowed for offer in offers.values()):
        return offers
    allowed = permissions_in(user, cancellation.shop)
    for verdict, offer in offers.items():
        if offer.allowed and Permission(verdict) not in allowed:
            offers[verdict] = replace(offer, why_not=why_not_allowed(Permission(verdict)))
    approve = offers[Verdict.APPROVE]
    if approve.allowed:
        money = countersigning.given_back_by_approval(cancellation)
        needs = countersigning.needs_second_person(user, cancellation.shop, Verdict.APPROVE, money, cancellation.order)
        offers[Verdict.APPROVE] = replace(approve, second_person=needs)
    return offers
