"""The net acts once, in time, by the ordinary verb, and says that it did; where it may not, people are told."""

import contextlib
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisConnectionError

from accounts.models import User
from audit.models import Entry
from cancellations import decisions, delivery, history, rereading, sync
from cancellations.checks import AlreadyDecided, Details
from cancellations.models import CancellationRequest, Decision, Verdict
from marketplaces.errors import TemporaryFailure
from marketplaces.records import Page
from orders import sync as orders_sync
from orders.models import Order
from safety import catching, nets, tasks
from safety.models import Catch, SafetyNet, Telling
from safety.nets import Wish
from safety.offered import reject_reasons
from shops.markets import capabilities
from shops.models import Membership, MoneyCap, Role, Shop, SyncCursor
from tests.factories import ShopFactory, member
from tests.safety.conftest import waiting
from tests.world import World

Action, State = SafetyNet.Action, Decision.State


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The marketplace is not asked: it shows what there is."""

    def reread(order: Order) -> list[str]:
        return list(order.cancellations.values_list("marketplace_id", flat=True))

    monkeypatch.setattr(catching, "reread", reread)


def sweep() -> None:
    """As the beat's, with the tasks that it would send for done at once."""
    for pk in catching.due(timezone.now()).values_list("pk", flat=True):
        catching.act(pk)
    catching.tell_early(timezone.now())


def words_told() -> set[str]:
    return set(Telling.objects.filter(step="net").values_list("detail", flat=True))


