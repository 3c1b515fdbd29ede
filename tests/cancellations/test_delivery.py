"""Decisions against the real simulator: whatever goes wrong, one effect over there and the truth over here."""

from datetime import timedelta

import pytest
from django.utils import timezone

from cancellations import calls, delivery, journal, live
from cancellations.models import Attempt, CancellationRequest, Decision, Verdict
from shops.connecting.sellers import Account, connect_with_code
from shops.models import Connection, Shop
from tests.world import World

State = Decision.State
WRITES = {
    Verdict.APPROVE: "approve-cancellation",
    Verdict.REJECT: "reject-cancellation",
    Verdict.SHIP_TO_REJECT: "mark-package-as-shipped",
    Verdict.CANCEL_ITEMS: "cancel-order",
}
EFFECTS = {
    Verdict.APPROVE: ["cancellation.approved"],
    Verdict.REJECT: ["cancellation.rejected"],
    Verdict.SHIP_TO_REJECT: ["package.shipped"],
    Verdict.CANCEL_ITEMS: ["order.cancelled"],
}
PACKED = "seller_reject_apply_product_has_been_packed"
OUT_OF_STOCK = "seller_cancel_reason_out_of_stock"


def decided(world: World, verdict: Verdict) -> Decision:
    """A decision of this kind whose undo window has ended."""
    match verdict:
        case Verdict.APPROVE:
            decision = world.approve(world.asked("DE"))
        case Verdict.REJECT:
            decision = world.reject(world.asked("TH"), PACKED, comment="It was packed an hour ago.")
        case Verdict.SHIP_TO_REJECT:
            asked = world.asked_about("US", shipping_type="seller", packages=None)
            decision = world.ship(asked, tracking_number="1Z999AA10123456784", shipping_provider_id=carrier(asked))
        case _:
            order = world.orders("US")[0]
            decision = world.cancel_items(order, {line.pk: 1 for line in order.lines.all()}, OUT_OF_STOCK)
    world.now()
    return decision


def carrier(asked: CancellationRequest) -> str:
    assert asked.order
    return live.shipping_providers(asked.order)[0].marketplace_id


def carry_out(world: World, decision: Decision, *, tries: int = 8) -> Decision:
    """Let workers come by until the decision needs none; the waits between their visits are skipped."""
    for _ in range(tries):
        delivery.deliver(decision.pk)
        decision.refresh_from_db()
        if not decision.is_moving:
            break
        world.skip_waiting(decision)
    return decision


def effects(world: World, decision: Decision) -> list[str]:
    assert decision.order
    return [name for name in world.effects(decision.order) if name in {e for all_ in EFFECTS.values() for e in all_}]


verdicts = pytest.mark.parametrize("verdict", list(WRITES))


@verdicts
def test_a_decision_is_carried_out_once_and_confirmed(world: World, verdict: Verdict) -> None:
    decision = carry_out(world, decided(world, verdict))
    assert decision.state == State.CONFIRMED, decision.message
    assert effects(world, decision) == EFFECTS[verdict]
    assert [attempt.purpose for attempt in decision.attempts.all()] == ["send", "read_back"]
    assert decision.attempts.get(purpose="send").request_id == decision.request_id


@pytest.mark.parametrize(
    ("verdict", "is_due"), [(Verdict.APPROVE, True), (Verdict.REJECT, True), (Verdict.CANCEL_ITEMS, False)]
)
def test_an_order_that_was_not_read_back_itself_is_pulled_at_once(world: World, verdict: Verdict, is_due: bool) -> None:
    decision = decided(world, verdict)
    Shop.objects.update(next_pull_at=timezone.now() + timedelta(minutes=1))
    carry_out(world, decision)
    assert Shop.objects.due_for_pull(timezone.now()).filter(pk=decision.shop_id).exists() == is_due


