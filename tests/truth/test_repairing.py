"""Each repair is an ordinary verb; what it repaired is closed by the next look, and says by whom."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from audit.models import Entry
from cancellations.checks import NotAllowed
from cancellations.models import CancellationRequest, Decision, Verdict
from orders.models import CancelledLine
from shops.models import OutgoingEvent, Role, Shop
from tests.cancellations.test_delivery import carry_out, decided, effects
from tests.factories import DecisionFactory, ShopFactory, member
from tests.truth.looking import listed, look, look_twice
from tests.world import World, confirmed_elsewhere
from truth import checking, pages, repairing
from truth.models import Check, Disagreement

How = Disagreement.How
State = Decision.State


def settled(row: Disagreement) -> tuple[str, object]:
    """How it ended and by whom, after another look."""
    look(row.shop, everything=False)
    row.refresh_from_db()
    return row.how, row.settled_by


def test_what_others_were_not_told_is_told_once(world: World) -> None:
    decision = carry_out(world, decided(world, Verdict.CANCEL_ITEMS))
    # Of what was cancelled before we were there nobody was told.
    steps = [f"stock_{one.key.hex}" for one in CancelledLine.objects.filter(order=decision.order)]
    missing = OutgoingEvent.objects.filter(event_id=OutgoingEvent.objects.filter(event_id__in=steps)[0].event_id)
    missing.delete()
    OutgoingEvent.objects.filter(about=f"decision:{decision.pk}").delete()
    manager = member(Role.MANAGER, decision.shop)
    rows = look_twice(decision.shop)
    assert len(rows) == 2
    before = OutgoingEvent.objects.count()
    for row in rows:
        repairing.repair(row, "tell_again", manager)
    assert OutgoingEvent.objects.count() == before + 2
    assert missing.exists()
    assert [settled(row) for row in rows] == [(How.REPAIRED, manager)] * 2


def test_what_others_were_not_told_of_a_request_is_told_as_it_would_have_been(world: World) -> None:
    decision = carry_out(world, decided(world, Verdict.REJECT))
    told = OutgoingEvent.objects.filter(about=f"cancellation:{decision.cancellation_id}", type="cancellation.settled")
    as_told = told.get().data
    told.delete()
    (row,) = look_twice(decision.shop)
    manager = member(Role.MANAGER, decision.shop)
    repairing.repair(row, "tell_again", manager)
    assert told.get().data == as_told
    assert settled(row) == (How.REPAIRED, manager)


def test_a_stalled_decision_is_asked_about_and_done_once(world: World) -> None:
    decision = decided(world, Verdict.APPROVE)
    Decision.objects.filter(pk=decision.pk).update(
        state=State.STALLED, stalled_because="outcome_unknown", send_after=timezone.now() - timedelta(hours=3)
    )
    row = next(one for one in look_twice(decision.shop) if one.kind == "stuck")
    assert repairing.offers(row, Role.AGENT) == ["ask_again"]
    repairing.repair(row, "ask_again", world.agent)
    look(row.shop, everything=False)
    assert row in listed(row.shop)  # it moves again, and has not arrived
    assert carry_out(world, decision).state == State.CONFIRMED
    assert settled(row) == (How.REPAIRED, world.agent)
    assert effects(world, decision) == ["cancellation.approved"]


def test_a_stalled_decision_is_set_aside_with_what_a_manager_found(world: World) -> None:
    decision = decided(world, Verdict.REJECT)
    Decision.objects.filter(pk=decision.pk).update(
        state=State.STALLED, stalled_because="outcome_unknown", send_after=timezone.now() - timedelta(hours=3)
    )
    row = next(one for one in look_twice(decision.shop) if one.kind == "stuck")
    manager = member(Role.MANAGER, decision.shop)
    with pytest.raises(ValidationError):
        repairing.repair(row, "set_aside", manager, " ")
    repairing.repair(row, "set_aside", manager, "The buyer called.")
    decision.refresh_from_db()
    assert (decision.state, str(decision.note)) == (State.SET_ASIDE, "The buyer called.")
    assert settled(row) == (How.REPAIRED, manager)


def test_a_request_that_no_pull_mends_is_read_as_it_is_shown(world: World) -> None:
    request = world.asked("DE")
    CancellationRequest.objects.filter(pk=request.pk).update(updated_at=timezone.now() + timedelta(days=1))
    confirmed_elsewhere(request)
    (row,) = look_twice(request.shop)
    repairing.repair(row, "read_again", world.agent)
    assert settled(row) == (How.REPAIRED, world.agent)
    request.refresh_from_db()
    assert not request.needs_answer
    assert request.updated_at < timezone.now() + timedelta(hours=1)


def test_it_is_taken_as_shown_once_and_not_at_every_look(world: World) -> None:
    request = world.asked("DE")
    row = Disagreement.objects.create(
        shop=request.shop, kind="refund", about=f"cancellation:{request.pk}", cancellation=request,
        found_at=timezone.now(), last_seen_at=timezone.now(),
    )  # fmt: skip
    check = checking.of(request.shop)
    check.step = Check.Step.AGAIN
    repairing.repair(row, "read_again", world.agent)
    assert pages.again(check).as_shown == [request.pk]
    Disagreement.objects.update(last_seen_at=timezone.now())  # as by the look
    assert pages.again(check).as_shown == []


def test_what_somebody_leaves_is_not_listed_anew_until_it_says_something_else(world: World) -> None:
    decision = carry_out(world, decided(world, Verdict.APPROVE))
    assert decision.gives_back
    Decision.objects.filter(pk=decision.pk).update(gives_back=decision.gives_back - 2)
    (row,) = look_twice(decision.shop)
    repairing.repair(row, "leave", member(Role.MANAGER, decision.shop), "Agreed with the buyer.")
    assert row.how == How.LEFT
    assert look_twice(decision.shop) == []
    Decision.objects.filter(pk=decision.pk).update(gives_back=decision.gives_back - 3)
    assert [one.kind for one in look_twice(decision.shop)] == ["refund"]
    Decision.objects.filter(pk=decision.pk).update(gives_back=decision.gives_back)
    look(decision.shop)
    assert Disagreement.objects.latest("pk").how == How.BY_ITSELF


@pytest.mark.django_db
class TestWhoMay:
    @pytest.fixture
    def row(self) -> Disagreement:
        decision = DecisionFactory(state=State.REFUSED)
        return Disagreement.objects.create(
            shop=decision.shop, kind="refund", about=f"decision:{decision.pk}", decision=decision,
            cancellation=decision.cancellation, found_at=timezone.now(),
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("role", "offered"),
        [
            (Role.VIEWER, []),
            (Role.AGENT, ["read_again"]),
            (Role.MANAGER, ["read_again", "leave"]),
        ],
    )
    def test_each_role_is_offered_what_it_may_do(self, row: Disagreement, role: Role, offered: list[str]) -> None:
        person = member(role, row.shop)
        assert repairing.offers(row, repairing.roles(person, [row.shop_id]).get(row.shop_id)) == offered
        for verb in {"tell_again", "read_again", "leave"}.difference(offered):
            with pytest.raises(NotAllowed if role == Role.MANAGER else PermissionDenied):
                repairing.repair(row, verb, person, "Looked.")

    def test_what_no_reading_mends_is_not_offered_to_be_read(self, row: Disagreement) -> None:
        row.kind = "event_missing"
        assert repairing.offers(row, Role.MANAGER) == ["tell_again", "leave"]
        row.kind, row.cancellation = "refund", None
        assert repairing.offers(row, Role.MANAGER) == ["leave"]

    def test_what_does_not_help_or_is_over_is_refused(self, row: Disagreement) -> None:
        manager = member(Role.MANAGER, row.shop)
        with pytest.raises(NotAllowed):
            repairing.repair(row, "ask_again", manager)
        with pytest.raises(ValidationError):
            repairing.repair(row, "pray", manager)
        repairing.repair(row, "leave", manager, "Looked.")
        with pytest.raises(NotAllowed):
            repairing.repair(row, "read_again", manager)
        assert Entry.objects.filter(action="disagreement.left").count() == 1

    def test_managers_have_a_shop_compared_now(self) -> None:
        shop: Shop = ShopFactory()
        with pytest.raises(PermissionDenied):
            repairing.check_now(shop, member(Role.AGENT, shop))
        repairing.check_now(shop, member(Role.MANAGER, shop))
        assert Check.objects.due(timezone.now()).get().shop == shop