@pytest.mark.django_db
@pytest.mark.usefixtures("quiet")
class TestTheMoment:
    def test_it_acts_so_many_minutes_before_and_no_sooner(self, shop: Shop, manager: User) -> None:
        nets.set_net(shop, manager, Wish(Action.APPROVE, 30))
        early, late = waiting(shop, 30.5), waiting(shop, 29.5)
        sweep()
        assert list(Decision.objects.values_list("cancellation", flat=True)) == [late.pk]
        CancellationRequest.objects.filter(pk=early.pk).update(deadline=timezone.now() + timedelta(minutes=29))
        sweep()
        assert Decision.objects.count() == 2

    def test_it_acts_once_for_a_deadline_and_again_when_that_has_moved(self, shop: Shop, manager: User) -> None:
        nets.set_net(shop, manager, Wish(Action.APPROVE, 30))
        row = waiting(shop, 20)
        sweep()
        decision = Decision.objects.get()
        decisions.withdraw(decision, manager)  # somebody did not want it
        sweep()
        assert Decision.objects.count() == 1
        CancellationRequest.objects.filter(pk=row.pk).update(deadline=timezone.now() + timedelta(hours=2))
        sweep()
        assert Decision.objects.count() == 1
        CancellationRequest.objects.filter(pk=row.pk).update(deadline=timezone.now() + timedelta(minutes=10))
        sweep()
        assert Catch.objects.filter(cancellation=row).count() == 2

    def test_it_is_sent_before_the_deadline_however_long_people_may_undo(
        self, shop: Shop, manager: User, settings: Any
    ) -> None:
        settings.UNDO_SECONDS = 3600
        nets.set_net(shop, manager, Wish(Action.APPROVE, 10))
        row = waiting(shop, 9)
        sweep()
        assert row.deadline
        assert Decision.objects.get().send_after < row.deadline - timedelta(minutes=4)

    def test_what_is_over_is_left_alone(self, shop: Shop, manager: User) -> None:
        nets.set_net(shop, manager, Wish(Action.APPROVE, 30))
        waiting(shop, -1)
        sweep()
        assert not Decision.objects.exists()
        assert not Telling.objects.exists()

    def test_it_is_off_until_somebody_sets_it_and_when_it_was_switched_off(self, shop: Shop, manager: User) -> None:
        waiting(shop, 5)
        sweep()
        nets.set_net(shop, manager, Wish(Action.APPROVE, 30))
        nets.switch_off(shop, manager)
        sweep()
        assert not Decision.objects.exists()

    def test_only_telling_decides_nothing(self, shop: Shop, manager: User, agent: User) -> None:
        nets.set_net(shop, manager, Wish(Action.TELL, 30))
        waiting(shop, 20)
        sweep()
        sweep()
        assert not Decision.objects.exists()
        told = sorted(Telling.objects.values_list("person__first_name", "channel"))
        assert told == [("Anna", "email"), ("Anna", "in_app"), ("Mina", "email"), ("Mina", "in_app")]

    def test_many_that_were_told_keep_nobody_from_hearing_of_the_others(
        self, shop: Shop, manager: User, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sent: list[int] = []

        def does_it(args: tuple[int], **_options: Any) -> None:
            sent.append(*args)
            catching.act(*args)

        monkeypatch.setattr(tasks.act, "apply_async", does_it)
        settings.SAFETY_AT_ONCE = 2
        nets.set_net(shop, manager, Wish(Action.TELL, 30))
        rows = [waiting(shop, minutes).pk for minutes in (10, 12, 14, 16, 18)]
        for _ in range(4):
            tasks.sweep_nets()
        assert sent == rows

    def test_a_person_who_is_at_it_is_left_to_it(self, shop: Shop, manager: User, agent: User) -> None:
        nets.set_net(shop, manager, Wish(Action.APPROVE, 30))
        row = waiting(shop, 20)
        decisions.decide(row, Verdict.APPROVE, agent)
        sweep()
        assert not Catch.objects.exists()
        assert not Telling.objects.exists()

    def test_what_happened_says_that_the_net_did_it_and_who_set_it(self, shop: Shop, manager: User) -> None:
        nets.set_net(shop, manager, Wish(Action.APPROVE, 30))
        row = waiting(shop, 20)
        sweep()
        (line,) = [one for one in history.of_cancellation(row, timezone.now()) if one.name == "decision.recorded"]
        assert line.text == "The safety net decided, in the name of who set it: approve"
        assert line.who == "Mina"
        entry = Entry.objects.get(action="decision.recorded")
        assert (entry.actor, entry.after["by_safety_net"]) == (manager, True)
        caught = Catch.objects.get()
        assert (caught.set_by, caught.decision.made_by, caught.minutes) == (manager, manager, 30)


@pytest.mark.django_db
@pytest.mark.usefixtures("quiet")
class TestWhatItMayNotDo:
    def test_who_set_it_and_is_no_manager_any_more_has_people_told_instead(
        self, shop: Shop, manager: User, agent: User
    ) -> None:
        nets.set_net(shop, manager, Wish(Action.APPROVE, 30))
        Membership.objects.filter(user=manager).update(role=Role.VIEWER)
        waiting(shop, 20)
        sweep()
        assert not Decision.objects.exists()
        assert words_told() == {"Mina, who set it, may not do this in the shop any more."}

    def test_who_set_it_and_cannot_sign_in_any_more_decides_nothing(
        self, shop: Shop, manager: User, agent: User
    ) -> None:
        nets.set_net(shop, manager, Wish(Action.APPROVE, 30))
        User.objects.filter(pk=manager.pk).update(is_active=False)
        waiting(shop, 20)
        sweep()
        assert not Decision.objects.exists()
        assert {one.person for one in Telling.objects.all()} == {agent}

    def test_money_over_the_cap_waits_for_people_who_are_told_early(self, shop: Shop, manager: User) -> None:
        MoneyCap.objects.create(role=Role.MANAGER, currency="GBP", amount=10)
        nets.set_net(shop, manager, Wish(Action.APPROVE, 30))
        waiting(shop, 85)  # its moment is in 55 minutes
        sweep()
        assert words_told() == {"Approving this needs a second person."}
        Telling.objects.all().delete()
        CancellationRequest.objects.update(deadline=timezone.now() + timedelta(minutes=20))
        sweep()
        assert not Decision.objects.exists()
        assert words_told() == {"Approving this needs a second person."}

    def test_old_data_decides_nothing_unless_it_was_read_again_just_before(
        self, shop: Shop, manager: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unreachable(order: Any) -> None:
            raise TemporaryFailure("Nobody answers.")

        nets.set_net(shop, manager, Wish(Action.APPROVE, 30))
        SyncCursor.objects.update(synced_until=timezone.now() - timedelta(minutes=11))
        waiting(shop, 20)
        with monkeypatch.context() as cut:
            cut.setattr(catching, "reread", unreachable)
            sweep()
            assert not Decision.objects.exists()
            assert words_told() == {"What is known of this request is old, and it could not be read again."}
        Telling.objects.update(tried_at=timezone.now() - timedelta(minutes=1))
        sweep()  # the marketplace answers again
        assert Decision.objects.count() == 1

    def test_an_answer_without_the_request_makes_nothing_fresh(
        self, shop: Shop, manager: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(catching, "reread", rereading.reread)
        for module in (sync, orders_sync):
            monkeypatch.setattr(module, "call_for", lambda *_asked: Page([]))
        nets.set_net(shop, manager, Wish(Action.APPROVE, 30))
        SyncCursor.objects.update(synced_until=timezone.now() - timedelta(minutes=11))
        waiting(shop, 20)
        sweep()
        assert not Decision.objects.exists()
        assert words_told() == {"What is known of this request is old, and it could not be read again."}

    def test_what_it_could_not_do_is_tried_again_each_minute_after_what_was_never_tried(
        self, shop: Shop, manager: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = []

        def unreachable(order: Order) -> None:
            asked.append(order.pk)
            raise TemporaryFailure("Nobody answers.")

        monkeypatch.setattr(catching, "reread", unreachable)
        nets.set_net(shop, manager, Wish(Action.APPROVE, 30))
        SyncCursor.objects.update(synced_until=timezone.now() - timedelta(minutes=11))
        tried = waiting(shop, 10)
        sweep()
        sweep()
        assert asked == [tried.order_id]
        later, new = timezone.now() + timedelta(minutes=1), waiting(shop, 20)
        assert list(catching.due(later)) == [new, tried]

    def test_many_that_it_would_decide_keep_nobody_from_hearing_early_of_what_it_would_not(
        self, shop: Shop, manager: User, settings: Any
    ) -> None:
        settings.SAFETY_AT_ONCE = 2
        MoneyCap.objects.create(role=Role.MANAGER, currency="GBP", amount=10_000)
        nets.set_net(shop, manager, Wish(Action.APPROVE, 30))
        for minutes in (60, 62, 64):
            waiting(shop, minutes)
        dear = waiting(shop, 85, refund_total=20_000)
        for _ in range(60):
            catching.tell_early(timezone.now())
        assert set(Telling.objects.values_list("cancellation", flat=True)) == {dear.pk}

    def test_a_shop_that_has_to_be_connected_again_has_people_told(self, shop: Shop, manager: User) -> None:
        nets.set_net(shop, manager, Wish(Action.APPROVE, 30))
        shop.connection.state = "reconnect"
        shop.connection.save()
        waiting(shop, 20)
        sweep()
        assert not Decision.objects.exists()
        assert Telling.objects.filter(why="net_cannot").exists()

    def test_a_rule_that_ended_since_it_was_set_stops_it(self, manager: User, shop: Shop) -> None:
        american = ShopFactory(region="US", time_zone="America/Los_Angeles")
        Membership.objects.create(user=manager, shop=american, role=Role.MANAGER)
        SafetyNet.objects.create(
            shop=american, is_on=True, action="reject", reason="x", reason_text="X", minutes=30, set_by=manager
        )
        waiting(american, 20)
        sweep()
        assert not Decision.objects.exists()
        assert "March 31, 2024" in words_told().pop()

    def test_what_it_decided_and_the_marketplace_refused_is_told_and_not_tried_again(
        self, shop: Shop, manager: User
    ) -> None:
        nets.set_net(shop, manager, Wish(Action.APPROVE, 30))
        waiting(shop, 20)
        sweep()
        Decision.objects.update(state=State.REFUSED)
        for _ in range(2):
            sweep()
            catching.tell_of_failures(timezone.now())
        assert Decision.objects.count() == 1
        assert {one.detail for one in Telling.objects.all()} == {"The marketplace did not do what it decided."}
        assert Telling.objects.count() == 2  # here and by e-mail


@pytest.mark.django_db
@pytest.mark.usefixtures("quiet")
class TestAtEveryLine:
    def test_a_process_that_dies_in_between_leaves_neither_half(
        self, shop: Shop, manager: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        nets.set_net(shop, manager, Wish(Action.APPROVE, 30))
        waiting(shop, 20)

        class Died(BaseException):
            pass

        def dies(*_args: Any, **_more: Any) -> None:
            raise Died

        for place in ("safety.catching.Catch.objects.create", "cancellations.happening.note", "audit.log.write_each"):
            with monkeypatch.context() as dying:
                dying.setattr(place, dies)
                with pytest.raises(Died):
                    sweep()
            assert (Decision.objects.count(), Catch.objects.count()) == (0, 0)
        sweep()
        assert (Decision.objects.count(), Catch.objects.count()) == (1, 1)

    def test_the_database_keeps_a_second_one_out(self, shop: Shop, manager: User) -> None:
        nets.set_net(shop, manager, Wish(Action.APPROVE, 30))
        row = waiting(shop, 20)
        net = SafetyNet.objects.get()
        sweep()
        assert catching.catch(row, net, Details()) is None
        assert Catch.objects.count() == 1


class TestAgainstTheSandbox:
    def prepared(self, world: World, region: str, wish: Wish, **asked: Any) -> CancellationRequest:
        shop = world.shop(region)
        nets.set_net(shop, member(Role.MANAGER, shop), wish)
        row = world.asked_about(region, **asked)
        SafetyNet.objects.update(minutes=5760)  # the sandbox's deadlines are days ahead
        return row

    def effects(self, world: World, row: CancellationRequest) -> list[str]:
        for decision in Decision.objects.filter(cancellation=row):
            world.now()
            delivery.deliver(decision.pk)
        return world.effects(row)

    def test_two_sweeps_at_once_have_one_effect(self, world: World) -> None:
        row = self.prepared(world, "GB", Wish(Action.APPROVE, 30))
        at_once(lambda: catching.act(row.pk), lambda: catching.act(row.pk), lambda: catching.act(row.pk))
        assert self.effects(world, row) == ["cancellation.approved"]
        assert Catch.objects.count() == 1

    def test_a_person_at_the_same_moment_and_the_net_have_one_effect(self, world: World) -> None:
        row = self.prepared(world, "GB", Wish(Action.APPROVE, 30))

        def person() -> None:
            with contextlib.suppress(AlreadyDecided):
                world.approve(row)

        at_once(lambda: catching.act(row.pk), person)
        assert self.effects(world, row) == ["cancellation.approved"]
        assert Decision.objects.count() == 1

    def test_it_rejects_with_its_reason_where_that_is_on_offer_for_the_request(self, world: World) -> None:
        reason = first_reason(world.shop("GB"))
        row = self.prepared(world, "GB", Wish(Action.REJECT, 30, reason=reason, comment="It is on its way."))
        catching.act(row.pk)
        assert self.effects(world, row) == ["cancellation.rejected"]

    def test_a_reason_that_is_not_on_offer_tells_people(self, world: World) -> None:
        row = self.prepared(world, "GB", Wish(Action.REJECT, 30, reason=first_reason(world.shop("GB"))))
        SafetyNet.objects.update(reason="made_up", reason_text="Made up")
        catching.act(row.pk)
        assert self.effects(world, row) == []
        assert words_told() == {"The marketplace does not offer the reason “Made up” for it."}

    def test_a_cache_that_is_down_keeps_it_from_nothing(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        def breaks(*_asked: Any, **_more: Any) -> None:
            raise RedisConnectionError("connection refused")

        row = self.prepared(world, "GB", Wish(Action.REJECT, 30, reason=first_reason(world.shop("GB"))))
        for name in ("get", "set", "add", "incr", "delete", "get_many", "set_many"):
            monkeypatch.setattr(f"django.core.cache.cache.{name}", breaks)
        catching.act(row.pk)
        assert not words_told()
        assert self.effects(world, row) == ["cancellation.rejected"]

    def test_it_ships_to_reject_in_the_us_where_a_package_is_ready(self, world: World) -> None:
        row = self.prepared(world, "US", Wish(Action.SHIP_TO_REJECT, 30), shipping_type="marketplace")
        catching.act(row.pk)
        assert not words_told()
        assert self.effects(world, row) == ["package.shipped", "cancellation.rejected_by_shipping"]

    def test_what_the_buyer_took_back_meanwhile_is_read_before_anything_is_decided(self, world: World) -> None:
        row = self.prepared(world, "GB", Wish(Action.APPROVE, 30))
        world.sandbox.post("buyer", action="withdraw", cancel_id=row.marketplace_id)
        catching.act(row.pk)
        assert not Decision.objects.exists()
        assert not Telling.objects.exists()


def first_reason(shop: Shop) -> str:
    return reject_reasons(shop, capabilities(shop, timezone.now()))[0][0]


def at_once(*calls: Any) -> None:
    """All of them, each in a thread with a connection of its own, begun together."""
    gate, broken = threading.Barrier(len(calls)), []

    def run(call: Any) -> None:
        gate.wait()
        try:
            call()
        except BaseException as error:
            broken.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not broken, broken
