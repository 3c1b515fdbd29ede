"""Bands of time left, what counts as alive, and what the database itself refuses."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from cancellations.models import (
    Attempt,
    CancellationRequest,
    Decision,
    DecisionLine,
    Event,
    PushedNotification,
    TimeLeft,
    Verdict,
)
from cancellations.models.search import is_said_often
from marketplaces.records import Money
from shops.models import Role
from tests.factories import (
    CancellationFactory,
    CancellationLineFactory,
    DecisionFactory,
    LineItemFactory,
    OrderFactory,
    UserFactory,
    at,
    member,
)

pytestmark = pytest.mark.django_db

State = Decision.State
NOW = at("2026-03-02 12:00")
SECOND = timedelta(seconds=1)
BANDS = [
    (timedelta(days=-1), TimeLeft.OVER),
    (timedelta(0), TimeLeft.OVER),
    (SECOND, TimeLeft.SOON),
    (timedelta(hours=2), TimeLeft.SOON),
    (timedelta(hours=2) + SECOND, TimeLeft.TODAY),
    (timedelta(hours=12), TimeLeft.TODAY),
    (timedelta(hours=12) + SECOND, TimeLeft.LATER),
    (timedelta(days=40), TimeLeft.LATER),
    (None, TimeLeft.LATER),
]


class TestTimeLeft:
    @pytest.mark.parametrize(("left", "band"), BANDS, ids=str)
    def test_a_deadline_falls_into_one_band(self, left: timedelta | None, band: TimeLeft) -> None:
        assert TimeLeft.until(None if left is None else NOW + left, NOW) == band

    def test_the_database_sorts_into_the_same_bands(self) -> None:
        for left, _ in BANDS:
            CancellationFactory(deadline=None if left is None else NOW + left)
        found = {band: set(CancellationRequest.objects.filter(band.q(NOW))) for band in TimeLeft}
        assert sum(map(len, found.values())) == len(BANDS)
        for band, requests in found.items():
            assert {TimeLeft.until(one.deadline, NOW) for one in requests} == {band}

    def test_what_is_over_and_how_long_is_left_is_asked_of_the_callers_clock(self) -> None:
        request = CancellationFactory.build(order=None, shop=None, order_marketplace_id="1", deadline=NOW)
        assert request.is_over(NOW) and not request.is_over(NOW - SECOND)
        assert request.seconds_left(NOW - timedelta(minutes=1)) == 60
        request.deadline = None
        assert not request.is_over(NOW)
        assert request.seconds_left(NOW) is None


class TestTheQueue:
    def test_what_silence_decides_first_comes_first_and_what_it_never_decides_last(self) -> None:
        deadlines = [None, NOW + timedelta(hours=5), NOW - timedelta(hours=5), None, NOW + timedelta(hours=1)]
        for age, deadline in enumerate(deadlines):
            CancellationFactory(deadline=deadline, created_at=NOW - timedelta(hours=age))
        got = [one.deadline for one in CancellationRequest.objects.by_time_left()]
        assert got == [NOW - timedelta(hours=5), NOW + timedelta(hours=1), NOW + timedelta(hours=5), None, None]
        without = [one.created_at for one in CancellationRequest.objects.by_time_left() if one.deadline is None]
        assert without == sorted(without)

    def test_waiting_are_those_that_the_seller_has_to_answer(self) -> None:
        asked = CancellationFactory()
        CancellationFactory(needs_answer=False)
        assert CancellationRequest.objects.waiting().get() == asked

    def test_a_row_of_the_queue_costs_no_query_of_its_own(self, django_assert_num_queries: Any) -> None:
        for _ in range(5):
            DecisionFactory(cancellation=CancellationLineFactory().cancellation)
        with django_assert_num_queries(3):
            for one in CancellationRequest.objects.with_queue_columns():
                assert one.live_decision and str(one.live_decision.made_by) and one.shop.name and one.order
                assert [line.product_name for line in one.lines.all()]

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("40353", True),
            ("57708", True),
            ("COTTON", True),
            ("tote-b", True),
            ("ote-blk", True),
            ("SKU-1", True),
            ("SKU", False),
            ("0353", False),
            ("%", False),
            ("4035318504", True),
            ("57708761441", True),
            ("4006381333931", True),
            ("40063813", True),
            ("17293864160", True),
            ("0353185040", False),
            ("1729386416", False),
        ],
    )
    def test_it_is_searched_by_id_order_product_and_sku(self, text: str, found: bool) -> None:
        asked = CancellationFactory()
        CancellationLineFactory(cancellation=asked, sku_id="SKU-1")
        CancellationLineFactory(cancellation=asked, sku_id="17293864160", seller_sku="4006381333931")
        assert CancellationRequest.objects.search(text).exists() == found

    def test_a_request_whose_lines_match_twice_is_found_once(self) -> None:
        asked = CancellationFactory()
        CancellationLineFactory.create_batch(2, cancellation=asked)
        assert CancellationRequest.objects.search("tote").get() == asked

    def test_what_many_say_is_found_as_what_few_say_is(self) -> None:
        few, many = CancellationFactory(), CancellationFactory.create_batch(12)
        CancellationLineFactory(cancellation=few, product_name="Tea towel", seller_sku="TOWEL")
        for row in many:
            CancellationLineFactory(cancellation=row)

        def found(text: str) -> tuple[set[CancellationRequest], str]:
            with CaptureQueriesContext(connection) as queries:
                rows = set(CancellationRequest.objects.search(text))
            return rows, queries[-1]["sql"]

        rows, asked = found("towel")
        assert (rows, "trigrams" in asked) == ({few}, True)
        rows, asked = found("tote")
        assert (rows, "GROUP BY" in asked) == (set(many), True)
        rows, asked = found("to")
        assert (rows, "trigrams" in asked) == ({few, *many}, False)

    def test_what_many_say_is_known_where_most_ids_were_never_used(self) -> None:
        for number in range(12):
            CancellationLineFactory(cancellation=CancellationFactory(pk=1 + number * 10**12))
        assert is_said_often("tote")
        assert not is_said_often("towel")

    def test_a_beginning_of_all_order_numbers_is_not_looked_up_either(self) -> None:
        CancellationFactory.create_batch(6, order_number="PO-1")
        assert is_said_often("PO-")

    def test_all_of_a_long_text_has_to_be_there(self) -> None:
        CancellationLineFactory(product_name="cotton " * 20, seller_sku="")
        assert CancellationRequest.objects.search("cotton " * 14).exists()
        assert not CancellationRequest.objects.search("cotton " * 14 + "towel").exists()

    @pytest.mark.parametrize(
        ("product", "text", "found"),
        [
            ("Straße", "strasse", False),
            ("Straße", "TRAß", True),
            ("ΟΔΟΣ Λευκός", "λευκοσ", False),
            ("ΟΔΟΣ Λευκός", "λευκός", True),
            ("ΟΔΟΣ Λευκός", "οδος", True),
            ("咖啡研磨机", "研磨机", True),
            ("กระเป๋าผ้าฝ้าย", "ผ้า", True),
            ("100 % cotton_bag", "0 % c", True),
            ("100 % cotton_bag", "n_b", True),
            ("100 % cotton_bag", "nxb", False),
            ("Mug \\ blue", "g \\ b", True),
            ("Mug 'n' cup", "'n'", True),
        ],
    )
    def test_letters_of_any_script_are_looked_up(self, product: str, text: str, found: bool) -> None:
        CancellationLineFactory(product_name=product, seller_sku="")
        assert CancellationRequest.objects.search(text).exists() == found

    def test_an_order_number_is_found_by_its_middle(self) -> None:
        asked = CancellationFactory(order_number="PO-104417-B")
        CancellationFactory(order_number="PO-104418-B")
        assert CancellationRequest.objects.search("4417-b").get() == asked

    def test_what_few_say_is_looked_up_in_indexes(self) -> None:
        with connection.cursor() as cursor:
            # The other ways, each cheaper while there is nothing: what is left can use these two indexes alone.
            for other_way in ("seqscan", "indexscan", "indexonlyscan"):
                cursor.execute(f"SET LOCAL enable_{other_way} = off")
            cursor.execute("DROP INDEX cancel_order_no_starts_with")
        plan = CancellationRequest.objects.search("towel").explain()
        assert [name for name in ("cancel_line_holds", "cancel_order_no_holds") if name not in plan] == []

    def test_the_refund_is_money_or_nothing(self) -> None:
        assert CancellationFactory().refund() == Money(Decimal("26.98"), "GBP")
        assert CancellationFactory(refund_total=None).refund() is None
        assert CancellationFactory(refund_total=Decimal(0)).refund() == Money(Decimal(0), "GBP")


class TestWhoSees:
    @pytest.mark.parametrize("role", list(Role))
    def test_members_see_what_belongs_to_their_shops_and_nothing_else(self, role: Role) -> None:
        mine, theirs = DecisionFactory(), DecisionFactory()
        person = member(role, mine.shop)
        assert CancellationRequest.objects.visible_to(person).get() == mine.cancellation
        assert Decision.objects.visible_to(person).get() == mine
        assert theirs.shop != mine.shop

    def test_strangers_see_nothing_and_superusers_all(self) -> None:
        DecisionFactory.create_batch(2)
        root: User = UserFactory(is_superuser=True)
        for person in (AnonymousUser(), UserFactory(), UserFactory(is_superuser=True, is_active=False)):
            assert not CancellationRequest.objects.visible_to(person).exists()
            assert not Decision.objects.visible_to(person).exists()
        assert CancellationRequest.objects.visible_to(root).count() == 2
        assert Decision.objects.visible_to(root).count() == 2


LIVE = {"unsigned", "recorded", "sending", "accepted", "stalled"}
MOVING = {"recorded", "sending", "accepted"}


def decision(state: str = "recorded", **columns: Any) -> Decision:
    return DecisionFactory(state=state, stalled_because="outcome_unknown" if state == "stalled" else "", **columns)


class TestDecisions:
    @pytest.mark.parametrize("state", State.values)
    def test_alive_and_moving_are_the_same_in_the_row_and_in_the_database(self, state: str) -> None:
        made = decision(state)
        assert made.is_live == (state in LIVE) == Decision.objects.live().exists()
        assert made.is_moving == (state in MOVING) == Decision.objects.due(timezone.now()).exists()
        asked = made.cancellation
        assert asked and (asked.live_decision is not None) == (state in LIVE)

    def test_due_are_those_whose_time_has_come(self) -> None:
        decision(due_at=NOW + SECOND)
        now = decision(due_at=NOW)
        assert Decision.objects.due(NOW).get() == now

    @pytest.mark.parametrize("state", State.values)
    def test_only_one_that_was_never_sent_can_be_taken_back(self, state: str) -> None:
        # Far ahead of any deadline, which ends the undo window as well.
        assert decision(state).can_be_withdrawn(timezone.now()) == (state in {"unsigned", "recorded"})
        assert not decision(state, is_outcome_unknown=True).can_be_withdrawn(timezone.now())

    def test_the_undo_window_is_counted_in_whole_seconds_and_never_below_none(self) -> None:
        made = decision(send_after=NOW)
        assert [made.undo_seconds(NOW - timedelta(seconds=left)) for left in (10, 9.7, 0, -5)] == [10, 10, 0, 0]

    def test_every_decision_has_a_key_of_its_own_that_saving_does_not_change(self) -> None:
        made, other = decision(), decision()
        key = made.key
        made.save()
        made.refresh_from_db()
        assert made.key == key != other.key

    def test_of_many_decisions_the_live_one_is_found(self) -> None:
        asked = CancellationFactory()
        for state in ("refused", "withdrawn"):
            decision(state, cancellation=asked)
        live = decision("stalled", cancellation=asked)
        assert asked.live_decision == live


def refused(constraint: str) -> Any:
    return pytest.raises(IntegrityError, match=constraint)


class TestWhatTheDatabaseRefuses:
    @pytest.mark.parametrize("first", sorted(LIVE))
    @pytest.mark.parametrize("second", sorted(LIVE))
    def test_a_second_live_decision_about_a_request(self, first: str, second: str) -> None:
        asked = CancellationFactory()
        decision(first, cancellation=asked)
        with refused("one_live_decision_per_cancellation"), transaction.atomic():
            decision(second, cancellation=asked, verdict=Verdict.REJECT)

    @pytest.mark.parametrize("over", sorted(set(State.values) - LIVE))
    def test_but_not_one_after_another_that_is_over(self, over: str) -> None:
        asked = CancellationFactory()
        decision(over, cancellation=asked)
        decision(over, cancellation=asked)
        assert decision(cancellation=asked)

    @pytest.mark.parametrize("state", sorted(LIVE))
    def test_a_second_live_cancelling_of_an_orders_items(self, state: str) -> None:
        order = OrderFactory()
        items: dict[str, Any] = {
            "order": order, "shop": order.shop, "cancellation": None, "verdict": Verdict.CANCEL_ITEMS,
        }  # fmt: skip
        decision("refused", **items)
        decision(state, **items)
        with refused("one_live_item_cancellation_per_order"), transaction.atomic():
            decision(**items)

    @pytest.mark.parametrize(
        ("verdict", "has_order", "has_cancellation"),
        [
            (Verdict.CANCEL_ITEMS, False, False),
            (Verdict.CANCEL_ITEMS, True, True),
            (Verdict.CANCEL_ITEMS, False, True),
            (Verdict.APPROVE, True, False),
            (Verdict.REJECT, True, False),
            (Verdict.SHIP_TO_REJECT, False, False),
        ],
    )
    def test_a_decision_about_the_wrong_thing(self, verdict: Verdict, has_order: bool, has_cancellation: bool) -> None:
        asked = CancellationFactory()
        with refused("decision_is_about_a_cancellation_or_about_items"), transaction.atomic():
            DecisionFactory(
                verdict=verdict, shop=asked.shop, order=asked.order if has_order else None,
                cancellation=asked if has_cancellation else None,
            )  # fmt: skip

    @pytest.mark.parametrize(
        ("state", "because"), [("stalled", ""), ("recorded", "reconnect"), ("refused", "reconnect")]
    )
    def test_a_stalled_decision_that_does_not_say_why_or_another_that_does(self, state: str, because: str) -> None:
        with refused("stalled_decisions_say_why"), transaction.atomic():
            DecisionFactory(state=state, stalled_because=because)

    def test_a_key_that_was_used_before(self) -> None:
        with refused("key"), transaction.atomic():
            decision(key=decision().key)

    @pytest.mark.parametrize("twice", ["request", "line", "attempt", "push", "item"])
    def test_the_same_thing_twice(self, twice: str) -> None:
        made = decision()
        item = LineItemFactory(order=made.order)
        same: dict[str, tuple[str, Any]] = {
            "request": (
                "one_cancellation_per_shop_and_marketplace_id",
                lambda: CancellationFactory(shop=made.shop, order=made.order, marketplace_id="1"),
            ),
            "line": (
                "one_line_per_cancellation_and_marketplace_id",
                lambda: CancellationLineFactory(cancellation=made.cancellation, marketplace_id="1"),
            ),
            "attempt": (
                "attempts_are_numbered",
                lambda: Attempt.objects.create(decision=made, number=1, purpose="send"),
            ),
            "push": (
                "one_row_per_notification",
                lambda: PushedNotification.objects.create(shop=made.shop, notification_id="1", sent_at=NOW),
            ),
            "item": (
                "one_row_per_decision_and_line_item",
                lambda: DecisionLine.objects.create(decision=made, line_item=item),
            ),
        }
        constraint, make = same[twice]
        make()
        with refused(constraint), transaction.atomic():
            make()

    def test_the_same_request_id_in_another_shop_is_another_request(self) -> None:
        CancellationFactory(marketplace_id="1")
        assert CancellationFactory(marketplace_id="1")

    def test_to_cancel_none_of_an_item(self) -> None:
        made = decision()
        with refused("cancelled_quantity_is_positive"), transaction.atomic():
            DecisionLine.objects.create(decision=made, line_item=LineItemFactory(order=made.order), quantity=0)


def test_what_was_decided_outlives_nobody_who_could_take_it_away() -> None:
    """People, orders and requests with a history cannot be deleted from under it."""
    made = decision()
    assert made.made_by and made.order and made.cancellation
    Event.objects.create(shop=made.shop, decision=made, actor=made.made_by, name="decision.recorded")
    for row in (made.made_by, made.order, made.cancellation, made.shop, made):
        with pytest.raises(IntegrityError), transaction.atomic():
            row.delete()


def test_pages_of_requests_and_decisions_have_an_address() -> None:
    made = decision()
    assert made.cancellation
    assert made.get_absolute_url() == made.cancellation.get_absolute_url()
    assert str(made) == f"approve {made.cancellation}"