@verdicts
def test_delivering_it_again_and_again_changes_nothing(world: World, verdict: Verdict) -> None:
    decision = carry_out(world, decided(world, verdict))
    for _ in range(3):
        world.skip_waiting(decision)
        delivery.deliver(decision.pk)
    assert effects(world, decision) == EFFECTS[verdict]


@verdicts
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "reset_after"},
        {"kind": "reset_before"},
        {"kind": "server_error"},
        {"kind": "rate_limited", "retry_after": 1},
        {"kind": "malformed"},
        {"kind": "expired_token"},
        {"kind": "business_error", "code": 25001028},
        {"kind": "slow", "seconds": 0.2},
    ],
    ids=lambda fault: str(fault["kind"]),
)
def test_every_fault_ends_with_one_effect_and_the_truth(
    world: World, verdict: Verdict, fault: dict[str, object]
) -> None:
    decision = decided(world, verdict)
    world.sandbox.fault(WRITES[verdict], str(fault["kind"]), count=1, **{k: v for k, v in fault.items() if k != "kind"})
    carry_out(world, decision)
    assert decision.state == State.CONFIRMED, (decision.state, decision.code, decision.message, decision.note)
    assert effects(world, decision) == EFFECTS[verdict]


@verdicts
def test_an_answer_that_takes_too_long_is_asked_about_before_anything_is_sent_again(
    world: World, verdict: Verdict, settings: object
) -> None:
    decision = decided(world, verdict)
    world.sandbox.fault(WRITES[verdict], "reset_after", count=1)
    delivery.deliver(decision.pk)
    decision.refresh_from_db()
    assert (decision.state, decision.is_outcome_unknown) == (State.SENDING, True)
    carry_out(world, decision)
    assert [attempt.purpose for attempt in decision.attempts.all()] == ["send", "ask"]
    assert decision.state == State.CONFIRMED
    assert "lost" in decision.note


