"""Decisions at a marketplace that shows no requests and has no keys: at most one effect, and the truth.

A rejection leaves no trace there, so when its answer is lost nobody can tell, and a person has to look.
"""

from collections.abc import Callable

import pytest

from cancellations import delivery
from cancellations.decisions import ask_again, decide, set_aside
from cancellations.models import CancellationRequest, Decision, Verdict
from cancellations.recording import Heard, close, record
from orders.models import Order
from shops.models import Connection, Role
from tests.cancellations.test_delivery import carry_out
from tests.factories import member
from tests.world import SupplierWorld, confirmed_elsewhere

State = Decision.State
Stalled = Decision.Stalled
RequestState = CancellationRequest.State


def about_order(world: SupplierWorld) -> CancellationRequest:
    return world.recorded(world.orders_of("open", status="Unallocated")[0])


def about_line(world: SupplierWorld) -> CancellationRequest:
    order = world.orders_of("open", status="Unallocated")[0]
    return world.recorded(order, order.lines.all()[1])


Scope = Callable[[SupplierWorld], CancellationRequest]
scopes = pytest.mark.parametrize("scope", [about_order, about_line], ids=["order", "line"])
answers = pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.REJECT])
CALLS: dict[tuple[Scope, Verdict], str] = {
    (about_order, Verdict.APPROVE): "confirm-order-cancelation",
    (about_order, Verdict.REJECT): "reject-order-cancelation",
    (about_line, Verdict.APPROVE): "confirm-order-item-cancelation",
    (about_line, Verdict.REJECT): "reject-order-item-cancelation",
}
EFFECTS = {Verdict.APPROVE: ["cancellation.approved"], Verdict.REJECT: ["cancellation.rejected"]}
# What each kind of trouble during the call means: (did it happen, what an approval and a rejection end as)
HAPPENS = ["reset_after", "malformed", "slow"]
NOTHING_HAPPENS = ["expired_token", "rate_limited"]
NOBODY_KNOWS = ["reset_before", "server_error"]


def decided(world: SupplierWorld, request: CancellationRequest, verdict: Verdict) -> Decision:
    decision = decide(request, verdict, world.agent)
    world.now()
    return decision


def state_of(decision: Decision) -> str:
    assert decision.cancellation
    decision.cancellation.refresh_from_db()
    return decision.cancellation.state


@scopes
def test_an_approval_is_confirmed_by_the_lines_that_are_cancelled(suppliers: SupplierWorld, scope: Scope) -> None:
    request = scope(suppliers)
    decision = carry_out(suppliers, decided(suppliers, request, Verdict.APPROVE))
    assert decision.state == State.CONFIRMED, (decision.message, decision.note)
    assert suppliers.effects(request) == ["cancellation.approved"]
    assert state_of(decision) == RequestState.APPROVED
    assert all(line.is_cancelled for line in request.lines_in_question())


def test_approving_one_line_leaves_the_others_alone(suppliers: SupplierWorld) -> None:
    request = about_line(suppliers)
    carry_out(suppliers, decided(suppliers, request, Verdict.APPROVE))
    assert request.order and request.line_item
    others = request.order.lines.exclude(pk=request.line_item.pk)
    assert others.exists() and not others.filter(is_cancelled=True).exists()


@scopes
def test_a_rejection_is_taken_at_the_marketplaces_word_and_says_so(suppliers: SupplierWorld, scope: Scope) -> None:
    request = scope(suppliers)
    decision = carry_out(suppliers, decided(suppliers, request, Verdict.REJECT))
    assert decision.state == State.CONFIRMED, (decision.message, decision.note)
    assert "shows no rejections" in decision.note
    assert suppliers.effects(request) == ["cancellation.rejected"]
    assert state_of(decision) == RequestState.CLOSED
    assert not any(line.is_cancelled for line in request.lines_in_question())


def test_after_a_rejection_the_retailer_may_ask_again_and_get_another_answer(suppliers: SupplierWorld) -> None:
    request = about_order(suppliers)
    carry_out(suppliers, decided(suppliers, request, Verdict.REJECT))
    assert request.order
    again = suppliers.recorded(request.order)
    decision = carry_out(suppliers, decided(suppliers, again, Verdict.APPROVE))
    assert decision.state == State.CONFIRMED
    assert suppliers.effects(request) == ["cancellation.rejected", "cancellation.approved"]


