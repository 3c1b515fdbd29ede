"""Search Cancellations, Approve, Reject, Cancel Order and what goes with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.tiktok_shop import lifecycle
from sandbox.tiktok_shop.call import Call
from sandbox.tiktok_shop.encoding import SHIPPED, dumps
from sandbox.tiktok_shop.order_calls import either_timeline, other_window, paged, within
from sandbox.tiktok_shop.reasons import LOCALES
from sandbox.tiktok_shop.records import (
    CLOSED,
    CLOSED_IN_FILTER,
    COMPLETE,
    PENDING,
    SUCCESS,
    Cancellation,
)
from sandbox.tiktok_shop.refusals import Refusal
from sandbox.tiktok_shop.timeline import Wanted
from sandbox.tiktok_shop.world import World

IN_PREPARATION = ("UNPAID", "ON_HOLD", "AWAITING_SHIPMENT")


def search_cancellations(world: World, call: Call) -> bytes:
    """Oldest first unless asked otherwise, which is the opposite of Get Order List."""
    shop, query, body = call.of, call.query, call.body
    locale = known_locale(body.get("locale"), 25001001)
    if CLOSED in (body.get("cancel_status") or ()) and not world.switches.accept_both_closed_words:
        raise Refusal(25001001, f"Parameter 'cancel_status' has the unknown value '{CLOSED}'")
    by = query.get("sort_field", "create_time")
    filters = sorted((name, value) for name, value in body.items() if name != "locale")
    page = world.pager.page(
        either_timeline(by, shop.cancellations_created, shop.cancellations_updated),
        shop.version,
        Wanted(
            since=body.get(by + "_ge"),
            until=body.get(by + "_lt"),
            descending=query.get("sort_order") == "DESC",
            size=query.get("page_size", 10),
            token=query.get("page_token", ""),
            question=f"cancellations {shop.id} {by} {query.get('sort_order')} {filters}",
            find=world.cancellations.__getitem__,
            keep=_filter(body, by),
        ),
    )
    records = [world.encoder.cancellation(each, locale) for each in page.records]
    return paged(b"cancellations", records, page.total, page.next_token)


def known_locale(text: str | None, code: int) -> str:
    """The first of a comma-separated list of locale codes."""
    wanted = (text or "en-US").split(",")
    if unknown := [each for each in wanted if each not in LOCALES]:
        raise Refusal(code, f"Parameter 'locale' has the unknown value '{unknown[0]}'")
    return wanted[0]


def approve(world: World, call: Call) -> bytes:
    cancellation = find(world, call, call.path["cancel_id"])
    _check_open(cancellation, already={SUCCESS: 25011012, COMPLETE: 25011012, CLOSED: 25020009}, shipped=25001045)
    lifecycle.approve(world, cancellation, call.now, call.seller)
    return _decided(world, cancellation, "CANCELLATION_APPROVED")


def reject(world: World, call: Call) -> bytes:
    cancellation = find(world, call, call.path["cancel_id"])
    _check_open(cancellation, already={SUCCESS: 25020010, COMPLETE: 25020010, CLOSED: 25011011}, shipped=25001003)
    comment, images = call.body.get("comment") or "", call.body.get("images") or []
    if len(comment) > world.switches.comment_limit:
        raise Refusal(25001001, f"Parameter 'comment' has more than {world.switches.comment_limit} characters")
    for image in images:
        if world.uploaded.get(image["image_id"]) != call.of.seller_id:
            raise Refusal(25001001, f"Image '{image['image_id']}' was not uploaded by this seller")
    reason = call.body["reject_reason"]
    world.reasons.check_reject(call.of.region, reason, world.switches.us_reject_reasons)
    cancellation.rejection = {"reject_reason": reason, "comment": comment, "images": images}
    lifecycle.close(world, cancellation, call.now, call.seller, "cancellation.rejected", **cancellation.rejection)
    return _decided(world, cancellation, "CANCELLATION_REJECTED")


def reject_reasons(world: World, call: Call) -> bytes:
    """The market's reasons; the request must be one of this shop's."""
    find(world, call, call.query["return_or_cancel_id"])
    locale = known_locale(call.query.get("locale"), 36009004)
    codes = world.reasons.reject(call.of.region, world.switches.us_reject_reasons)
    return dumps({"reasons": [{"name": code, "text": world.reasons.words(code, locale)} for code in codes]})


def find(world: World, call: Call, cancel_id: str) -> Cancellation:
    cancellation = world.cancellations.get(cancel_id)
    if cancellation is None:
        raise Refusal(25007006)
    if cancellation.order.shop is not call.of:
        raise Refusal(25020005)
    return cancellation


def _check_open(cancellation: Cancellation, already: dict[str, int], shipped: int) -> None:
    """Refuses unless the request is a buyer's, waits, and its order has not moved on."""
    if cancellation.kind != "BUYER_CANCEL":
        raise Refusal(25020004)
    if cancellation.status != PENDING:
        raise Refusal(already.get(cancellation.status, 25020003))
    if cancellation.order.status in SHIPPED:
        raise Refusal(shipped)
    if cancellation.order.status not in IN_PREPARATION:
        raise Refusal(25001003)


def _decided(world: World, cancellation: Cancellation, older_word: str) -> bytes:
    """An empty object; older documentation shows a status, which a switch brings back."""
    if not world.switches.legacy_answers:
        return b"{}"
    return dumps({"success": True, "status": older_word, "cancel_status": cancellation.status})


def _filter(body: dict[str, Any], by: str) -> Callable[[Cancellation], bool] | None:
    tests: list[Callable[[Cancellation], bool]] = []
    if cancel_ids := set(body.get("cancel_ids") or ()):
        tests.append(lambda each: each.id in cancel_ids)
    if order_ids := set(body.get("order_ids") or ()):
        tests.append(lambda each: each.order.id in order_ids)
    if buyers := set(body.get("buyer_user_ids") or ()):
        tests.append(lambda each: each.order.user_id in buyers)
    if kinds := set(body.get("cancel_types") or ()):
        tests.append(lambda each: each.kind in kinds)
    if words := set(body.get("cancel_status") or ()):
        statuses = {CLOSED if word == CLOSED_IN_FILTER else word for word in words}
        tests.append(lambda each: each.status in statuses)
    if (other := other_window(by, body)) is not None:
        tests.append(lambda each: within(each, body, other))
    if not tests:
        return None
    return lambda each: all(test(each) for test in tests)
