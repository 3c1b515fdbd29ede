"""A marketplace that refuses to show what became of a decision: a no mostly stays, the first may be too early."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from cancellations import delivery
from cancellations.decisions import ask_again
from cancellations.models import Decision, Verdict
from marketplaces.errors import Refused
from marketplaces.tiktok_shop.adapter import TikTokAdapter
from tests.cancellations.test_delivery import EFFECTS, WRITES, State, carry_out, decided, effects
from tests.cancellations.test_delivery_trouble import visit
from tests.world import World

Stalled = Decision.Stalled


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    def refuses(*_: object) -> None:
        raise Refused("This order belongs to another shop.", code="36009003")

    with monkeypatch.context() as refusing:
        for name in ("cancellations_by_id", "orders_by_id"):
            refusing.setattr(TikTokAdapter, name, refuses)
        yield refusing


def test_what_became_of_a_lost_call_a_person_looks_and_asks_again(world: World, refusing: pytest.MonkeyPatch) -> None:
    decision = decided(world, Verdict.APPROVE)
    world.sandbox.fault(WRITES[Verdict.APPROVE], "reset_after", count=1)
    for _ in range(delivery.PATIENCE_WITH_A_NO):
        visit(world, decision)
        assert decision.state == State.SENDING
    visit(world, decision)
    assert (decision.state, decision.stalled_because) == (State.STALLED, Stalled.OUTCOME_UNKNOWN)
    assert decision.is_outcome_unknown
    assert "refuses to show" in decision.note and decision.message == "This order belongs to another shop."
    ask_again(decision, world.agent)
    visit(world, decision)
    assert decision.state == State.STALLED  # still no: said at once
    ask_again(decision, world.agent)
    refusing.undo()
    carry_out(world, decision)
    assert decision.state == State.CONFIRMED
    assert effects(world, decision) == EFFECTS[Verdict.APPROVE]


def test_an_odd_no_right_after_the_call_keeps_it_on_its_way(world: World, refusing: pytest.MonkeyPatch) -> None:
    decision = decided(world, Verdict.APPROVE)
    world.sandbox.fault(WRITES[Verdict.APPROVE], "reset_after", count=1)
    visit(world, decision)
    visit(world, decision)
    refusing.undo()
    visit(world, decision)
    assert decision.state == State.CONFIRMED


def test_what_was_accepted_is_asked_about_for_as_long_as_one_that_is_slow_to_show(
    world: World, refusing: pytest.MonkeyPatch
) -> None:
    decision = decided(world, Verdict.APPROVE)
    for _ in range(delivery.PATIENCE_WITH_A_NO + 2):
        visit(world, decision)
    assert decision.state == State.ACCEPTED
    long_ago = timezone.now() - delivery.READ_BACK_FOR - timedelta(seconds=1)
    Decision.objects.filter(pk=decision.pk).update(accepted_at=long_ago)
    visit(world, decision)
    assert (decision.state, decision.stalled_because) == (State.STALLED, Stalled.DISAGREEMENT)
    assert "accepted it, but refuses" in decision.note
