"""Real workers and their connections to the database."""

import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import close_old_connections, connection, transaction
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


def cut_others() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_terminate_backend(pid) {OTHERS}")


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
        cut_others()
        decision = carried_out(world)
        assert effects(world, decision) == EFFECTS[Verdict.APPROVE]
        assert decision.failures == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("begins", [nullcontext, transaction.atomic])
def test_a_query_that_a_time_limit_breaks_off_leaves_the_next_task_a_connection(
    begins: Callable[[], AbstractContextManager[object]],
) -> None:
    def ends(*_: object) -> None:
        raise SoftTimeLimitExceeded

    before = signal.signal(signal.SIGALRM, ends)
    connection.ensure_connection()
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(SoftTimeLimitExceeded), begins(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(60)")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    close_old_connections()
    assert not Decision.objects.exists()
    cut_others()  # which the database still sleeps for
