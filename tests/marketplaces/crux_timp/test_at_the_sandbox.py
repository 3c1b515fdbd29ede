"""Every call of the adapter against the simulator's process, its ledger telling what really happened."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from marketplaces.crux_timp.adapter import CruxTimpAdapter
from marketplaces.crux_timp.client import CruxTimpClient
from marketplaces.crux_timp.readings import Readings
from marketplaces.errors import (
    CredentialsRejected,
    MarketplaceError,
    OutcomeUnknown,
    Refused,
    TemporaryFailure,
    Unsupported,
)
from marketplaces.http import Http
from marketplaces.records import CancellationTarget, Credentials, LineItemRecord, OrderRecord, Receipt, Shipment
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


# Answering


@pytest.mark.parametrize("scope", ["order", "line"])
def test_confirming_cancels_and_rejecting_does_not(
    sandbox: SandboxProcess, adapter: Adapters, ask: Ask, scope: str
) -> None:
    speaker = adapter()
    asked = ask(scope=scope)
    before = now_of(speaker, asked["order_uuid"])
    receipt = speaker.reject(target_of(asked), "key", "", "", [])
    assert (receipt.code, receipt.request_id, receipt.cancellation_id) == ("204", "", "")
    assert now_of(speaker, asked["order_uuid"]).fingerprint == before.fingerprint
    with pytest.raises(Refused) as second:
        speaker.approve(target_of(asked), "key")
    assert second.value.already_processed
    again = ask(
        order_uuid=asked["order_uuid"], **({"line_item_uuid": asked["line_item_uuid"]} if scope == "line" else {})
    )
    speaker.approve(target_of(again), "key")
    after = now_of(speaker, asked["order_uuid"])
    if scope == "line":
        assert line_of(after, asked["line_item_uuid"]).is_cancelled
    else:
        assert all(line.is_cancelled or line.is_shipped for line in after.lines)
    assert len(sandbox.effects(effect="cancellation.approved")) == 1


@pytest.mark.parametrize(
    ("switches", "options"),
    [
        ({"crux_decision_answer": "200_empty_object"}, {}),
        ({"crux_decision_answer": "200_message"}, {}),
        ({"crux_decision_content_type": "required"}, {"decision_body": "empty_object"}),
        ({"crux_decision_permission": "allocate_order"}, {"decision_permission": "allocate_order"}),
        ({"crux_decision_permission": "none"}, {}),
        ({"crux_order_settles_items": True}, {}),
        ({"crux_first_decision_wins": True}, {}),
        ({"crux_error_body": "html"}, {}),
        ({"crux_check_order": "type_media_permission"}, {}),
    ],
    ids=str,
)
@pytest.mark.parametrize("verdict", ["approve", "reject"])
@pytest.mark.parametrize("scope", ["order", "line"])
def test_a_decision_works_on_the_other_plausible_platforms(
    sandbox: SandboxProcess,
    adapter: Adapters,
    ask: Ask,
    switches: dict[str, Any],
    options: dict[str, str],
    verdict: str,
    scope: str,
) -> None:
    sandbox.post("switches", **switches)
    speaker, asked = adapter(**options), ask(scope=scope)

    def decide() -> Receipt:
        if verdict == "approve":
            return speaker.approve(target_of(asked), "key")
        return speaker.reject(target_of(asked), "key", "", "", [])

    assert decide().code.startswith("2")
    with pytest.raises(Refused) as second:
        decide()
    assert second.value.already_processed


def test_a_platform_that_demands_a_content_type_says_so_as_a_mistake_of_ours(
    sandbox: SandboxProcess, adapter: Adapters, ask: Ask
) -> None:
    sandbox.post("switches", crux_decision_content_type="required")
    with pytest.raises(Unsupported):
        adapter().approve(target_of(ask()), "key")


def test_nothing_to_answer_means_that_somebody_was_faster(sandbox: SandboxProcess, adapter: Adapters, ask: Ask) -> None:
    free = sandbox.get("crux/orders", supplier=SUPPLIER, state="open")["orders"][0]
    here = CancellationTarget("", free["order_uuid"])
    with pytest.raises(Refused) as nothing:
        adapter().approve(here, "key")
    assert (nothing.value.code, nothing.value.already_processed) == ("422", True)
    sandbox.post("switches", crux_unknown_uuid=404)
    strange = CancellationTarget("", ORDER)
    for options, late in (({}, False), ({"not_pending": "404"}, True)):
        with pytest.raises(Refused) as unknown:
            adapter(**options).approve(strange, "key")
        assert (unknown.value.code, unknown.value.already_processed) == ("404", late)


def test_one_missing_permission_does_not_cut_the_connection(adapter: Adapters, ask: Ask) -> None:
    with pytest.raises(Refused, match="lacks the permission “cancel_order”") as denied:
        adapter("packing@millbrook").approve(target_of(ask()), "key")
    assert (denied.value.code, denied.value.already_processed) == ("403", False)


def test_a_retailers_token_is_an_account_of_the_wrong_type(password: Passwords, http: Http, ask: Ask) -> None:
    bare = password("orders@fernlantern")
    token = CruxTimpClient(bare, Readings(), http).sign_in()["auth_token"]
    with pytest.raises(CredentialsRejected) as wrong:
        CruxTimpAdapter(replace(bare, access_token=token), http).approve(target_of(ask()), "key")
    assert (wrong.value.code, wrong.value.expired) == ("409", False)


@pytest.mark.parametrize("what", [{"reason": "x"}, {"comment": "x"}, {"images": ["x"]}])
def test_nothing_can_go_with_a_rejection(sandbox: SandboxProcess, adapter: Adapters, what: dict[str, Any]) -> None:
    speaker = adapter()
    sandbox.delete("calls")
    with pytest.raises(Unsupported):
        speaker.reject(CancellationTarget("", ORDER), "key", **({"reason": "", "comment": "", "images": []} | what))
    assert not sandbox.get("calls")["calls"]


# Cancelling items


def allocated(sandbox: SandboxProcess) -> list[dict[str, Any]]:
    return sandbox.effects(effect="line_items.allocated")


@pytest.mark.parametrize("status", ["Unallocated", "NeedsTracking", "Backordered"])
@pytest.mark.parametrize("answer", ["pairs", "line_items"])
def test_some_units_of_a_line_are_cancelled_once(
    sandbox: SandboxProcess, adapter: Adapters, status: str, answer: str
) -> None:
    sandbox.post("switches", crux_allocation_answer=answer)
    speaker = adapter()
    order, line = next(
        (order, line)
        for order in all_orders(speaker)
        for line in order.lines
        if line.status == status and line.quantity > 1 and not (line.cancelled_quantity or line.shipped_quantity)
    )
    assert speaker.cancel_items(order.marketplace_id, "", {line.marketplace_id: 1}).warning == ""
    after = line_of(now_of(speaker, order.marketplace_id), line.marketplace_id)
    assert (after.cancelled_quantity, after.is_cancelled) == (1, False)
    again = speaker.cancel_items(order.marketplace_id, "", {line.marketplace_id: 1})
    assert "nothing was sent" in again.warning
    assert len(allocated(sandbox)) == 1
    speaker.cancel_items(order.marketplace_id, "", {line.marketplace_id: line.quantity})
    assert line_of(now_of(speaker, order.marketplace_id), line.marketplace_id).is_cancelled
    with pytest.raises(Refused) as too_late:
        speaker.cancel_items(order.marketplace_id, "", {line.marketplace_id: 1})
    assert too_late.value.already_processed
    with pytest.raises(Refused, match="can be cancelled"):
        speaker.cancel_items(order.marketplace_id, "", {line.marketplace_id: line.quantity + 1})


def test_all_that_is_left_of_an_order_is_cancelled_once(sandbox: SandboxProcess, adapter: Adapters) -> None:
    speaker = adapter()
    order = an_order(speaker, "Unallocated", lines=2)
    assert all(one.eligible for one in speaker.cancel_eligibility(order.marketplace_id))
    speaker.cancel_items(order.marketplace_id, "", {})
    after = now_of(speaker, order.marketplace_id)
    assert (after.status, after.is_cancelled, after.cancelled_by) == ("Rejected", True, "seller")
    assert "nothing was sent" in speaker.cancel_items(order.marketplace_id, "", {}).warning
    assert len(allocated(sandbox)) == 1
    assert not any(one.eligible for one in speaker.cancel_eligibility(order.marketplace_id))


def test_a_platform_that_wants_every_line_named_gets_every_line(sandbox: SandboxProcess, adapter: Adapters) -> None:
    sandbox.post("switches", crux_allocation_all_lines=True)
    order = an_order(adapter(), "Unallocated", lines=2)
    wanted = {order.lines[0].marketplace_id: 1}
    with pytest.raises(Refused):
        adapter().cancel_items(order.marketplace_id, "", wanted)
    adapter(allocated_lines="all").cancel_items(order.marketplace_id, "", wanted)
    after = now_of(adapter(), order.marketplace_id)
    assert [line.cancelled_quantity for line in after.lines] == [1] + [0] * (len(order.lines) - 1)


def test_no_reason_goes_with_cancelling_items(adapter: Adapters) -> None:
    with pytest.raises(Unsupported):
        adapter().cancel_items(ORDER, "out of stock", {})


def test_items_of_an_unknown_order_are_refused(adapter: Adapters) -> None:
    with pytest.raises(Refused, match="does not know this order"):
        adapter().cancel_items(ORDER, "", {})
    with pytest.raises(Refused, match="does not know this order"):
        adapter().cancel_eligibility(ORDER)


# Shipping


def test_a_package_takes_all_that_was_accepted_and_has_not_left(sandbox: SandboxProcess, adapter: Adapters) -> None:
    speaker = adapter()
    order = an_order(speaker, "NeedsTracking")
    receipt = speaker.ship(Shipment(order.marketplace_id, tracking_number="1Z777", shipping_provider_id="UPS"))
    assert receipt.package_id
    after = now_of(speaker, order.marketplace_id)
    assert (after.status, after.is_shipped, after.package_ids) == ("HasTracking", True, ("1Z777",))
    assert (after.shipping_provider, after.tracking_number) == ("UPS", "1Z777")
    with pytest.raises(Refused) as twice:
        speaker.ship(Shipment(order.marketplace_id, tracking_number="1Z778"))
    assert twice.value.already_processed
    assert len(sandbox.effects(effect="package.shipped")) == 1


def test_shipping_needs_a_number_and_arranges_no_handover(adapter: Adapters) -> None:
    with pytest.raises(Refused, match="tracking number"):
        adapter().ship(Shipment(ORDER))
    with pytest.raises(Unsupported):
        adapter().ship(Shipment(ORDER, handover_method="PICKUP", tracking_number="1Z"))


@pytest.mark.parametrize("status", [200, 201, 204])
def test_shipping_succeeds_with_any_success(sandbox: SandboxProcess, adapter: Adapters, status: int) -> None:
    sandbox.post("switches", crux_tracking_status=status)
    order = an_order(adapter(), "NeedsTracking")
    receipt = adapter().ship(Shipment(order.marketplace_id, tracking_number="1Z779"))
    assert receipt.code == str(status)
    assert bool(receipt.package_id) == (status != 204)


# Trouble


@dataclass(frozen=True)
class Change:
    """A change that can be made once, and the effect that the ledger then shows."""

    endpoint: str
    effect: str
    make: Callable[[], Receipt]


CHANGES = ["confirm order", "reject order", "confirm line", "reject line", "cancel items", "ship"]


@pytest.fixture(params=CHANGES)
def change(request: pytest.FixtureRequest, sandbox: SandboxProcess, adapter: Adapters, ask: Ask) -> Change:
    speaker, kind = adapter(), str(request.param)
    if kind == "cancel items":
        order = an_order(speaker, "Unallocated")
        return Change(
            "allocate-order", "line_items.allocated", lambda: speaker.cancel_items(order.marketplace_id, "", {})
        )
    if kind == "ship":
        shipment = Shipment(an_order(speaker, "NeedsTracking").marketplace_id, tracking_number="1Z780")
        return Change("add-order-tracking", "package.shipped", lambda: speaker.ship(shipment))
    verdict, scope = kind.split()
    target = target_of(ask(scope=scope))
    endpoint = f"{verdict}-order-{'item-' if scope == 'line' else ''}cancelation"
    if verdict == "confirm":
        return Change(endpoint, "cancellation.approved", lambda: speaker.approve(target, "key"))
    return Change(endpoint, "cancellation.rejected", lambda: speaker.reject(target, "key", "", "", []))


@pytest.mark.parametrize(
    ("kind", "how", "error", "happened"),
    [
        ("slow", {"seconds": 1.0}, OutcomeUnknown, True),
        ("reset_before", {}, OutcomeUnknown, False),
        ("reset_after", {}, OutcomeUnknown, True),
        ("server_error", {"status": 500}, OutcomeUnknown, False),
        ("server_error", {"status": 503}, OutcomeUnknown, False),
        ("rate_limited", {"retry_after": 3}, TemporaryFailure, False),
        ("expired_token", {}, CredentialsRejected, False),
        ("business_error", {"code": 422}, Refused, False),
        ("business_error", {"code": 400}, Refused, False),
        ("business_error", {"code": 409}, CredentialsRejected, False),
    ],
)
def test_no_trouble_makes_a_change_happen_twice_or_be_reported_wrongly(
    sandbox: SandboxProcess,
    change: Change,
    kind: str,
    how: dict[str, float],
    error: type[MarketplaceError],
    happened: bool,
) -> None:
    sandbox.delete("calls")
    sandbox.fault(change.endpoint, kind, **how)
    with pytest.raises(error) as failure:
        change.make()
    if kind == "slow":
        wait_for(lambda: sandbox.get("calls", endpoint=change.endpoint)["calls"])
    assert len(sandbox.get("calls", endpoint=change.endpoint)["calls"]) == 1
    assert bool(sandbox.effects(effect=change.effect)) == happened
    if kind == "rate_limited":
        assert getattr(failure.value, "retry_after", None) == 3
    if kind == "business_error":
        assert failure.value.code == str(how["code"])


def test_an_answer_that_is_garbled_is_a_success_where_only_the_status_counts(
    sandbox: SandboxProcess, change: Change
) -> None:
    sandbox.fault(change.endpoint, "malformed")
    if change.endpoint.endswith("cancelation"):
        assert change.make().code == "200"
    else:
        with pytest.raises(OutcomeUnknown):
            change.make()
    assert len(sandbox.effects(effect=change.effect)) == 1


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
@pytest.mark.parametrize("endpoint", ["get-orders", "get-order-detail", "get-notifications"])
def test_a_read_in_trouble_that_stays_fails_by_its_type(
    sandbox: SandboxProcess, adapter: Adapters, endpoint: str, kind: str, how: dict[str, float], error: type[Exception]
) -> None:
    speaker, until = adapter(), datetime.now(UTC)
    calls: dict[str, Callable[[], Any]] = {
        "get-orders": lambda: speaker.orders_updated(until - timedelta(days=1), until),
        "get-order-detail": lambda: speaker.orders_by_id([ORDER]),
        "get-notifications": speaker.announcements,
    }
    sandbox.fault(endpoint, kind, marketplace="crux_timp", **how)
    with pytest.raises(error):
        calls[endpoint]()
    wait_for(lambda: sandbox.get("calls", endpoint=endpoint)["calls"])


def test_a_read_gets_over_trouble_that_passes(sandbox: SandboxProcess, adapter: Adapters) -> None:
    speaker, until = adapter(), datetime.now(UTC)
    for kind, how in (("reset_before", {}), ("rate_limited", {"retry_after": 1}), ("slow", {"seconds": 0.2})):
        sandbox.fault("get-orders", kind, **how)
        speaker.orders_updated(until - timedelta(days=1), until)
