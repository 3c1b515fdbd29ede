"""What every marketplace's adapter does, whichever marketplace it is. A new one is added to `sides` and passes this."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from marketplaces.base import Adapter, Capabilities, Marketplace, Notice
from marketplaces.errors import (
    CredentialsRejected,
    MarketplaceError,
    OutcomeUnknown,
    Refused,
    TemporaryFailure,
    Unsupported,
)
from marketplaces.http import Http
from marketplaces.records import Announcement, CancellationTarget, Money, OrderRecord, Receipt, UploadedImage
from tests.marketplaces.sides import SIDES, Side
from tests.sandbox_process import SandboxProcess

PICTURE = UploadedImage("image", "image/png", 200, 200)


@pytest.fixture(params=SIDES)
def side(request: pytest.FixtureRequest, sandbox: SandboxProcess, http: Http) -> Side:
    found: Side = SIDES[request.param](sandbox, http)
    return found


@pytest.fixture
def adapter(side: Side) -> Adapter:
    return side.adapter(side.credentials)


@pytest.fixture
def rules(side: Side) -> Capabilities:
    return side.marketplace.capabilities(side.region, datetime.now(UTC).date() - timedelta(days=5 * 365))


def all_orders(side: Side) -> list[OrderRecord]:
    adapter = side.adapter(side.credentials)
    page = adapter.orders_updated(side.since, side.until)
    found = list(page.records)
    while page.next_cursor:
        page = adapter.orders_updated(side.since, side.until, page.next_cursor)
        found += page.records
    return found


def order_now(adapter: Adapter, order_id: str) -> OrderRecord:
    (record,) = adapter.orders_by_id([order_id]).records
    return record


def reject(side: Side, target: CancellationTarget) -> Receipt:
    return side.adapter(side.credentials).reject(target, "key", side.reject_reason, "", [])


# The shape of it


def public(protocol: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(member)
        for name, member in vars(protocol).items()
        if inspect.isfunction(member) and not name.startswith("_")
    }


@pytest.mark.parametrize("name", public(Adapter))
def test_every_question_can_be_asked_in_the_same_words(adapter: Adapter, name: str) -> None:
    assert parameters(getattr(type(adapter), name)) == parameters(getattr(Adapter, name))


@pytest.mark.parametrize("name", public(Marketplace))
def test_every_marketplace_is_asked_in_the_same_words(side: Side, name: str) -> None:
    assert parameters(getattr(type(side.marketplace), name)) == parameters(getattr(Marketplace, name))


def parameters(method: Any) -> list[tuple[str, Any]]:
    return [(one.name, one.default) for one in inspect.signature(method).parameters.values()]


def test_a_marketplace_says_who_it_is(side: Side, adapter: Adapter, rules: Capabilities) -> None:
    assert (rules.marketplace, rules.marketplace_name) == (adapter.marketplace, side.marketplace.name)
    assert timedelta(minutes=1) < side.marketplace.renew_before < timedelta(days=7)


def test_every_option_says_what_it_decides_and_has_a_default(side: Side) -> None:
    names = [option.name for option in side.marketplace.options]
    assert len(names) == len(set(names))
    for option in side.marketplace.options:
        assert option.text
        assert not option.choices or option.default in option.choices
        assert all(option.choices.values())
    defaults = {option.name: option.default for option in side.marketplace.options}
    assert side.marketplace.adapter(replace(side.credentials, options=defaults)).marketplace


@pytest.mark.parametrize("years", [0, 5])
def test_every_sentence_is_there_for_translators(side: Side, years: int) -> None:
    day = datetime.now(UTC).date() - timedelta(days=years * 365)
    for region in (side.region, "ZZ", ""):
        market = side.marketplace.capabilities(region, day)
        assert sentences(market) - {region} <= set(side.marketplace.texts)
    assert {option.text for option in side.marketplace.options} <= set(side.marketplace.texts)


def sentences(market: Capabilities) -> set[str]:
    """What people read of a market's rules, but for the names of reasons and pages, which are the marketplace's own."""
    found = {market.market_name, *market.status_labels.values(), *market.package_labels.values()}
    waiting: list[Any] = [getattr(market, field.name) for field in fields(market)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Notice):
            found |= {value.text, *(word for word in value.values.values() if isinstance(word, str))}
        elif isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, Sequence) and not isinstance(value, str):
            waiting += value
    return found


def test_what_can_be_done_makes_sense(rules: Capabilities) -> None:
    ZoneInfo(rules.time_zone)
    assert rules.silence in ("approves", "rejects", "nothing")
    assert rules.takes_images == bool(rules.max_images) == bool(rules.image_formats)
    assert rules.takes_comment == bool(rules.comment_max_length)
    assert rules.takes_cancel_reason or not rules.cancel_reasons
    assert rules.shows_requests or rules.requests_notice
    assert set(rules.cancellable_order_statuses) | set(rules.shippable_order_statuses) <= set(rules.order_statuses)
    assert set(rules.order_statuses) <= set(rules.status_labels)
    notices = [rules.reject_notice, rules.shipping_notice, rules.approve_notice, rules.items_notice, *rules.notices]
    assert all(notice.text for notice in notices if notice)


def test_a_market_that_nobody_knows_has_rules_too(side: Side) -> None:
    assert side.marketplace.capabilities("ZZ", date(2026, 1, 1)).region == "ZZ"


# What can't be done is Unsupported, and nothing is sent


def test_what_a_rejection_cannot_take_is_not_sent(side: Side, adapter: Adapter, rules: Capabilities) -> None:
    target = side.ask()
    for taken, reason, comment, images in (
        (rules.takes_reject_reason, "reason", "", []),
        (rules.takes_comment, "", "comment", []),
        (rules.takes_images, "", "", [PICTURE]),
    ):
        if not taken:
            with pytest.raises(Unsupported):
                adapter.reject(target, "key", reason, comment, images)
    assert side.happened("rejected") == 0


def test_what_there_is_not_is_unsupported_or_empty(side: Side, adapter: Adapter, rules: Capabilities) -> None:
    order_id = side.free_order()
    if not rules.takes_cancel_reason:
        with pytest.raises(Unsupported):
            adapter.cancel_items(order_id, "reason", {})
    if not rules.previews_refunds:
        with pytest.raises(Unsupported):
            adapter.refund_preview(order_id, side.cancel_reason, [])
    if not rules.takes_images:
        with pytest.raises(Unsupported):
            adapter.upload_image(b"", "picture.png", "image/png")
    if not rules.shows_requests:
        target = side.ask()
        assert not adapter.cancellations_updated(side.since, side.until).records
        assert not adapter.cancellations_of_order(target.order_id).records
        assert not adapter.cancellations_by_id(["1"]).records
    assert side.happened("cancelled") == 0


def test_what_is_announced_is_told_and_nothing_else_is(side: Side, adapter: Adapter, rules: Capabilities) -> None:
    if not rules.announces_requests:
        with pytest.raises(Unsupported):
            adapter.announcements()
        return
    adapter.announcements()
    side.ask()
    told = adapter.announcements()
    assert [one.is_cancellation for one in told] == [True]
    assert all(isinstance(one, Announcement) and one.announced_at.tzinfo for one in told)


# Getting in


def test_there_is_one_way_in(side: Side, adapter: Adapter) -> None:
    if not side.marketplace.signs_in_with_password:
        with pytest.raises(CredentialsRejected) as rejected:
            adapter.refresh_tokens("")
        assert not rejected.value.expired
        return
    with pytest.raises(Unsupported):
        adapter.tokens_from_code("code")
    tokens = adapter.refresh_tokens("")
    assert tokens.access_token_expires_at.tzinfo
    assert [shop.marketplace_id for shop in tokens.shops] == [side.credentials.shop_id]
    assert all_orders(side)
    with pytest.raises(CredentialsRejected) as rejected:
        side.adapter(replace(side.credentials, app_secret="other")).refresh_tokens("")
    assert not rejected.value.expired


def test_sellers_are_asked_for_consent_or_for_a_password(side: Side) -> None:
    platform = side.marketplace
    if platform.signs_in_with_password:
        assert not platform.audiences
        assert platform.read_consent({"code": "c", "state": "s"}).code == ""
        with pytest.raises(Unsupported):
            platform.consent_url("https://here.example", "1", "s")
        return
    names = [one.name for one in platform.audiences]
    assert len(names) == len(set(names))
    assert len([one for one in platform.audiences if not one.regions]) == 1  # sellers that are in no other
    for one in platform.audiences:
        link = urlsplit(platform.consent_url(one.consent_url, "77", "a&b"))
        assert link.scheme == "https"
        assert {"77", "a&b"} <= {value for values in parse_qs(link.query).values() for value in values}
    assert platform.required_scopes
    assert platform.read_consent({"code": "c", "state": "s"}).code == "c"
    refused = platform.read_consent({"code": "null", "error": "auth_denied", "state": "s"})
    assert (refused.code, refused.state) == ("", "s")


def test_a_token_that_ended_says_so_and_nothing_happens(side: Side) -> None:
    target, order_id = side.ask(), side.free_order()
    adapter = side.adapter(replace(side.credentials, access_token="0123456789abcdef"))
    calls = (
        lambda: adapter.orders_updated(side.since, side.until),
        lambda: adapter.orders_by_id([order_id]),
        lambda: adapter.approve(target, "key"),
        lambda: adapter.reject(target, "key", side.reject_reason, "", []),
        lambda: adapter.cancel_items(order_id, side.cancel_reason, {}),
    )
    for call in calls:
        with pytest.raises(CredentialsRejected) as rejected:
            call()
        assert rejected.value.expired
    assert [side.happened(what) for what in ("approved", "rejected", "cancelled")] == [0, 0, 0]


def test_no_secret_is_shown(side: Side, adapter: Adapter) -> None:
    wrong = replace(side.credentials, access_token="tok3n-that-is-wrong", app_secret="s3cret-that-is-wrong")
    shown = repr(adapter) + repr(side.credentials) + repr(wrong)
    for call in (
        side.adapter(wrong).orders_with_cancel_requested,
        lambda: side.adapter(wrong).orders_by_id(["1" * 18]),
    ):
        try:
            call()
        except MarketplaceError as failure:
            shown += f"{failure!r} {failure} {failure.__cause__!r} {failure.__context__!r}"
    for secret in (side.credentials.app_secret, side.credentials.access_token, "tok3n", "s3cret"):
        assert secret not in shown


# Orders


def test_orders_are_read_whole_and_once(side: Side) -> None:
    orders = all_orders(side)
    assert len(orders) > 3
    assert len({one.marketplace_id for one in orders}) == len(orders)


def test_an_order_is_the_same_by_its_id(side: Side, adapter: Adapter) -> None:
    some = all_orders(side)[:5]
    again = {one.marketplace_id: one for one in adapter.orders_by_id([one.marketplace_id for one in some]).records}
    for one in some:
        other = again[one.marketplace_id]
        if one.fingerprint:
            other = replace(other, updated_at=one.updated_at, extra=one.extra)
            assert other.fingerprint == one.fingerprint
        assert other == one


def test_a_record_can_be_relied_on(side: Side, rules: Capabilities) -> None:
    for order in all_orders(side):
        with pytest.raises(FrozenInstanceError):
            order.status = "other"  # type: ignore[misc]
        for value in everything_in(order):
            if isinstance(value, datetime):
                assert value.utcoffset() == timedelta(0)
            if isinstance(value, Money):
                assert type(value.amount) is Decimal
                assert (len(value.currency), value.currency.isupper()) == (3, True)
        assert order.status in rules.status_labels
        assert order.lines
        for line in order.lines:
            assert line.quantity > 0
            assert line.cancelled_quantity + line.shipped_quantity <= line.quantity
            if line.is_cancelled:
                assert line.cancelled_quantity == line.quantity - line.shipped_quantity
        assert {type(order.marketplace_id), *(type(line.marketplace_id) for line in order.lines)} == {str}
        live = [line for line in order.lines if not line.is_cancelled]
        assert order.is_cancelled == (not live)


def everything_in(value: object) -> Iterator[object]:
    yield value
    if is_dataclass(value):
        for field in fields(value):
            yield from everything_in(getattr(value, field.name))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for one in value:
            yield from everything_in(one)


def test_what_is_unknown_is_left_out(side: Side, adapter: Adapter) -> None:
    known = side.free_order()
    page = adapter.orders_by_id([side.unknown_order, known, known])
    assert [one.marketplace_id for one in page.records] == [known]
    assert not page.set_aside
    assert not adapter.orders_by_id([]).records


def test_what_is_no_id_goes_nowhere(side: Side, adapter: Adapter) -> None:
    calls = (
        lambda: adapter.orders_by_id([side.no_id]),
        lambda: adapter.approve(CancellationTarget(side.no_id, side.no_id), "key"),
        lambda: adapter.cancel_items(side.no_id, side.cancel_reason, {}),
    )
    for call in calls:
        with pytest.raises(Refused):
            call()


def test_a_cursor_that_leads_nowhere_is_refused(side: Side, adapter: Adapter) -> None:
    with pytest.raises(Refused):
        adapter.orders_updated(side.since, side.until, "nowhere")


def test_a_time_without_zone_is_a_mistake(side: Side, adapter: Adapter) -> None:
    with pytest.raises(ValueError, match="time zone"):
        adapter.orders_updated(side.since.replace(tzinfo=None), side.until)


# Answers


def test_an_approval_happens_once(side: Side, adapter: Adapter) -> None:
    target = side.ask()
    assert isinstance(adapter.approve(target, "key-1"), Receipt)
    for again in (lambda: adapter.approve(target, "key-2"), lambda: reject(side, target)):
        with pytest.raises(Refused) as refusal:
            again()
        assert refusal.value.already_processed
    assert (side.happened("approved"), side.happened("rejected")) == (1, 0)


def test_a_rejection_lets_the_order_stand(side: Side, adapter: Adapter, rules: Capabilities) -> None:
    target = side.ask()
    before = order_now(adapter, target.order_id)
    assert rules.can_reject
    reject(side, target)
    after = order_now(adapter, target.order_id)
    quantities = [[line.cancelled_quantity for line in one.lines] for one in (before, after)]
    assert quantities[0] == quantities[1]
    assert not after.is_cancel_requested
    with pytest.raises(Refused) as refusal:
        adapter.approve(target, "key-2")
    assert refusal.value.already_processed
    assert (side.happened("approved"), side.happened("rejected")) == (0, 1)


@pytest.mark.parametrize(("kind", "happened"), [("lost before", 0), ("lost after", 1)])
def test_a_lost_answer_leaves_open_what_happened(side: Side, adapter: Adapter, kind: str, happened: int) -> None:
    target = side.ask()
    side.trouble(kind)
    with pytest.raises(OutcomeUnknown):
        adapter.approve(target, "key")
    assert side.happened("approved") == happened


def test_who_is_busy_did_nothing(side: Side, adapter: Adapter) -> None:
    target = side.ask()
    side.trouble("busy")
    with pytest.raises(TemporaryFailure) as failure:
        adapter.approve(target, "key")
    assert failure.value.retry_after == 3
    assert side.happened("approved") == 0
    adapter.approve(target, "key")


def test_a_read_without_an_answer_may_be_tried_later(side: Side, adapter: Adapter) -> None:
    side.trouble("unanswered reads")
    with pytest.raises(TemporaryFailure):
        adapter.orders_updated(side.since, side.until)
    with pytest.raises(TemporaryFailure):
        adapter.orders_by_id([side.unknown_order])


# Items


def test_totals_of_a_line_happen_once_however_often_they_are_sent(
    side: Side, adapter: Adapter, rules: Capabilities
) -> None:
    order = order_now(adapter, side.free_order())
    line = order.lines[0]
    if not rules.can_cancel_lines:
        with pytest.raises((Refused, Unsupported)):
            adapter.cancel_items(order.marketplace_id, side.cancel_reason, {line.marketplace_id: 1})
        return
    adapter.cancel_items(order.marketplace_id, side.cancel_reason, {line.marketplace_id: 1})
    sent_again(side, adapter, order, {line.marketplace_id: 1})
    after = order_now(adapter, order.marketplace_id)
    assert [one.cancelled_quantity for one in after.lines] == [1] + [0] * (len(order.lines) - 1)
    assert side.happened("cancelled") == 1
    if order.fingerprint:
        assert after.fingerprint != order.fingerprint


def test_no_totals_are_all_that_is_left(side: Side, adapter: Adapter) -> None:
    order = order_now(adapter, side.free_order())
    adapter.cancel_items(order.marketplace_id, side.cancel_reason, {})
    sent_again(side, adapter, order, {})
    after = order_now(adapter, order.marketplace_id)
    assert after.is_cancelled
    assert all(line.is_cancelled for line in after.lines)
    assert side.happened("cancelled") == 1


def sent_again(side: Side, adapter: Adapter, order: OrderRecord, totals: dict[str, int]) -> None:
    """Either it is seen that all is done, or the marketplace says so."""
    try:
        adapter.cancel_items(order.marketplace_id, side.cancel_reason, totals)
    except Refused as refused:
        told = refused
    else:
        return
    assert told.already_processed, told


def test_an_order_is_sent_once(side: Side, adapter: Adapter, rules: Capabilities) -> None:
    order = order_now(adapter, side.free_order())
    assert order.status in rules.shippable_order_statuses
    adapter.ship(side.shipment(order))
    after = order_now(adapter, order.marketplace_id)
    assert after.is_shipped
    assert all(line.shipped_quantity == line.quantity for line in after.lines)
    with pytest.raises(Refused) as refusal:
        adapter.ship(side.shipment(order))
    assert refusal.value.already_processed
    assert side.happened("sent") == 1


# Pushes


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b'{"type": 1, "shop_id": "7", "timestamp": 1}', b"[" * 10_000])
def test_a_push_that_is_not_signed_is_not_believed(side: Side, body: bytes) -> None:
    known = side.credentials
    for headers in ({}, {"Authorization": ""}, {"Authorization": "0" * 64}, {"authorization": "\ud83d"}):
        assert side.marketplace.read_notification(body, headers, known.app_key, known.app_secret) is None
    assert isinstance(side.marketplace.shop_id_of_notification(body), str)


# Pushes


def test_topics_are_registered_moved_and_removed_where_there_are_any(side: Side, adapter: Adapter) -> None:
    topics = [topic.name for topic in side.marketplace.push_topics]
    if not topics:
        for call in (
            adapter.registered_pushes,
            lambda: adapter.register_push("order", "https://a.example/"),
            lambda: adapter.remove_push("order"),
        ):
            with pytest.raises(Unsupported):
                call()
        return
    for address in ("https://a.example/hooks", "https://b.example/hooks", "https://b.example/hooks"):
        for topic in topics:
            adapter.register_push(topic, address)
        assert {one.topic: one.address for one in adapter.registered_pushes()} == dict.fromkeys(topics, address)
        assert all(one.since and one.since.tzinfo for one in adapter.registered_pushes())
    for _ in range(2):
        adapter.remove_push(topics[0])
    assert {one.topic for one in adapter.registered_pushes()} == set(topics[1:])
    with pytest.raises(Unsupported):
        adapter.register_push("no such topic", "https://a.example/")


def test_what_topics_tell_of_can_be_translated(side: Side) -> None:
    assert {topic.text for topic in side.marketplace.push_topics} <= set(side.marketplace.texts)
    problem = side.marketplace.push_address_problem("http://127.0.0.1:8000/", "")
    assert not problem or problem in side.marketplace.texts
