"""Deciding, taking back, asking again and setting aside: what is recorded, what is refused, and in which words."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import Entry
from cancellations import decisions, tasks
from cancellations.checks import AlreadyDecided, Details, NotAllowed, TooLate
from cancellations.decisions import Wanted
from cancellations.models import CancellationRequest, Decision, Event, Verdict
from cancellations.shipping import Shipping
from orders.models import Order
from shops.models import Connection, MoneyCap, OutgoingEvent, Role
from tests.factories import (
    CancellationFactory,
    DecisionFactory,
    LineItemFactory,
    OrderFactory,
    PackageFactory,
    ShopFactory,
    at,
    member,
)
from trials.waiting import until

State = Decision.State
OUT_OF_STOCK = "seller_cancel_reason_out_of_stock"
OUT_OF_STOCK_UK = "seller_cancel_reason_out_of_stock_uk"


@pytest.fixture(autouse=True)
def nudges(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, float]]:
    """What the worker was asked for, in place of a broker."""
    asked: list[tuple[int, float]] = []
    monkeypatch.setattr(tasks, "nudge_delivery", lambda pk, wait: asked.append((pk, wait)))
    return asked


def us_request(**order: Any) -> CancellationRequest:
    shop = ShopFactory(region="US", time_zone="America/New_York")
    request: CancellationRequest = CancellationFactory(order=OrderFactory(shop=shop, currency="USD", **order))
    return request


@pytest.mark.django_db
class TestDeciding:
    def test_it_is_written_down_with_its_key_and_waits_for_the_undo_window(
        self, nudges: list[tuple[int, float]], django_capture_on_commit_callbacks: Any, settings: Any
    ) -> None:
        settings.UNDO_SECONDS = 10
        asked = CancellationFactory()
        agent = member(Role.AGENT, asked.shop)
        with django_capture_on_commit_callbacks(execute=True):
            decision = decisions.decide(asked, Verdict.APPROVE, agent)
        assert (decision.state, decision.made_by, decision.order) == (State.RECORDED, agent, asked.order)
        assert decision.key
        assert timedelta(seconds=9) < decision.due_at - timezone.now() <= timedelta(seconds=10)
        assert nudges and nudges[0][0] == decision.pk and 9 < nudges[0][1] <= 10
        assert Event.objects.get(decision=decision).name == "decision.recorded"

    def test_the_undo_window_never_outlasts_the_deadline(self) -> None:
        asked = CancellationFactory(deadline=timezone.now() + timedelta(seconds=6))
        decision = decisions.decide(asked, Verdict.APPROVE, member(Role.AGENT, asked.shop))
        assert decision.send_after - timezone.now() <= timedelta(seconds=3)

    def test_a_second_decision_is_told_about_the_first(self) -> None:
        asked = CancellationFactory()
        first = decisions.decide(asked, Verdict.APPROVE, member(Role.AGENT, asked.shop, first_name="Ada"))
        with pytest.raises(AlreadyDecided, match="Ada") as told:
            decisions.decide(asked, Verdict.APPROVE, member(Role.AGENT, asked.shop))
        assert told.value.decision == first
        assert Decision.objects.count() == 1

    @pytest.mark.parametrize("state", [State.REFUSED, State.WITHDRAWN, State.SET_ASIDE])
    def test_after_one_that_came_to_nothing_another_can_follow(self, state: State) -> None:
        past = DecisionFactory(state=state)
        assert past.cancellation
        assert decisions.decide(past.cancellation, Verdict.APPROVE, member(Role.AGENT, past.shop))

    def test_a_settled_request_cannot_be_decided(self) -> None:
        asked = CancellationFactory(needs_answer=False, state="closed")
        with pytest.raises(NotAllowed, match="settled: closed"):
            decisions.decide(asked, Verdict.APPROVE, member(Role.AGENT, asked.shop))

    def test_a_viewer_may_not_and_a_stranger_may_not(self) -> None:
        asked = CancellationFactory()
        for person in (member(Role.VIEWER, asked.shop), member(Role.MANAGER, ShopFactory())):
            with pytest.raises(PermissionDenied):
                decisions.decide(asked, Verdict.APPROVE, person)
        assert not Decision.objects.exists()

    def test_nothing_can_be_decided_while_the_shop_has_to_be_connected_again(self) -> None:
        asked = CancellationFactory()
        Connection.objects.update(state=Connection.State.RECONNECT)
        asked.shop.connection.refresh_from_db()
        with pytest.raises(NotAllowed, match="connected again"):
            decisions.decide(asked, Verdict.APPROVE, member(Role.AGENT, asked.shop))

    def test_a_rejection_needs_a_reason_and_a_comment_that_fits(self) -> None:
        asked = CancellationFactory()
        with pytest.raises(ValidationError) as told:
            decisions.decide(asked, Verdict.REJECT, member(Role.AGENT, asked.shop), Details(comment="x" * 100_000))
        assert set(told.value.message_dict) == {"reason", "comment"}

    def test_a_us_request_is_not_rejected_but_shipped(self) -> None:
        asked = us_request()
        with pytest.raises(NotAllowed, match="March 31, 2024"):
            decisions.decide(asked, Verdict.REJECT, member(Role.AGENT, asked.shop), Details(reason="packed"))

    def test_an_admin_can_allow_reject_for_one_us_shop(self) -> None:
        asked = us_request()
        asked.shop.allows_reject = True
        asked.shop.save()
        assert decisions.decide(asked, Verdict.REJECT, member(Role.AGENT, asked.shop), Details(reason="packed"))

    def test_elsewhere_shipping_is_no_answer(self) -> None:
        asked = CancellationFactory()
        with pytest.raises(NotAllowed, match="refuses to ship an order while a request waits"):
            decisions.decide(asked, Verdict.SHIP_TO_REJECT, member(Role.AGENT, asked.shop))

    def test_a_parcel_sent_by_the_seller_needs_a_number_and_a_carrier(self) -> None:
        asked = us_request(shipping_type="seller")
        with pytest.raises(ValidationError) as told:
            decisions.decide(asked, Verdict.SHIP_TO_REJECT, member(Role.AGENT, asked.shop))
        assert set(told.value.message_dict) == {"tracking_number", "shipping_provider_id"}

    def test_a_package_of_another_order_is_refused_at_its_field(self) -> None:
        asked = us_request()
        PackageFactory(order=asked.order)
        foreign = PackageFactory()
        with pytest.raises(ValidationError) as told:
            decisions.decide(
                asked, Verdict.SHIP_TO_REJECT, member(Role.AGENT, asked.shop),
                Details(shipping=Shipping(handover_method="DROP_OFF", package_ids=[foreign.marketplace_id])),
            )  # fmt: skip
        assert list(told.value.message_dict) == ["package_ids"]


@pytest.mark.django_db
class TestDecidingTogether:
    def test_each_gets_what_a_single_one_would_get_and_none_keeps_another_back(self) -> None:
        mine = CancellationFactory()
        agent = member(Role.AGENT, mine.shop)
        settled = CancellationFactory(order=OrderFactory(shop=mine.shop), needs_answer=False, state="closed")
        foreign = CancellationFactory()
        wanted = [Wanted(one, Verdict.APPROVE) for one in (settled, mine, foreign, mine)]
        closed, made, forbidden, again = decisions.decide_each(wanted, agent)
        assert made == Decision.objects.get() == again.decision  # type: ignore[union-attr]
        assert [type(no) for no in (closed, forbidden, again)] == [NotAllowed, PermissionDenied, AlreadyDecided]
        assert [(event.name, event.decision) for event in Event.objects.all()] == [("decision.recorded", made)]
        assert OutgoingEvent.objects.get().data["decision"] == made.pk
        assert Entry.objects.get(action="decision.recorded").about_id == str(made.pk)

    def test_they_cost_the_same_queries_however_many_they_are(self) -> None:
        agent = member(Role.AGENT, shop := ShopFactory())
        MoneyCap.objects.create(role=Role.AGENT, currency="GBP", amount=1000)

        def cost(count: int) -> int:
            wanted = [Wanted(CancellationFactory(order=OrderFactory(shop=shop)), Verdict.APPROVE) for _ in range(count)]
            with CaptureQueriesContext(connection) as asked:
                made = decisions.decide_each(wanted, agent)
            assert all(isinstance(one, Decision) for one in made)
            return len(asked)

        assert cost(1) == cost(2) == cost(7) <= 20

    def test_so_do_parcels(self) -> None:
        agent = member(Role.AGENT, shop := ShopFactory(region="US", time_zone="America/New_York"))

        def cost(count: int) -> int:
            asked = [CancellationFactory(order=OrderFactory(shop=shop, currency="USD")) for _ in range(count)]
            for one in asked:
                line = LineItemFactory(order=one.order)
                PackageFactory(order=one.order, marketplace_id=line.package_id or f"package of {one.pk}")
            details = Details(shipping=Shipping(handover_method="DROP_OFF"))
            with CaptureQueriesContext(connection) as queries:
                made = decisions.decide_each([Wanted(one, Verdict.SHIP_TO_REJECT, details) for one in asked], agent)
            assert all(isinstance(one, Decision) for one in made), made
            return len(queries)

        assert cost(1) == cost(2) == cost(5) <= 20

    def test_no_cap_is_passed_by_in_parts(self) -> None:
        MoneyCap.objects.create(role=Role.AGENT, currency="GBP", amount=100)
        order = OrderFactory(total=Decimal(200))
        parts = [CancellationFactory(order=order, currency="GBP", refund_total=Decimal(60)) for _ in range(2)]
        made = decisions.decide_each([Wanted(part, Verdict.APPROVE) for part in parts], member(Role.AGENT, order.shop))
        assert [one.state for one in made if isinstance(one, Decision)] == [State.RECORDED, State.UNSIGNED]

    def test_where_the_name_of_one_is_taken_the_others_are_recorded(self) -> None:
        agent = member(Role.AGENT, shop := ShopFactory())
        before = DecisionFactory(
            cancellation=CancellationFactory(order=OrderFactory(shop=shop)), made_by=agent, client_key="a",
            state=State.REFUSED,
        )  # fmt: skip
        asked = [CancellationFactory(order=OrderFactory(shop=shop)) for _ in range(3)]
        wanted = [Wanted(one, Verdict.APPROVE, client_key=key) for one, key in zip(asked, "bac", strict=True)]
        first, known, last = decisions.decide_each(wanted, agent)
        assert isinstance(known, AlreadyDecided) and known.decision == before
        assert {first, last} == set(Decision.objects.exclude(pk=before.pk))
        assert Event.objects.count() == Entry.objects.filter(action="decision.recorded").count() == 2

    @pytest.mark.parametrize(("count", "messages"), [(2, 2), (5, 5), (6, 0)])
    def test_a_few_have_a_message_each_and_many_are_left_to_the_sweep(
        self, nudges: list[tuple[int, float]], django_capture_on_commit_callbacks: Any, count: int, messages: int
    ) -> None:
        agent = member(Role.AGENT, shop := ShopFactory())
        asked = [CancellationFactory(order=OrderFactory(shop=shop)) for _ in range(count)]
        with django_capture_on_commit_callbacks(execute=True):
            decisions.decide_each([Wanted(one, Verdict.APPROVE) for one in asked], agent)
        assert len(nudges) == messages
        assert Decision.objects.due(timezone.now() + timedelta(minutes=1)).count() == count

    def test_nobody_decides_about_nothing(self) -> None:
        assert decisions.decide_each([], member(Role.AGENT, ShopFactory())) == []


@pytest.mark.django_db(transaction=True)
def test_of_two_bulks_of_the_same_requests_in_any_order_each_is_decided_once() -> None:
    shop = ShopFactory()
    asked = [CancellationFactory(order=OrderFactory(shop=shop)) for _ in range(20)]
    people = [member(Role.AGENT, shop) for _ in range(4)]

    def decide_all(number: int) -> list[object]:
        rows = asked if number % 2 else asked[::-1]
        try:
            return list(decisions.decide_each([Wanted(one, Verdict.APPROVE) for one in rows], people[number]))
        finally:
            connection.close()

    with ThreadPoolExecutor(len(people)) as together:
        told = [one for answers in together.map(decide_all, range(len(people))) for one in answers]
    made = [one for one in told if isinstance(one, Decision)]
    assert len(made) == Decision.objects.count() == len(asked)
    assert {type(one) for one in told} == {Decision, AlreadyDecided}


@pytest.mark.django_db(transaction=True)
def test_who_has_one_of_them_locked_is_waited_for_by_that_one_alone() -> None:
    """So nobody is waited for by somebody for whom they wait."""
    agent = member(Role.AGENT, shop := ShopFactory())
    asked = [CancellationFactory(order=OrderFactory(shop=shop)) for _ in range(5)]
    rows = CancellationRequest.objects.select_for_update(no_key=True)

    def decide_all() -> list[object]:
        try:
            return list(decisions.decide_each([Wanted(one, Verdict.APPROVE) for one in asked], agent))
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as together:
        with transaction.atomic():
            locked = rows.get(pk=asked[-1].pk)
            told = together.submit(decide_all)
            assert until(lambda: Decision.objects.count() == 4, 20)
            assert not told.done()
            CancellationRequest.objects.filter(pk=locked.pk).update(needs_answer=False, state="closed")
        *others, closed = told.result(timeout=20)
    assert {one.cancellation_id for one in others if isinstance(one, Decision)} == {one.pk for one in asked[:-1]}
    assert isinstance(closed, NotAllowed)


@pytest.mark.django_db(transaction=True)
def test_of_two_people_who_decide_at_once_one_is_told_about_the_other() -> None:
    asked = CancellationFactory()
    people = [member(Role.AGENT, asked.shop) for _ in range(6)]

    def try_it(person: Any) -> object:
        try:
            return decisions.decide(asked, Verdict.APPROVE, person)
        except AlreadyDecided as told:
            return told.decision
        finally:
            connection.close()

    with ThreadPoolExecutor(len(people)) as together:
        told = list(together.map(try_it, people))
    assert Decision.objects.count() == 1
    assert set(told) == {Decision.objects.get()}


@pytest.mark.django_db
class TestCancellingItems:
    def order(self, region: str = "US", lines: int = 2, **order: Any) -> Order:
        made: Order = OrderFactory(shop=ShopFactory(region=region), **order)
        LineItemFactory.create_batch(lines, order=made)
        return made

    def test_one_line_of_two_where_the_market_allows_it(self) -> None:
        order = self.order()
        line = order.lines.all()[0]
        decision = decisions.cancel_items(order, {line.pk: 1}, member(Role.AGENT, order.shop), OUT_OF_STOCK)
        assert (decision.verdict, decision.cancellation) == (Verdict.CANCEL_ITEMS, None)
        assert [(chosen.line_item, chosen.quantity) for chosen in decision.lines.all()] == [(line, 1)]
        assert decision.reason_text == "Out of stock"

    def test_in_most_markets_only_the_whole_order(self) -> None:
        order = self.order("DE")
        line = order.lines.all()[0]
        with pytest.raises(ValidationError, match="as a whole") as told:
            decisions.cancel_items(order, {line.pk: 1}, member(Role.AGENT, order.shop), OUT_OF_STOCK)
        assert list(told.value.message_dict) == ["items"]
        everything = {line.pk: 1 for line in order.lines.all()}
        assert decisions.cancel_items(order, everything, member(Role.AGENT, order.shop), OUT_OF_STOCK)

    def test_part_of_an_order_only_for_being_out_of_stock(self) -> None:
        order = self.order("GB")
        line = order.lines.all()[0]
        with pytest.raises(ValidationError) as told:
            decisions.cancel_items(
                order, {line.pk: 1}, member(Role.AGENT, order.shop), "seller_cancel_reason_wrong_price_uk"
            )
        assert list(told.value.message_dict) == ["reason"]
        assert decisions.cancel_items(order, {line.pk: 1}, member(Role.AGENT, order.shop), OUT_OF_STOCK_UK)

    @pytest.mark.parametrize("what", ["nothing", "foreign", "too many", "cancelled"])
    def test_items_that_cannot_be_cancelled_are_refused_at_their_field(self, what: str) -> None:
        order = self.order()
        line = order.lines.all()[0]
        items = {"nothing": {}, "foreign": {LineItemFactory().pk: 1}}.get(
            what, {line.pk: 2 if what == "too many" else 1}
        )
        if what == "cancelled":
            order.lines.filter(pk=line.pk).update(is_cancelled=True)
        with pytest.raises(ValidationError) as told:
            decisions.cancel_items(order, items, member(Role.AGENT, order.shop), OUT_OF_STOCK)
        assert list(told.value.message_dict) == ["items"]
        assert not Decision.objects.exists()

    def test_not_while_the_buyers_request_waits(self) -> None:
        order = self.order()
        CancellationFactory(order=order)
        items = {line.pk: 1 for line in order.lines.all()}
        with pytest.raises(NotAllowed, match="answer that request"):
            decisions.cancel_items(order, items, member(Role.AGENT, order.shop), OUT_OF_STOCK)

    def test_not_while_another_decision_about_the_order_is_on_its_way(self) -> None:
        order = self.order()
        lines = list(order.lines.all())
        first = decisions.cancel_items(order, {lines[0].pk: 1}, member(Role.AGENT, order.shop), OUT_OF_STOCK)
        with pytest.raises(AlreadyDecided) as told:
            decisions.cancel_items(order, {lines[1].pk: 1}, member(Role.AGENT, order.shop), OUT_OF_STOCK)
        assert told.value.decision == first


@pytest.mark.django_db
class TestTakingBack:
    def test_its_maker_can_until_it_is_claimed(self) -> None:
        asked = CancellationFactory()
        agent = member(Role.AGENT, asked.shop)
        decision = decisions.decide(asked, Verdict.APPROVE, agent)
        decisions.withdraw(decision, agent)
        assert decision.state == State.WITHDRAWN
        assert not Decision.objects.due(timezone.now() + timedelta(days=1)).exists()
        assert decisions.decide(asked, Verdict.APPROVE, agent)

    @pytest.mark.parametrize("state", [State.SENDING, State.ACCEPTED, State.CONFIRMED, State.REFUSED, State.WITHDRAWN])
    def test_too_late_is_told_with_the_state(self, state: State) -> None:
        decision = DecisionFactory(state=state)
        with pytest.raises(TooLate, match="Too late"):
            decisions.withdraw(decision, member(Role.MANAGER, decision.shop))
        decision.refresh_from_db()
        assert decision.state == state

    def test_a_colleague_cannot_and_a_manager_can(self) -> None:
        decision = DecisionFactory()
        with pytest.raises(PermissionDenied):
            decisions.withdraw(decision, member(Role.AGENT, decision.shop))
        decisions.withdraw(decision, member(Role.MANAGER, decision.shop))
        assert decision.state == State.WITHDRAWN


@pytest.mark.django_db
class TestStalledDecisions:
    def stalled(self, **columns: Any) -> Decision:
        decision: Decision = DecisionFactory(
            state=State.STALLED, stalled_because=Decision.Stalled.OUTCOME_UNKNOWN, **columns
        )
        return decision

    def test_they_keep_the_request_from_being_decided_again(self) -> None:
        decision = self.stalled()
        with pytest.raises(AlreadyDecided):
            decisions.decide(decision.cancellation, Verdict.APPROVE, member(Role.AGENT, decision.shop))  # type: ignore[arg-type]

    def test_an_agent_can_have_the_marketplace_asked_again(self) -> None:
        decision = self.stalled(is_outcome_unknown=True)
        decisions.ask_again(decision, member(Role.AGENT, decision.shop))
        assert (decision.state, decision.is_outcome_unknown) == (State.SENDING, True)
        assert Decision.objects.due(timezone.now()).get() == decision

    def test_an_accepted_one_is_read_back_and_not_sent_again(self) -> None:
        decision = self.stalled(accepted_at=at("2026-01-01 12:00"))
        decisions.ask_again(decision, member(Role.AGENT, decision.shop))
        assert decision.state == State.ACCEPTED

    def test_only_a_manager_sets_one_aside_and_says_why(self) -> None:
        decision = self.stalled()
        with pytest.raises(PermissionDenied):
            decisions.set_aside(decision, member(Role.AGENT, decision.shop), "looked")
        manager = member(Role.MANAGER, decision.shop)
        with pytest.raises(ValidationError) as told:
            decisions.set_aside(decision, manager, "  ")
        assert list(told.value.message_dict) == ["note"]
        decisions.set_aside(decision, manager, "Settled by phone.")
        assert (decision.state, decision.note) == (State.SET_ASIDE, "Settled by phone.")

    def test_one_that_is_not_stalled_is_left_alone(self) -> None:
        decision = DecisionFactory(state=State.ACCEPTED)
        manager = member(Role.MANAGER, decision.shop)
        with pytest.raises(NotAllowed):
            decisions.ask_again(decision, manager)
        with pytest.raises(NotAllowed):
            decisions.set_aside(decision, manager, "no")
