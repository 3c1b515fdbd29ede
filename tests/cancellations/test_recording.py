"""Requests that the marketplace does not show: written down by people, and closed by them."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError
from django.utils import timezone

from accounts.models import User
from cancellations.checks import AlreadyDecided, NotAllowed
from cancellations.decisions import decide
from cancellations.models import Announcement, CancellationRequest, Event, Verdict
from cancellations.recording import AlreadyRecorded, Heard, close, handle, record
from orders.models import LineItem, Order
from shops.models import Role
from tests.factories import DecisionFactory, LineItemFactory, OrderFactory, ShopFactory, at, member

pytestmark = pytest.mark.django_db
State = CancellationRequest.State


@pytest.fixture
def order() -> Order:
    """Three lanterns and a stool that a retailer ordered from us."""
    shop = ShopFactory(marketplace="crux_timp", region="US", connection__marketplace="crux_timp")
    order = OrderFactory(shop=shop, number="NG-104417", status="Unallocated", is_cancel_requested=False)
    LineItemFactory(order=order, product_name="Trail lantern", quantity=3, status="Unallocated")
    LineItemFactory(order=order, product_name="Camp stool", quantity=1, status="Unallocated")
    return order


@pytest.fixture
def agent(order: Order) -> User:
    return member(Role.AGENT, order.shop)


def line(order: Order, name: str) -> LineItem:
    return order.lines.get(product_name__contains=name)


def waiting_announcement(order: Order) -> Announcement:
    return Announcement.objects.create(
        shop=order.shop,
        marketplace_id="a-1",
        title="Order Cancelled",
        is_cancellation=True,
        announced_at=timezone.now(),
    )


class TestRecording:
    def test_a_recorded_request_waits_in_the_queue_with_all_lines_that_are_open(
        self, order: Order, agent: User
    ) -> None:
        asked_at = timezone.now() - timedelta(hours=3)
        made = record(order, None, agent, Heard(through="phone", asked_at=asked_at, note=" Ms Ruiz rang. "))
        assert made in CancellationRequest.objects.visible_to(agent).waiting()
        assert (made.state, made.deadline, made.refund()) == (State.WAITING, None, None)
        assert (made.recorded_by, made.heard_through, made.note) == (agent, "phone", "Ms Ruiz rang.")
        assert (made.created_at, made.order_label) == (asked_at, "NG-104417")
        assert {(row.product_name, row.quantity) for row in made.lines.all()} == {
            ("Trail lantern", 3),
            ("Camp stool", 1),
        }

    def test_one_about_a_line_holds_that_line_alone(self, order: Order, agent: User) -> None:
        stool = line(order, "stool")
        made = record(order, stool, agent, Heard())
        assert made.line_item == stool
        assert [row.line_item_marketplace_id for row in made.lines.all()] == [stool.marketplace_id]

    def test_only_what_is_still_open_of_a_line_is_asked_about(self, order: Order, agent: User) -> None:
        order.lines.filter(quantity=3).update(shipped_quantity=1, cancelled_quantity=1)
        made = record(order, None, agent, Heard())
        assert made.lines.get(product_name="Trail lantern").quantity == 1

    def test_it_is_told_in_the_history_with_who_and_how(self, order: Order, agent: User) -> None:
        made = record(order, None, agent, Heard(through="email", note="Their mail of Monday"))
        event = Event.objects.get(cancellation=made)
        assert (event.name, event.actor) == ("cancellation.recorded", agent)
        assert event.detail == {"note": "Their mail of Monday", "heard_through": "email"}

    def test_the_second_who_records_it_is_told_about_the_first(self, order: Order, agent: User) -> None:
        first = record(order, None, agent, Heard())
        colleague = member(Role.AGENT, order.shop)
        with pytest.raises(AlreadyRecorded, match=str(agent)) as refusal:
            record(order, None, colleague, Heard())
        assert refusal.value.cancellation == first
        assert CancellationRequest.objects.count() == 1

    def test_the_order_and_a_line_of_it_are_two_requests(self, order: Order, agent: User) -> None:
        whole, part = record(order, None, agent, Heard()), record(order, line(order, "stool"), agent, Heard())
        assert whole.marketplace_id != part.marketplace_id

    def test_after_an_answer_they_may_ask_again(self, order: Order, agent: User) -> None:
        first = record(order, None, agent, Heard())
        close(first, agent, "They took it back on the telephone.")
        again = record(order, None, agent, Heard())
        assert again.marketplace_id != first.marketplace_id

    def test_the_database_itself_keeps_two_from_waiting(self, order: Order, agent: User) -> None:
        made = record(order, None, agent, Heard())
        made.pk, made.marketplace_id = None, "another"
        with pytest.raises(IntegrityError, match="one_recorded_request_waits_per_order"):
            made.save()

    def test_where_the_marketplace_lists_requests_there_is_nothing_to_record(self) -> None:
        listed = OrderFactory()
        with pytest.raises(NotAllowed, match="come in by themselves"):
            record(listed, None, member(Role.AGENT, listed.shop), Heard())

    @pytest.mark.parametrize("role", [None, Role.VIEWER])
    def test_whoever_may_not_decide_may_not_record(self, order: Order, role: Role | None) -> None:
        person = member(role, order.shop) if role else member(Role.AGENT)
        with pytest.raises(PermissionDenied):
            record(order, None, person, Heard())

    def test_a_line_of_another_order_is_refused_at_its_field(self, order: Order, agent: User) -> None:
        with pytest.raises(ValidationError) as problem:
            record(order, LineItemFactory(), agent, Heard())
        assert list(problem.value.message_dict) == ["line_item"]

    @pytest.mark.parametrize("gone", [{"is_cancelled": True}, {"is_shipped": True}, {"shipped_quantity": 1}])
    def test_a_line_that_is_not_open_any_more_is_refused(self, order: Order, agent: User, gone: dict[str, Any]) -> None:
        order.lines.filter(quantity=1).update(**gone)
        with pytest.raises(ValidationError, match="cannot be cancelled"):
            record(order, line(order, "stool"), agent, Heard())

    def test_so_is_an_order_with_nothing_open(self, order: Order, agent: User) -> None:
        order.lines.update(is_shipped=True)
        with pytest.raises(ValidationError) as problem:
            record(order, None, agent, Heard())
        assert list(problem.value.message_dict) == ["order"]

    def test_nobody_asked_in_the_future(self, order: Order, agent: User) -> None:
        with pytest.raises(ValidationError) as problem:
            record(order, None, agent, Heard(asked_at=timezone.now() + timedelta(minutes=5)))
        assert list(problem.value.message_dict) == ["asked_at"]

    def test_nor_years_ago(self, order: Order, agent: User) -> None:
        with pytest.raises(ValidationError, match="more than a year ago"):
            record(order, None, agent, Heard(asked_at=at("0001-01-01")))


class TestClosing:
    def test_a_closed_request_leaves_the_queue_and_keeps_why(self, order: Order, agent: User) -> None:
        made = record(order, None, agent, Heard())
        close(made, agent, "Settled on the telephone.")
        assert (made.state, made.needs_answer) == (State.CLOSED, False)
        told = Event.objects.get(name="cancellation.closed")
        assert (told.actor, told.detail["note"]) == (agent, "Settled on the telephone.")

    def test_not_without_a_note(self, order: Order, agent: User) -> None:
        made = record(order, None, agent, Heard())
        with pytest.raises(ValidationError) as problem:
            close(made, agent, "  ")
        assert list(problem.value.message_dict) == ["note"]

    def test_not_twice(self, order: Order, agent: User) -> None:
        made = record(order, None, agent, Heard())
        close(made, agent, "Withdrawn.")
        with pytest.raises(NotAllowed, match="settled"):
            close(made, agent, "Withdrawn.")

    def test_not_while_an_answer_is_on_its_way(self, order: Order, agent: User) -> None:
        made = record(order, None, agent, Heard())
        decide(made, Verdict.APPROVE, agent)
        with pytest.raises(AlreadyDecided):
            close(made, agent, "Withdrawn.")
        made.refresh_from_db()
        assert made.needs_answer

    def test_a_request_that_the_marketplace_lists_is_its_own_to_settle(self) -> None:
        listed = DecisionFactory(state="refused").cancellation
        assert listed
        with pytest.raises(NotAllowed, match="says itself"):
            close(listed, member(Role.AGENT, listed.shop), "Withdrawn.")

    def test_viewers_close_nothing(self, order: Order, agent: User) -> None:
        made = record(order, None, agent, Heard())
        with pytest.raises(PermissionDenied):
            close(made, member(Role.VIEWER, order.shop), "Withdrawn.")


class TestAnnouncements:
    def test_one_that_somebody_looked_into_waits_no_longer(self, order: Order, agent: User) -> None:
        told = waiting_announcement(order)
        made = record(order, None, agent, Heard())
        handle(told, agent, made)
        assert (told.handled_by, told.cancellation) == (agent, made)
        assert not Announcement.objects.waiting()

    def test_the_first_to_look_into_it_is_kept(self, order: Order, agent: User) -> None:
        told = waiting_announcement(order)
        handle(told, agent)
        handle(told, member(Role.AGENT, order.shop))
        assert told.handled_by == agent

    def test_strangers_see_none(self, order: Order) -> None:
        waiting_announcement(order)
        assert not Announcement.objects.visible_to(member(Role.MANAGER, ShopFactory()))

    def test_viewers_handle_none(self, order: Order) -> None:
        with pytest.raises(PermissionDenied):
            handle(waiting_announcement(order), member(Role.VIEWER, order.shop))


def test_a_request_is_not_decided_while_items_of_its_order_are_being_cancelled(order: Order, agent: User) -> None:
    made = record(order, None, agent, Heard())
    DecisionFactory(cancellation=None, order=order, shop=order.shop, verdict=Verdict.CANCEL_ITEMS)
    with pytest.raises(NotAllowed, match="cancel items"):
        decide(made, Verdict.APPROVE, agent)
