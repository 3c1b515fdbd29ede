"""Real workers on a real broker: one that is killed in the middle loses nothing and doubles nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cancellations.models import Decision, Verdict
from tests.cancellations.test_delivery import EFFECTS, WRITES, decided, effects
from tests.world import World

ROOT = Path(__file__).resolve().parents[2]
StartWorker = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def start_worker(product_environment: dict[str, str], tmp_path: Path) -> Iterator[StartWorker]:
    """Starts a worker with its beat, as production does but for the short lease; all of them end with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "celery", "-A", "config", "worker", "-B", "-c", "2", "-l", "WARNING"]
        command += ["--without-gossip", "--without-mingle", f"--schedule={tmp_path}/beat{len(started)}"]
        with (tmp_path / f"worker{len(started)}.log").open("wb") as log:
            worker = subprocess.Popen(
                command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
                env={**product_environment, "CLAIM_SECONDS": "4", "PULL_EVERY_SECONDS": "3600"},
            )  # fmt: skip
        started.append(worker)
        return worker

    yield start
    for number, worker in enumerate(started):
        kill(worker)
        print((tmp_path / f"worker{number}.log").read_text())  # noqa: T201 - shown where a test fails


def kill(worker: "subprocess.Popen[bytes]") -> None:
    """The whole worker at once, as when the machine loses its power."""
    try:
        os.killpg(worker.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    worker.wait(timeout=10)


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
