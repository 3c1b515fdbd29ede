"""Two at one thing at once. Whoever is first, it is done once, and the other is told in words.

Beside these stand, where what they race about is tested: renewing a token (shops/test_tokens.py), pulls and claims of
one kind (shops/test_pulling.py), two who store one request (test_sync.py), people at one batch (test_batches.py).
"""

import json
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cancellations import batches, calls, decisions, delivery, journal, pushes, sync, tasks
from cancellations.batch_work import decide_next
from cancellations.batches import propose
from cancellations.checks import AlreadyDecided, Details, NotAllowed, TooLate
from cancellations.models import BatchItem, CancellationRequest, Decision, Verdict
from marketplaces.errors import Refused
from marketplaces.tiktok_shop.adapter import TikTokAdapter
from orders import sync as orders_sync
from orders.models import Order
from shops import pulling
from shops.models import MoneyCap, OutgoingEvent, Role, Shop, SyncKind, SyncRun
from shops.tokens import call_for
from tests.cancellations.test_delivery import EFFECTS, PACKED, WRITES, State, carry_out, decided, effects
from tests.cancellations.test_delivery_without_requests import about_order
from tests.cancellations.test_pushes import push, signed
from tests.factories import CancellationFactory, member
from tests.meeting import at_once, held, waiting
from tests.world import SupplierWorld, World

verdicts = pytest.mark.parametrize("verdict", list(WRITES))


def fresh(decision: Decision) -> Decision:
    return Decision.objects.get(pk=decision.pk)


def names(decision: Decision) -> Counter[str]:
    """What happened to it, and what others were told; both the same."""
    happened = Counter(decision.events.values_list("name", flat=True))
    told = OutgoingEvent.objects.filter(about=f"decision:{decision.pk}").values_list("type", flat=True)
    first = "decision.recorded"
    assert Counter(first if name == "decision.waits_for_second_person" else name for name in told) == happened
    return happened


class TestTwoWorkers:
    @verdicts
    def test_one_that_is_slower_than_its_lease_and_the_next_have_one_effect(
        self, world: World, verdict: Verdict
    ) -> None:
        decision = decided(world, verdict)
        with held(lambda: delivery.deliver(decision.pk), calls, "make_the_call") as slow:
            carry_out(world, decision)
            assert decision.state == State.CONFIRMED, decision.note
            slow.goes_on()
        assert fresh(decision).state == State.CONFIRMED
        assert effects(world, decision) == EFFECTS[verdict]
        assert names(decision) == {"decision.recorded": 1, "decision.accepted": 1, "decision.confirmed": 1}

    @verdicts
    def test_one_with_the_answer_in_its_hands_and_the_next_tell_it_once(self, world: World, verdict: Verdict) -> None:
        decision = decided(world, verdict)
        with held(lambda: delivery.deliver(decision.pk), calls, "make_the_call", after=True) as slow:
            carry_out(world, decision)
            slow.goes_on()
        assert fresh(decision).state == State.CONFIRMED
        assert effects(world, decision) == EFFECTS[verdict]
        assert names(decision) == {"decision.recorded": 1, "decision.confirmed": 1}
        assert [one.outcome for one in decision.attempts.filter(purpose="send")] == ["ok"]

    @verdicts
    def test_those_who_hear_of_it_at_the_same_moment_send_it_once(self, world: World, verdict: Verdict) -> None:
        decision = decided(world, verdict)
        assert at_once(*[lambda: delivery.deliver(decision.pk)] * 4) == [None] * 4
        carry_out(world, decision)
        assert effects(world, decision) == EFFECTS[verdict]
        assert decision.attempts.filter(purpose="send").count() == 1

    def test_where_nothing_can_be_read_back_the_second_sends_nothing_and_asks_a_person(
        self, suppliers: SupplierWorld
    ) -> None:
        request = about_order(suppliers)
        decision = decisions.decide(request, Verdict.REJECT, suppliers.agent)
        suppliers.now()
        with held(lambda: delivery.deliver(decision.pk), calls, "make_the_call") as slow:
            carry_out(suppliers, decision)
            assert decision.state == State.STALLED
            slow.goes_on()
        assert suppliers.effects(request) == ["cancellation.rejected"]
        assert (fresh(decision).state, fresh(decision).stalled_because) == (State.STALLED, "outcome_unknown")
        assert "does not tell" in fresh(decision).note


