"""The question at the gate: from our rows, or from the marketplace's first."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog
from django.utils import timezone

from cancellations.rereading import LONGEST, reread
from gate.finding import Found, find
from gate.verdict import Asked
from marketplaces.errors import MarketplaceError
from marketplaces.http import within
from orders.models import Order

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User

logger = structlog.get_logger(__name__)


def ask(
    user: "User | AnonymousUser",
    kinds: Sequence[str],
    code: str,
    *,
    shop: int | None = None,
    own_id: bool = False,
    live: bool = False,
    live_if_stale: bool = False,
) -> Found:
    """As `find`; with `live` each order is read from its marketplace first, with `live_if_stale` where ours is old.

    Where the marketplace cannot be asked, the answer is from our rows and says so.
    """
    found = find(user, kinds, code, timezone.now(), shop=shop, own_id=own_id)
    if not (live or (live_if_stale and any(one.is_stale for one in found.answers))):
        return found
    asked = ask_marketplace([one.order for one in found.answers])
    return find(user, kinds, code, timezone.now(), shop=shop, own_id=own_id, asked=asked)


def ask_marketplace(orders: Sequence[Order]) -> Asked:
    """All of them, or the first that could not be read; within the time that one order has."""
    began = timezone.now()
    with within(LONGEST):
        for order in orders:
            try:
                reread(order)
            except MarketplaceError as error:
                logger.warning("gate.not_asked", order=order.pk, code=error.code, error=error.message)
                return Asked(why_not=error.message)
    return Asked(at=began)
