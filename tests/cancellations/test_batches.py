"""Many requests at once: what is proposed, what a worker decides, what is taken back and what is tried again."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models.deletion import Collector
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from cancellations import batch_work, batches, checks, decisions, tasks, teamwork
from cancellations.checks import Details, NotAllowed
from cancellations.models import Batch, BatchItem, CancellationRequest, Decision, Result, Verdict
from marketplaces.records import Money
from orders.models import Order
from shops.models import Connection, Membership, Role, Shop
from tests.factories import CancellationFactory, DecisionFactory, OrderFactory, ShopFactory, member

State = BatchItem.State


@pytest.fixture(autouse=True)
def nudges(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The batches that a worker was asked to work at, in place of a broker."""
    asked: list[int] = []
    monkeypatch.setattr(batch_work, "nudge", lambda pk, wait=0: asked.append(pk))
    monkeypatch.setattr(tasks, "nudge_delivery", lambda pk, wait: None)
    return asked


@pytest.fixture
def shop(db: None) -> Shop:
    return ShopFactory()


@pytest.fixture
def agent(shop: Shop) -> User:
    return member(Role.AGENT, shop, first_name="Ada")


def asked(shop: Shop, **columns: Any) -> CancellationRequest:
    return CancellationFactory(order=OrderFactory(shop=shop), **columns)


def proposed(agent: User, verdict: Verdict = Verdict.APPROVE) -> Batch:
    return batches.propose(CancellationRequest.objects.all(), verdict, agent)


def started(agent: User, verdict: Verdict = Verdict.APPROVE, details: Details | None = None) -> Batch:
    batch = proposed(agent, verdict)
    batches.start(batch, details)
    return batch


def worked(batch: Batch) -> Batch:
    """As often as a worker is sent for."""
    while Batch.objects.filter(pk=batch.pk, finished_at=None).exists():
        Batch.objects.filter(pk=batch.pk).update(due_at=timezone.now())
        batch_work.work(batch.pk)
    batch.refresh_from_db()
    return batch


def results(batch: Batch) -> dict[str, int]:
    return {result.value: count for _batch, result, count in batch.items.counted()}