@verdicts
def test_a_worker_that_dies_with_the_answer_in_its_hands_loses_nothing(
    world: World, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = decided(world, verdict)

    def die(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(journal, "accept", die)
        with pytest.raises(SystemExit):
            delivery.deliver(decision.pk)
    decision.refresh_from_db()
    assert (decision.state, decision.is_outcome_unknown) == (State.SENDING, True)
    world.skip_waiting(decision)
    carry_out(world, decision)
    assert decision.state == State.CONFIRMED
    assert effects(world, decision) == EFFECTS[verdict]


@verdicts
def test_a_worker_that_dies_before_sending_leaves_it_to_the_next(
    world: World, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = decided(world, verdict)

    def die(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(calls, "make_the_call", die)
        with pytest.raises(SystemExit):
            delivery.deliver(decision.pk)
    assert effects(world, decision) == []
    world.skip_waiting(decision)
    carry_out(world, decision)
    assert decision.state == State.CONFIRMED
    assert effects(world, decision) == EFFECTS[verdict]


def test_a_claim_holds_off_other_workers_until_it_runs_out(world: World) -> None:
    decision = decided(world, Verdict.APPROVE)
    assert journal.claim(decision.pk)
    assert journal.claim(decision.pk) is None
    world.skip_waiting(decision)
    assert journal.claim(decision.pk)


def test_a_worker_whose_claim_ran_out_leaves_the_row_alone(world: World) -> None:
    decision = decided(world, Verdict.APPROVE)
    slow = journal.claim(decision.pk)
    world.skip_waiting(decision)
    quick = journal.claim(decision.pk)
    assert slow and quick
    with pytest.raises(journal.ClaimLost):
        delivery.send(slow)
    assert effects(world, decision) == []


def test_the_key_is_the_same_on_every_attempt(world: World) -> None:
    decision = decided(world, Verdict.APPROVE)
    world.sandbox.fault("approve-cancellation", "reset_before", count=1)
    carry_out(world, decision)
    keys = {entry["idempotency_key"] for entry in world.sandbox.effects(effect="cancellation.approved", actor="seller")}
    assert str(decision.key) in keys
    assert decision.attempts.filter(purpose=Attempt.Purpose.SEND).count() == 2


def test_a_request_that_the_buyer_withdrew_is_not_answered(world: World) -> None:
    asked = world.asked("DE")
    decision = world.approve(asked)
    world.sandbox.post("buyer", action="withdraw", cancel_id=asked.marketplace_id)
    world.now()
    carry_out(world, decision)
    assert decision.state == State.REFUSED
    assert decision.code
    assert "otherwise" in decision.note
    asked.refresh_from_db()
    assert asked.state == CancellationRequest.State.CLOSED
    assert world.effects(asked) == []


def test_a_withdrawal_that_we_know_of_keeps_the_decision_at_home(world: World) -> None:
    asked = world.asked("DE")
    decision = world.approve(asked)
    world.sandbox.post("buyer", action="withdraw", cancel_id=asked.marketplace_id)
    world.sync("DE")
    carry_out(world.now(), decision)
    assert decision.state == State.REFUSED
    assert decision.attempts.count() == 0


def test_a_deadline_that_passes_first_is_told_as_it_is(world: World) -> None:
    asked = world.asked("TH")
    decision = world.reject(asked, PACKED)
    world.sandbox.post("clock", shift=3 * 24 * 3600)
    world.now()
    carry_out(world, decision)
    assert decision.state == State.REFUSED
    assert "otherwise" in decision.note
    assert world.effects(asked) == []


def test_a_token_that_is_rejected_for_good_stalls_the_decision_and_marks_the_connection(world: World) -> None:
    decision = decided(world, Verdict.APPROVE)
    world.sandbox.post("deauthorize", shop_id=decision.shop.marketplace_id)
    carry_out(world, decision)
    assert (decision.state, decision.stalled_because) == (State.STALLED, Decision.Stalled.RECONNECT)
    connection = Connection.objects.get(shops=decision.shop)
    assert connection.state == Connection.State.RECONNECT
    assert connection.problem


def test_a_marketplace_that_cannot_be_reached_leaves_the_decision_waiting_and_undoable(world: World) -> None:
    decision = decided(world, Verdict.APPROVE)
    Connection.objects.filter(shops=decision.shop).update(api_url="http://127.0.0.1:9")
    delivery.deliver(decision.pk)
    decision.refresh_from_db()
    assert (decision.state, decision.is_outcome_unknown) == (State.RECORDED, False)
    assert decision.due_at > timezone.now()
    assert decision.can_be_withdrawn(timezone.now())


def test_an_accepted_decision_that_the_marketplace_does_not_show_becomes_a_disagreement(world: World) -> None:
    decision = decided(world, Verdict.APPROVE)
    assert decision.cancellation
    Decision.objects.filter(pk=decision.pk).update(
        state=State.ACCEPTED, accepted_at=timezone.now() - timedelta(hours=1)
    )
    delivery.deliver(decision.pk)
    decision.refresh_from_db()
    assert (decision.state, decision.stalled_because) == (State.STALLED, Decision.Stalled.DISAGREEMENT)
    assert "PENDING" in decision.note


def test_once_the_seller_has_connected_again_a_stalled_decision_goes_on_by_itself(world: World) -> None:
    decision = decided(world, Verdict.APPROVE)
    connection = decision.shop.connection
    app_secret = connection.app_secret
    world.sandbox.post("deauthorize", shop_id=decision.shop.marketplace_id)
    carry_out(world, decision)
    assert decision.state == State.STALLED
    assert journal.resume_reconnected() == 0

    code = world.sandbox.post("auth_code", shop_id=decision.shop.marketplace_id)["auth_code"]
    url = world.sandbox.url
    connect_with_code(Account("tiktok_shop", connection.app_key, app_secret, url, url), code)
    assert journal.resume_reconnected() == 1
    carry_out(world, decision)
    assert decision.state == State.CONFIRMED
    assert effects(world, decision) == EFFECTS[Verdict.APPROVE]