class TestPeople:
    def test_one_on_the_page_and_one_over_the_api_make_one_decision_and_one_is_told_of_the_other(
        self, world: World
    ) -> None:
        asked = world.asked("TH")
        ada, grace = (member(Role.AGENT, asked.shop, first_name=name) for name in ("Ada", "Grace"))
        page, api = Client(), Client()
        page.force_login(ada)
        api.force_login(grace)
        body = json.dumps({"cancellation": asked.pk, "verdict": "approve"})
        on_the_page, over_the_api = at_once(
            lambda: page.post(reverse("cancellations:approve", args=[asked.pk]), headers={"HX-Request": "true"}),
            lambda: api.post("/api/v1/decisions/", body, "application/json"),
        )
        decision = Decision.objects.get()
        if decision.made_by == ada:
            assert over_the_api.status_code == 409
            assert "Ada" in over_the_api.json()["detail"]
        else:
            assert over_the_api.status_code == 201
            assert "Grace" in on_the_page.content.decode()
        carry_out(world.now(), decision)
        assert effects(world, decision) == EFFECTS[Verdict.APPROVE]

    @pytest.mark.parametrize("first", ["batch", "person"])
    def test_a_batch_and_a_person_who_mean_the_same_request(self, world: World, first: str) -> None:
        asked = world.asked("TH")
        grace = member(Role.AGENT, asked.shop, first_name="Grace")
        batch = propose(CancellationRequest.objects.filter(pk=asked.pk), Verdict.APPROVE, grace)
        batches.start(batch)
        both: list[Callable[[], object]] = [
            lambda: decide_next(batch, at_most=1),
            lambda: decisions.decide(asked, Verdict.REJECT, world.agent, Details(reason=PACKED)),
        ]
        ahead, behind = both if first == "batch" else both[::-1]
        with held(ahead, decisions, "new_decision", after=True) as one, waiting(behind) as other:
            one.goes_on()
            told = other.exception()
        decision, item = Decision.objects.get(), BatchItem.objects.get()
        if first == "batch":
            assert isinstance(told, AlreadyDecided) and "Grace" in str(told)
            assert (decision.verdict, item.decision, item.why) == (Verdict.APPROVE, decision, "")
        else:
            assert told is None
            assert (decision.verdict, item.decision, item.state) == (Verdict.REJECT, None, "failed")
            assert "has decided already: reject" in item.why
        carry_out(world.now(), decision)
        assert effects(world, decision) == EFFECTS[Verdict(decision.verdict)]

    def test_whoever_takes_it_back_first_keeps_it_from_the_worker(self, world: World) -> None:
        decision = decided(world, Verdict.APPROVE)
        taking_back = lambda: decisions.withdraw(fresh(decision), world.agent)  # noqa: E731
        with (
            held(taking_back, decisions, "tell") as person,
            waiting(lambda: delivery.deliver(decision.pk)) as worker,
        ):
            person.goes_on()
            worker.result()
        assert fresh(decision).state == State.WITHDRAWN
        assert effects(world, decision) == []
        assert names(decision) == {"decision.recorded": 1, "decision.withdrawn": 1}

    def test_once_a_worker_has_it_whoever_wants_it_back_is_told_so(self, world: World) -> None:
        decision = decided(world, Verdict.APPROVE)
        with held(lambda: delivery.deliver(decision.pk), journal, "begin") as worker:
            with pytest.raises(TooLate, match="Too late to take it back: it is sending"):
                decisions.withdraw(fresh(decision), world.agent)
            worker.goes_on()
        assert fresh(decision).state == State.CONFIRMED
        assert effects(world, decision) == EFFECTS[Verdict.APPROVE]

    @pytest.mark.parametrize("turn", range(3))
    def test_of_those_who_set_aside_and_who_ask_again_one_is_first(self, world: World, turn: int) -> None:
        decision = decided(world, Verdict.APPROVE)
        Decision.objects.filter(pk=decision.pk).update(
            state=State.STALLED, stalled_because="outcome_unknown", is_outcome_unknown=True, sent_at=timezone.now()
        )
        manager = member(Role.MANAGER, decision.shop)
        told = at_once(
            lambda: decisions.set_aside(fresh(decision), manager, "Nothing happened there."),
            lambda: decisions.ask_again(fresh(decision), world.agent),
            lambda: decisions.ask_again(fresh(decision), manager),
            lambda: delivery.deliver(decision.pk),
        )
        assert [isinstance(one, NotAllowed) for one in told[:3]].count(False) == 1, told
        carry_out(world, decision)
        first = "decision.set_aside" if told[0] is None else "decision.asked_again"
        assert names(decision)[first] == 1
        if told[0] is None:
            assert (decision.state, effects(world, decision)) == (State.SET_ASIDE, [])
        else:
            assert (decision.state, effects(world, decision)) == (State.CONFIRMED, EFFECTS[Verdict.APPROVE])

    @pytest.mark.parametrize("first", ["countersign", "withdraw"])
    def test_a_second_person_who_signs_while_the_first_takes_it_back(self, transactional_db: None, first: str) -> None:
        MoneyCap.objects.create(role=Role.AGENT, currency="GBP", amount=100)
        asked = CancellationFactory(refund_total=Decimal(120), currency="GBP")
        ada, grace = member(Role.AGENT, asked.shop), member(Role.AGENT, asked.shop)
        decision = decisions.decide(asked, Verdict.APPROVE, ada)
        both: list[Callable[[], object]] = [
            lambda: decisions.countersign(fresh(decision), grace),
            lambda: decisions.withdraw(fresh(decision), ada),
        ]
        ahead, behind = both if first == "countersign" else both[::-1]
        with held(ahead, decisions, "tell") as one, waiting(behind) as other:
            one.goes_on()
            told = other.exception()
        assert fresh(decision).state == State.WITHDRAWN
        if first == "countersign":
            assert told is None  # signed and not sent: it can still be taken back
            assert names(decision)["decision.countersigned"] == 1
        else:
            assert isinstance(told, NotAllowed) and "it waits for no second person" in str(told)
            assert fresh(decision).countersigned_by is None
        assert names(decision)["decision.withdrawn"] == 1