class TestTrouble:
    @scopes
    @answers
    @pytest.mark.parametrize("kind", NOTHING_HAPPENS)
    def test_a_definite_no_is_tried_again_until_it_is_done_once(
        self, suppliers: SupplierWorld, scope: Scope, verdict: Verdict, kind: str
    ) -> None:
        request = scope(suppliers)
        decision = decided(suppliers, request, verdict)
        suppliers.sandbox.fault(CALLS[scope, verdict], kind, count=1)
        carry_out(suppliers, decision)
        assert decision.state == State.CONFIRMED, (decision.message, decision.note)
        assert suppliers.effects(request) == EFFECTS[verdict]

    @scopes
    @pytest.mark.parametrize("kind", [*HAPPENS, *NOBODY_KNOWS])
    def test_a_lost_answer_to_an_approval_is_asked_for_and_it_happens_once(
        self, suppliers: SupplierWorld, scope: Scope, kind: str
    ) -> None:
        request = scope(suppliers)
        decision = decided(suppliers, request, Verdict.APPROVE)
        suppliers.sandbox.fault(CALLS[scope, Verdict.APPROVE], kind, count=1)
        carry_out(suppliers, decision)
        assert decision.state == State.CONFIRMED, (decision.message, decision.note)
        assert suppliers.effects(request) == ["cancellation.approved"]

    @scopes
    @pytest.mark.parametrize("kind", ["reset_after", *NOBODY_KNOWS])
    def test_a_lost_answer_to_a_rejection_waits_for_a_person_and_is_never_sent_again(
        self, suppliers: SupplierWorld, scope: Scope, kind: str
    ) -> None:
        request = scope(suppliers)
        decision = decided(suppliers, request, Verdict.REJECT)
        suppliers.sandbox.fault(CALLS[scope, Verdict.REJECT], kind, count=1)
        carry_out(suppliers, decision)
        assert (decision.state, decision.stalled_because) == (State.STALLED, Stalled.OUTCOME_UNKNOWN)
        assert "does not tell" in decision.note
        assert state_of(decision) == RequestState.WAITING
        ask_again(decision, suppliers.agent)
        carry_out(suppliers, decision)
        assert decision.state == State.STALLED
        assert [attempt.purpose for attempt in decision.attempts.all()] == ["send", "ask", "ask"]
        assert suppliers.effects(request) == (["cancellation.rejected"] if kind == "reset_after" else [])

    @scopes
    @pytest.mark.parametrize("kind", ["malformed", "slow"])
    def test_any_2xx_is_a_yes_whatever_comes_with_it(self, suppliers: SupplierWorld, scope: Scope, kind: str) -> None:
        request = scope(suppliers)
        decision = decided(suppliers, request, Verdict.REJECT)
        suppliers.sandbox.fault(CALLS[scope, Verdict.REJECT], kind, count=1)
        carry_out(suppliers, decision)
        assert decision.state == State.CONFIRMED, (decision.message, decision.note)
        assert suppliers.effects(request) == ["cancellation.rejected"]

    def test_a_person_who_looked_may_set_the_lost_rejection_aside_and_reject_again(
        self, suppliers: SupplierWorld
    ) -> None:
        request = about_order(suppliers)
        decision = decided(suppliers, request, Verdict.REJECT)
        suppliers.sandbox.fault(CALLS[about_order, Verdict.REJECT], "reset_before", count=1)
        carry_out(suppliers, decision)
        set_aside(decision, member(Role.MANAGER, suppliers.supplier), "The retailer has heard nothing.")
        again = carry_out(suppliers, decided(suppliers, request, Verdict.REJECT))
        assert again.state == State.CONFIRMED
        assert suppliers.effects(request) == ["cancellation.rejected"]

    @scopes
    @answers
    def test_where_nothing_is_open_over_there_the_refusal_says_what_that_may_mean(
        self, suppliers: SupplierWorld, scope: Scope, verdict: Verdict
    ) -> None:
        request = scope(suppliers)
        suppliers.sandbox.fault(CALLS[scope, verdict], "business_error", code=422, count=1)
        decision = carry_out(suppliers, decided(suppliers, request, verdict))
        assert (decision.state, decision.code) == (State.REFUSED, "422")
        assert "does not say which" in decision.note
        assert state_of(decision) == RequestState.WAITING
        assert suppliers.effects(request) == []

    def test_a_request_that_was_never_made_is_refused_and_can_be_closed(self, suppliers: SupplierWorld) -> None:
        request = record(suppliers.orders_of("open")[0], None, suppliers.agent, Heard())
        decision = carry_out(suppliers, decided(suppliers, request, Verdict.APPROVE))
        assert decision.state == State.REFUSED
        close(request, suppliers.agent, "It was another order.")
        assert request.state == RequestState.CLOSED

    def test_a_password_that_no_longer_works_waits_for_a_person(self, suppliers: SupplierWorld) -> None:
        request = about_order(suppliers)
        decision = decided(suppliers, request, Verdict.REJECT)
        connection = suppliers.supplier.connection
        Connection.objects.filter(pk=connection.pk).update(access_token="0" * 40, app_secret="changed")
        carry_out(suppliers, decision)
        assert (decision.state, decision.stalled_because) == (State.STALLED, Stalled.RECONNECT)
        connection.refresh_from_db()
        assert connection.state == Connection.State.RECONNECT
        assert suppliers.effects(request) == []


