"""The rows are the queue: messages only shorten the wait, and each may be lost or come twice."""

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from cancellations import delivery, sync, tasks
from cancellations.models import Decision
from config import demo
from config.celery import app
from shops import nudging, pulling
from shops.models import Connection, Role, Shop
from shops.tasks import renew_tokens
from tests.factories import CancellationFactory, DecisionFactory, ShopFactory, UserFactory, member
from tests.sandbox_process import free_port

State = Decision.State
ROOT = Path(__file__).resolve().parents[2]
LATER, EARLIER = timedelta(minutes=1), timedelta(minutes=-1)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The messages that would have gone to the broker: (task, arguments, what goes with them)."""
    messages: list[tuple[Any, ...]] = []

    def apply_async(args: tuple[Any, ...], **options: Any) -> None:
        messages.append(("deliver", *args, options))

    def delay(*args: Any, **named: Any) -> None:
        messages.append(("pull_shop", *args, named))

    nudging.arrived(tasks.end_of_sweep)
    monkeypatch.setattr(tasks.deliver, "apply_async", apply_async)
    monkeypatch.setattr(tasks.pull_shop, "delay", delay)
    return messages


def about_one_with_a_deadline_in(minutes: int | None, *, due_minutes_ago: int = 1) -> Decision:
    deadline = None if minutes is None else timezone.now() + timedelta(minutes=minutes)
    due_at = timezone.now() - timedelta(minutes=due_minutes_ago)
    made: Decision = DecisionFactory(cancellation__deadline=deadline, due_at=due_at)
    return made


@pytest.mark.django_db
class TestSweepingDecisions:
    @pytest.mark.parametrize("state", State.values)
    def test_those_that_move_and_whose_time_has_come_are_sent_for(
        self, sent: list[tuple[Any, ...]], state: str
    ) -> None:
        because = "outcome_unknown" if state == State.STALLED else ""
        made = DecisionFactory(state=state, stalled_because=because, due_at=timezone.now() + EARLIER)
        tasks.sweep_decisions()
        assert [message[1] for message in sent] == ([made.pk] if state in Decision.MOVING else [])

    @pytest.mark.parametrize("state", Decision.MOVING)
    def test_those_whose_time_is_to_come_are_left(self, sent: list[tuple[Any, ...]], state: str) -> None:
        DecisionFactory(state=state, due_at=timezone.now() + LATER)
        tasks.sweep_decisions()
        assert sent == []

    def test_what_silence_decides_next_comes_first(self, sent: list[tuple[Any, ...]]) -> None:
        made = [about_one_with_a_deadline_in(minutes) for minutes in (90, 5, 30)]
        tasks.sweep_decisions()
        assert [message[1] for message in sent] == [made[1].pk, made[2].pk, made[0].pk]

    @pytest.mark.parametrize("deadline", [None, -1])
    def test_what_no_deadline_hurries_waits_its_turn_for_an_hour(
        self, sent: list[tuple[Any, ...]], deadline: int | None
    ) -> None:
        soon, later = about_one_with_a_deadline_in(5), about_one_with_a_deadline_in(90)
        unhurried = [about_one_with_a_deadline_in(deadline, due_minutes_ago=minutes) for minutes in (1, 61, 3)]
        tasks.sweep_decisions()
        in_turn = [unhurried[1], soon, unhurried[2], unhurried[0], later]
        assert [message[1] for message in sent] == [decision.pk for decision in in_turn]

    def test_a_great_many_are_taken_in_parts(
        self, sent: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tasks, "SWEPT_AT_ONCE", 2)
        DecisionFactory.create_batch(3)
        tasks.sweep_decisions()
        assert len(sent) == 2

    def test_sweeping_changes_no_row_so_a_lost_message_is_sent_again(self, sent: list[tuple[Any, ...]]) -> None:
        made = DecisionFactory()
        tasks.sweep_decisions()
        nudging.arrived(tasks.end_of_sweep)
        tasks.sweep_decisions()
        assert [message[1] for message in sent] == [made.pk, made.pk]

    def test_while_the_messages_of_one_sweep_wait_the_next_sends_none(
        self, sent: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ends: list[Any] = []
        monkeypatch.setattr(tasks.end_of_sweep, "apply_async", lambda args, **options: ends.append(args))
        DecisionFactory.create_batch(2)
        for _ in range(3):
            tasks.sweep_decisions()
        assert (len(sent), ends) == (2, [()])
        tasks.end_of_sweep()  # which comes behind the others
        tasks.sweep_decisions()
        assert len(sent) == 4

    def test_a_sweep_that_finds_nothing_sends_no_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tasks.end_of_sweep, "apply_async", lambda *args, **options: pytest.fail("an end"))
        tasks.sweep_decisions()

    def test_messages_that_waited_for_long_are_thrown_away_so_that_they_do_not_pile_up(
        self, sent: list[tuple[Any, ...]]
    ) -> None:
        made = DecisionFactory()
        tasks.sweep_decisions()
        assert sent == [("deliver", made.pk, {"expires": 30})]


@pytest.mark.django_db
class TestPullingDueShops:
    def test_each_is_asked_for_once_until_it_is_due_again(self, sent: list[tuple[Any, ...]]) -> None:
        due = ShopFactory.create_batch(2, next_pull_at=timezone.now() + EARLIER)
        ShopFactory(next_pull_at=timezone.now() + LATER)
        tasks.pull_due_shops()
        tasks.pull_due_shops()
        assert sorted(message[1] for message in sent) == sorted(shop.pk for shop in due)

    def test_those_that_are_switched_off_or_cut_off_are_left(self, sent: list[tuple[Any, ...]]) -> None:
        ShopFactory(is_active=False)
        for state in (Connection.State.RECONNECT, Connection.State.DISCONNECTED):
            ShopFactory(connection__state=state)
        tasks.pull_due_shops()
        assert sent == []

    def test_one_that_is_to_be_read_whole_is_so_until_a_worker_has_done_it(
        self, sent: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shop = ShopFactory(wants_full_pull=True, next_pull_at=timezone.now() + EARLIER)
        tasks.pull_due_shops()  # and this message is lost
        Shop.objects.update(next_pull_at=timezone.now() + EARLIER)
        tasks.pull_due_shops()
        assert sent == [("pull_shop", shop.pk, {})] * 2
        pulled: list[bool] = []
        monkeypatch.setattr(sync, "pull", lambda shop, *, full: pulled.append(full))
        tasks.pull_shop(shop.pk)
        Shop.objects.update(wants_full_pull=False)
        tasks.pull_shop(shop.pk)
        assert pulled == [True, False]

    def test_the_next_pull_is_as_far_away_as_the_settings_say(self, sent: list[tuple[Any, ...]], settings: Any) -> None:
        settings.PULL_EVERY_SECONDS = 100
        shop = ShopFactory(next_pull_at=timezone.now() + EARLIER)
        tasks.pull_due_shops()
        shop.refresh_from_db()
        assert 95 < (shop.next_pull_at - timezone.now()).total_seconds() <= 100

    def test_after_a_long_pull_a_shop_rests_whoever_asks_but_a_person(
        self, sent: list[tuple[Any, ...]], settings: Any
    ) -> None:
        settings.PULL_EVERY_SECONDS = 100
        shop = ShopFactory()
        pulling.rest_after(shop, timedelta(seconds=4))
        shop.refresh_from_db()
        assert shop.rests_until and 35 < (shop.rests_until - timezone.now()).total_seconds() <= 36
        pulling.ask_for_pull(shop)
        tasks.pull_due_shops()
        assert sent == []
        pulling.ask_for_pull(shop, by=UserFactory())
        tasks.pull_due_shops()
        assert sent == [("pull_shop", shop.pk, {})]

    def test_a_shop_rests_no_longer_than_until_its_next_pull_and_not_at_all_after_a_short_one(
        self, settings: Any
    ) -> None:
        settings.PULL_EVERY_SECONDS = 60
        shop = ShopFactory()
        pulling.rest_after(shop, timedelta(seconds=0.1))
        shop.refresh_from_db()
        assert shop.rests_until is None
        pulling.rest_after(shop, timedelta(minutes=10))
        shop.refresh_from_db()
        assert shop.rests_until and 55 < (shop.rests_until - timezone.now()).total_seconds() <= 60


@pytest.mark.django_db
class TestTasks:
    def test_each_is_one_call(self, monkeypatch: pytest.MonkeyPatch) -> None:
        called: list[Any] = []
        monkeypatch.setattr(delivery, "deliver", called.append)
        monkeypatch.setattr(sync, "pull", lambda shop, *, full: called.append((shop, full)))
        monkeypatch.setattr("shops.tokens.renew_due_tokens", lambda: called.append("renewed"))
        shop = ShopFactory()
        tasks.deliver(7)
        tasks.pull_shop(shop.pk, full=True)
        renew_tokens()
        assert called == [7, (shop, True), "renewed"]

    def test_beat_asks_for_tasks_that_are_there(self) -> None:
        app.loader.import_default_modules()
        assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)

    def test_what_waits_for_servers_of_others_holds_up_no_decision(self) -> None:
        def queue(task: str) -> str:
            routed = app.amqp.router.route({}, task)
            return str(routed["queue"].name if "queue" in routed else app.conf.task_default_queue)

        assert queue("webhooks.tasks.deliver") == queue("exports.tasks.write_export") == "outside"
        assert queue("safety.tasks.sweep_tellings") == queue("safety.tasks.deliver") == "outside"
        assert queue("safety.tasks.sweep_nets") == queue("safety.tasks.act") == "celery"
        assert queue("cancellations.tasks.deliver") == queue("webhooks.tasks.relay") == "celery"

    @pytest.mark.parametrize(
        ("many", "urgent", "queue"),
        [
            ("cancellations.tasks.deliver", "shops.tasks.heartbeat", "celery"),
            ("cancellations.tasks.pull_shop", "cancellations.tasks.sweep_decisions", "celery"),
            ("cancellations.pushes.process_pushes", "safety.tasks.act", "celery"),
            ("webhooks.tasks.deliver", "shops.tasks.heartbeat_outside", "outside"),
            ("exports.tasks.write_export", "safety.tasks.sweep_tellings", "outside"),
        ],
    )
    def test_what_beat_sends_goes_before_thousands_that_wait(self, many: str, urgent: str, queue: str) -> None:
        with app.connection_for_write() as connection:
            channel: Any = connection.channel()
            channel.queue_purge(queue)
            for task in (many, many, urgent, many):
                app.send_task(task, (1,), connection=connection)
            taken = [channel.basic_get(queue, no_ack=True).headers["task"] for _ in range(4)]
        assert taken == [urgent, many, many, many]

    def test_the_last_message_of_a_sweep_comes_after_the_others(self) -> None:
        routed = [app.amqp.router.route({}, f"cancellations.tasks.{task}") for task in ("deliver", "end_of_sweep")]
        assert routed[0]["priority"] == routed[1]["priority"]

    def test_each_queue_has_its_workers_in_the_demo_and_in_production(self) -> None:
        compose = (ROOT / "compose.yaml").read_text()
        for name, command in (("celery", demo.DECIDING), ("outside", demo.OUTSIDE)):
            assert f"worker --queues {name} " in compose
            assert command[command.index("--queues") + 1] == name

    def test_sweeps_that_have_waited_for_long_are_thrown_away(self) -> None:
        frequent = [entry for entry in app.conf.beat_schedule.values() if entry["schedule"] < 60]
        assert len(frequent) == 12
        assert all(entry["options"]["expires"] <= 60 for entry in frequent)


class TestNudging:
    def test_the_message_waits_for_as_long_as_the_undo_window(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[tuple[Any, dict[str, Any]]] = []
        monkeypatch.setattr(tasks.deliver, "apply_async", lambda args, **options: asked.append((args, options)))
        tasks.nudge_delivery(7, 9.5)
        assert asked == [((7,), {"countdown": 9.5, "expires": 39.5, "retry": False})]

    def test_a_broker_that_is_down_takes_nothing_from_a_decision_and_keeps_nobody_waiting(
        self, product_environment: dict[str, str]
    ) -> None:
        asked = CancellationFactory()
        agent = member_of(asked.shop)
        deciding = (
            "from accounts.models import User; from cancellations.decisions import decide;"
            "from cancellations.models import CancellationRequest, Verdict;"
            "import time; began = time.monotonic(); asked = CancellationRequest.objects.get();"
            f"made = decide(asked, Verdict.APPROVE, User.objects.get(pk={agent}));"
            "print('decided', made.pk, 'in', time.monotonic() - began)"
        )
        done = subprocess.run(
            [sys.executable, "manage.py", "shell", "--no-imports", "-c", deciding],
            cwd=ROOT, capture_output=True, text=True, timeout=60,
            env={**product_environment, "CELERY_BROKER_URL": f"redis://127.0.0.1:{free_port()}/0"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        made = Decision.objects.get()
        told = re.search(rf"decided {made.pk} in ([\d.]+)", done.stdout)
        assert told and float(told[1]) < 3
        assert "broker.unreachable" in done.stdout + done.stderr
        assert made.state == State.RECORDED
        assert Decision.objects.due(made.due_at).get() == made


def member_of(shop: Shop) -> int:
    return member(Role.AGENT, shop).pk
