"""An upgrade while people decide: workers of the version before and of this one, side by side on one queue.

Which version was the one before stands in `tests/version_before`: a commit of this repository's history, to be moved on
with each release. Its code is taken from the history and runs on the tables of today.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import current_app

from cancellations.models import Decision, Verdict
from tests.cancellations.test_delivery import EFFECTS, OUT_OF_STOCK, PACKED, effects
from tests.world import World

CHECKOUT = Path(__file__).resolve().parent.parent.parent
COMMIT = (CHECKOUT / "tests" / "version_before").read_text().strip()
NOT_CODE = (".*", "node_modules", "staticfiles", "__pycache__")
Start = Callable[..., Path]


@pytest.fixture
def version_before(tmp_path: Path) -> Path:
    """Its code, in a folder of its own."""
    folder = tmp_path / "before"
    folder.mkdir()
    packed = subprocess.run(["git", "archive", COMMIT], cwd=CHECKOUT, capture_output=True)
    if packed.returncode:
        # A clone without history: two workers on one queue all the same, and which they are is said.
        print(f"{COMMIT} is not in the history of this clone, so that this version stands in for the one before.")  # noqa: T201
        shutil.copytree(CHECKOUT, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*NOT_CODE))
        return folder
    subprocess.run(["tar", "--extract", "--directory", folder], input=packed.stdout, check=True)
    return folder


@pytest.fixture
def start(product_environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Call it with a name, a folder of code and what Celery shall do; gives the log, once it says that it is ready."""
    started: dict[str, subprocess.Popen[bytes]] = {}
    own = {**product_environment, "CLAIM_SECONDS": "4", "PULL_EVERY_SECONDS": "3600", "LOG_LEVEL": "INFO"}

    def begin(name: str, folder: Path, *arguments: str) -> Path:
        path = tmp_path / f"{name}.log"
        with path.open("wb") as log:
            started[name] = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "config", *arguments, "-l", "INFO"],
                cwd=folder, env=own, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        until(lambda: "ready" in path.read_text() or "beat: Starting" in path.read_text(), f"{name} to be ready")
        return path

    def end(name: str) -> None:
        process = started.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)

    begin.end = end  # type: ignore[attr-defined]
    try:
        yield begin
    finally:
        for name in list(started):
            end(name)
        for path in tmp_path.glob("*.log"):
            print(path.name, path.read_text()[-5000:])  # noqa: T201 - shown where the test fails


def until(what: Callable[[], bool], told: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, told
        time.sleep(0.1)


def decided(world: World, orders: int) -> list[Decision]:
    """One of each kind that is sent at once, and so many orders cancelled."""
    made = [world.approve(world.asked("GB")), world.reject(world.asked("TH"), PACKED)]
    made += [
        world.cancel_items(order, {line.pk: 1 for line in order.lines.all()}, OUT_OF_STOCK)
        for order in world.orders("US", decisions=None)[:orders]
    ]
    world.now()
    return made


def settle(world: World, made: list[Decision]) -> None:
    mine = Decision.objects.filter(pk__in=[decision.pk for decision in made])
    until(lambda: not mine.filter(state__in=Decision.MOVING).exists(), "the decisions to be settled")
    for decision in mine:
        assert decision.state == Decision.State.CONFIRMED, (decision.verdict, decision.message, decision.note)
        assert effects(world, decision) == EFFECTS[Verdict(decision.verdict)]


def delivered(worker: str) -> int:
    """How many messages about decisions this worker has seen to."""
    told = current_app.control.inspect([worker], timeout=10).stats() or {}
    return int(told[worker]["total"].get("cancellations.tasks.deliver", 0))


WORKER = ("worker", "-c", "1", "--without-gossip", "--without-mingle", "-n")


def test_both_versions_work_on_one_queue_and_nothing_is_lost_or_doubled(
    world: World, version_before: Path, start: Start, tmp_path: Path
) -> None:
    # A beat of today and a worker of the version before, which does not know all that it is sent.
    start("beat", CHECKOUT, "beat", f"--schedule={tmp_path}/beat", "--pidfile=")
    old = start("old", version_before, *WORKER, "old@here")
    for number in range(5):
        current_app.send_task("cancellations.tasks.of_the_next_version", (number,))
    settle(world, decided(world, orders=2))
    assert "of_the_next_version" in old.read_text()
    done = delivered("old@here")
    assert done

    # Both at once.
    start("new", CHECKOUT, *WORKER, "new@here")
    settle(world, decided(world, orders=12))
    assert delivered("old@here") > done
    assert delivered("new@here")

    # Back again, halfway: the beat of the version before, and a worker of today.
    for name in ("beat", "old"):
        start.end(name)  # type: ignore[attr-defined]
    start("beat before", version_before, "beat", f"--schedule={tmp_path}/before-beat", "--pidfile=")
    settle(world, decided(world, orders=2))
