"""Our decisions, the simulator and the outbox: what does not agree is listed, and nothing else is."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from cancellations.decisions import decide, withdraw
from cancellations.models import CancellationRequest, Decision, Verdict
from orders.models import CancelledLine
from shops.models import OutgoingEvent, Shop, SyncCursor, SyncKind
from tests.cancellations.test_delivery import carry_out, decided
from tests.truth.looking import kinds, look, look_twice
from tests.world import SupplierWorld, World, confirmed_elsewhere
from truth.models import Disagreement

State = Decision.State
How = Disagreement.How
VERDICTS = [Verdict.APPROVE, Verdict.REJECT, Verdict.SHIP_TO_REJECT, Verdict.CANCEL_ITEMS]
everywhere = pytest.mark.parametrize("verdict", VERDICTS)


def confirmed(world: World, verdict: Verdict) -> Decision:
    decision = carry_out(world, decided(world, verdict))
    assert decision.state == State.CONFIRMED, (decision.message, decision.note)
    return decision


def alter(decision: Decision, **columns: object) -> None:
    """Behind everybody's back."""
    Decision.objects.filter(pk=decision.pk).update(**columns)


def about(decision: Decision) -> "QuerySet[CancellationRequest]":
    assert decision.cancellation
    return CancellationRequest.objects.filter(pk=decision.cancellation.pk)


class TestWhatWentTheOrdinaryWay:
    def test_every_verdict_where_requests_are_shown(self, world: World) -> None:
        made = [confirmed(world, verdict) for verdict in VERDICTS]
        taken_back = world.approve(world.asked("TH"))
        withdraw(taken_back, world.agent)
        waiting = world.approve(world.asked("TH"))
        for decision in made:
            world.sync(decision.shop.region)
        for shop in Shop.objects.all():
            assert look_twice(shop) == []
        check = look(taken_back.shop)
        assert check.compared["decisions"] == 3  # with the rejection
        assert check.compared["requests"] >= 3 and check.compared["events"] > 3
        assert waiting.state == State.RECORDED
        assert not Disagreement.objects.exists()

    def test_every_verdict_where_people_record_requests(self, suppliers: SupplierWorld) -> None:
        orders = suppliers.orders_of("open", status="Unallocated")
        for order, verdict in zip(orders, [Verdict.APPROVE, Verdict.REJECT], strict=False):
            request = suppliers.recorded(order)
            made = decide(request, verdict, suppliers.agent)
            suppliers.now()
            assert carry_out(suppliers, made).state == State.CONFIRMED
        line = orders[2].lines.all()[0]
        items = suppliers.cancel_items(orders[2], {line.pk: 1}, "")
        suppliers.now()
        assert carry_out(suppliers, items).state == State.CONFIRMED
        suppliers.pull()
        assert look_twice(suppliers.supplier) == []
        assert look(suppliers.supplier).compared["decisions"] == 3

    def test_a_rejection_whose_order_somebody_cancels_later(self, suppliers: SupplierWorld) -> None:
        order = suppliers.orders_of("open", status="Unallocated")[0]
        for verdict in (Verdict.REJECT, Verdict.APPROVE):
            made = decide(suppliers.recorded(order), verdict, suppliers.agent)
            suppliers.now()
            assert carry_out(suppliers, made).state == State.CONFIRMED
        assert look_twice(suppliers.supplier) == []

    def test_what_is_taken_back_while_somebody_confirms_it_over_there(self, world: World) -> None:
        request = world.asked("DE")
        withdraw(world.approve(request), world.agent)
        confirmed_elsewhere(request)
        assert look_twice(request.shop) == []

    def test_a_decision_that_arrives_between_two_looks(self, world: World) -> None:
        decision = decided(world, Verdict.APPROVE)
        alter(decision, send_after=timezone.now() - timedelta(hours=1))
        look(decision.shop)
        assert Disagreement.objects.get().found_at is None
        carry_out(world, decision)
        assert look_twice(decision.shop) == []
        assert not Disagreement.objects.exists()


