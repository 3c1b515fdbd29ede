"""What marketplaces without requests tell all the same: cancelled lines, and announcements of nobody knows what."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from cancellations import following
from cancellations.decisions import decide
from cancellations.models import Announcement, CancellationRequest, Decision, Event, Verdict
from cancellations.recording import Heard, handle, record
from marketplaces import records
from marketplaces.crux_timp.adapter import CruxTimpAdapter
from marketplaces.errors import TemporaryFailure
from orders.models import Order
from shops.markets import capabilities
from shops.models import Connection, Shop, SyncRun
from tests.cancellations.test_delivery import carry_out
from tests.world import SupplierWorld, confirmed_elsewhere

State = CancellationRequest.State


def announced(shop: Shop) -> list[str]:
    return list(Announcement.objects.waiting().filter(shop=shop).values_list("title", flat=True))


def test_what_the_dashboard_announced_waits_until_somebody_looked_into_it(suppliers: SupplierWorld) -> None:
    told = Announcement.objects.waiting().filter(shop=suppliers.supplier)
    assert told.exists()
    for one in told:
        handle(one, suppliers.agent)
    assert not announced(suppliers.supplier)


def test_each_is_stored_once_however_often_it_is_told(suppliers: SupplierWorld) -> None:
    shop, now = suppliers.supplier, timezone.now()
    before = Announcement.objects.count()
    for _ in range(2):
        following.store_announcements(shop, [records.Announcement("a-1", "Order Cancelled", now, True)])
    assert Announcement.objects.count() == before + 1


def test_a_new_one_comes_with_the_next_pull(suppliers: SupplierWorld) -> None:
    before = len(announced(suppliers.supplier))
    suppliers.ask(suppliers.orders_of("open")[0])
    suppliers.pull()
    assert len(announced(suppliers.supplier)) == before + 1


def test_other_news_is_kept_and_bothers_nobody(suppliers: SupplierWorld) -> None:
    before = len(announced(suppliers.supplier))
    told = records.Announcement("a-1", "API Errors", timezone.now(), False)
    following.store_announcements(suppliers.supplier, [told])
    assert len(announced(suppliers.supplier)) == before
    assert Announcement.objects.filter(title="API Errors").exists()


def test_a_dashboard_that_does_not_answer_keeps_no_order_from_being_followed(
    suppliers: SupplierWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = suppliers.recorded(suppliers.orders_of("open", status="Unallocated")[0])
    monkeypatch.setattr(CruxTimpAdapter, "announcements", no_answer)
    assert request.order
    Order.objects.filter(pk=request.order.pk).update(status="somewhere else", fingerprint="")
    following.follow(suppliers.supplier, capabilities(suppliers.supplier, timezone.now()))
    request.order.refresh_from_db()
    assert request.order.status == "Unallocated"


def test_what_a_worker_that_died_may_have_used_up_is_for_a_person_to_look_at(
    suppliers: SupplierWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had read them, and was killed before they were stored."""
    suppliers.ask(suppliers.orders_of("open")[0])
    before = announced(suppliers.supplier)
    with monkeypatch.context() as dying:
        dying.setattr(following, "store_announcements", dies)
        with pytest.raises(SystemExit):
            following.read_announcements(suppliers.supplier)
    left = SyncRun.objects.filter(pk=SyncRun.objects.latest("pk").pk)
    left.update(state=SyncRun.State.RUNNING, finished_at=None, heard_at=timezone.now() - timedelta(hours=1))
    for _ in range(2):
        following.read_announcements(suppliers.supplier)
    new = [title for title in announced(suppliers.supplier) if title not in before]
    assert len(new) == 1
    assert "could not be read (The worker that read them stopped.)" in new[0]


def dies(*_: Any) -> Any:
    raise SystemExit


def no_answer(*_: Any) -> Any:
    raise TemporaryFailure("The dashboard does not answer.")


def test_lines_that_are_cancelled_settle_the_request_with_an_event(suppliers: SupplierWorld) -> None:
    request = record(suppliers.orders_of("open")[0], None, suppliers.agent, Heard())
    assert request.order
    request.order.lines.update(is_cancelled=True)
    following.settle_what_lines_show(suppliers.supplier)
    request.refresh_from_db()
    assert (request.state, request.needs_answer) == (State.APPROVED, False)
    assert Event.objects.filter(cancellation=request, name="cancellation.moved").count() == 1


def test_lines_of_others_settle_nothing(suppliers: SupplierWorld) -> None:
    order = suppliers.orders_of("open", status="Unallocated")[0]
    first, *others = order.lines.all()
    request = record(order, first, suppliers.agent, Heard())
    for line in others:
        line.is_cancelled = True
        line.save()
    following.settle_what_lines_show(suppliers.supplier)
    request.refresh_from_db()
    assert request.needs_answer


def test_nothing_that_did_not_move_is_written_again(suppliers: SupplierWorld) -> None:
    suppliers.pull()
    assert SyncRun.objects.filter(shop=suppliers.supplier).latest("pk").written == 0


