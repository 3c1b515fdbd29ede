"""Workers that die at every line where one can: what a person decided is done once, and told as it is.

Each scenario is run once in a process that notes where it touches the database, the network or the broker. Then it is
run again for each of these touches, by a process that is killed before it; what it left is gone on with as in
production, by the next worker when the lease has run out. Then effects are counted in the simulator's ledger.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from cancellations import sync
from marketplaces.tiktok_shop import adapter
from shops import nudging, pulling
from shops.models import Connection, SyncRun
from shops.pulling import SILENT_FOR
from tests.cancellations.afterwards import Scene
from tests.cancellations.scenes import PLAYS
from tests.conftest import somebody_works
from tests.crashing import Course, Snapshot, Touch, calls_that_touch, run_in_a_fork
from tests.sandbox_process import SandboxProcess, running_sandbox

MODULES = frozenset(
    {
        "cancellations/delivery.py", "cancellations/journal.py", "cancellations/sync.py", "cancellations/following.py",
        "cancellations/recording.py", "cancellations/happening.py", "orders/sync.py", "orders/cancelled.py",
        "shops/pulling.py", "shops/tokens.py", "shops/upsert.py", "shops/outgoing.py", "shops/drift.py",
    }
)  # fmt: skip
PARTS = 2  # of each scene that is stopped everywhere, so that two processors have something to share


@pytest.fixture(scope="module")
def small_sandbox() -> Iterator[SandboxProcess]:
    with running_sandbox("--orders", "96", "--rate-limit", "0") as process:
        yield process


def staged(name: str, sandbox: SandboxProcess) -> Scene:
    """In a world that is built around one moment, so that it is the same after each reset. Each scene has its own: in
    twenty minutes the first deadlines pass.
    """
    sandbox.reset(start=int(timezone.now().timestamp()) // 300 * 300)
    somebody_works()
    return PLAYS[name].set(PLAYS[name].connect(sandbox))


def again(scene: Scene, before: Snapshot) -> None:
    """Both sides as they were when the scene began."""
    scene.world.sandbox.reset()
    scene.there()
    scene.later_there()
    before.restore()


def after_a_while(scene: Scene) -> None:
    """As if the leases of whoever died had run out."""
    past = timezone.now() - timedelta(seconds=1)
    Connection.objects.exclude(renewing_until=None).update(renewing_until=past)
    SyncRun.objects.running().update(heard_at=timezone.now() - SILENT_FOR - timedelta(seconds=1))


def undisturbed(scene: Scene, before: Snapshot, *, traced: bool = False) -> Course:
    again(scene, before)
    course = run_in_a_fork(scene.work, MODULES, traced=traced)
    assert not course.error, course.error
    scene.check(scene)
    return course


@pytest.fixture(autouse=True)
def pages_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what there is makes two of them; read one by one, since what two threads touch has no order."""
    monkeypatch.setattr(adapter, "ORDERS_PER_PAGE", 8)
    monkeypatch.setattr(adapter, "CANCELLATIONS_PER_PAGE", 3)
    monkeypatch.setattr(pulling, "MOST_AHEAD", 0)


@pytest.fixture(autouse=True)
def no_pull_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it is for the machine to say whether its shop rests afterwards."""
    monkeypatch.setattr(pulling, "WORTH_A_REST", timedelta(hours=1))


@pytest.fixture(autouse=True)
def each_pull_asks_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the first of a scene would, and those that go on after a crash would not."""
    monkeypatch.setattr(sync, "is_time_to_ask_orders", lambda _shop: True)


@pytest.fixture(autouse=True)
def every_message_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that has another on its way, so that a scene goes the same way each time."""
    monkeypatch.setattr(nudging, "send_once", nudging.send)


def touches_of(name: str, sandbox: SandboxProcess) -> set[Touch]:
    """Of a scene that is set and played, and then taken away again."""
    nothing = Snapshot()
    course = run_in_a_fork(staged(name, sandbox).work, MODULES)
    nothing.restore()
    return set(course.touches)


@pytest.mark.parametrize(
    ("name", "part"), [(name, part) for name, play in PLAYS.items() for part in range(1 if play.of else PARTS)]
)
def test_a_worker_that_dies_anywhere_loses_nothing_and_doubles_nothing(
    name: str, part: int, small_sandbox: SandboxProcess, transactional_db: None, settings: Any, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    play = PLAYS[name]
    known = touches_of(play.of, small_sandbox) if play.of else set()
    scene = staged(name, small_sandbox)
    before = Snapshot()
    touches = undisturbed(scene, before).touches
    assert touches
    stops = [number for number, touch in enumerate(touches, 1) if touch.is_seen or touch not in known]
    wrong = []
    for number in stops if play.of else stops[part::PARTS]:
        again(scene, before)
        course = run_in_a_fork(scene.work, MODULES, stop=number)
        try:
            assert course.was_stopped, course.error
            assert course.touches == touches[:number], "it went another way than the first time"
            after_a_while(scene)
            scene.work()
            scene.check(scene)
        except Exception as problem:  # all of them are worth knowing
            wrong.append(f"before touch {number}, {touches[number - 1]}: {problem!r}")
    before.forget()
    assert not wrong, f"{len(wrong)} of {len(stops)}:\n" + "\n".join(wrong)


# Calls of these modules that no scene meets, by how they begin, with the reason.
NOT_MET = {
    "cancellations/sync.py pull: Shop.objects.filter(pk=shop.pk).update(": "one statement; test_sync.py, test_races.py",
    "cancellations/happening.py announce_again:": "what a person asks for, of one transaction; tests/truth",
    "orders/cancelled.py announce_again:": "what a person asks for, of one transaction; tests/truth",
    "cancellations/recording.py recorded_before:": "a question, once the database said no",
    "shops/drift.py note:": "in the transaction of its page, and counts what nobody relies on",
    "shops/outgoing.py forget:": "a duty of its own: deletes what is old, as often as it is asked",
    "shops/pulling.py read_pages: cursor.save()": "pages in a circle; test_pulling.py",
    "shops/pulling.py store_records: with transaction.atomic():": "values that are refused, in the page's transaction",
    "shops/pulling.py is_to_be_read_again:": "a question, and only where something was not understood",
    "shops/pulling.py without_others:": "a question about records that may be another shop's",
    "shops/pulling.py has:": "the same question, over there; reads and stores nothing",
    "shops/pulling.py rest_after:": "one statement after a pull that took long, and a rest that is lost is none",
    "shops/pulling.py ask_for_pull: asked.update": "what a person asks for, in one statement",
}


def test_no_line_that_could_touch_anything_is_left_out(
    small_sandbox: SandboxProcess, transactional_db: None, settings: Any, tmp_path: Path
) -> None:
    """What is stopped at was found by running; so all of these modules has to have been run."""
    settings.MEDIA_ROOT = tmp_path
    nothing, met = Snapshot(), set[str]()
    for name in PLAYS:
        scene = staged(name, small_sandbox)
        scene.later_there()
        course = run_in_a_fork(scene.work, MODULES, traced=True)
        assert not course.error, course.error
        met |= course.lines
        nothing.restore()
    nothing.forget()
    missed = [
        call for module in sorted(MODULES) for call, lines in calls_that_touch(module)
        if not any(f"{module}:{number}" in met for number in lines)
    ]  # fmt: skip
    unknown = [call for call in missed if not call.startswith(tuple(NOT_MET))]
    assert not unknown, "\n".join(unknown)