class TestWhatDiffers:
    @everywhere
    def test_confirmed_here_and_not_shown_there(self, world: World, verdict: Verdict) -> None:
        decision = decided(world, verdict)
        alter(decision, state=State.CONFIRMED, settled_at=timezone.now(), accepted_at=timezone.now())
        found = {row.kind: row for row in look_twice(decision.shop)}
        row = found["not_shown"]
        assert row.about == f"decision:{decision.pk}" and row.money
        assert "confirmed" in str(row.ours) and str(row.theirs).startswith("The marketplace shows")

    def test_a_request_that_cannot_be_found_there_any_more(self, world: World) -> None:
        decision = confirmed(world, Verdict.APPROVE)
        about(decision).update(marketplace_id="4035318504080000000")
        (row,) = look_twice(decision.shop)
        assert row.kind == "not_shown" and "cannot be found" in str(row.theirs)

    @everywhere
    def test_set_aside_here_and_done_there(self, world: World, verdict: Verdict) -> None:
        decision = confirmed(world, verdict)
        alter(decision, state=State.SET_ASIDE)
        assert kinds(decision.shop) == {"done_anyway": "decision", "event_missing": "decision"}

    def test_settled_there_and_waiting_here_for_good(self, world: World) -> None:
        """What is stored claims to be newer than anything that will be shown, so that no pull mends it."""
        request = world.asked("DE")
        tomorrow = timezone.now() + timedelta(days=1)
        CancellationRequest.objects.filter(pk=request.pk).update(updated_at=tomorrow)
        confirmed_elsewhere(request)
        assert kinds(request.shop) == {"waits_here": "cancellation"}

    def test_what_a_pull_should_have_brought_is_mended_at_once_and_told(self, world: World) -> None:
        request = world.asked("DE")
        confirmed_elsewhere(request)
        soon = timezone.now() + timedelta(minutes=10)
        SyncCursor.objects.filter(shop=request.shop, kind=SyncKind.CANCELLATIONS).update(synced_until=soon)
        assert look_twice(request.shop) == []
        row = Disagreement.objects.get()
        assert (row.kind, row.how) == ("waits_here", How.READ)
        request.refresh_from_db()
        assert not request.needs_answer

    def test_settled_here_and_waiting_there(self, world: World) -> None:
        decision = decided(world, Verdict.APPROVE)
        alter(decision, state=State.CONFIRMED, settled_at=timezone.now())
        tomorrow = timezone.now() + timedelta(days=1)
        about(decision).update(needs_answer=False, state="approved", updated_at=tomorrow)
        assert kinds(decision.shop)["other_state"] == "cancellation"

    def test_lines_that_the_ledger_does_not_have(self, suppliers: SupplierWorld) -> None:
        order = suppliers.orders_of("open", status="Unallocated")[0]
        made = decide(suppliers.recorded(order), Verdict.APPROVE, suppliers.agent)
        suppliers.now()
        carry_out(suppliers, made)
        step = CancelledLine.objects.filter(order=order)[0]
        step.delete()
        (row,) = look_twice(suppliers.supplier)
        assert (row.kind, row.about) == ("cancelled_lines", f"line:{step.line_item_id}")
        assert row.amount == step.amount

    def test_lines_of_which_we_told_more_than_are_cancelled(self, world: World) -> None:
        decision = confirmed(world, Verdict.CANCEL_ITEMS)
        step = CancelledLine.objects.filter(order=decision.order)[0]
        CancelledLine.objects.filter(pk=step.pk).update(cancelled_in_all=3)
        assert kinds(decision.shop) == {"cancelled_lines": "line"}

    def test_more_cancelled_than_was_decided(self, suppliers: SupplierWorld) -> None:
        order = next(one for one in suppliers.orders_of("open") if one.lines.filter(quantity__gt=2).exists())
        line = order.lines.filter(quantity__gt=2)[0]
        made = suppliers.cancel_items(order, {line.pk: 2}, "")
        suppliers.now()
        carry_out(suppliers, made)
        made.lines.update(quantity=1)
        (row,) = look_twice(suppliers.supplier)
        assert (row.kind, row.amount) == ("more_done", line.price)

    def test_two_answers_to_one_request(self, world: World) -> None:
        decision = confirmed(world, Verdict.APPROVE)
        again = Decision.objects.get(pk=decision.pk)
        again.pk, again.key, again.client_key = None, "7f1f3c1e-6f9e-4f7e-9c79-0a0f5d1d2c3b", ""
        again.save()
        found = kinds(decision.shop)
        assert found["more_done"] == "cancellation"

    def test_another_refund_than_it_was_decided_for(self, world: World) -> None:
        decision = confirmed(world, Verdict.APPROVE)
        assert decision.gives_back
        alter(decision, gives_back=decision.gives_back - 2)
        (row,) = look_twice(decision.shop)
        assert (row.kind, row.amount) == ("refund", Decimal(2))

    def test_a_decision_that_does_not_move(self, world: World) -> None:
        decision = decided(world, Verdict.APPROVE)
        alter(decision, send_after=timezone.now() - timedelta(hours=1))
        assert kinds(decision.shop) == {"stuck": "decision"}

    def test_a_decision_that_has_waited_for_somebody(self, world: World) -> None:
        decision = decided(world, Verdict.APPROVE)
        alter(
            decision, state=State.STALLED, stalled_because="outcome_unknown",
            send_after=timezone.now() - timedelta(hours=3),
        )  # fmt: skip
        assert kinds(decision.shop) == {"stuck": "decision", "event_missing": "decision"}


