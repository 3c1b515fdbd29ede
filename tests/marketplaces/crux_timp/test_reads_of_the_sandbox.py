"""Signing in and every read of the adapter against the simulator's process."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from marketplaces.crux_timp.adapter import CruxTimpAdapter
from marketplaces.errors import CredentialsRejected, OutcomeUnknown, Refused, TemporaryFailure
from marketplaces.http import Http
from marketplaces.records import CancellationTarget, Credentials, LineItemRecord, OrderRecord
from tests.marketplaces.crux_timp.conftest import SUPPLIER
from tests.marketplaces.crux_timp.samples import ORDER
from tests.sandbox_process import SandboxProcess, wait_for

Adapters = Callable[..., CruxTimpAdapter]
Ask = Callable[..., Any]
Passwords = Callable[[str], Credentials]


def all_orders(adapter: CruxTimpAdapter) -> list[OrderRecord]:
    until = datetime.now(UTC)
    page = adapter.orders_updated(until - timedelta(days=120), until)
    found, drift, set_aside = list(page.records), list(page.drift), list(page.set_aside)
    while page.next_cursor:
        page = adapter.orders_updated(until - timedelta(days=120), until, page.next_cursor)
        found, drift, set_aside = [*found, *page.records], [*drift, *page.drift], [*set_aside, *page.set_aside]
    assert (drift, set_aside) == ([], [])
    return found


def an_order(adapter: CruxTimpAdapter, *statuses: str, lines: int = 1) -> OrderRecord:
    """One of which nothing was cancelled or shipped yet, with all its lines in one of these states."""
    return next(
        one
        for one in all_orders(adapter)
        if one.status in statuses
        and len(one.lines) >= lines
        and all(line.status in statuses for line in one.lines)
        and not any(line.cancelled_quantity or line.shipped_quantity for line in one.lines)
    )


def now_of(adapter: CruxTimpAdapter, order_id: str) -> OrderRecord:
    (record,) = adapter.orders_by_id([order_id]).records
    return record


def line_of(order: OrderRecord, line_id: str) -> LineItemRecord:
    return next(line for line in order.lines if line.marketplace_id == line_id)


def target_of(asked: Any) -> CancellationTarget:
    return CancellationTarget("", asked["order_uuid"], asked["line_item_uuid"] or "")


# Signing in


def test_a_supplier_signs_in_and_is_one_shop(sandbox: SandboxProcess, password: Passwords, http: Http) -> None:
    before = datetime.now(UTC)
    tokens = CruxTimpAdapter(password("orders@millbrook"), http).refresh_tokens("")
    known = next(one for one in sandbox.credentials()["crux"]["suppliers"] if one["name"] == SUPPLIER)
    assert before + timedelta(hours=2) <= tokens.access_token_expires_at <= datetime.now(UTC) + timedelta(hours=2)
    (shop,) = tokens.shops
    assert (shop.marketplace_id, shop.code, shop.name) == (known["org_uuid"], known["supplier_uuid"], SUPPLIER)
    assert {"cancel_order", "allocate_order", "view_order"} <= set(tokens.scopes)


def test_a_user_who_may_see_no_orders_lends_the_shop_his_name(
    sandbox: SandboxProcess, password: Passwords, http: Http
) -> None:
    sandbox.fault("get-orders", "business_error", code=403)
    tokens = CruxTimpAdapter(password("orders@millbrook"), http).refresh_tokens("")
    assert tokens.shops[0].name == "orders@millbrook.example"


def test_who_cannot_get_in_is_told_why(password: Passwords, http: Http) -> None:
    wrong = replace(password("orders@millbrook"), app_secret="other")
    for bad, words in ((wrong, "does not accept"), (password("orders@fernlantern"), "user of a retailer")):
        with pytest.raises(CredentialsRejected, match=words) as rejected:
            CruxTimpAdapter(bad, http).refresh_tokens("")
        assert not rejected.value.expired


def test_a_token_lasts_two_hours_and_signing_in_again_helps(
    sandbox: SandboxProcess, credentials: Callable[..., Credentials], http: Http, ask: Ask
) -> None:
    known = credentials()
    asked = ask(scope="line")
    sandbox.post("clock", shift=2 * 3600 + 1)
    with pytest.raises(CredentialsRejected) as rejected:
        CruxTimpAdapter(known, http).reject(target_of(asked), "key", "", "", [])
    assert rejected.value.expired
    assert not sandbox.effects(effect="cancellation.rejected")
    tokens = CruxTimpAdapter(known, http).refresh_tokens("")
    CruxTimpAdapter(replace(known, access_token=tokens.access_token), http).reject(target_of(asked), "key", "", "", [])


# Reading


def test_every_order_is_understood_and_both_shapes_agree(adapter: Adapters) -> None:
    speaker = adapter()
    orders = all_orders(speaker)
    assert len(orders) > 30
    assert len({one.status for one in orders}) >= 5
    in_detail = speaker.orders_by_id([one.marketplace_id for one in orders])
    assert (list(in_detail.set_aside), list(in_detail.drift)) == ([], [])
    assert [one.fingerprint for one in in_detail.records] == [one.fingerprint for one in orders]


def test_orders_made_some_days_before_are_read_again(adapter: Adapters) -> None:
    until = datetime.now(UTC)
    made = {one.marketplace_id: one.created_at for one in all_orders(adapter())}
    for days in (1, 14):
        speaker, since = adapter(look_back_days=str(days)), until - timedelta(days=1)
        page, found = speaker.orders_updated(since, until), []
        while True:
            found += [one.marketplace_id for one in page.records]
            if not page.next_cursor:
                break
            page = speaker.orders_updated(since, until, page.next_cursor)
        assert set(found) == {each for each, at in made.items() if at >= since - timedelta(days=days)}


def test_pages_join_without_a_gap(sandbox: SandboxProcess, adapter: Adapters) -> None:
    sandbox.reset(orders=4000)
    orders = all_orders(adapter())
    assert len(orders) == len({one.marketplace_id for one in orders}) > 500


def test_unknown_orders_and_those_of_others_are_left_out(adapter: Adapters) -> None:
    theirs = {one.marketplace_id for one in all_orders(adapter("orders@copperline"))}
    ours = {one.marketplace_id for one in all_orders(adapter())}
    some = min(ours)
    page = adapter().orders_by_id([ORDER, some, min(theirs - ours), some])
    assert [one.marketplace_id for one in page.records] == [some]


def test_only_our_lines_are_shown_even_where_all_can_be_seen(sandbox: SandboxProcess, adapter: Adapters) -> None:
    alone = {one.marketplace_id: len(one.lines) for one in all_orders(adapter())}
    sandbox.post("switches", crux_sees_all_lines=True)
    assert {one.marketplace_id: len(one.lines) for one in all_orders(adapter())} == alone
    assert sum(len(one.lines) for one in all_orders(adapter(own_lines="all"))) > sum(alone.values())


@pytest.mark.parametrize(
    "switches",
    [
        {"crux_list_line_key": "uuid"},
        {"crux_designation_form": "id_name"},
        {"crux_designation_form": "list"},
        {"crux_confirmed_in_status": True},
        {"crux_limit": "end_exclusive"},
        {"crux_limit": "end_inclusive"},
        {"crux_newest_first": False},
    ],
    ids=str,
)
def test_orders_are_the_same_however_they_are_written(
    sandbox: SandboxProcess, adapter: Adapters, switches: dict[str, Any]
) -> None:
    before = {one.marketplace_id: one for one in all_orders(adapter())}
    sandbox.post("switches", **switches)
    after = {one.marketplace_id: one for one in all_orders(adapter())}
    assert before.keys() == after.keys()
    assert {key: one.is_cancelled for key, one in before.items()} == {
        key: one.is_cancelled for key, one in after.items()
    }
    if "crux_confirmed_in_status" not in switches:
        assert {one.fingerprint for one in before.values()} == {one.fingerprint for one in after.values()}


def test_orders_that_never_say_how_much_was_ordered_are_set_aside_and_told(
    sandbox: SandboxProcess, adapter: Adapters
) -> None:
    some = an_order(adapter(), "Unallocated")
    sandbox.post("switches", crux_quantity_ordered=False)
    page = adapter().orders_by_id([some.marketplace_id])
    assert not page.records
    assert "quantity_ordered: is told nowhere" in page.set_aside[0].problem


def test_another_zone_and_another_form_of_dates_can_be_set(sandbox: SandboxProcess, adapter: Adapters) -> None:
    wanted = {one.marketplace_id for one in all_orders(adapter())}
    assert {one.marketplace_id for one in all_orders(adapter(date_format="iso"))} == wanted
    sandbox.post("switches", crux_date_zone_hours=7)
    assert {one.marketplace_id for one in all_orders(adapter(date_zone="Asia/Bangkok"))} == wanted


def test_requests_show_nowhere_unless_the_platform_marks_them(
    sandbox: SandboxProcess, adapter: Adapters, ask: Ask
) -> None:
    asked = ask()
    assert not adapter().orders_with_cancel_requested().records
    assert not now_of(adapter(), asked["order_uuid"]).is_cancel_requested
    sandbox.post("switches", crux_pending_visible=True)
    speaker = adapter(cancelled_word="requested")
    page = speaker.orders_with_cancel_requested()
    assert asked["order_uuid"] in {one.marketplace_id for one in page.records}
    assert all(one.is_cancel_requested for one in page.records)
    assert not now_of(speaker, asked["order_uuid"]).is_cancelled
    with pytest.raises(Refused):
        speaker.orders_with_cancel_requested("nonsense")


def test_what_was_asked_is_announced_once(sandbox: SandboxProcess, adapter: Adapters, ask: Ask) -> None:
    speaker = adapter()
    speaker.announcements()
    ask()
    (one,) = speaker.announcements()
    assert (one.title, one.is_cancellation) == ("Order Cancelled", True)
    assert datetime.now(UTC) - one.announced_at < timedelta(minutes=1)
    assert not speaker.announcements()


def test_notifications_can_be_left_to_the_dashboard(sandbox: SandboxProcess, adapter: Adapters, ask: Ask) -> None:
    ask()
    sandbox.delete("calls")
    assert not adapter(notifications="leave").announcements()
    assert "get-notifications" not in sandbox.get("calls")["counts"]
    assert adapter().announcements()


# Trouble


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
        ("business_error", {"code": 403}, Refused),
    ],
)
@pytest.mark.parametrize("endpoint", ["get-orders", "get-order-detail"])
def test_a_read_in_trouble_that_stays_fails_by_its_type(
    sandbox: SandboxProcess, adapter: Adapters, endpoint: str, kind: str, how: dict[str, float], error: type[Exception]
) -> None:
    speaker, until = adapter(), datetime.now(UTC)
    calls: dict[str, Callable[[], Any]] = {
        "get-orders": lambda: speaker.orders_updated(until - timedelta(days=1), until),
        "get-order-detail": lambda: speaker.orders_by_id([ORDER]),
    }
    sandbox.fault(endpoint, kind, marketplace="crux_timp", **how)
    with pytest.raises(error):
        calls[endpoint]()
    wait_for(lambda: sandbox.get("calls", endpoint=endpoint)["calls"])


@pytest.mark.parametrize("kind", ["server_error", "reset_before", "reset_after", "malformed"])
def test_news_whose_answer_was_lost_may_be_used_up(sandbox: SandboxProcess, adapter: Adapters, kind: str) -> None:
    sandbox.fault("get-notifications", kind, marketplace="crux_timp")
    with pytest.raises(OutcomeUnknown):
        adapter().announcements()


def test_a_read_gets_over_trouble_that_passes(sandbox: SandboxProcess, adapter: Adapters) -> None:
    speaker, until = adapter(), datetime.now(UTC)
    for kind, how in (("reset_before", {}), ("rate_limited", {"retry_after": 1}), ("slow", {"seconds": 0.2})):
        sandbox.fault("get-orders", kind, **how)
        speaker.orders_updated(until - timedelta(days=1), until)
