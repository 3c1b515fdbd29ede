"""Who is told when: each once for a deadline, in time, and nobody once somebody has answered."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from accounts.models import User
from audit.models import Entry
from cancellations import decisions
from cancellations.models import CancellationRequest, Claim, Decision, Verdict
from safety import by_hand, ladder, sending
from safety.ladder import Wish, climb, set_ladder
from safety.models import Rung, Telling
from shops import heartbeat
from shops.models import Membership, Role, Shop, ShopGroup, SyncCursor
from tests.factories import DecisionFactory, ShopFactory, UserFactory, member
from tests.safety.conftest import waiting

pytestmark = pytest.mark.django_db
HELD_UP = "The decision (approve) is held up and needs somebody."
Who, Channel, Why = Rung.Who, Telling.NEXT, Telling.Why
AGENTS = Wish(60, Who.AGENTS, "email")


def told() -> list[tuple[str, str]]:
    return sorted(Telling.objects.values_list("person__first_name", "channel"))


class TestTheMoment:
    def test_each_rung_comes_at_its_own_minute(self, shop: Shop, manager: User, agent: User) -> None:
        set_ladder(shop, manager, [Wish(120, Who.AGENTS, "in_app"), Wish(30, Who.MANAGERS, "email")])
        row, now = waiting(shop, 121), timezone.now()
        climb(now)
        assert told() == []
        climb(now + timedelta(minutes=2))
        assert told() == [("Anna", "in_app"), ("Mina", "in_app")]
        climb(now + timedelta(minutes=92))
        assert told() == [("Anna", "in_app"), ("Mina", "email"), ("Mina", "in_app")]
        assert row.deadline
        climb(row.deadline)
        assert Telling.objects.count() == 3

    def test_nobody_is_told_twice_however_often_it_is_looked(self, shop: Shop, manager: User, agent: User) -> None:
        set_ladder(shop, manager, [AGENTS])
        waiting(shop, 20)
        for _ in range(3):
            climb(timezone.now())
        set_ladder(shop, manager, [AGENTS, Wish(10, Who.MANAGERS, "email")])  # saved again
        climb(timezone.now())
        assert told() == [("Anna", "email"), ("Mina", "email")]

    def test_a_deadline_that_moves_away_is_told_of_again_when_it_nears(self, shop: Shop, manager: User) -> None:
        set_ladder(shop, manager, [AGENTS])
        waiting(shop, 20)
        climb(timezone.now())
        CancellationRequest.objects.update(deadline=timezone.now() + timedelta(hours=5))
        climb(timezone.now())
        assert Telling.objects.count() == 1
        sending.deliver()
        assert Telling.objects.get().state == Telling.State.DROPPED  # that moment is none any more
        climb(timezone.now() + timedelta(hours=4, minutes=30))
        assert Telling.objects.count() == 2

    @examples(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        minutes=st.integers(5, 5760), left=st.floats(-100, 6000), moved=st.floats(-100, 6000),
    )  # fmt: skip
    def test_a_rung_has_come_exactly_between_its_minute_and_the_deadline(
        self, shop: Shop, manager: User, minutes: int, left: float, moved: float
    ) -> None:
        Rung.objects.all().delete()
        rung = Rung.objects.create(shop=shop, minutes=minutes, who=Who.AGENTS, channel="email")
        now = timezone.now()
        CancellationRequest.objects.all().delete()
        row = waiting(shop, left, now)
        for at in (left, moved):
            CancellationRequest.objects.filter(pk=row.pk).update(deadline=now + timedelta(minutes=at))
            found = ladder.waiting_at(rung, {shop.pk}, now)
            deadline = CancellationRequest.objects.get(pk=row.pk).deadline
            assert deadline
            assert bool(found) == (now < deadline <= now + timedelta(minutes=minutes))

    @pytest.mark.parametrize("state", ["unsigned", "recorded", "sending", "accepted"])
    def test_rungs_stop_when_it_is_decided_and_go_on_when_that_came_to_nothing(
        self, shop: Shop, manager: User, state: str
    ) -> None:
        set_ladder(shop, manager, [AGENTS])
        made = DecisionFactory(cancellation=waiting(shop, 20), state=state)
        climb(timezone.now())
        assert told() == []
        Decision.objects.filter(pk=made.pk).update(state="refused")
        climb(timezone.now())
        assert told() == [("Mina", "email")]

    def test_what_was_decided_before_it_went_out_is_told_to_nobody(
        self, shop: Shop, manager: User, mailoutbox: list[Any]
    ) -> None:
        set_ladder(shop, manager, [AGENTS])
        row = waiting(shop, 20)
        climb(timezone.now())
        decisions.decide(row, Verdict.APPROVE, manager)
        sending.deliver()
        CancellationRequest.objects.update(needs_answer=False)
        Telling.objects.update(due_at=timezone.now())
        sending.deliver()
        assert not mailoutbox
        assert Telling.objects.get().state == Telling.State.DROPPED

    def test_a_decision_that_is_taken_back_has_people_told_after_all(
        self, shop: Shop, manager: User, mailoutbox: list[Any]
    ) -> None:
        set_ladder(shop, manager, [AGENTS])
        row = waiting(shop, 20)
        climb(timezone.now())
        made = decisions.decide(row, Verdict.APPROVE, manager)
        sending.deliver()
        decisions.withdraw(made, manager)
        assert Telling.objects.get().due_at <= timezone.now() + timedelta(seconds=15)
        Telling.objects.update(due_at=timezone.now())
        climb(timezone.now())
        sending.deliver()
        assert len(mailoutbox) == 1


class TestWhoIsTold:
    def test_who_it_is_assigned_to_or_has_it_open_else_those_who_answer(
        self, shop: Shop, manager: User, agent: User
    ) -> None:
        set_ladder(shop, manager, [Wish(60, Who.ASSIGNEE, "email")])
        waiting(shop, 20, assigned_to=agent)
        climb(timezone.now())
        assert told() == [("Anna", "email")]
        opened = waiting(shop, 20)
        Claim.objects.create(cancellation=opened, user=manager, until=timezone.now() + timedelta(minutes=5))
        climb(timezone.now())
        assert told() == [("Anna", "email"), ("Mina", "email")]
        waiting(shop, 20)
        climb(timezone.now())
        assert told() == [("Anna", "email")] * 2 + [("Mina", "email")] * 2

    def test_somebody_who_left_is_replaced_by_those_who_are_there(self, shop: Shop, manager: User, agent: User) -> None:
        set_ladder(shop, manager, [Wish(60, Who.PERSON, "email", agent), Wish(59, Who.ASSIGNEE, "email")])
        User.objects.filter(pk=agent.pk).update(is_active=False)
        waiting(shop, 20, assigned_to=agent)
        climb(timezone.now())
        assert told() == [("Mina", "email"), ("Mina", "email")]

    def test_members_through_a_group_count_and_superusers_where_there_is_nobody(self, db: None, shop: Shop) -> None:
        root = UserFactory(is_superuser=True, first_name="Root")
        set_ladder(None, root, [AGENTS])
        row = waiting(shop, 20)
        climb(timezone.now())
        assert told() == [("Root", "email")]
        group = ShopGroup.objects.create(name="All")
        group.shops.add(shop)
        Membership.objects.create(user=UserFactory(first_name="Gerd"), group=group, role=Role.AGENT)
        CancellationRequest.objects.filter(pk=row.pk).update(deadline=timezone.now() + timedelta(minutes=10))
        climb(timezone.now())
        assert told() == [("Gerd", "email"), ("Root", "email")]

    def test_a_shops_own_rungs_replace_those_for_all(self, shop: Shop, manager: User) -> None:
        other = ShopFactory()
        member(Role.AGENT, other, first_name="Olga")
        set_ladder(None, UserFactory(is_superuser=True), [Wish(60, Who.AGENTS, "in_app")])
        set_ladder(shop, manager, [AGENTS])
        waiting(shop, 20)
        waiting(other, 20)
        climb(timezone.now())
        assert told() == [("Mina", "email"), ("Olga", "in_app")]
        set_ladder(shop, manager, [])
        assert [rung.channel for rung in ladder.effective(shop)] == ["in_app"]


class TestWhoSetsIt:
    def test_managers_set_their_shops_and_superusers_what_holds_in_all(
        self, shop: Shop, manager: User, agent: User
    ) -> None:
        for user, place in ((agent, shop), (manager, None)):
            with pytest.raises(PermissionDenied):
                set_ladder(place, user, [AGENTS])
            with pytest.raises(PermissionDenied):
                ladder.set_chat(place, user, "https://chat.example/hook")
        set_ladder(shop, manager, [AGENTS])
        assert Entry.objects.get(action="ladder.set").after == {"rungs": ["60 min, agents, email"]}

    @pytest.mark.parametrize(
        "wish",
        [
            Wish(4, Who.AGENTS, "email"), Wish(5761, Who.AGENTS, "email"), Wish(60, "nobody", "email"),
            Wish(60, Who.AGENTS, "pigeon"), Wish(60, Who.PERSON, "email"),
        ],
    )  # fmt: skip
    def test_nonsense_is_refused_by_number_and_nothing_is_half_saved(
        self, shop: Shop, manager: User, wish: Wish
    ) -> None:
        with pytest.raises(ValidationError) as refused:
            set_ladder(shop, manager, [AGENTS, wish])
        assert refused.value.message_dict["rungs"][0].startswith("Step 2:")
        assert not Rung.objects.exists()

    def test_a_stranger_to_the_shop_is_no_one_to_be_told(self, shop: Shop, manager: User) -> None:
        with pytest.raises(ValidationError, match="no member"):
            set_ladder(shop, manager, [Wish(60, Who.PERSON, "email", UserFactory())])

    @pytest.mark.parametrize("url", ["http://chat.example/x", "https://127.0.0.1/x", "https://localhost/x", "chat", ""])
    def test_an_address_inside_or_without_a_lock_is_refused(self, shop: Shop, manager: User, url: str) -> None:
        with pytest.raises(ValidationError):
            ladder.set_chat(shop, manager, url)

    def test_the_audit_log_knows_of_an_address_only_its_host(self, shop: Shop, manager: User) -> None:
        ladder.set_chat(shop, manager, "https://chat.example/services/secret")
        ladder.remove_chat(shop, manager)
        assert [entry.after or entry.before for entry in Entry.objects.order_by("pk")] == [{"host": "chat.example"}] * 2


class TestWhenTheLinkIsDown:
    def look(self) -> set[str]:
        by_hand.look(timezone.now())
        return set(Telling.objects.filter(step="link").values_list("detail", flat=True))

    def test_all_is_well_and_nobody_is_told(self, shop: Shop, manager: User) -> None:
        waiting(shop, 20)
        assert self.look() == set()

    def test_people_are_told_an_hour_before_and_once(self, shop: Shop, manager: User) -> None:
        shop.connection.state = "reconnect"
        shop.connection.save()
        waiting(shop, 61)
        assert self.look() == set()
        waiting(shop, 59)
        assert self.look() == self.look() == {"The shop has to be connected again: nothing is read or sent."}
        assert told() == [("Mina", "email"), ("Mina", "in_app")]

    def test_many_that_are_well_keep_nobody_from_hearing_of_a_shop_that_is_cut_off(
        self, shop: Shop, manager: User, settings: Any
    ) -> None:
        settings.SAFETY_AT_ONCE = 2
        cut_off = waiting(ShopFactory(connection__state="reconnect"), 40)
        for minutes in (10, 10, 20, 30, 50):
            waiting(shop, minutes)
        self.look()
        assert set(Telling.objects.values_list("cancellation", flat=True)) == {cut_off.pk}

    def test_so_they_are_when_pulls_fail(self, shop: Shop, manager: User) -> None:
        SyncCursor.objects.update(synced_until=timezone.now() - timedelta(minutes=11))
        waiting(shop, 20)
        assert self.look().pop().startswith("The shop could not be read for some time")

    def test_so_they_are_when_no_worker_lives(self, shop: Shop, manager: User) -> None:
        with time_machine.travel(timezone.now() - timedelta(minutes=2), tick=False):
            heartbeat.note(heartbeat.WORKER)
        waiting(shop, 20)
        assert self.look() == {"No worker has been heard of: nothing is sent."}

    def test_while_a_house_comes_up_that_nobody_was_seen_yet_alarms_nobody(self, shop: Shop, manager: User) -> None:
        cache.clear()
        waiting(shop, 20)
        assert self.look() == set()
        SyncCursor.objects.update(synced_until=timezone.now() - timedelta(minutes=11))
        assert self.look().pop().startswith("The shop could not be read for some time")

    @pytest.mark.parametrize(
        ("columns", "words"),
        [
            (
                {"state": "stalled", "stalled_because": "reconnect"},
                HELD_UP,
            ),
            ({"state": "unsigned"}, "The decision (approve) waits for a second person."),
            ({"state": "recorded", "failures": 3}, "The decision (approve) could not be sent so far."),
        ],
    )
    def test_so_they_are_when_a_decision_gets_stuck(
        self, shop: Shop, manager: User, columns: dict[str, Any], words: str
    ) -> None:
        DecisionFactory(cancellation=waiting(shop, 20), **columns)
        assert self.look() == {words}

    def test_a_decision_on_its_way_is_no_trouble(self, shop: Shop, manager: User) -> None:
        DecisionFactory(cancellation=waiting(shop, 20), state="recorded")
        assert self.look() == set()
