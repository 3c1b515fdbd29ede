"""What gives back more than one person may give back alone: who signs, what becomes of it meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.utils import timezone
from redis.exceptions import RedisError

from accounts.models import ApiToken, User
from audit.models import Entry
from cancellations import countersigning, decisions, live, tasks
from cancellations.checks import AlreadyDecided, Details, NotAllowed, TooLate
from cancellations.models import CancellationRequest, Decision, Event, Verdict
from marketplaces.records import Money, RefundParts
from orders.models import LineItem, Order
from shops.models import Membership, MoneyCap, Permission, Role, Shop, ShopGroup
from tests.factories import CancellationFactory, LineItemFactory, OrderFactory, UserFactory, member

pytestmark = pytest.mark.django_db
State = Decision.State
REASON = "seller_cancel_reason_out_of_stock_uk"


@pytest.fixture(autouse=True)
def nudges(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What the worker was asked for, in place of a broker."""
    asked: list[int] = []
    monkeypatch.setattr(tasks, "nudge_delivery", lambda pk, wait: asked.append(pk))
    return asked


@pytest.fixture
def asked() -> CancellationRequest:
    """Somebody wants 120 pounds back, and agents give back up to a hundred alone."""
    MoneyCap.objects.create(role=Role.AGENT, currency="GBP", amount=100)
    request: CancellationRequest = CancellationFactory(
        refund_total=Decimal(120), currency="GBP", order=OrderFactory(total=Decimal(130))
    )
    return request


@pytest.fixture
def decision(asked: CancellationRequest) -> Decision:
    """The agent Ada has approved it."""
    return decisions.decide(asked, Verdict.APPROVE, member(Role.AGENT, asked.shop, first_name="Ada"))


def another(decision: Decision, role: Role = Role.AGENT, **user: Any) -> User:
    return member(role, decision.shop, **user)


def needs(user: User, shop: Shop, amount: str | None, currency: str = "GBP") -> bool:
    money = Money(Decimal(amount), currency) if amount else None
    return countersigning.needs_second_person(user, shop, Verdict.APPROVE, money, None)


class TestTheCap:
    @pytest.mark.parametrize(("amount", "second"), [("99.99", False), ("100", False), ("100.01", True)])
    def test_up_to_it_one_person_gives_back_alone(self, asked: CancellationRequest, amount: str, second: bool) -> None:
        assert needs(member(Role.AGENT, asked.shop), asked.shop, amount) == second

    def test_another_role_has_another_or_none(self, asked: CancellationRequest) -> None:
        manager = member(Role.MANAGER, asked.shop)
        assert not needs(manager, asked.shop, "100000")
        MoneyCap.objects.create(role=Role.MANAGER, currency="GBP", amount=5000)
        assert (needs(manager, asked.shop, "5000"), needs(manager, asked.shop, "5001")) == (False, True)

    def test_a_currency_that_no_cap_names_is_over_all_of_them(self, asked: CancellationRequest) -> None:
        assert needs(member(Role.AGENT, asked.shop), asked.shop, "1", "EUR")

    def test_so_is_an_amount_that_nobody_knows(self, asked: CancellationRequest) -> None:
        assert needs(member(Role.AGENT, asked.shop), asked.shop, None)

    def test_without_any_cap_everybody_decides_alone(self) -> None:
        asked = CancellationFactory()
        assert not needs(member(Role.AGENT, asked.shop), asked.shop, None)

    def test_a_superuser_has_the_managers(self, asked: CancellationRequest) -> None:
        MoneyCap.objects.create(role=Role.MANAGER, currency="GBP", amount=5000)
        assert needs(UserFactory(is_superuser=True), asked.shop, "5001")

    def test_where_the_refund_is_not_told_the_whole_order_counts(self, asked: CancellationRequest) -> None:
        asked.refund_total = None
        money = countersigning.given_back_by_approval(asked)
        assert money and money.amount == Decimal(130)

    def test_items_count_all_that_may_go_back_with_them_and_all_of_them_what_the_order_cost(
        self,
    ) -> None:
        order = OrderFactory(total=Decimal(130))
        lines = [LineItemFactory(order=order, price=Decimal(40)) for _ in range(3)]
        one = countersigning.given_back_for_items(order, lines[:1], {lines[0].pk: 1})
        every = countersigning.given_back_for_items(order, lines, {line.pk: 1 for line in lines})
        assert (one.amount, every.amount) == (Decimal(50), Decimal(130))

    def test_a_role_without_caps_has_those_of_the_next_greater_one(self, asked: CancellationRequest) -> None:
        MoneyCap.objects.update(role=Role.MANAGER)
        assert needs(member(Role.AGENT, asked.shop), asked.shop, "101")

    def test_the_role_of_the_membership_that_allows_it_counts(self, asked: CancellationRequest) -> None:
        agent = member(Role.AGENT, asked.shop)
        group = ShopGroup.objects.create(name="Mugs")
        group.shops.add(asked.shop)
        Membership.objects.create(user=agent, group=group, role=Role.MANAGER, permissions=[])
        assert needs(agent, asked.shop, "101")

    def test_a_token_that_goes_less_far_has_no_other_cap(self, asked: CancellationRequest) -> None:
        MoneyCap.objects.create(role=Role.MANAGER, currency="GBP", amount=5000)
        manager = member(Role.MANAGER, asked.shop)
        manager.token = ApiToken(scope="decide")
        assert (needs(manager, asked.shop, "5000"), needs(manager, asked.shop, "5001")) == (False, True)

    def test_an_order_is_not_given_back_in_parts(self, asked: CancellationRequest) -> None:
        order: Order = OrderFactory(shop=asked.shop, total=Decimal(240))
        lines: list[LineItem] = [LineItemFactory(order=order, price=Decimal(60)) for _ in range(4)]
        agent = member(Role.AGENT, asked.shop)
        states = []
        for line in lines[:2]:
            made = decisions.cancel_items(order, {line.pk: 1}, agent, REASON)
            states.append(made.state)
            Decision.objects.filter(pk=made.pk).update(state=State.CONFIRMED)
            LineItem.objects.filter(pk=line.pk).update(is_cancelled=True, cancelled_quantity=1)
        assert states == [State.RECORDED, State.UNSIGNED]