class TestWhereTheOrderItselfShowsThatSomebodyAsks:
    """An account whose lines say Cancelled as soon as it is asked for (the option `cancelled_word`)."""

    @pytest.fixture
    def asking(self, suppliers: SupplierWorld) -> Order:
        suppliers.sandbox.post("switches", crux_pending_visible=True)
        Connection.objects.update(options={"cancelled_word": "requested"})
        Announcement.objects.all().delete()
        order = suppliers.orders_of("open", status="Unallocated")[0]
        suppliers.ask(order)
        suppliers.pull()
        return order

    def test_it_is_announced_for_a_person_to_find_out_how_much_of_it(
        self, suppliers: SupplierWorld, asking: Order
    ) -> None:
        assert Announcement.objects.waiting().filter(order=asking).count() == 1
        asking.refresh_from_db()
        assert asking.is_cancel_requested and not asking.is_cancelled

    def test_once(self, suppliers: SupplierWorld, asking: Order) -> None:
        suppliers.pull()
        assert Announcement.objects.filter(order=asking).count() == 1

    def test_again_when_they_ask_again_after_an_answer(self, suppliers: SupplierWorld, asking: Order) -> None:
        decision = decide(record(asking, None, suppliers.agent, Heard()), Verdict.REJECT, suppliers.agent)
        suppliers.now()
        assert carry_out(suppliers, decision).state == Decision.State.CONFIRMED
        suppliers.pull()
        assert Announcement.objects.filter(order=asking).count() == 1
        suppliers.ask(asking)
        suppliers.pull()
        assert Announcement.objects.filter(order=asking).count() == 2

    def test_an_approval_is_taken_at_its_word_and_announced_no_more(
        self, suppliers: SupplierWorld, asking: Order
    ) -> None:
        decision = decide(record(asking, None, suppliers.agent, Heard()), Verdict.APPROVE, suppliers.agent)
        suppliers.now()
        assert carry_out(suppliers, decision).state == Decision.State.CONFIRMED
        assert "one word" in decision.note
        suppliers.pull()
        assert Announcement.objects.filter(order=asking).count() == 1

    def test_not_where_a_request_of_it_waits_already(self, suppliers: SupplierWorld, asking: Order) -> None:
        Announcement.objects.all().delete()
        record(asking, None, suppliers.agent, Heard())
        suppliers.pull()
        assert not Announcement.objects.filter(order=asking).exists()

    def test_the_word_settles_nothing(self, suppliers: SupplierWorld, asking: Order) -> None:
        request = record(asking, None, suppliers.agent, Heard())
        suppliers.pull()
        request.refresh_from_db()
        assert request.needs_answer


class TestAnOrderThatCannotBeRead:
    def test_keeps_no_other_from_being_followed(self, suppliers: SupplierWorld) -> None:
        first, second = sorted(
            suppliers.orders_of("open", status="Unallocated")[:2], key=lambda one: one.marketplace_id
        )
        for order in (first, second):
            confirmed_elsewhere(suppliers.recorded(order))
        suppliers.sandbox.fault("get-order-detail", "business_error", marketplace="crux_timp", code=403, count=1)
        following.read_orders_that_wait(suppliers.supplier)
        following.settle_what_lines_show(suppliers.supplier)
        states = CancellationRequest.objects.filter(order__in=[first, second]).values_list("state", flat=True)
        assert sorted(states) == [State.APPROVED, State.WAITING]

    def test_nor_does_an_error_of_ours(self, suppliers: SupplierWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(following, "read_flagged_orders", broken)
        request = record(suppliers.orders_of("open")[0], None, suppliers.agent, Heard())
        assert request.order
        request.order.lines.update(is_cancelled=True)
        monkeypatch.setattr(following, "read_orders_that_wait", lambda shop: None)
        with pytest.raises(ZeroDivisionError):
            suppliers.pull()
        request.refresh_from_db()
        assert request.state == State.APPROVED


def broken(*_: Any) -> Any:
    raise ZeroDivisionError


class TestAnnouncementsThatCannotBeRead:
    @pytest.mark.parametrize("trouble", [{"kind": "reset_after"}, {"kind": "malformed"}, {"kind": "server_error"}])
    def test_those_that_may_be_used_up_are_told_of_once_a_day(
        self, suppliers: SupplierWorld, trouble: dict[str, Any]
    ) -> None:
        Announcement.objects.all().delete()
        for _ in range(2):
            suppliers.sandbox.fault("get-notifications", **trouble, count=1)
            run = following.read_announcements(suppliers.supplier)
            assert run and run.state == SyncRun.State.FAILED
        (told,) = announced(suppliers.supplier)
        assert "could not be read" in told

    def test_so_are_those_that_the_user_may_not_read(self, suppliers: SupplierWorld) -> None:
        Announcement.objects.all().delete()
        suppliers.sandbox.fault("get-notifications", "business_error", code=403, count=1)
        run = following.read_announcements(suppliers.supplier)
        assert run and (run.state, run.error_code) == (SyncRun.State.FAILED, "403")
        assert len(announced(suppliers.supplier)) == 1

    def test_where_nothing_was_used_up_the_run_alone_says_so(self, suppliers: SupplierWorld) -> None:
        Announcement.objects.all().delete()
        suppliers.sandbox.fault("get-notifications", "rate_limited", count=1)
        run = following.read_announcements(suppliers.supplier)
        assert run and run.state == SyncRun.State.FAILED
        assert not announced(suppliers.supplier)