class TestMeanwhile:
    def test_what_a_colleague_confirmed_in_the_marketplaces_own_screens_is_not_sent(
        self, suppliers: SupplierWorld
    ) -> None:
        request = about_order(suppliers)
        confirmed_elsewhere(request)
        suppliers.pull()
        request.refresh_from_db()
        assert (request.state, request.needs_answer) == (RequestState.APPROVED, False)

    def test_a_rejection_of_what_was_confirmed_there_is_refused_and_says_how_it_stands(
        self, suppliers: SupplierWorld
    ) -> None:
        request = about_order(suppliers)
        decision = decided(suppliers, request, Verdict.REJECT)
        confirmed_elsewhere(request)
        carry_out(suppliers, decision)
        assert decision.state == State.REFUSED
        assert "settled otherwise" in decision.note
        assert state_of(decision) == RequestState.APPROVED

    def test_an_order_older_than_what_is_read_again_is_followed_while_its_request_waits(
        self, suppliers: SupplierWorld
    ) -> None:
        request = about_order(suppliers)
        Connection.objects.update(options={"look_back_days": "1"})
        confirmed_elsewhere(request)
        suppliers.pull()
        request.refresh_from_db()
        assert request.state == RequestState.APPROVED


class TestCancellingQuantities:
    def ordered(self, world: SupplierWorld, status: str) -> Order:
        return next(
            order for order in world.orders_of("open", status=status) if all(n.quantity > 2 for n in order.lines.all())
        )

    def cancelled(self, world: SupplierWorld, order: Order, count: int) -> Decision:
        decision = world.cancel_items(order, {order.lines.all()[0].pk: count}, "")
        world.now()
        return decision

    @pytest.mark.parametrize("status", ["Unallocated", "NeedsTracking"])
    def test_so_many_of_a_line_are_cancelled_and_no_more(self, suppliers: SupplierWorld, status: str) -> None:
        order = self.ordered(suppliers, status)
        decision = carry_out(suppliers, self.cancelled(suppliers, order, 2))
        assert decision.state == State.CONFIRMED, (decision.message, decision.note)
        line = order.lines.all()[0]
        assert (line.cancelled_quantity, line.open_quantity) == (2, line.quantity - 2)
        assert suppliers.effects(order) == ["line_items.allocated"]

    def test_the_next_ones_are_counted_from_there(self, suppliers: SupplierWorld) -> None:
        order = self.ordered(suppliers, "Unallocated")
        for _ in range(2):
            decision = carry_out(suppliers, self.cancelled(suppliers, order, 1))
            assert decision.state == State.CONFIRMED, (decision.message, decision.note)
        assert order.lines.all()[0].cancelled_quantity == 2

    @pytest.mark.parametrize("kind", [*HAPPENS, *NOBODY_KNOWS, *NOTHING_HAPPENS])
    def test_whatever_happens_to_the_call_as_many_are_cancelled_as_were_chosen(
        self, suppliers: SupplierWorld, kind: str
    ) -> None:
        order = self.ordered(suppliers, "NeedsTracking")
        decision = self.cancelled(suppliers, order, 2)
        suppliers.sandbox.fault("allocate-order", kind, count=1)
        carry_out(suppliers, decision)
        assert decision.state == State.CONFIRMED, (decision.message, decision.note)
        assert order.lines.all()[0].cancelled_quantity == 2
        assert suppliers.effects(order) == ["line_items.allocated"]

    def test_a_whole_order_too(self, suppliers: SupplierWorld) -> None:
        order = self.ordered(suppliers, "Unallocated")
        decision = suppliers.cancel_items(order, {line.pk: line.quantity for line in order.lines.all()}, "")
        suppliers.now()
        carry_out(suppliers, decision)
        assert decision.state == State.CONFIRMED, (decision.message, decision.note)
        assert not any(line.open_quantity for line in order.lines.all())

    def test_two_workers_that_send_it_at_once_do_it_once(self, suppliers: SupplierWorld) -> None:
        order = self.ordered(suppliers, "NeedsTracking")
        decision = self.cancelled(suppliers, order, 1)
        suppliers.sandbox.fault("allocate-order", "reset_after", count=1)
        for _ in range(3):
            delivery.deliver(decision.pk)
            suppliers.skip_waiting(decision)
        decision.refresh_from_db()
        assert decision.state == State.CONFIRMED
        assert suppliers.effects(order) == ["line_items.allocated"]