class TestProposing:
    def test_it_holds_what_was_there_and_nothing_that_comes_later(self, shop: Shop, agent: User) -> None:
        rows = [asked(shop, deadline=timezone.now() + timedelta(hours=hours)) for hours in (3, 1, 2)]
        batch = proposed(agent)
        asked(shop)
        assert [item.cancellation for item in batch.items.all()] == [rows[1], rows[2], rows[0]]
        assert not Decision.objects.exists()

    def test_it_says_why_some_cannot_be_answered_like_this(self, shop: Shop, agent: User) -> None:
        other = ShopFactory(region="US", time_zone="America/New_York")
        Membership.objects.create(user=agent, shop=other, role=Role.AGENT)
        read_only = ShopFactory()
        Membership.objects.create(user=agent, shop=read_only, role=Role.VIEWER)
        fine, us, viewed = asked(shop), asked(other), asked(read_only)
        decided = asked(shop)
        DecisionFactory(cancellation=decided)
        settled = asked(shop, needs_answer=False, state="completed")
        items_cancelled = asked(shop)
        DecisionFactory(cancellation=None, order=items_cancelled.order, shop=shop, verdict=Verdict.CANCEL_ITEMS)
        why = {item.cancellation_id: item.why for item in proposed(agent, Verdict.REJECT).items.all()}
        assert why[fine.pk] == ""
        assert "ship to reject" in why[us.pk]
        assert why[viewed.pk] == "You would need the permission “reject” in this shop. An administrator can give it."
        assert "has decided already" in why[decided.pk]
        assert why[settled.pk] == "This request is settled: refunded."
        assert "cancel items" in why[items_cancelled.pk]

    def test_requests_of_other_peoples_shops_are_not_in_it(self, shop: Shop, agent: User) -> None:
        own = asked(shop)
        CancellationFactory()
        assert [item.cancellation for item in proposed(agent).items.all()] == [own]

    def test_no_request_and_too_many_are_refused_in_words(
        self, shop: Shop, agent: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(NotAllowed, match="None of these requests"):
            proposed(agent)
        monkeypatch.setattr(batches, "MOST", 2)
        for _ in range(3):
            asked(shop)
        with pytest.raises(NotAllowed, match="At most 2 requests can be answered at once, and these are 3"):
            proposed(agent)
        assert not Batch.objects.exists()

    def test_it_costs_the_same_for_many_as_for_few(
        self, shop: Shop, agent: User, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        for _ in range(30):
            asked(shop)
        with django_assert_max_num_queries(13):
            batch = proposed(agent)
        with django_assert_max_num_queries(7):
            batches.sheet(batch, agent)

    def test_the_sheet_adds_up(self, shop: Shop, agent: User) -> None:
        colleague = member(Role.AGENT, shop, first_name="Grace")
        for columns in (
            {"refund_total": Decimal("10.50")},
            {"refund_total": Decimal("2.25")},
            {"refund_total": Decimal(9), "currency": "EUR"},
            {"refund_total": None, "deadline": timezone.now() - timedelta(minutes=5)},
            {"needs_answer": False, "state": "completed"},
            {"needs_answer": False, "state": "completed"},
        ):
            asked(shop, **columns)
        open_by_colleague = CancellationRequest.objects.waiting().latest("pk")
        teamwork.claim(open_by_colleague, colleague)
        batch = proposed(agent)
        sheet = batches.sheet(batch, agent)
        assert (sheet.count, sheet.shops, sheet.without_refund, sheet.over) == (4, 1, 1, 1)
        assert sheet.effects == [("The order is cancelled and the buyer gets the refund.", 4)]
        assert sheet.refunds == [Money(Decimal("12.75"), "GBP"), Money(Decimal(9), "EUR")]
        assert sheet.left_out == [("This request is settled: refunded.", 2)]
        assert sheet.on_it == [(colleague, 1)]
        assert sheet.orders == [("No label yet", 4)]
        assert batch.items.waiting().count() == sheet.count

    def test_the_sheet_leaves_out_what_was_decided_or_settled_since(self, shop: Shop, agent: User) -> None:
        still, settled, theirs, viewed = (asked(shop, refund_total=Decimal(euros)) for euros in (1, 2, 4, 8))
        other = ShopFactory()
        Membership.objects.create(user=agent, shop=other, role=Role.AGENT)
        Order.objects.filter(cancellations=viewed).update(shop=other)
        CancellationRequest.objects.filter(pk=viewed.pk).update(shop=other)
        batch = proposed(agent)
        assert batches.sheet(batch, agent).refunds == [Money(Decimal(15), "GBP")]
        CancellationRequest.objects.filter(pk=settled.pk).update(needs_answer=False, state="closed")
        decisions.decide(theirs, Verdict.APPROVE, member(Role.AGENT, shop, first_name="Grace"))
        Membership.objects.filter(shop=other).update(role=Role.VIEWER)
        sheet = batches.sheet(batch, agent)
        assert (sheet.rows, sheet.refunds) == ([still], [Money(Decimal(1), "GBP")])
        assert {words for words, _count in sheet.left_out} == {
            "This request is settled: closed.",
            "Grace has decided already: approve (recorded).",
            "You would need the permission “approve” in this shop. An administrator can give it.",
        }

    def test_one_that_nobody_starts_is_forgotten_after_a_day(self, shop: Shop, agent: User) -> None:
        asked(shop)
        old, new, begun = proposed(agent), proposed(agent), started(agent)
        Batch.objects.exclude(pk=new.pk).update(made_at=timezone.now() - timedelta(hours=25))
        batch_work.forget_proposals()
        assert set(Batch.objects.all()) == {new, begun}
        assert not BatchItem.objects.filter(batch=old.pk).exists()


class TestStarting:
    def test_a_worker_is_sent_for_once_however_often_it_is_started(
        self, shop: Shop, agent: User, nudges: list[int], django_capture_on_commit_callbacks: Any
    ) -> None:
        asked(shop)
        batch = proposed(agent)
        with django_capture_on_commit_callbacks(execute=True):
            started = [
                batches.start(batch),
                batches.start(Batch.objects.get()),
                batches.start(batch, Details(comment="changed")),
            ]
        assert started == [True, False, False]
        assert nudges == [batch.pk]
        assert batch.comment == ""

    def test_nothing_starts_where_nothing_can_be_decided(self, shop: Shop, agent: User) -> None:
        asked(shop, needs_answer=False)
        batch = proposed(agent)
        with pytest.raises(NotAllowed):
            batches.start(batch)
        assert not batch.is_started

    def test_nothing_starts_where_all_was_settled_since_it_was_counted(self, shop: Shop, agent: User) -> None:
        row = asked(shop)
        batch = proposed(agent)
        CancellationRequest.objects.filter(pk=row.pk).update(needs_answer=False, state="closed")
        with pytest.raises(NotAllowed, match="None of these requests can be answered like this"):
            batches.start(batch)
        assert not Batch.objects.started().exists()

    def test_each_request_gets_a_decision_of_its_own(self, shop: Shop, agent: User) -> None:
        rows = [asked(shop) for _ in range(3)]
        batch = worked(started(agent, Verdict.REJECT, Details(reason="packed", reason_text="Packed", comment="Sorry")))
        assert {decision.cancellation for decision in Decision.objects.all()} == set(rows)
        assert {(decision.verdict, decision.reason, decision.comment) for decision in Decision.objects.all()} == {
            (Verdict.REJECT, "packed", "Sorry")
        }
        assert Decision.objects.values("key").distinct().count() == 3
        assert results(batch) == {Result.UNDER_WAY: 3}
        assert batch.finished_at

    def test_what_cannot_be_decided_any_more_says_why_and_stops_nothing_else(
        self, shop: Shop, agent: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settled, broken, theirs, fine = (asked(shop) for _ in range(4))
        batch = started(agent)
        CancellationRequest.objects.filter(pk=settled.pk).update(needs_answer=False, state="closed")
        decisions.decide(theirs, Verdict.APPROVE, member(Role.AGENT, shop, first_name="Grace"))

        def breaks(cancellation: CancellationRequest, *told: Any) -> None:
            assert cancellation.pk != broken.pk, "an error of ours"
            checks.check(cancellation, *told)

        monkeypatch.setattr(decisions, "check", breaks)
        worked(batch)
        why = {item.cancellation_id: item.why for item in batch.items.filter(state=State.FAILED)}
        assert why == {
            settled.pk: "This request is settled: closed.",
            broken.pk: "An error of ours kept it from being decided. Nothing was sent.",
            theirs.pk: "Grace has decided already: approve (recorded).",
        }
        assert fine.decisions.get().batch_item.batch == batch

    def test_a_role_that_was_lost_meanwhile_decides_nothing(self, shop: Shop, agent: User) -> None:
        asked(shop)
        batch = started(agent)
        Membership.objects.filter(user=agent).update(role=Role.VIEWER)
        worked(batch)
        assert (
            batch.items.get().why
            == "You would need the permission “approve” in this shop. An administrator can give it."
        )
        assert not Decision.objects.exists()

    def test_a_comment_that_is_too_long_is_told_for_each(self, shop: Shop, agent: User) -> None:
        asked(shop)
        batch = worked(started(agent, Verdict.REJECT, Details(reason="packed", comment="x" * 501)))
        assert batch.items.get().why == "At most 500 characters; this has 501."

    def test_an_item_costs_the_same_in_a_large_batch(
        self, shop: Shop, agent: User, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        for _ in range(40):
            asked(shop)
        batch = started(agent)
        with django_assert_max_num_queries(40 * 23 + 10):
            batch_work.work(batch.pk)
        assert Decision.objects.count() == 40

    def test_others_get_their_turn_between_two_parts(
        self, shop: Shop, agent: User, nudges: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(batch_work, "AT_ONCE", 2)
        for _ in range(3):
            asked(shop)
        batch = started(agent)
        batch_work.work(batch.pk)
        assert (Decision.objects.count(), nudges) == (2, [batch.pk])
        batch_work.work(batch.pk)
        assert Decision.objects.count() == 3
        assert not Batch.objects.due(timezone.now()).exists()

    def test_it_waits_until_what_is_decided_has_been_sent(
        self, shop: Shop, agent: User, nudges: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(batch_work, "AT_ONCE", 1)
        monkeypatch.setattr(batch_work, "UNSENT_AT_MOST", 2)
        for _ in range(3):
            asked(shop)
        batch = started(agent)
        for _ in range(4):
            Batch.objects.update(due_at=timezone.now())
            batch_work.work(batch.pk)
        assert (Decision.objects.count(), nudges) == (2, [batch.pk] * 4)
        Decision.objects.filter(pk=Decision.objects.all()[0].pk).update(failures=1)  # put off by the marketplace
        batch_work.work(batch.pk)
        assert Decision.objects.count() == 2  # looked at again too soon
        Batch.objects.update(due_at=timezone.now())
        batch_work.work(batch.pk)
        assert Decision.objects.count() == 3

    def test_one_that_a_dead_worker_left_is_found_by_the_sweep(
        self, shop: Shop, agent: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked(shop)
        batch = started(agent)
        assert batch_work.claim(batch.pk)  # and dies
        sent: list[int] = []
        monkeypatch.setattr(batch_work.work_batch, "delay", sent.append)
        batch_work.sweep_batches()
        assert sent == []
        Batch.objects.update(due_at=timezone.now())
        batch_work.sweep_batches()
        assert sent == [batch.pk]

    def test_a_proposal_is_never_worked_at(self, shop: Shop, agent: User) -> None:
        asked(shop)
        batch_work.work(proposed(agent).pk)
        assert not Decision.objects.exists()


class TestTakingBack:
    def test_what_is_not_sent_is_taken_back_and_the_rest_is_counted(self, shop: Shop, agent: User) -> None:
        for _ in range(4):
            asked(shop)
        batch = started(agent)
        for _ in range(3):
            batch_work.decide_next(batch, at_most=1)
        first, second, _third = Decision.objects.order_by("pk")
        Decision.objects.filter(pk=first.pk).update(state="sending")
        Decision.objects.filter(pk=second.pk).update(is_outcome_unknown=True)
        assert batches.take_back(batch, agent) == "2 were taken back. 1 was too late."
        assert results(batch) == {Result.UNDER_WAY: 2, Result.TAKEN_BACK: 2}
        worked(batch)
        assert Decision.objects.count() == 3

    def test_what_another_tab_takes_back_at_the_same_time_is_not_called_late(
        self, shop: Shop, agent: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(3):
            asked(shop)
        batch = worked(started(agent))
        withdraw = decisions.withdraw

        def second(decision: Decision, user: User) -> None:
            withdraw(Decision.objects.get(pk=decision.pk), user)
            withdraw(decision, user)

        monkeypatch.setattr(decisions, "withdraw", second)
        assert batches.take_back(batch, agent) == "3 were taken back."
        assert batches.take_back(batch, agent) == "Nothing of this was left to take back."

    def test_what_the_role_does_not_allow_any_more_is_not_called_late(self, shop: Shop, agent: User) -> None:
        other = ShopFactory()
        Membership.objects.create(user=agent, shop=other, role=Role.AGENT)
        for _ in range(2):
            asked(shop)
        asked(other)
        batch = worked(started(agent))
        Membership.objects.filter(shop=shop).update(role=Role.VIEWER)
        assert batches.take_back(batch, agent) == (
            "1 was taken back. 2 could not be taken back: your role there does not allow it any more."
        )
        assert results(batch) == {Result.UNDER_WAY: 2, Result.TAKEN_BACK: 1}

    def test_of_a_proposal_there_is_nothing_to_take_back(self, shop: Shop, agent: User) -> None:
        asked(shop)
        batch = proposed(agent)
        with pytest.raises(NotAllowed):
            batches.take_back(batch, agent)
        assert batch.items.waiting().exists()


class TestTryingAgain:
    def test_only_what_failed_is_tried_and_what_is_unknown_or_done_is_left_alone(self, shop: Shop, agent: User) -> None:
        states = ("refused", "confirmed", "stalled", "withdrawn", "sending", "refused", "refused")
        rows = [asked(shop) for _ in states]
        not_decided = asked(shop)
        batch = started(agent)
        Connection.objects.update(state="reconnect")
        for item in batch.items.order_by("pk"):
            if item.cancellation == not_decided:
                continue
            made = DecisionFactory(cancellation=item.cancellation, made_by=agent, state="withdrawn")
            BatchItem.objects.filter(pk=item.pk).update(state="decided", decision=made)
        worked(batch)
        Connection.objects.update(state="connected")
        for row, state in zip(rows, states, strict=True):
            why = {"stalled_because": "outcome_unknown"} if state == "stalled" else {}
            row.decisions.update(state=state, **why)
        CancellationRequest.objects.filter(pk=rows[5].pk).update(needs_answer=False)  # settled since
        DecisionFactory(cancellation=rows[6], state="recorded")  # by a colleague, since
        again = batches.try_again(batch, agent)
        assert {item.cancellation for item in again.items.waiting()} == {rows[0], not_decided}
        assert again.items.count() == 2
        assert (again.retry_of, again.is_started) == (batch, False)

    def test_nothing_is_proposed_where_nothing_failed(self, shop: Shop, agent: User) -> None:
        asked(shop)
        batch = worked(started(agent))
        with pytest.raises(NotAllowed, match="Nothing of this is left to try again"):
            batches.try_again(batch, agent)

    def test_of_two_proposals_to_try_the_same_again_the_second_says_that_it_is_under_way(
        self, shop: Shop, agent: User
    ) -> None:
        asked(shop)
        batch = worked(started(agent))
        Decision.objects.update(state="refused")
        first, second = batches.try_again(batch, agent), batches.try_again(batch, agent)
        batches.start(first)
        worked(first)
        sheet = batches.sheet(second, agent)
        assert (sheet.count, sheet.refunds) == (0, [])
        assert sheet.left_out == [("Ada has decided already: approve (recorded).", 1)]
        with pytest.raises(NotAllowed):
            batches.start(second)


@pytest.mark.django_db
def test_a_batch_is_its_makers_and_shows_only_shops_that_are_still_theirs(shop: Shop, agent: User) -> None:
    other = ShopFactory()
    Membership.objects.create(user=agent, shop=other, role=Role.AGENT)
    asked(shop)
    asked(other)
    batch = started(agent)
    assert not Batch.objects.visible_to(member(Role.MANAGER, shop, other)).exists()
    assert batches.progress([batch], agent)[batch.pk].total == 2
    Membership.objects.filter(shop=other).delete()
    assert batches.progress([batch], agent)[batch.pk].total == 1


def elsewhere(work: Callable[[], Any]) -> Any:
    """For a thread, which has a connection of its own."""
    try:
        return work()
    finally:
        connection.close()


def proposed_long_ago() -> Batch:
    shop = ShopFactory()
    asked(shop)
    batch = proposed(member(Role.AGENT, shop))
    Batch.objects.update(made_at=timezone.now() - timedelta(hours=25))
    return batch


@pytest.mark.django_db(transaction=True)
def test_one_that_is_being_started_is_not_forgotten() -> None:
    batch = proposed_long_ago()
    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            batches.start(batch)
            forgetting = threads.submit(elsewhere, batch_work.forget_proposals)
            wait([forgetting], timeout=2)
        forgetting.result()
    assert Batch.objects.get().is_started


@pytest.mark.django_db(transaction=True)
def test_one_that_is_being_forgotten_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = proposed_long_ago()
    delete = Collector.delete
    with ThreadPoolExecutor(1) as threads:
        starting: list[Future[Any]] = []

        def started_meanwhile(collector: Collector) -> Any:
            starting.append(threads.submit(elsewhere, lambda: batches.start(batch)))
            wait(starting, timeout=1)
            return delete(collector)

        monkeypatch.setattr(Collector, "delete", started_meanwhile)
        batch_work.forget_proposals()
        with pytest.raises(batches.Forgotten, match="Choose the requests again"):
            starting[0].result(timeout=10)
    assert not Batch.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_people_who_start_at_once_decide_each_request_once_and_are_told() -> None:
    shop = ShopFactory()
    ada, grace = member(Role.AGENT, shop, first_name="Ada"), member(Role.AGENT, shop, first_name="Grace")
    rows = [asked(shop) for _ in range(20)]
    both = [started(ada), started(grace, Verdict.APPROVE)]

    def work(batch: Batch) -> None:
        try:
            worked(batch)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(work, both))
    assert Decision.objects.count() == len(rows)
    mine, theirs = (results(batch) for batch in both)
    assert mine.get(Result.UNDER_WAY, 0) + theirs.get(Result.UNDER_WAY, 0) == len(rows)
    assert mine.get(Result.FAILED, 0) + theirs.get(Result.FAILED, 0) == len(rows)
    for item in BatchItem.objects.filter(state=State.FAILED).select_related("batch__made_by"):
        other = grace if item.batch.made_by == ada else ada
        assert item.why == f"{other} has decided already: approve (recorded)."


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_one_batch_decide_each_request_once() -> None:
    shop = ShopFactory()
    for _ in range(20):
        asked(shop)
    batch = started(member(Role.AGENT, shop))

    def work(_number: int) -> None:
        try:
            while batch_work.decide_next(batch, at_most=1):
                pass
            batch_work.finish(batch)
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(work, range(3)))
    batch.refresh_from_db()
    assert (Decision.objects.count(), results(batch), bool(batch.finished_at)) == (20, {Result.UNDER_WAY: 20}, True)