class TestWhatOthersWereTold:
    def test_nothing_of_a_decision(self, world: World) -> None:
        decision = confirmed(world, Verdict.REJECT)
        OutgoingEvent.objects.filter(about=f"decision:{decision.pk}").delete()
        (row,) = look_twice(decision.shop)
        assert (row.kind, str(row.theirs)) == ("event_missing", "Others were told nothing.")
        assert row.money

    def test_something_else_of_a_decision(self, world: World) -> None:
        decision = confirmed(world, Verdict.REJECT)
        last = OutgoingEvent.objects.filter(about=f"decision:{decision.pk}").latest("pk")
        last.pk, last.event_id, last.data = None, "evt_wrong", {**last.data, "state": "refused"}
        last.save()
        assert kinds(decision.shop) == {"event_wrong": "decision"}

    def test_nothing_of_a_settled_request(self, world: World) -> None:
        decision = confirmed(world, Verdict.APPROVE)
        OutgoingEvent.objects.filter(about=f"cancellation:{decision.cancellation_id}").exclude(
            type="cancellation.requested"
        ).delete()
        assert kinds(decision.shop) == {"event_missing": "cancellation"}

    def test_twice_that_a_request_is_settled(self, world: World) -> None:
        decision = confirmed(world, Verdict.REJECT)
        told = OutgoingEvent.objects.get(type="cancellation.settled", about=f"cancellation:{decision.cancellation_id}")
        told.pk, told.event_id = None, "evt_again"
        told.save()
        assert kinds(decision.shop) == {"told_twice": "cancellation"}

    def test_nothing_of_stock_that_is_free(self, world: World) -> None:
        decision = confirmed(world, Verdict.CANCEL_ITEMS)
        step = CancelledLine.objects.filter(order=decision.order)[0]
        OutgoingEvent.objects.filter(event_id=f"stock_{step.key.hex}").delete()
        (row,) = look_twice(decision.shop)
        assert (row.kind, row.about) == ("event_missing", f"cancelled_line:{step.pk}")
        assert "stock.released" in str(row.theirs)

    def test_events_that_may_have_been_forgotten_are_not_missed(self, world: World, settings: Any) -> None:
        decision = confirmed(world, Verdict.REJECT)
        OutgoingEvent.objects.all().delete()
        settings.KEEP_OUTGOING_DAYS = 1
        assert look_twice(decision.shop) == []
