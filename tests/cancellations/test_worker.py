"""Real workers on a real broker: one that is killed in the middle loses nothing and doubles nothing."""

import time
from collections.abc import Callable

import pytest
from django.core.cache import cache

from cancellations.models import Decision, Verdict
from cancellations.pushes import receive
from shops.heartbeat import BEAT, WORKER, silence
from shops.models import Connection
from tests.cancellations.test_delivery import EFFECTS, WRITES, decided, effects
from tests.cancellations.test_pushes import push, signed
from tests.workers import StartWorker, kill
from tests.world import World


def until(what: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.1)


def state_of(decision: Decision) -> str:
    decision.refresh_from_db()
    return decision.state


def test_beat_and_worker_carry_out_what_nobody_told_them_about(world: World, start_worker: StartWorker) -> None:
    decision = decided(world, Verdict.APPROVE)
    start_worker()
    until(lambda: state_of(decision) == Decision.State.CONFIRMED)
    assert effects(world, decision) == EFFECTS[Verdict.APPROVE]


def test_a_push_is_acted_on_within_seconds_and_both_leave_a_sign_of_life(
    world: World, start_worker: StartWorker
) -> None:
    shop = world.shop("DE")
    cache.clear()
    start_worker()
    until(lambda: not silence(WORKER) and not silence(BEAT))
    body = push(shop, type=6, timestamp=int(time.time()) + 5)
    assert receive("tiktok_shop", body, signed(shop, body))
    until(lambda: Connection.objects.get(pk=shop.connection_id).state == Connection.State.RECONNECT, seconds=10)


@pytest.mark.parametrize("verdict", list(WRITES))
def test_a_worker_killed_between_claim_and_answer_loses_nothing(
    world: World, start_worker: StartWorker, verdict: Verdict
) -> None:
    decision = decided(world, verdict)
    world.sandbox.fault(WRITES[verdict], "slow", seconds=3, count=1)
    doomed = start_worker()
    until(lambda: state_of(decision) == Decision.State.SENDING and decision.attempts.filter(purpose="send").exists())
    time.sleep(0.5)
    kill(doomed)
    assert state_of(decision) == Decision.State.SENDING
    assert decision.is_outcome_unknown

    start_worker()
    until(lambda: not (state_of(decision) and decision.is_moving))
    assert decision.state == Decision.State.CONFIRMED, (decision.state, decision.message, decision.note)
    assert effects(world, decision) == EFFECTS[verdict]
