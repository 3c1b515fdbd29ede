"""Every read of the adapter against the simulator's process."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from marketplaces.errors import CredentialsRejected, Refused, TemporaryFailure
from marketplaces.http import Http
from marketplaces.records import CancellationRecord, CancellationState, Credentials, OrderRecord, Page
from marketplaces.tiktok_shop.adapter import TikTokAdapter
from marketplaces.tiktok_shop.client import TikTokShopClient
from tests.marketplaces.tiktok_shop.samples import target
from tests.sandbox_process import SandboxProcess, wait_for

Adapters = Callable[[str], TikTokAdapter]
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
REGIONS = ["US", "GB", "DE", "TH", "ID"]


def tomorrow() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)


def all_orders(adapter: TikTokAdapter) -> list[OrderRecord]:
    found: list[OrderRecord] = []
    cursor, until = "", tomorrow()
    while True:
        page = adapter.orders_updated(EPOCH, until, cursor)
        assert (list(page.set_aside), list(page.drift)) == ([], [])
        found += page.records
        cursor = page.next_cursor
        if not cursor:
            return found


def all_cancellations(adapter: TikTokAdapter) -> list[CancellationRecord]:
    until = tomorrow()
    page = adapter.cancellations_updated(EPOCH, until)
    found = list(page.records)
    while page.next_cursor:
        page = adapter.cancellations_updated(EPOCH, until, page.next_cursor)
        found += page.records
    return found


def an_order(adapter: TikTokAdapter, status: str, *, lines: int = 1) -> OrderRecord:
    return next(
        one
        for one in all_orders(adapter)
        if one.status == status and len(one.lines) >= lines and not one.is_cancel_requested
    )


@pytest.mark.parametrize("region", REGIONS)
def test_every_seeded_order_and_request_of_a_market_is_understood(adapter: Adapters, region: str) -> None:
    orders = all_orders(adapter(region))
    assert orders
    assert len({one.marketplace_id for one in orders}) == len(orders)
    assert all(one.updated_at <= other.updated_at for one, other in pairwise(orders))
    requests = all_cancellations(adapter(region))
    assert {one.state for one in requests} >= {CancellationState.WAITING}
    assert all(one.deadline for one in requests if one.needs_answer)


def test_a_window_includes_its_start_and_not_its_end(adapter: Adapters) -> None:
    some = all_orders(adapter("US"))[3]
    at = some.updated_at

    def ids(since: datetime, until: datetime) -> set[str]:
        return {one.marketplace_id for one in adapter("US").orders_updated(since, until).records}

    assert some.marketplace_id in ids(at, at + timedelta(seconds=1))
    assert some.marketplace_id in ids(at - timedelta(milliseconds=1), at + timedelta(milliseconds=1))
    assert some.marketplace_id not in ids(at - timedelta(seconds=1), at)
    assert some.marketplace_id not in ids(at + timedelta(milliseconds=1), at + timedelta(hours=1))


def test_a_time_without_zone_is_a_mistake(adapter: Adapters) -> None:
    with pytest.raises(ValueError, match="time zone"):
        adapter("US").orders_updated(datetime(2026, 1, 1), tomorrow())  # noqa: DTZ001


def test_pages_join_without_a_gap(sandbox: SandboxProcess, adapter: Adapters) -> None:
    sandbox.reset(orders=1500)
    orders = all_orders(adapter("US"))
    assert len(orders) > 200
    assert len({one.marketplace_id for one in orders}) == len(orders)
    assert len(all_cancellations(adapter("US"))) > 50


def test_orders_whose_buyer_waits_are_found(sandbox: SandboxProcess, adapter: Adapters) -> None:
    asked = sandbox.ask_to_cancel(region="DE")
    page = adapter("DE").orders_with_cancel_requested()
    assert asked["order_id"] in {one.marketplace_id for one in page.records}
    assert all(one.is_cancel_requested and one.cancel_requested_at for one in page.records)


def test_any_number_of_orders_can_be_asked_for_by_id(sandbox: SandboxProcess, adapter: Adapters) -> None:
    sandbox.reset(orders=700)
    ids = [one.marketplace_id for one in all_orders(adapter("US"))][:120]
    assert len(ids) == 120
    page = adapter("US").orders_by_id([*ids, ids[0], "577087614418520388"])
    assert sorted(one.marketplace_id for one in page.records) == sorted(ids)
    assert sandbox.get("calls", endpoint="get-order-detail")["total"] >= 3


def test_no_ids_need_no_call(sandbox: SandboxProcess, adapter: Adapters) -> None:
    page = adapter("US").orders_by_id([])
    assert (list(page.records), page.next_cursor) == ([], "")
    assert list(adapter("US").cancellations_by_id([]).records) == []
    assert not sandbox.get("calls")["calls"]


@pytest.mark.parametrize("bad", ["1,2", "../shops", "", "1 2", "1?a=b", "é"])
def test_what_is_no_id_is_refused_before_it_is_sent(sandbox: SandboxProcess, adapter: Adapters, bad: str) -> None:
    with pytest.raises(Refused):
        adapter("US").orders_by_id([bad])
    with pytest.raises(Refused):
        adapter("US").approve(target(bad), "key")
    assert not sandbox.get("calls")["calls"]


def test_requests_are_found_by_id_and_by_order(sandbox: SandboxProcess, adapter: Adapters) -> None:
    asked = sandbox.ask_to_cancel(region="TH")
    by_id = adapter("TH").cancellations_by_id([asked["cancel_id"], "4035318504086604100"])
    by_order = adapter("TH").cancellations_of_order(asked["order_id"])
    assert {one.order_id for one in by_order.records} == {asked["order_id"]}
    assert len(by_id.records) == 1
    for page in (by_id, by_order):
        (record,) = [one for one in page.records if one.marketplace_id == asked["cancel_id"]]
        assert record.order_id == asked["order_id"]
        assert record.needs_answer
        assert record.deadline == datetime.fromtimestamp(asked["deadline"], UTC)
        assert {line.line_item_id for line in record.lines} == set(asked["line_item_ids"])


def test_a_request_has_live_reasons_in_the_language_asked_for(sandbox: SandboxProcess, adapter: Adapters) -> None:
    asked = sandbox.ask_to_cancel(shop_id=sandbox.shop("US")["id"])
    reasons = adapter("US").reject_reasons(asked["cancel_id"], "en-US")
    assert "seller_reject_apply_product_has_been_packed" in {one.name for one in reasons}
    assert all(one.text for one in reasons)
    assert adapter("US").reject_reasons(asked["cancel_id"], "")


def test_what_may_be_cancelled_is_said_by_line_item(adapter: Adapters) -> None:
    order = an_order(adapter("GB"), "AWAITING_SHIPMENT")
    found = adapter("GB").cancel_eligibility(order.marketplace_id)
    assert all(one.eligible for one in found)
    assert {item for one in found for item in one.line_item_ids} == {one.marketplace_id for one in order.lines}
    shipped = an_order(adapter("GB"), "IN_TRANSIT")
    (no, *_) = adapter("GB").cancel_eligibility(shipped.marketplace_id)
    assert (no.eligible, no.code) == (False, "25001045")
    assert no.reason


def test_a_refund_can_be_seen_before_it_is_made(adapter: Adapters) -> None:
    order = an_order(adapter("US"), "AWAITING_SHIPMENT", lines=2)
    reason = "seller_cancel_reason_out_of_stock"
    whole = adapter("US").refund_preview(order.marketplace_id, reason, [])
    part = adapter("US").refund_preview(order.marketplace_id, reason, [order.lines[0].marketplace_id])
    assert whole.total.currency == "USD"
    assert 0 < part.total.amount < whole.total.amount


def test_a_package_its_slots_and_its_carriers_can_be_read(adapter: Adapters) -> None:
    speaker = adapter("DE")
    order = next(
        one for one in all_orders(speaker) if one.status == "AWAITING_SHIPMENT" and one.shipping_type == "seller"
    )
    package = speaker.package(order.package_ids[0])
    assert (package.marketplace_id, list(package.order_ids)) == (order.package_ids[0], [order.marketplace_id])
    options = speaker.handover_options(order.package_ids[0])
    assert (options.can_pickup, options.can_drop_off) == (True, True)
    assert all(slot.start < slot.end and slot.available for slot in options.pickup_slots)
    assert speaker.shipping_providers(order.delivery_option_id)
    platform = next(one for one in all_orders(speaker) if one.shipping_type == "marketplace")
    with pytest.raises(Refused) as refusal:
        speaker.shipping_providers(platform.delivery_option_id)
    assert refusal.value.code == "21008117"


def test_a_seller_connects_and_stays_connected(
    sandbox: SandboxProcess, credentials: Callable[[str], Credentials], http: Http
) -> None:
    bare = replace(credentials("GB"), access_token="", shop_cipher="")
    tokens = TikTokAdapter(bare, http).tokens_from_code(sandbox.post("auth_code", region="GB")["auth_code"])
    assert tokens.access_token_expires_at > datetime.now(UTC) + timedelta(days=6)
    assert "seller.return_refund.basic" in tokens.scopes
    speaker = TikTokAdapter(replace(bare, access_token=tokens.access_token), http)
    shops = {shop.region: shop for shop in speaker.authorized_shops()}
    assert shops["GB"].cipher == sandbox.shop("GB")["cipher"]
    renewed = speaker.refresh_tokens(tokens.refresh_token)
    assert renewed.access_token != tokens.access_token
    with pytest.raises(CredentialsRejected) as dead:
        speaker.refresh_tokens(tokens.refresh_token)
    assert not dead.value.expired
    assert tokens.refresh_token not in repr(renewed) + repr(tokens) + repr(dead.value)


def test_a_used_code_is_rejected(
    sandbox: SandboxProcess, credentials: Callable[[str], Credentials], http: Http
) -> None:
    speaker = TikTokAdapter(credentials("US"), http)
    code = sandbox.post("auth_code", region="US")["auth_code"]
    speaker.tokens_from_code(code)
    with pytest.raises(CredentialsRejected):
        speaker.tokens_from_code(code)


def test_the_pushes_of_a_shop_can_be_set_and_taken_back(credentials: Callable[[str], Credentials], http: Http) -> None:
    client = TikTokShopClient(credentials("US"), http)
    client.put_webhook("CANCELLATION_STATUS_CHANGE", "https://shop.example.test/hooks/tiktok")
    (hook,) = client.webhooks().data["webhooks"]
    assert hook["event_type"] == "CANCELLATION_STATUS_CHANGE"
    client.delete_webhook("CANCELLATION_STATUS_CHANGE")
    client.delete_webhook("CANCELLATION_STATUS_CHANGE")
    assert not client.webhooks().data.get("webhooks")


@pytest.mark.parametrize(
    ("changes", "code", "expired"),
    [
        ({"app_key": "other"}, "36009004", False),
        ({"app_secret": "other"}, "106001", False),
        ({"access_token": "ROW_unknown"}, "36009004", True),
        ({"access_token": "hast\u00f6ken"}, "", True),
        ({"shop_cipher": "ROW_unknown"}, "101000", False),
    ],
)
def test_credentials_that_are_wrong_are_told_apart(
    credentials: Callable[[str], Credentials], http: Http, changes: dict[str, Any], code: str, expired: bool
) -> None:
    speaker = TikTokAdapter(replace(credentials("US"), **changes), http)
    with pytest.raises(CredentialsRejected) as rejected:
        speaker.orders_with_cancel_requested()
    assert (rejected.value.code, rejected.value.expired) == (code, expired)


def test_a_missing_scope_is_told_from_a_missing_token(
    sandbox: SandboxProcess, credentials: Callable[[str], Credentials], http: Http
) -> None:
    code = sandbox.post("auth_code", region="US", scopes=["seller.order.info"])["auth_code"]
    tokens = TikTokAdapter(credentials("US"), http).tokens_from_code(code)
    speaker = TikTokAdapter(replace(credentials("US"), access_token=tokens.access_token), http)
    speaker.orders_with_cancel_requested()
    with pytest.raises(CredentialsRejected) as rejected:
        speaker.cancellations_of_order("577087614418520388")
    assert (rejected.value.code, rejected.value.expired) == ("105005", False)


@pytest.mark.parametrize("seconds", [-400, 60])
def test_a_clock_that_is_off_is_a_temporary_failure_that_says_so(
    credentials: Callable[[str], Credentials], http: Http, seconds: int
) -> None:
    client = TikTokShopClient(credentials("US"), http, clock=lambda: datetime.now(UTC).timestamp() + seconds)
    with pytest.raises(TemporaryFailure, match="clock of this machine is off"):
        client.search_orders(page_size=1)


@pytest.mark.parametrize(
    ("kind", "how"),
    [("slow", {"seconds": 0.2}), ("rate_limited", {"retry_after": 1}), ("reset_before", {}), ("reset_after", {})],
)
def test_a_read_gets_over_trouble_that_passes(
    sandbox: SandboxProcess, adapter: Adapters, kind: str, how: dict[str, float]
) -> None:
    sandbox.fault("search-cancellations", kind, **how)
    assert adapter("US").cancellations_updated(EPOCH, tomorrow()).records


@pytest.mark.parametrize(
    ("kind", "how", "error"),
    [
        ("slow", {"seconds": 1.0}, TemporaryFailure),
        ("rate_limited", {"retry_after": 30}, TemporaryFailure),
        ("server_error", {"status": 500}, TemporaryFailure),
        ("server_error", {"status": 503, "count": 9}, TemporaryFailure),
        ("reset_before", {"count": 9}, TemporaryFailure),
        ("malformed", {}, TemporaryFailure),
        ("expired_token", {}, CredentialsRejected),
        ("business_error", {"code": 25001028}, TemporaryFailure),
        ("business_error", {"code": 25020005}, Refused),
    ],
)
@pytest.mark.parametrize("endpoint", ["search-cancellations", "get-order-list", "get-order-detail"])
def test_a_read_in_trouble_that_stays_fails_by_its_type(
    sandbox: SandboxProcess,
    adapter: Adapters,
    endpoint: str,
    kind: str,
    how: dict[str, float],
    error: type[Exception],
) -> None:
    calls: dict[str, Callable[[], Page[OrderRecord] | Page[CancellationRecord]]] = {
        "search-cancellations": lambda: adapter("US").cancellations_updated(EPOCH, tomorrow()),
        "get-order-list": lambda: adapter("US").orders_updated(EPOCH, tomorrow()),
        "get-order-detail": lambda: adapter("US").orders_by_id(["577087614418520388"]),
    }
    sandbox.fault(endpoint, kind, **how)
    with pytest.raises(error) as failure:
        calls[endpoint]()
    if kind == "rate_limited":
        assert getattr(failure.value, "retry_after", None) == 30
    wait_for(lambda: sandbox.get("calls", endpoint=endpoint)["calls"])


def test_words_and_fields_that_nobody_knows_stop_nothing(sandbox: SandboxProcess, adapter: Adapters) -> None:
    sandbox.post("switches", drift=True)
    orders = adapter("US").orders_updated(EPOCH, tomorrow())
    requests = adapter("US").cancellations_updated(EPOCH, tomorrow())
    assert orders.records
    assert requests.records
    assert list(orders.set_aside) + list(requests.set_aside) == []
    assert orders.drift
    assert requests.drift
