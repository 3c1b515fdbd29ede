"""What a form has to ask the marketplace while somebody waits: reasons, parcels' ways out, what a refund would be.

Answers are kept for some minutes, so that a form that is opened twice asks once. Every function raises
marketplaces.errors.MarketplaceError when the marketplace does not answer; the form says so and can be opened again.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from operator import methodcaller
from typing import Any, TypeVar

from django.core.cache import cache
from redis.exceptions import RedisError

from cancellations.models import CancellationRequest
from marketplaces.base import Adapter
from marketplaces.records import (
    HandoverOptions,
    LineEligibility,
    Money,
    PackageRecord,
    RefundParts,
    RejectReason,
    ShippingProvider,
)
from orders.models import Order
from orders.parcels import parcels_to_ship
from shops import drift
from shops.models import Shop
from shops.tokens import call_for

KEPT_SECONDS = 300
Answer = TypeVar("Answer")


def asked_once(
    shop: Shop, about: str, call: Callable[[Adapter], Answer], is_kept: Callable[[Answer], bool] = lambda _: True
) -> Answer:
    key = f"live:{shop.pk}:{about}"
    answer: Answer | None = kept(key)
    if answer is None:
        answer = call_for(shop, call)
        if is_kept(answer):
            with suppress(RedisError, OSError):
                cache.set(key, answer, KEPT_SECONDS)
    return answer


def kept(key: str) -> Any:
    """None too where the cache does not answer: then it is asked once more."""
    try:
        return cache.get(key)
    except (RedisError, OSError):
        return None


def reject_reasons(cancellation: CancellationRequest, locale: str = "en-US") -> Sequence[RejectReason]:
    """The reasons that this very request may be rejected with, in the language of `locale` (BCP 47)."""
    request_id, shop = cancellation.marketplace_id, cancellation.shop

    def ask(adapter: Adapter) -> Sequence[RejectReason]:
        found = adapter.reject_reasons(request_id, locale)
        drift.note(shop.pk, drift.unknown_reject_reasons(shop, found))
        return found

    return asked_once(shop, f"reasons:{request_id}:{locale}", ask)


def package(order: Order, package_id: str) -> PackageRecord:
    return asked_once(order.shop, f"package:{package_id}", lambda adapter: adapter.package(package_id))


def handover_options(order: Order, package_ids: Sequence[str] = ()) -> HandoverOptions | None:
    """How these packages, or all that have not left, can be handed over together; None while there is none."""
    chosen = package_ids or [package.marketplace_id for package, _ in parcels_to_ship(order)]
    each = [asked_once(order.shop, f"handover:{one}", methodcaller("handover_options", one)) for one in chosen]
    return in_common(each) if each else None


def in_common(options: Sequence[HandoverOptions]) -> HandoverOptions:
    """What can be chosen for all of them."""
    first, *others = options
    return HandoverOptions(
        can_pickup=all(one.can_pickup for one in options),
        can_drop_off=all(one.can_drop_off for one in options),
        pickup_slots=[slot for slot in first.pickup_slots if all(slot in other.pickup_slots for other in others)],
    )


def shipping_providers(order: Order) -> Sequence[ShippingProvider]:
    option = order.delivery_option_id
    return asked_once(order.shop, f"carriers:{option}", lambda adapter: adapter.shipping_providers(option))


def eligibility(order: Order) -> Sequence[LineEligibility]:
    """Which line items the seller may cancel, as the marketplace sees it now.

    A no is asked for every time, for it keeps people from deciding, and the marketplace may have changed its mind.
    """
    order_id = order.marketplace_id
    return asked_once(
        order.shop, f"eligible:{order_id}", lambda adapter: adapter.cancel_eligibility(order_id),
        is_kept=lambda answer: all(one.eligible for one in answer),
    )  # fmt: skip


def ineligible(order: Order) -> dict[str, str]:
    """{line item id: why} of those that the marketplace would not cancel now, in its own words."""
    return {
        line_id: answer.reason or answer.code
        for answer in eligibility(order)
        if not answer.eligible
        for line_id in answer.line_item_ids
    }


def refund_preview(order: Order, items: Mapping[int, int], reason: str) -> RefundParts:
    """What the buyer would get back for these line items ({LineItem.pk: quantity})."""
    ids = ids_of(order, items)
    return asked_once(
        order.shop, about_refund(order, ids, reason),
        lambda adapter: adapter.refund_preview(order.marketplace_id, reason, ids),
    )  # fmt: skip


def previewed_refund(order: Order, items: Mapping[int, int], reason: str) -> Money | None:
    """What `refund_preview` was told in the last minutes, if it was asked; asks no marketplace itself."""
    key = f"live:{order.shop_id}:{about_refund(order, ids_of(order, items), reason)}"
    found: RefundParts | None = kept(key)
    return found.total if found else None


def ids_of(order: Order, items: Mapping[int, int]) -> list[str]:
    return sorted(order.lines.filter(pk__in=items).values_list("marketplace_id", flat=True))


def about_refund(order: Order, ids: Sequence[str], reason: str) -> str:
    return f"refund:{order.marketplace_id}:{reason}:{','.join(ids)}"