class TestDeciding:
    def test_what_is_over_the_cap_waits_and_nothing_is_sent(
        self, decision: Decision, nudges: list[int], django_capture_on_commit_callbacks: Any
    ) -> None:
        assert (decision.state, decision.gives_back, decision.currency) == (State.UNSIGNED, Decimal(120), "GBP")
        assert nudges == []
        assert not Decision.objects.due(timezone.now() + timedelta(days=1)).exists()

    def test_nobody_else_can_decide_about_the_request_meanwhile(self, decision: Decision) -> None:
        assert decision.cancellation
        with pytest.raises(AlreadyDecided, match="waits for a second person"):
            decisions.decide(decision.cancellation, Verdict.REJECT, another(decision))

    def test_what_gives_no_money_back_needs_nobody(self, asked: CancellationRequest) -> None:
        details = Details(reason="package_sent")
        made = decisions.decide(asked, Verdict.REJECT, member(Role.AGENT, asked.shop), details)
        assert (made.state, made.gives_back) == (State.RECORDED, None)

    def test_items_wait_as_well(self, asked: CancellationRequest) -> None:
        order: Order = OrderFactory(shop=asked.shop, total=Decimal(500))
        line: LineItem = LineItemFactory(order=order, price=Decimal(200))
        LineItemFactory(order=order, price=Decimal(300))
        made = decisions.cancel_items(order, {line.pk: 1}, member(Role.AGENT, asked.shop), REASON)
        assert (made.state, made.gives_back) == (State.UNSIGNED, Decimal(200))

    def test_a_refund_of_items_that_was_just_previewed_is_what_counts(
        self, asked: CancellationRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        order: Order = OrderFactory(shop=asked.shop, total=Decimal(500))
        line: LineItem = LineItemFactory(order=order, price=Decimal(99))
        LineItemFactory(order=order, price=Decimal(300))
        total, none = Money(Decimal("101.75"), "GBP"), Money(Decimal(0), "GBP")
        parts = RefundParts(total, total, none, none, none)
        monkeypatch.setattr(live, "call_for", lambda shop, call: parts)
        live.refund_preview(order, {line.pk: 1}, REASON)
        made = decisions.cancel_items(order, {line.pk: 1}, member(Role.AGENT, asked.shop), REASON)
        assert (made.state, made.gives_back) == (State.UNSIGNED, Decimal("101.75"))

    def test_a_cache_that_is_down_keeps_nobody_from_deciding(
        self, asked: CancellationRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def down(key: str) -> None:
            raise RedisError(key)

        monkeypatch.setattr(cache, "get", down)
        line: LineItem = LineItemFactory(order=OrderFactory(shop=asked.shop, total=Decimal(12)), price=Decimal(12))
        made = decisions.cancel_items(line.order, {line.pk: 1}, member(Role.AGENT, asked.shop), REASON)
        assert made.gives_back == Decimal(12)

    def test_a_permission_that_is_missing_decides_nothing(self, asked: CancellationRequest) -> None:
        agent = member(Role.AGENT, asked.shop)
        agent.memberships.update(permissions=[Permission.REJECT])
        with pytest.raises(PermissionDenied, match="“approve”"):
            decisions.decide(asked, Verdict.APPROVE, agent)
        assert not Decision.objects.exists()


class TestCountersigning:
    def test_a_second_person_has_it_sent(
        self, decision: Decision, nudges: list[int], django_capture_on_commit_callbacks: Any
    ) -> None:
        grace = another(decision)
        with django_capture_on_commit_callbacks(execute=True):
            decisions.countersign(decision, grace)
        assert (decision.state, decision.countersigned_by) == (State.RECORDED, grace)
        assert decision.countersigned_at
        assert decision.due_at == decision.send_after > decision.made_at
        assert nudges == [decision.pk]
        assert Event.objects.get(name="decision.countersigned").actor == grace
        assert Entry.objects.get(action="decision.countersigned").actor == grace

    def test_never_the_one_who_decided(self, decision: Decision) -> None:
        assert decision.made_by
        with pytest.raises(NotAllowed, match="somebody else has to countersign"):
            decisions.countersign(decision, decision.made_by)
        decision.refresh_from_db()
        assert decision.state == State.UNSIGNED

    @pytest.mark.parametrize("verb", ["countersign", "decline"])
    def test_nor_anybody_who_may_not_decide_the_same(self, decision: Decision, verb: str) -> None:
        agent = another(decision)
        agent.memberships.update(permissions=[Permission.REJECT])
        for nobody in (agent, another(decision, Role.VIEWER), UserFactory()):
            with pytest.raises(PermissionDenied):
                getattr(decisions, verb)(decision, nobody, *(["no"] if verb == "decline" else []))
        decision.refresh_from_db()
        assert decision.state == State.UNSIGNED

    def test_not_twice(self, decision: Decision) -> None:
        decisions.countersign(decision, another(decision))
        with pytest.raises(NotAllowed, match="waits for no second person"):
            decisions.countersign(decision, another(decision))

    def test_not_what_has_become_impossible(self, decision: Decision) -> None:
        CancellationRequest.objects.update(needs_answer=False, state="closed")
        with pytest.raises(NotAllowed, match="settled"):
            decisions.countersign(decision, another(decision))

    def test_not_items_that_have_changed_since(self, asked: CancellationRequest) -> None:
        order: Order = OrderFactory(shop=asked.shop, total=Decimal(500))
        line: LineItem = LineItemFactory(order=order, price=Decimal(200))
        LineItemFactory(order=order, price=Decimal(300))
        made = decisions.cancel_items(order, {line.pk: 1}, member(Role.AGENT, asked.shop), REASON)
        LineItem.objects.filter(pk=line.pk).update(is_cancelled=True, cancelled_quantity=1)
        with pytest.raises(NotAllowed, match="has changed since"):
            decisions.countersign(made, another(made))

    def test_not_a_refund_that_has_grown_since(self, decision: Decision) -> None:
        CancellationRequest.objects.update(refund_total=Decimal(9000))
        with pytest.raises(NotAllowed, match="The refund has changed"):
            decisions.countersign(decision, another(decision))

    def test_not_by_who_decided_with_a_token_made_for_somebody_else(self, decision: Decision) -> None:
        grace = another(decision)
        grace.token = ApiToken(scope="decide", made_by=decision.made_by)
        with pytest.raises(NotAllowed, match="somebody else has to countersign"):
            decisions.countersign(decision, grace)

    def test_declining_sends_nothing_and_frees_the_request(self, decision: Decision) -> None:
        assert decision.cancellation
        grace = another(decision)
        decisions.decline(decision, grace, "Ask for a photo first.")
        assert (decision.state, str(decision.note)) == (State.WITHDRAWN, "Ask for a photo first.")
        assert decisions.decide(decision.cancellation, Verdict.APPROVE, grace)

    def test_declining_takes_a_reason(self, decision: Decision) -> None:
        with pytest.raises(ValidationError, match="Say why"):
            decisions.decline(decision, another(decision), "  ")

    def test_whoever_decided_takes_it_back_instead(self, decision: Decision) -> None:
        assert decision.made_by
        with pytest.raises(NotAllowed, match="take it back"):
            decisions.decline(decision, decision.made_by, "no")
        decisions.withdraw(decision, decision.made_by)
        assert decision.state == State.WITHDRAWN

    def test_once_countersigned_it_can_be_undone_as_ever_and_then_no_more(self, decision: Decision) -> None:
        assert decision.made_by
        decisions.countersign(decision, another(decision))
        Decision.objects.update(state=State.SENDING)
        with pytest.raises(TooLate):
            decisions.withdraw(decision, decision.made_by)


class TestWhoMay:
    def test_others_who_may_decide_the_same_are_named(self, decision: Decision) -> None:
        grace, manager = another(decision, first_name="Grace"), another(decision, Role.MANAGER, first_name="Hedy")
        another(decision, Role.VIEWER)
        UserFactory(is_superuser=True)
        assert list(countersigning.who_may_countersign(decision)) == [grace, manager]
        assert list(Decision.objects.to_countersign(grace)) == [decision]

    def test_where_there_is_nobody_superusers_are(self, decision: Decision) -> None:
        root = UserFactory(is_superuser=True)
        assert list(countersigning.who_may_countersign(decision)) == [root]
        assert list(Decision.objects.to_countersign(root)) == [decision]

    def test_nobody_has_their_own_to_countersign(self, decision: Decision) -> None:
        assert decision.made_by
        assert not Decision.objects.to_countersign(decision.made_by).exists()
        assert not Decision.objects.to_countersign(another(decision, Role.VIEWER)).exists()


class TestWhatIsOvertaken:
    def test_a_request_that_was_settled_meanwhile_needs_no_signature(self, decision: Decision) -> None:
        CancellationRequest.objects.update(needs_answer=False, state="closed")
        tasks.sweep_decisions()
        decision.refresh_from_db()
        assert decision.state == State.WITHDRAWN
        assert "settled before a second person" in str(decision.note)
        assert Event.objects.filter(name="decision.overtaken", decision=decision).exists()

    def test_one_that_still_waits_is_left_alone(self, decision: Decision) -> None:
        tasks.sweep_decisions()
        decision.refresh_from_db()
        assert decision.state == State.UNSIGNED


@pytest.mark.django_db(transaction=True)
def test_of_those_who_sign_decline_and_take_back_at_once_one_is_first_and_the_others_are_told() -> None:
    MoneyCap.objects.create(role=Role.AGENT, currency="GBP", amount=100)
    asked = CancellationFactory(refund_total=Decimal(120), currency="GBP")
    ada = member(Role.AGENT, asked.shop)
    decision = decisions.decide(asked, Verdict.APPROVE, ada)
    signing = [("countersign", member(Role.AGENT, asked.shop), ()) for _ in range(3)]
    declining = [("decline", member(Role.AGENT, asked.shop), ("no",)) for _ in range(2)]

    def try_it(wanted: tuple[str, User, tuple[str, ...]]) -> bool:
        verb, person, said = wanted
        try:
            getattr(decisions, verb)(Decision.objects.get(pk=decision.pk), person, *said)
        except NotAllowed:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(5) as together:
        first = list(together.map(try_it, [*signing, *declining]))
    decision.refresh_from_db()
    assert sum(first) == 1
    assert decision.state == (State.RECORDED if any(first[:3]) else State.WITHDRAWN)
    assert (decision.countersigned_by is not None) == any(first[:3])
