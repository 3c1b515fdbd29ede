"""Decisions where two things go wrong at once, or where the error is ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from cancellations import calls, delivery, journal, tasks
from cancellations.calls import target_of
from cancellations.checks import TooLate
from cancellations.decisions import ask_again, withdraw
from cancellations.models import Attempt, CancellationRequest, Decision, Verdict
from marketplaces.errors import Refused, TemporaryFailure
from marketplaces.records import Page
from marketplaces.tiktok_shop.adapter import TikTokAdapter
from shops import tokens
from shops.models import Connection
from tests.cancellations.test_delivery import EFFECTS, WRITES, State, carrier, carry_out, decided, effects
from tests.world import World

Stalled = Decision.Stalled
Outcome = Attempt.Outcome
verdicts = pytest.mark.parametrize("verdict", list(WRITES))


def visit(world: World, decision: Decision) -> Decision:
    """Let one worker come by, as if the wait before it were over."""
    world.skip_waiting(decision)
    delivery.deliver(decision.pk)
    decision.refresh_from_db()
    return decision


def sends(decision: Decision) -> list[str]:
    return [attempt.outcome for attempt in decision.attempts.filter(purpose=Attempt.Purpose.SEND)]


def seconds_until_due(decision: Decision) -> float:
    return (decision.due_at - timezone.now()).total_seconds()


@contextmanager
def the_marketplace_is_slow_to_show(decision: Decision, *, reads: int) -> Iterator[None]:
    """So many times the order is read as it is now, as from a copy that lags behind; then as it is."""
    assert decision.order
    as_it_is = TikTokAdapter.orders_by_id
    before = tokens.adapter_for(decision.shop).orders_by_id([decision.order.marketplace_id])
    stale = [before] * reads
    with pytest.MonkeyPatch.context() as slow:
        slow.setattr(TikTokAdapter, "orders_by_id", lambda *args: stale.pop() if stale else as_it_is(*args))
        yield


class TestAfterALostAnswer:
    @verdicts
    def test_a_later_no_not_now_does_not_make_it_undoable(self, world: World, verdict: Verdict) -> None:
        decision = decided(world, verdict)
        world.sandbox.fault(WRITES[verdict], "reset_before", count=1)
        visit(world, decision)
        world.sandbox.fault(WRITES[verdict], "rate_limited", count=1)
        visit(world, decision)
        assert sends(decision) == [Outcome.UNKNOWN, Outcome.TEMPORARY]
        assert (decision.state, decision.is_outcome_unknown) == (State.SENDING, True)
        with pytest.raises(TooLate):
            withdraw(decision, world.agent)
        carry_out(world, decision)
        assert decision.state == State.CONFIRMED
        assert effects(world, decision) == EFFECTS[verdict]

    def test_a_first_call_that_arrives_late_is_found_and_not_told_as_somebody_elses(self, world: World) -> None:
        decision = decided(world, Verdict.APPROVE)
        assert decision.cancellation
        world.sandbox.fault(WRITES[Verdict.APPROVE], "reset_before", count=1)
        visit(world, decision)
        world.sandbox.fault(WRITES[Verdict.APPROVE], "rate_limited", count=1)
        visit(world, decision)
        tokens.adapter_for(decision.shop).approve(target_of(decision.cancellation), str(decision.key))
        world.sync("DE")
        carry_out(world, decision)
        assert decision.state == State.CONFIRMED, decision.note
        assert "Not sent" not in decision.note

    @verdicts
    def test_nothing_is_sent_again_when_nothing_can_be_read(
        self, world: World, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        decision = decided(world, verdict)
        world.sandbox.fault(WRITES[verdict], "reset_after", count=1)
        visit(world, decision)
        with monkeypatch.context() as nothing:
            for name in ("cancellations_by_id", "orders_by_id"):
                nothing.setattr(TikTokAdapter, name, lambda *_: Page([]))
            visit(world, decision)
        assert (decision.state, decision.stalled_because) == (State.STALLED, Stalled.OUTCOME_UNKNOWN)
        assert len(sends(decision)) == 1
        ask_again(decision, world.agent)
        carry_out(world, decision)
        assert decision.state == State.CONFIRMED
        assert effects(world, decision) == EFFECTS[verdict]

    def test_a_refusal_that_what_is_shown_contradicts_needs_a_person(self, world: World) -> None:
        decision = decided(world, Verdict.CANCEL_ITEMS)
        world.sandbox.fault(WRITES[Verdict.CANCEL_ITEMS], "reset_after", count=1)
        with the_marketplace_is_slow_to_show(decision, reads=2):
            visit(world, decision)
            visit(world, decision)
        assert sends(decision) == [Outcome.UNKNOWN, Outcome.REFUSED]
        assert (decision.state, decision.stalled_because) == (State.STALLED, Stalled.OUTCOME_UNKNOWN)
        ask_again(decision, world.agent)
        carry_out(world, decision)
        assert decision.state == State.CONFIRMED
        assert effects(world, decision) == EFFECTS[Verdict.CANCEL_ITEMS]

    def test_an_answer_that_died_with_its_worker_counts_as_lost(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        decision = decided(world, Verdict.CANCEL_ITEMS)
        with the_marketplace_is_slow_to_show(decision, reads=1):
            with monkeypatch.context() as dying:
                dying.setattr(journal, "accept", dies)
                with pytest.raises(SystemExit):
                    visit(world, decision)
            visit(world, decision)
        assert sends(decision) == [Outcome.UNFINISHED, Outcome.REFUSED]
        assert decision.state == State.CONFIRMED, decision.note

    def test_the_waits_grow_while_answers_go_on_being_lost(self, world: World) -> None:
        decision = decided(world, Verdict.APPROVE)
        world.sandbox.fault(WRITES[Verdict.APPROVE], "reset_before", rate=1)
        waits = []
        for _ in range(7):
            visit(world, decision)
            waits.append(seconds_until_due(decision))
        assert all(4 < wait < 6 for wait in waits[:3])
        assert all(wait > 6 for wait in waits[3:])
        assert waits[-1] > 30

    def test_credentials_that_are_rejected_then_do_not_have_it_forgotten(self, world: World) -> None:
        decision = decided(world, Verdict.APPROVE)
        world.sandbox.fault(WRITES[Verdict.APPROVE], "reset_before", count=1)
        visit(world, decision)
        world.sandbox.fault(WRITES[Verdict.APPROVE], "expired_token", count=2)
        visit(world, decision)
        assert (decision.state, decision.stalled_because) == (State.STALLED, Stalled.RECONNECT)
        assert decision.is_outcome_unknown


def dies(*_: object, **__: object) -> None:
    raise SystemExit


class TestTokens:
    @verdicts
    def test_one_that_dies_after_a_long_outage_is_renewed_all_the_same(self, world: World, verdict: Verdict) -> None:
        decision = decided(world, verdict)
        world.sandbox.fault(WRITES[verdict], "rate_limited", retry_after=1, count=4)
        for _ in range(4):
            visit(world, decision)
        assert decision.failures == 4
        world.sandbox.fault(WRITES[verdict], "expired_token", count=1)
        carry_out(world, decision)
        assert decision.state == State.CONFIRMED, decision.message
        assert connection_of(decision).state == Connection.State.CONNECTED
        assert effects(world, decision) == EFFECTS[verdict]

    def test_one_that_is_rejected_when_renewed_too_needs_a_person(self, world: World) -> None:
        decision = decided(world, Verdict.APPROVE)
        world.sandbox.fault(WRITES[Verdict.APPROVE], "expired_token", rate=1)
        visit(world, decision)
        assert (decision.state, decision.stalled_because) == (State.STALLED, Stalled.RECONNECT)
        assert sends(decision) == [Outcome.CREDENTIALS, Outcome.CREDENTIALS]
        assert connection_of(decision).state == Connection.State.RECONNECT
        assert not decision.is_outcome_unknown

    def test_one_that_cannot_be_renewed_just_now_is_tried_later(self, world: World) -> None:
        decision = decided(world, Verdict.APPROVE)
        for _ in range(5):
            world.sandbox.fault(WRITES[Verdict.APPROVE], "expired_token", count=1)
            world.sandbox.fault("refresh-access-token", "server_error", count=1)
            visit(world, decision)
            assert decision.state == State.RECORDED
        carry_out(world, decision)
        assert decision.state == State.CONFIRMED
        assert connection_of(decision).state == Connection.State.CONNECTED


class TestResuming:
    """What waited for the seller to connect the shop again goes on where it was; nothing else does."""

    @pytest.mark.parametrize("accepted", [False, True])
    def test_one_that_was_accepted_is_read_back_and_not_sent_again(self, world: World, accepted: bool) -> None:
        decision = decided(world, Verdict.APPROVE)
        Decision.objects.filter(pk=decision.pk).update(
            state=State.STALLED,
            stalled_because=Stalled.RECONNECT,
            accepted_at=timezone.now() if accepted else None,
        )
        assert journal.resume_reconnected() == 1
        visit(world, decision)
        assert bool(sends(decision)) == (not accepted)

    def test_the_sweep_does_it(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        decision = decided(world, Verdict.APPROVE)
        Decision.objects.filter(pk=decision.pk).update(state=State.STALLED, stalled_because=Stalled.RECONNECT)
        sent_for: list[int] = []
        monkeypatch.setattr(tasks.deliver, "apply_async", lambda args, **_: sent_for.append(*args))
        tasks.sweep_decisions()
        assert sent_for == [decision.pk]

    @pytest.mark.parametrize("why", sorted(set(Stalled) - {Stalled.RECONNECT}))
    def test_one_that_needs_a_person_is_left_to_a_person(self, world: World, why: Stalled) -> None:
        decision = decided(world, Verdict.APPROVE)
        Decision.objects.filter(pk=decision.pk).update(state=State.STALLED, stalled_because=why)
        assert journal.resume_reconnected() == 0


def connection_of(decision: Decision) -> Connection:
    return Connection.objects.get(shops=decision.shop)


class TestErrorsOfOurs:
    """Errors that are no marketplace's: a file that is gone, a database that turns us away, a bug."""

    @verdicts
    def test_one_that_passes_leaves_the_decision_on_its_way(
        self, world: World, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        decision = decided(world, verdict)
        for where in ((calls, "make_the_call"), (journal, "accept")):
            with monkeypatch.context() as broken:
                broken.setattr(*where, fails)
                with pytest.raises(KeyError):
                    visit(world, decision)
            decision.refresh_from_db()
            assert (decision.state, decision.is_outcome_unknown) == (State.SENDING, True)
            assert seconds_until_due(decision) < 10
        carry_out(world, decision)
        assert decision.state == State.CONFIRMED
        assert effects(world, decision) == EFFECTS[verdict]

    def test_one_that_stays_is_shown_to_a_person_and_not_tried_for_ever(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        decision = decided(world, Verdict.APPROVE)
        with monkeypatch.context() as broken:
            broken.setattr(calls, "make_the_call", fails)
            for _ in range(delivery.PATIENCE_WITH_OURSELVES + 1):
                with pytest.raises(KeyError):
                    visit(world, decision)
        decision.refresh_from_db()
        assert (decision.state, decision.stalled_because) == (State.STALLED, Stalled.BROKEN)
        ask_again(decision, world.agent)
        carry_out(world, decision)
        assert decision.state == State.CONFIRMED
        assert effects(world, decision) == EFFECTS[Verdict.APPROVE]

    def test_a_worker_that_lost_its_claim_leaves_the_row_alone_then_too(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        decision = decided(world, Verdict.APPROVE)

        def lose_it_and_fail(*_: object) -> None:
            world.skip_waiting(decision)
            assert journal.claim(decision.pk)
            raise KeyError

        monkeypatch.setattr(calls, "make_the_call", lose_it_and_fail)
        with pytest.raises(KeyError):
            visit(world, decision)
        decision.refresh_from_db()
        assert decision.failures == 0
        assert seconds_until_due(decision) > 100


def fails(*_: object, **__: object) -> None:
    raise KeyError("ours")


class TestLeasesAndWaits:
    @pytest.mark.parametrize("purpose", Attempt.Purpose)
    def test_each_call_gets_a_whole_lease_however_long_those_before_took(
        self, world: World, purpose: Attempt.Purpose
    ) -> None:
        mine = journal.claim(decided(world, Verdict.APPROVE).pk)
        assert mine
        Decision.objects.filter(pk=mine.pk).update(due_at=timezone.now() + timedelta(seconds=1))
        journal.begin(mine, purpose)
        mine.refresh_from_db()
        assert seconds_until_due(mine) > 100

    @pytest.mark.parametrize("state", sorted(set(State) - set(Decision.MOVING)))
    def test_a_claim_is_worth_nothing_once_the_decision_has_ended(self, world: World, state: State) -> None:
        mine = journal.claim(decided(world, Verdict.APPROVE).pk)
        assert mine
        because = Stalled.RECONNECT if state == State.STALLED else ""
        Decision.objects.filter(pk=mine.pk).update(state=state, stalled_because=because)
        with pytest.raises(journal.ClaimLost):
            delivery.send(mine)
        assert sends(mine) == []

    @pytest.mark.parametrize("asked_for", [10.0**6, 10.0**12, float("inf")])
    def test_a_wait_beyond_all_reason_is_cut_short(self, world: World, asked_for: float) -> None:
        mine = journal.claim(decided(world, Verdict.APPROVE).pk)
        assert mine
        journal.try_later(mine, TemporaryFailure("busy", retry_after=asked_for))
        mine.refresh_from_db()
        assert 60 < seconds_until_due(mine) <= 901


def test_nobody_is_sent_for_before_the_decision_is_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    committed: list[bool] = []
    monkeypatch.setattr(tasks, "nudge_delivery", lambda *_: committed.append(not connection.in_atomic_block))
    world.approve(world.asked("DE"))
    assert committed == [True]


def test_one_whose_outcome_is_unknown_cannot_be_taken_back_in_any_state(world: World) -> None:
    decision = decided(world, Verdict.APPROVE)
    Decision.objects.filter(pk=decision.pk).update(is_outcome_unknown=True)
    with pytest.raises(TooLate):
        withdraw(decision, world.agent)


def test_a_word_that_we_do_not_know_is_no_settlement(world: World) -> None:
    decision = decided(world, Verdict.APPROVE)
    assert decision.cancellation
    CancellationRequest.objects.filter(pk=decision.cancellation.pk).update(state="unknown", needs_answer=False)
    carry_out(world, decision)
    assert decision.state == State.CONFIRMED


def test_packages_of_which_some_have_left_are_told_as_they_are(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of two packages shipped, and by that the request rejected: neither done nor settled by somebody else."""
    order = next(
        order for order in world.orders("US", shipping_type="seller", packages=None) if order.lines.count() > 1
    )
    asked = world.asked("US", order_id=order.marketplace_id)
    decision = world.ship(asked, tracking_number="1Z999AA10123456784", shipping_provider_id=carrier(asked))
    world.now()
    send = calls.shipment_of

    def one_of_two(decision: Decision, adapter: Any, images: Any) -> None:
        adapter._client.mark_as_shipped(
            order.marketplace_id,
            tracking_number="1Z999AA10123456784",
            shipping_provider_id=send(decision).shipping_provider_id,
            line_item_ids=send(decision).line_item_ids[:1],
        )
        raise Refused("1 of 2 packages were not shipped", already_processed=True)

    monkeypatch.setattr(calls, "make_the_call", one_of_two)
    visit(world, decision)
    assert (decision.state, decision.stalled_because) == (State.STALLED, Stalled.OUTCOME_UNKNOWN)
    assert "1 of 2" in decision.message
    assert "PARTIALLY_SHIPPING" in decision.note
    assert "before our call" not in decision.note
