"""Every change of the adapter against the simulator's process, its ledger telling what really happened."""

from collections.abc import Callable
from dataclasses import dataclass, replace
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
from marketplaces.records import CancellationTarget, Receipt, Shipment
from tests.marketplaces.crux_timp.conftest import SUPPLIER
from tests.marketplaces.crux_timp.samples import ORDER
from tests.marketplaces.crux_timp.test_reads_of_the_sandbox import (
    Adapters,
    Ask,
    Passwords,
    all_orders,
    an_order,
    line_of,
    now_of,
    target_of,
)
from tests.sandbox_process import SandboxProcess, wait_for

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


def test_an_order_item_may_be_named_by_the_catalogs_uuid(sandbox: SandboxProcess, adapter: Adapters, ask: Ask) -> None:
    sandbox.post("switches", crux_accepts_item_uuid=True)
    asked = ask(scope="line")
    adapter(order_item="catalog").reject(target_of(asked), "key", "", "", [])
    (call,) = sandbox.get("calls", endpoint="reject-order-item-cancelation")["calls"]
    assert asked["line_item_uuid"] not in call["path"]
    strange = CancellationTarget("", asked["order_uuid"], ORDER)
    with pytest.raises(Refused, match="no such line"):
        adapter(order_item="catalog").approve(strange, "key")


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
