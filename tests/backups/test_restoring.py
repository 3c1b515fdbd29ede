"""Yesterday's copy comes back: what was sent since is not sent again, and the next pull says what is true."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken, Scope, User
from accounts.tokens import make_token
from audit.models import Entry
from backups import archive, loading, restoring, taking
from backups.programs import BackupProblem, server_major
from cancellations import batch_work, decisions, delivery, tasks
from cancellations.checks import Details
from cancellations.models import Batch, BatchItem, CancellationRequest, Decision, Verdict
from orders.models import Order
from safety import nets
from safety.models import SafetyNet
from shops import heartbeat
from shops.models import OutgoingEvent, Role, Shop
from tests.cancellations.test_delivery import OUT_OF_STOCK, PACKED, carry_out, effects
from tests.cancellations.test_delivery_pictures import picture
from tests.factories import ShopFactory, UserFactory, member
from tests.world import World

State = Decision.State


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


def copied(folder: Path) -> Path:
    return taking.take(folder / "copy.tar")[0]


def put_back(path: Path, **how: Any) -> restoring.Restored:
    cache.clear()  # the signs of life of a world whose workers have ended
    return restoring.restore(path, replace=True, **how)


def work_until_nothing_is_due(world: World) -> None:
    """What beat and workers do: first what is due, as nothing waits for the pull that comes after it."""
    visit()
    for region in ("DE", "GB", "TH", "US"):
        world.sync(region)
    visit()


def visit() -> None:
    """The waits between visits are skipped."""
    for _time in range(8):
        Decision.objects.filter(state__in=Decision.MOVING).update(due_at=timezone.now())
        for pk in Decision.objects.due(timezone.now()).values_list("pk", flat=True):
            delivery.deliver(pk)


def stock_and_money() -> set[str]:
    told = OutgoingEvent.objects.filter(type__in=("stock.released", "money.returned"))
    return set(told.values_list("event_id", flat=True))


def state_of(row: Decision | CancellationRequest) -> str:
    row.refresh_from_db()
    return row.state


def test_yesterdays_copy_comes_back_and_nothing_is_sent_twice(world: World, media: Path, tmp_path: Path) -> None:
    approved, rejected, waiting = world.asked("DE"), world.asked("TH"), world.asked("DE")
    order = world.orders("US")[0]
    kept = decisions.decide(
        world.asked("TH"), Verdict.REJECT, world.agent, Details(reason=PACKED, pictures=[picture("kept.png")])
    )
    to_be_sent, to_be_taken_back = world.approve(world.asked("GB")), world.approve(world.asked("GB"))
    path = copied(tmp_path)

    later = [
        world.approve(approved),
        decisions.decide(rejected, Verdict.REJECT, world.agent, Details(reason=PACKED, pictures=[picture("new.png")])),
        world.cancel_items(order, {line.pk: 1 for line in order.lines.all()}, OUT_OF_STOCK),
    ]
    decisions.withdraw(to_be_taken_back, world.agent)
    world.now()
    for decision in (*later, kept, to_be_sent):
        assert carry_out(world, decision).state == State.CONFIRMED, decision.message
    before = {decision: effects(world, decision) for decision in (*later, kept, to_be_sent)}
    assert all(len(told) == 1 for told in before.values())
    last_number = max(decision.pk for decision in later)
    work_until_nothing_is_due(world)
    counted = stock_and_money()
    assert counted
    Path(kept.evidence.get().image.path).unlink()

    done = put_back(path)

    assert done.doubtful.decisions == 3
    assert not Decision.objects.filter(pk__in=[decision.pk for decision in later]).exists()
    assert Path(kept.evidence.get().image.path).read_bytes()
    assert not stock_and_money()
    work_until_nothing_is_due(world)
    assert {decision: effects(world, decision) for decision in before} == before
    assert [state_of(one) for one in (kept, to_be_sent)] == [State.CONFIRMED, State.CONFIRMED]
    assert [state_of(one) for one in (approved, rejected)] == ["approved", "closed"]
    assert CancellationRequest.objects.get(pk=waiting.pk).needs_answer
    assert Order.objects.get(pk=order.pk).is_cancelled

    assert stock_and_money() == counted  # by the same ids: who counted them once does not count them again

    # Taken back since, which nobody here knows any more: a person says what is to become of it.
    assert state_of(to_be_taken_back) == State.STALLED
    assert to_be_taken_back.stalled_because == Decision.Stalled.RESTORED
    assert effects(world, to_be_taken_back) == []
    decisions.ask_again(to_be_taken_back, world.agent)
    assert carry_out(world, to_be_taken_back).state == State.CONFIRMED
    assert effects(world, to_be_taken_back) == ["cancellation.approved"]

    # Nothing new gets a number that others may know something else by.
    new = world.approve(waiting)
    assert new.pk > last_number + 1000


def test_what_waits_for_a_second_person_is_asked_about_once_it_is_signed(
    world: World, media: Path, tmp_path: Path
) -> None:
    decision, manager = world.approve(world.asked("DE")), member(Role.MANAGER, *Shop.objects.all())
    Decision.objects.update(state=State.UNSIGNED)
    path = copied(tmp_path)
    decisions.countersign(decision, manager)
    world.now()
    assert carry_out(world, decision).state == State.CONFIRMED

    put_back(path)
    decision.refresh_from_db()
    assert decision.state == State.UNSIGNED
    decisions.countersign(decision, manager)
    world.now()
    assert carry_out(world, decision).state == State.CONFIRMED
    assert effects(world, decision) == ["cancellation.approved"]
    assert [attempt.purpose for attempt in decision.attempts.all()] == ["ask"]


def test_a_batch_goes_no_further_and_nobody_stays_signed_in(world: World, media: Path, tmp_path: Path) -> None:
    batch = Batch.objects.create(verdict=Verdict.APPROVE, made_by=world.agent, started_at=timezone.now(), language="en")
    item = BatchItem.objects.create(batch=batch, cancellation=world.asked("DE"))
    Client().force_login(world.agent)
    make_token(world.agent, Scope.DECIDE, 30, name="The warehouse")
    path = copied(tmp_path)

    done = put_back(path)
    item.refresh_from_db()
    assert item.state == BatchItem.State.FAILED
    assert "earlier copy" in item.why
    assert not Batch.objects.due(timezone.now()).exists()
    assert not Session.objects.exists()
    assert not ApiToken.objects.exists()
    assert done.tokens == [f"{world.agent}: The warehouse"]
    assert Entry.objects.get(action="backup.restored").after["tokens"] == 1

    done = put_back(path, keep_tokens=True)
    assert ApiToken.objects.get().name == "The warehouse"
    assert "work again" in "\n".join(restoring.words(done, keep_tokens=True))


def test_every_safety_net_is_off_and_its_shop_named(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on, off = ShopFactory.create(name="Nettle"), ShopFactory.create(name="Moss")
    manager = member(Role.MANAGER, on, off)
    for shop in (on, off):
        nets.set_net(shop, manager, nets.Wish(SafetyNet.Action.TELL, 30))
    nets.switch_off(off, manager)
    path = copied(tmp_path / "nets")
    nets.switch_off(on, manager)
    between: list[bool] = []
    monkeypatch.setattr(
        restoring, "call_command", lambda *told, **how: between.append(SafetyNet.objects.filter(is_on=True).exists())
    )

    done = put_back(path)
    assert between == [False]  # from the first moment on
    assert SafetyNet.objects.count() == 2
    assert not SafetyNet.objects.filter(is_on=True).exists()
    assert done.nets == [str(on)]
    words = "\n".join(restoring.words(done, keep_tokens=False))
    assert f"taken back what they decided: {on}." in words
    entries = Entry.objects.filter(action="safety_net.switched_off", actor=None)
    assert [entry.shop_id for entry in entries] == [on.pk]


def test_a_worker_that_is_alive_finds_nothing_to_do_before_all_is_looked_after(
    world: World, media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = world.approve(world.asked("DE"))
    batch = Batch.objects.create(verdict=Verdict.APPROVE, made_by=world.agent, started_at=timezone.now(), language="en")
    BatchItem.objects.create(batch=batch, cancellation=world.asked("DE"))
    Decision.objects.update(due_at=timezone.now())
    path = copied(tmp_path)
    between: list[bool] = []

    def migrate(*told: Any, **how: Any) -> None:
        tasks.sweep_decisions()
        delivery.deliver(decision.pk)
        batch_work.work(batch.pk)
        between.append(Decision.objects.due(timezone.now()).exists() or Batch.objects.due(timezone.now()).exists())

    monkeypatch.setattr(restoring, "call_command", migrate)
    put_back(path)
    assert between == [False]
    decision.refresh_from_db()
    assert decision.restored_from
    assert not decision.attempts.exists()
    assert Decision.objects.due(timezone.now()).filter(pk=decision.pk).exists()
    assert Decision.objects.count() == 1


def test_it_goes_into_an_empty_database_with_one_command(
    world: World, media: Path, tmp_path: Path, product_environment: dict[str, str]
) -> None:
    world.reject(world.asked("TH"), PACKED)
    path = copied(tmp_path)
    cache.clear()
    name = f"{connection.settings_dict['NAME']}_copy"
    own = product_environment["DATABASE_URL"]
    other = own.replace(connection.settings_dict["NAME"], name)
    with psycopg.connect(own, autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}"'.encode())
        server.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            done = subprocess.run(
                [sys.executable, "manage.py", "restore", str(path)],
                env={**product_environment, "DATABASE_URL": other, "MEDIA_ROOT": str(tmp_path / "elsewhere")},
                cwd=Path(__file__).resolve().parents[2], capture_output=True, text=True, timeout=100,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            assert "Decisions that were not settled then: 1." in done.stdout
            with psycopg.connect(other) as copy:
                rows = copy.execute("SELECT state, is_outcome_unknown FROM cancellations_decision").fetchall()
            assert rows == [("recorded", True)]
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def refused(path: Path, **how: Any) -> str:
    with pytest.raises(BackupProblem) as problem:
        restoring.restore(path, **how)
    return str(problem.value)


@pytest.fixture
def copy(transactional_db: None, media: Path, tmp_path: Path) -> Path:
    """Of a database with nothing but one person in it."""
    UserFactory.create(email="then@example.com")
    media.mkdir()
    (media / "evidence").mkdir()
    (media / "evidence" / "one.png").write_bytes(b"one" * 1000)
    cache.clear()
    return copied(tmp_path)


def test_nothing_is_touched_where_it_is_not_safe(copy: Path, product_environment: dict[str, str]) -> None:
    assert "--replace" in refused(copy)
    with psycopg.connect(product_environment["DATABASE_URL"]):
        assert "Others are connected to this database (1)" in refused(copy, replace=True)
    heartbeat.note(heartbeat.WORKER)
    assert "A worker was seen 0 seconds ago" in refused(copy, replace=True)
    restoring.restore(copy, replace=True, while_running=True)


def test_without_the_keys_of_then_nothing_is_touched(copy: Path, settings: Any, media: Path) -> None:
    old, new = settings.FIELD_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    (media / "evidence" / "one.png").unlink()
    settings.FIELD_ENCRYPTION_KEYS = [new]
    assert "lacks 1 of the 1 keys" in refused(copy, replace=True)
    assert not (media / "evidence" / "one.png").exists()
    settings.FIELD_ENCRYPTION_KEYS = [new, old]
    restoring.restore(copy, replace=True)
    assert (media / "evidence" / "one.png").read_bytes() == b"one" * 1000


def test_what_cannot_be_restored_here_is_refused(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = archive.verified(copy)
    monkeypatch.setattr(archive, "verified", lambda path: manifest)
    manifest.migrations.append("orders.9999_later")
    assert "orders.9999_later" in refused(copy, replace=True)
    manifest.migrations.pop()
    manifest.server = 99
    assert "PostgreSQL 99" in refused(copy, replace=True)
    manifest.programs = 99
    assert "install postgresql-client-99" in refused(copy, replace=True)
    manifest.server = manifest.programs = server_major()
    manifest.files["media/film"] = {"size": 1 << 60, "sha256": ""}
    assert "There is no space left" in refused(copy, replace=True)


def test_a_dump_that_breaks_off_leaves_the_database_as_it_was(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    User.objects.update(email="now@example.com")
    with monkeypatch.context() as patch:
        patch.setattr(loading, "SAFE", "SELECT nothing_of_that_name;")
        assert "the database is as it was" in refused(copy, replace=True)
    with monkeypatch.context() as patch:
        patch.setattr(restoring, "unpack", lambda tar, member, target: target.write_bytes(b"PGDMP"))
        assert "the database is as it was" in refused(copy, replace=True)
    assert User.objects.get().email == "now@example.com"
    restoring.restore(copy, replace=True)
    assert User.objects.get().email == "then@example.com"


def test_a_copy_of_an_older_version_is_migrated(copy: Path, tmp_path: Path) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE cancellations_decision DROP COLUMN restored_from")
        cursor.execute("DROP INDEX queue_by_reason, cancel_line_holds, cancel_order_no_holds; DROP FUNCTION trigrams")
        cursor.execute("DELETE FROM django_migrations WHERE app = 'cancellations' AND name >= '0017'")
    path = taking.take(tmp_path / "older.tar")[0]  # as the version before would have made it
    restoring.restore(copy, replace=True)
    restoring.restore(path, replace=True)
    assert not Decision.objects.filter(restored_from=None).exists()