class TestTheOtherSide:
    def test_the_buyer_withdraws_while_the_call_is_about_to_leave(self, world: World) -> None:
        asked = world.asked("TH")
        decision = world.approve(asked)
        world.now()
        with held(lambda: delivery.deliver(decision.pk), calls, "make_the_call") as worker:
            world.sandbox.post("buyer", action="withdraw", cancel_id=asked.marketplace_id)
            worker.goes_on()
        told = fresh(decision)
        assert (told.state, bool(told.code)) == (State.REFUSED, True)
        assert "settled otherwise before our call arrived" in told.note
        assert world.effects(asked) == []
        asked.refresh_from_db()
        assert (asked.state, asked.needs_answer) == ("closed", False)

    def test_the_buyer_withdraws_and_it_is_read_here_while_the_call_is_about_to_leave(self, world: World) -> None:
        asked = world.asked("TH")
        decision = world.approve(asked)
        world.now()
        with held(lambda: delivery.deliver(decision.pk), calls, "make_the_call") as worker:
            world.sandbox.post("buyer", action="withdraw", cancel_id=asked.marketplace_id)
            world.sync("TH")
            worker.goes_on()
        assert (fresh(decision).state, world.effects(asked)) == (State.REFUSED, [])
        told = OutgoingEvent.objects.filter(about=f"cancellation:{asked.pk}", type="cancellation.settled")
        assert [one.data["settled_by"] for one in told] == ["elsewhere"]

    @pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.REJECT])
    def test_the_deadline_passes_while_the_call_is_about_to_leave(self, world: World, verdict: Verdict) -> None:
        """Silence approves there: an approval that comes after it has nothing left to do, and says so."""
        asked = world.asked("TH")
        decision = world.approve(asked) if verdict == Verdict.APPROVE else world.reject(asked, PACKED)
        world.now()
        with held(lambda: delivery.deliver(decision.pk), calls, "make_the_call") as worker:
            world.sandbox.post("clock", shift=3 * 24 * 3600)
            worker.goes_on()
        told = carry_out(world, decision)
        assert told.state == State.REFUSED, (told.state, told.note)
        words = "settled this way" if verdict == Verdict.APPROVE else "settled otherwise"
        assert words in told.note
        assert world.effects(asked) == []

    @pytest.mark.parametrize("read_here", [False, True])
    def test_the_deadline_passes_while_the_decision_waits(self, world: World, read_here: bool) -> None:
        asked = world.asked("TH")
        decision = world.reject(asked, PACKED)
        world.sandbox.post("clock", shift=3 * 24 * 3600)
        if read_here:
            sync.read_again(asked.shop, [asked.marketplace_id])
        carry_out(world.now(), decision)
        assert decision.state == State.REFUSED
        assert ("Not sent" if read_here else "settled otherwise") in decision.note
        assert world.effects(asked) == []


