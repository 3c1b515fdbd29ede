"""What a net can be in which market, with the reason and its date where it cannot."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import call_command
from django.utils import timezone

from accounts.models import User
from audit.models import Entry
from cancellations.models import Event
from safety import nets
from safety.ladder import Wish as Rung
from safety.ladder import set_ladder
from safety.models import SafetyNet
from safety.nets import Wish, would_have_caught
from safety.offered import choices
from shops.models import Role, Shop
from tests.factories import CancellationFactory, DecisionFactory, ShopFactory, at, member
from tests.safety.conftest import waiting

pytestmark = pytest.mark.django_db
Action = SafetyNet.Action
AFTER, BEFORE = at("2026-11-21 12:00"), at("2024-03-30 12:00")


def offered(region: str, now: Any = AFTER, **more: Any) -> dict[str, str]:
    return {one.action: one.why_not for one in choices(ShopFactory(region=region, **more), now)}


class TestMarkets:
    def test_in_the_us_rejecting_ended_on_a_day_and_shipping_is_the_way(self) -> None:
        after, before = offered("US", time_zone="America/Los_Angeles"), offered("US", BEFORE)
        assert "March 31, 2024" in after[Action.REJECT]
        assert not before[Action.REJECT]
        assert not after[Action.SHIP_TO_REJECT]
        assert not offered("US", allows_reject=True)[Action.REJECT]

    def test_elsewhere_shipping_rejects_nothing(self) -> None:
        told = offered("GB")
        assert "Only in the US" in told[Action.SHIP_TO_REJECT]
        assert not (told[Action.TELL] or told[Action.APPROVE] or told[Action.REJECT])

    def test_without_deadlines_there_is_no_last_moment(self) -> None:
        told = offered("US", marketplace="crux_timp")
        assert all("names no deadline" in words for words in told.values())

    def test_each_choice_says_how_it_stands_to_silence(self) -> None:
        said = {one.action: one.effect for one in choices(ShopFactory(), AFTER)}
        assert said[Action.APPROVE].endswith("Silence would do the same, only later.")
        assert said[Action.REJECT].endswith("Silence would do the opposite.")
        assert "TikTok Shop approves" in said[Action.TELL]


class TestSetting:
    def test_a_manager_sets_it_and_it_is_written_down(self, shop: Shop, manager: User) -> None:
        net = nets.set_net(shop, manager, Wish(Action.APPROVE, 45))
        assert (net.is_on, net.set_by, net.minutes) == (True, manager, 45)
        assert Entry.objects.get().action == "safety_net.set"
        nets.switch_off(shop, manager)
        assert not SafetyNet.objects.get().is_on

    def test_nobody_else_does(self, shop: Shop, agent: User) -> None:
        for verb in (lambda: nets.set_net(shop, agent, Wish()), lambda: nets.switch_off(shop, agent)):
            with pytest.raises(PermissionDenied):
                verb()

    @pytest.mark.parametrize(
        ("wish", "field"),
        [
            (Wish("fly"), "action"), (Wish(Action.SHIP_TO_REJECT), "action"), (Wish(Action.APPROVE, 4), "minutes"),
            (Wish(Action.APPROVE, 5761), "minutes"), (Wish(Action.REJECT), "reason"),
            (Wish(Action.REJECT, reason="made_up"), "reason"), (Wish(Action.APPROVE, reason="x"), "reason"),
            (Wish(Action.APPROVE, comment="x"), "comment"), (Wish(Action.REJECT, comment="x" * 5000), "comment"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_is_told_at_its_field(self, shop: Shop, manager: User, wish: Wish, field: str) -> None:
        with pytest.raises(ValidationError) as refused:
            nets.set_net(shop, manager, wish)
        assert field in refused.value.message_dict
        assert not SafetyNet.objects.exists()

    def test_nobody_lets_a_net_do_what_they_may_not_do(self, shop: Shop) -> None:
        person = member(Role.MANAGER, shop)
        person.memberships.update(permissions=["reject"])
        with pytest.raises(ValidationError, match="permission"):
            nets.set_net(shop, person, Wish(Action.APPROVE))
        nets.set_net(shop, person, Wish(Action.TELL))


class TestHadItBeenOn:
    def test_what_nobody_had_decided_by_then_counts(self, shop: Shop) -> None:
        now = timezone.now()
        late = waiting(shop, -60, created_at=now - timedelta(days=2))
        in_time = waiting(shop, -60, created_at=now - timedelta(days=2))
        DecisionFactory(cancellation=in_time, state="confirmed", made_at=now - timedelta(hours=3))
        DecisionFactory(cancellation=late, state="confirmed", made_at=now - timedelta(minutes=70))
        waiting(shop, 600)  # whose moment is to come
        waiting(shop, -60 * 24 * 31, created_at=now - timedelta(days=40))
        assert would_have_caught(shop, 30, now) == 1
        assert would_have_caught(shop, 5, now) == 0

    def test_settled_ones_are_known_by_what_happened(self, shop: Shop) -> None:
        now = timezone.now()
        row = CancellationFactory(
            order__shop=shop, needs_answer=False, deadline=None, state="approved", created_at=now - timedelta(days=2)
        )
        detail = {"to": "approved", "deadline": (now - timedelta(days=1)).isoformat()}
        Event.objects.create(
            shop=shop, cancellation=row, name="cancellation.moved", at=now - timedelta(days=1), detail=detail
        )
        assert would_have_caught(shop, 30, now) == 1


def test_the_command_lists_what_comes_next(shop: Shop, manager: User) -> None:
    nets.set_net(shop, manager, Wish(Action.APPROVE, 30))
    set_ladder(shop, manager, [Rung(60, "agents", "in_app")])
    row = waiting(shop, 120)
    told = StringIO()
    call_command("safety", shop=shop.pk, stdout=told)
    assert row.deadline
    lines = told.getvalue().splitlines()
    assert lines[0] == str(shop)
    assert lines[2].endswith("60 min: everybody who answers requests of the shop")
    assert lines[3] == f"    {row.deadline - timedelta(minutes=30):%Y-%m-%d %H:%M} safety net: approve"
