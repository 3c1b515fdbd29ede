"""Workers that write: one after the other, dying at any line, with bounded memory, and never half a file."""

import errno
import gc
import time
import tracemalloc
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from audit.models import Entry
from cancellations import forgetting
from cancellations.models import CancellationRequest
from exports import exporting, tasks, writing
from exports.models import Export
from orders.models import Order
from shops.models import Membership, Permission, Shop
from tests.exports.files import content, exported, table, written
from tests.factories import CancellationFactory, DecisionFactory, OrderFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row is a chunk, and a chunk is a part."""
    monkeypatch.setattr(writing, "SECONDS_AT_ONCE", 0.0001)
    monkeypatch.setattr(writing, "CHUNK", 1)


@pytest.fixture
def rows(shop: Shop) -> list[CancellationRequest]:
    return [CancellationFactory(order=OrderFactory(shop=shop)) for _ in range(4)]


def ids(export: Export) -> list[int]:
    return [int(row["id"]) for row in table(export)]


def test_parts_follow_on_each_other_and_progress_is_told(
    small_parts: None, rows: list[CancellationRequest], manager: User
) -> None:
    export = exporting.start(manager, "requests", {})
    assert writing.write(export.pk)
    export.refresh_from_db()
    assert (export.state, export.rows_done, export.rows_expected, export.claim) == ("running", 1, 4, None)
    assert ids(written(export)) == [row.pk for row in rows]
    assert len(export.parts) == 4
    assert (export.state, export.rows_done) == ("done", 4)


def test_rows_that_arrive_while_it_is_written_are_not_in_it(
    small_parts: None, rows: list[CancellationRequest], manager: User, shop: Shop
) -> None:
    export = exporting.start(manager, "requests", {})
    writing.write(export.pk)
    CancellationFactory(order=OrderFactory(shop=shop))
    assert ids(written(export)) == [row.pk for row in rows]


def test_what_a_dead_worker_began_is_written_by_the_next(
    small_parts: None, rows: list[CancellationRequest], manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = exporting.start(manager, "requests", {})
    writing.write(export.pk)
    with monkeypatch.context() as dying:
        dying.setattr(writing, "keep_part", lambda *_, **__: (_ for _ in ()).throw(SystemExit))
        dying.setattr(Path, "unlink", lambda *_, **__: None)  # a killed process cleans nothing up
        with pytest.raises(SystemExit):
            writing.write(export.pk)
    assert not writing.write(export.pk)  # another one has it still
    assert not Export.objects.due(timezone.now()).exists()
    Export.objects.update(due_at=timezone.now())  # its lease is over
    assert ids(written(export)) == [row.pk for row in rows]


def test_whoever_lost_the_claim_adds_nothing(
    small_parts: None, rows: list[CancellationRequest], manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = exporting.start(manager, "requests", {})
    first = writing.claim(export.pk)
    assert first
    Export.objects.update(due_at=timezone.now())
    written(export)
    with pytest.raises(writing.Lost):
        writing.write_part(first)
    assert {path.name for path in export.path.iterdir()} == {part["name"] for part in export.parts}
    assert ids(export) == [row.pk for row in rows]


def test_workers_that_die_over_it_again_and_again_end_it(rows: list[CancellationRequest], manager: User) -> None:
    export = exporting.start(manager, "requests", {})
    for _ in range(writing.TRIES):
        assert writing.claim(export.pk)
        Export.objects.update(due_at=timezone.now())
    assert not writing.write(export.pk)
    export.refresh_from_db()
    assert export.state == "failed"
    assert "died" in export.why


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full."),
        (OSError(errno.EACCES, "Permission denied"), "could not be written"),
        (ValueError("a secret word"), "An error of ours"),
    ],
)
def test_what_goes_wrong_is_said_and_leaves_no_file(
    rows: list[CancellationRequest], manager: User, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def lines(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(writing, "lines", lines)
    export = exported(manager, "requests")
    assert (export.state, export.parts) == ("failed", [])
    assert words in export.why
    assert "secret" not in export.why
    assert not export.path.exists()
    with pytest.raises(exporting.Gone, match=words):
        exporting.fetch(export, manager)


def test_one_of_a_person_and_two_in_all_are_written_at_a_time(manager: User, shop: Shop) -> None:
    mine = [exporting.start(manager, "requests", {}) for _ in range(2)]
    roots = [UserFactory(is_superuser=True) for _ in range(2)]
    others = [exporting.start(root, "requests", {}) for root in roots]
    assert writing.claim(mine[0].pk)
    assert not writing.claim(mine[1].pk)
    assert writing.claim(others[0].pk)
    assert not writing.claim(others[1].pk)


def test_the_sweep_sends_for_what_is_due(manager: User, monkeypatch: pytest.MonkeyPatch, nudged: list[int]) -> None:
    sent: list[int] = []
    monkeypatch.setattr(tasks.write_export, "apply_async", lambda args, **_: sent.extend(args))
    export = exporting.start(manager, "requests", {})
    tasks.sweep_exports()
    tasks.sweep_exports()
    assert sent == [export.pk, export.pk]
    writing.claim(export.pk)
    tasks.sweep_exports()
    assert sent == [export.pk, export.pk]


def test_after_each_part_a_worker_is_sent_for_until_it_is_done(
    small_parts: None, rows: list[CancellationRequest], manager: User, nudged: list[int]
) -> None:
    export = exporting.start(manager, "requests", {})
    nudged.clear()
    for _ in range(4):
        tasks.write_export(export.pk)
    tasks.write_export(export.pk)
    assert nudged == [export.pk] * 3


def test_after_a_part_of_one_whoever_waited_longest_has_their_turn(
    small_parts: None, rows: list[CancellationRequest], manager: User, nudged: list[int]
) -> None:
    first, second, third = (
        exporting.start(person, "requests", {})
        for person in (manager, *(UserFactory(is_superuser=True) for _ in range(2)))
    )
    nudged.clear()
    assert writing.claim(second.pk)
    tasks.write_export(first.pk)
    assert nudged == [third.pk]
    assert writing.claim(third.pk)
    tasks.write_export(first.pk)
    assert nudged == [third.pk]  # both places are taken: whoever has one goes on


def test_who_has_lost_the_permission_meanwhile_gets_no_file(
    small_parts: None, rows: list[CancellationRequest], manager: User
) -> None:
    export = exporting.start(manager, "requests", {})
    writing.write(export.pk)
    Membership.objects.update(permissions=[Permission.APPROVE])
    assert written(export).state == "failed"
    assert "may not export" in export.why


def test_a_permission_that_was_lost_within_a_part_leaves_no_row_out_unsaid(
    rows: list[CancellationRequest], manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "CHUNK", 1)
    as_ever = writing.lines

    def lines(*told: Any) -> Any:
        Membership.objects.update(permissions=[Permission.APPROVE])
        return as_ever(*told)

    monkeypatch.setattr(writing, "lines", lines)
    export = exported(manager, "requests")
    assert (export.state, export.parts) == ("failed", [])


# --- what goes --------------------------------------------------------------------------------------------------------


def test_after_its_days_the_file_is_gone_and_the_row_says_so(
    rows: list[CancellationRequest], manager: User, settings: Any
) -> None:
    settings.EXPORT_DAYS = 2
    export = exported(manager, "requests")
    assert export.ends_at
    assert timedelta(days=1.9) < export.ends_at - timezone.now() <= timedelta(days=2)
    tasks.remove_ended_exports()
    assert content(export)
    Export.objects.update(ends_at=timezone.now())
    tasks.remove_ended_exports()
    export.refresh_from_db()
    assert (export.state, export.path.exists()) == ("expired", False)
    with pytest.raises(exporting.Gone):
        exporting.fetch(export, manager)


def test_what_dead_workers_left_behind_goes_after_a_day(
    rows: list[CancellationRequest], manager: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = exported(manager, "requests")
    (export.path / "left.part").write_text("half a line")
    writing.remove_ended()
    assert (export.path / "left.part").exists()
    monkeypatch.setattr(writing, "ORPHANED_AFTER", timedelta(0))
    writing.remove_ended()
    assert not (export.path / "left.part").exists()
    assert content(export)


def test_cancelling_stops_the_worker_and_deletes_what_there_is(
    small_parts: None, rows: list[CancellationRequest], manager: User, django_capture_on_commit_callbacks: Any
) -> None:
    export = exporting.start(manager, "requests", {})
    writing.write(export.pk)
    with django_capture_on_commit_callbacks(execute=True):
        exporting.remove(export)
    assert (export.state, export.path.exists()) == ("cancelled", False)
    assert not writing.write(export.pk)
    assert not export.path.exists()


def test_a_buyer_who_is_forgotten_is_in_no_file(
    small_parts: None, rows: list[CancellationRequest], manager: User, django_capture_on_commit_callbacks: Any
) -> None:
    DecisionFactory(cancellation=rows[0], state="confirmed", comment="Dear Ms Doe")
    ready = exported(manager, "decisions")
    running = exporting.start(manager, "requests", {})
    writing.write(running.pk)
    CancellationRequest.objects.update(needs_answer=False)
    Order.objects.update(is_cancelled=True)
    begun = running.path
    with django_capture_on_commit_callbacks() as afterwards:
        counts = forgetting.forget(Order.objects.filter(cancellations=rows[0]))
    assert counts["exports"] == 1
    running.refresh_from_db()
    writing.write(running.pk)  # a worker that is quicker than what deletes the old file
    for callback in afterwards:
        callback()
    assert not begun.exists()
    ready.refresh_from_db()
    assert (ready.state, ready.path.exists()) == ("expired", False)
    assert len(table(written(running))) == 4
    assert "Doe" not in content(exported(manager, "decisions"))


# --- any size ---------------------------------------------------------------------------------------------------------


def test_many_rows_need_no_more_memory_than_few(shop: Shop, manager: User, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"actor_name": "Mina", "action": "shop.changed", "shop_id": shop.pk, "via": "page"}
    Entry.objects.bulk_create(
        (Entry(**entry, after={"note": f"{number:05} word " * 40}) for number in range(25_000)), batch_size=2000
    )
    export = exporting.start(manager, "audit", {}, file_format="jsonl")
    most: list[int] = []
    change = writing.change

    def measured(*told: Any, **columns: Any) -> None:
        change(*told, **columns)
        most.append(tracemalloc.get_traced_memory()[1])

    monkeypatch.setattr(writing, "change", measured)
    began = time.monotonic()
    gc.freeze()  # as a worker has
    tracemalloc.start()
    written(export)
    tracemalloc.stop()
    gc.unfreeze()
    assert export.rows_done > 25_000
    assert export.bytes > 10_000_000
    few = most[4]  # once each of the few first chunks has been in memory
    assert most[-1] < few + 3_000_000, f"{few / 1e6:.1f} MB, then {most[-1] / 1e6:.1f} MB"
    assert time.monotonic() - began < 120