class TestPulls:
    def test_a_pull_and_the_read_back_of_a_decision_tell_once_what_became_of_the_request(self, world: World) -> None:
        decision = decided(world, Verdict.APPROVE)
        asked = decision.cancellation
        assert asked
        with (
            held(lambda: delivery.deliver(decision.pk), journal, "accept") as worker,
            held(lambda: sync.pull(world.shop("DE")), sync, "tell", after=True) as pull,
            waiting(worker.goes_on) as delivered,
        ):
            pull.goes_on()
            delivered.result()
        assert fresh(decision).state == State.CONFIRMED
        assert asked.events.filter(name="cancellation.moved").count() == 1
        (told,) = OutgoingEvent.objects.filter(about=f"cancellation:{asked.pk}", type="cancellation.settled")
        assert (told.data["settled_by"], told.data["decision"]) == ("decision", decision.pk)

    def test_a_push_that_comes_during_a_pull_has_the_shop_pulled_again(self, world: World) -> None:
        shop = world.shop("TH")
        Shop.objects.update(next_pull_at=timezone.now() + timedelta(hours=1))
        with held(lambda: sync.pull(shop), pulling, "note_pages") as pull:
            body = push(shop, timestamp=int(time.time()))
            assert pushes.receive("tiktok_shop", body, signed(shop, body))
            pushes.process_pushes(shop.pk)
            pull.goes_on()
        assert pulling.claim_due_shops(timezone.now()) == [shop]

    def test_of_two_pulls_of_a_shop_at_once_one_reads_each_kind(self, world: World) -> None:
        shop = world.shop("TH")
        SyncRun.objects.all().delete()
        with held(lambda: tasks.pull_shop(shop.pk), pulling, "next_page"):
            tasks.pull_shop(shop.pk)
            assert SyncRun.objects.filter(kind=SyncKind.ORDERS).count() == 1
        assert set(SyncRun.objects.values_list("state", flat=True)) == {"succeeded"}

    def test_everything_is_still_wanted_where_another_pull_was_in_the_way(self, world: World) -> None:
        shop = world.shop("TH")
        with held(lambda: tasks.pull_shop(shop.pk), pulling, "next_page"):
            pulling.ask_for_pull(shop, full=True)
            tasks.pull_shop(shop.pk)
            shop.refresh_from_db()
            assert shop.wants_full_pull
        tasks.pull_shop(shop.pk)
        shop.refresh_from_db()
        assert not shop.wants_full_pull
        assert SyncRun.objects.filter(shop=shop).latest("pk").is_full

    def test_an_order_that_arrives_while_its_request_is_written_is_tied_to_it(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = world.asked("TH")
        shop, order_id = asked.shop, asked.order_marketplace_id
        (record,) = call_for(shop, lambda one: one.cancellations_by_id([asked.marketplace_id])).records
        asked.events.all().delete()
        asked.delete()
        Order.objects.filter(marketplace_id=order_id).delete()

        def refused(*_: Any) -> Any:
            raise Refused("not yours", code="1")

        def read() -> None:
            with monkeypatch.context() as without:
                without.setattr(TikTokAdapter, "orders_by_id", refused)
                sync.prepare(shop, [record])
            with transaction.atomic():
                sync.store(shop, [record])

        # It has looked for the order in vain; then the order comes, and everything is tied that can be.
        with held(read, sync, "upsert") as reading:
            orders_sync.read_again(shop, [order_id])
            with waiting(lambda: sync.link_orders(shop)) as linking:
                reading.goes_on()
                linking.result()
        assert CancellationRequest.objects.get(marketplace_id=asked.marketplace_id).order
