"""Real workers and their connections to the database."""

from datetime import datetime

from django.db import connection
from django.utils import timezone

from cancellations.models import Decision, Verdict
from tests.cancellations.test_delivery import EFFECTS, effects
from tests.cancellations.test_worker import state_of, until
from tests.workers import StartWorker
from tests.world import World

OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def began() -> list[datetime]:
    """When each of the others' connections to this database was made."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT backend_start {OTHERS} AND backend_type = 'client backend'")
        return [moment for (moment,) in cursor.fetchall()]


def carried_out(world: World) -> Decision:
    decision = world.approve(world.asked("US"))
    world.now()
    until(lambda: state_of(decision) == Decision.State.CONFIRMED)
    return decision


def test_workers_keep_their_connections_from_one_task_to_the_next(world: World, start_worker: StartWorker) -> None:
    start_worker()
    carried_out(world)
    until(lambda: len(began()) >= 2)  # one for each process of the pool
    before = timezone.now()
    carried_out(world)
    carried_out(world)
    assert began()
    assert all(moment < before for moment in began())


def test_a_worker_whose_connections_are_cut_goes_on_without_an_error(world: World, start_worker: StartWorker) -> None:
    start_worker()
    carried_out(world)
    for _ in range(2):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_terminate_backend(pid) {OTHERS}")
        decision = carried_out(world)
        assert effects(world, decision) == EFFECTS[Verdict.APPROVE]
        assert decision.failures == 0
