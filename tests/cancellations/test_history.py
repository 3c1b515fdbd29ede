"""The timeline in words: what is claimed, by whom, and what is to come."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from cancellations import history, teamwork
from cancellations.history import Entry
from cancellations.models import Attempt, CancellationRequest, Decision, Event, Verdict
from cancellations.recording import Heard, close, record
from orders.models import Order
from shops.models import Role
from tests.factories import (
    CancellationFactory,
    DecisionFactory,
    LineItemFactory,
    OrderFactory,
    ShopFactory,
    at,
    member,
)

pytestmark = pytest.mark.django_db
NOON = at("2026-05-01 12:00")


@pytest.fixture
def agent() -> User:
    return member(Role.AGENT, first_name="Ada")


@pytest.fixture
def recorded(agent: User) -> CancellationRequest:
    shop = ShopFactory(marketplace="crux_timp", region="US")
    agent.memberships.create(shop=shop, role=Role.AGENT)
    order = LineItemFactory(order=OrderFactory(shop=shop)).order
    return record(order, None, agent, Heard(through="phone", note="Ms Ruiz rang."))


def told(cancellation: CancellationRequest) -> list[tuple[str, str, str]]:
    entries = history.of_cancellation(cancellation, timezone.now())
    return [(entry.text, entry.who, entry.detail) for entry in entries if not entry.is_ahead]


def texts(entries: Any) -> list[str]:
    return [entry.text for entry in entries]


def called(decision: Decision, *calls: tuple[str, str], **columns: Any) -> None:
    """Calls a minute apart, each (purpose, outcome)."""
    for number, (purpose, outcome) in enumerate(calls, 1):
        started = NOON + timedelta(minutes=number)
        Attempt.objects.create(
            decision=decision, number=number, purpose=purpose, outcome=outcome, started_at=started,
            **{"request_id": f"R{number}", **columns},
        )  # fmt: skip


def happened(decision: Decision, name: str, when: datetime, **detail: Any) -> None:
    Event.objects.create(
        shop=decision.shop, order=decision.order, cancellation=decision.cancellation, decision=decision, name=name,
        at=when, detail=detail,
    )  # fmt: skip


class TestARequest:
    def test_it_tells_who_recorded_a_request_and_how_it_was_heard(self, recorded: CancellationRequest) -> None:
        heard = ("Recorded: somebody asks to cancel", "Ada", "Heard through telephone or chat · Ms Ruiz rang.")
        assert told(recorded)[0] == heard
        assert "asked to cancel" not in str(texts(history.of_cancellation(recorded, timezone.now())))

    def test_it_tells_who_closed_it_and_why(self, recorded: CancellationRequest, agent: User) -> None:
        close(recorded, agent, "Withdrawn by telephone.")
        assert told(recorded)[0] == ("Closed without an answer", "Ada", "Withdrawn by telephone.")

    def test_what_became_of_a_recorded_request_is_not_put_into_the_marketplaces_mouth(
        self, recorded: CancellationRequest
    ) -> None:
        listed = CancellationFactory()
        for one in (recorded, listed):
            Event.objects.create(shop=one.shop, cancellation=one, name="cancellation.moved", detail={"to": "closed"})
        assert told(recorded)[0][0] == "Settled: closed"
        assert told(listed)[0][0] == "The marketplace shows: closed"

    def test_it_says_who_asked_and_why_even_without_an_event(self) -> None:
        assert ("The buyer asked to cancel", "", "Order created by mistake") in told(CancellationFactory())
        asked = CancellationFactory()
        Event.objects.create(shop=asked.shop, cancellation=asked, name="cancellation.requested", detail={})
        assert str(told(asked)).count("The buyer asked to cancel") == 1

    @pytest.mark.parametrize(
        ("initiator", "text"),
        [
            ("seller", "The marketplace lists it as the seller's own cancellation"),
            ("system", "The marketplace lists it as its own cancellation"),
            ("marketplace", "The marketplace lists it as its own cancellation"),
            ("courier", "Asked to cancel: courier"),
        ],
    )
    def test_whose_cancellation_it_is_is_said_in_words(self, initiator: str, text: str) -> None:
        asked = CancellationFactory(initiator=initiator)
        assert text in [words for words, _who, _detail in told(asked)]
        Event.objects.create(shop=asked.shop, cancellation=asked, name="cancellation.requested")
        assert [words for words, _who, _detail in told(asked)].count(text) == 1

    def test_notes_of_colleagues_stand_in_it(self, agent: User) -> None:
        asked = CancellationFactory()
        agent.memberships.create(shop=asked.shop, role=Role.AGENT)
        teamwork.add_note(asked, agent, "She rang.\nTwice.")
        assert told(asked)[0] == ("Noted for colleagues", "Ada", "She rang.\nTwice.")

    @pytest.mark.parametrize("state", ["confirmed", "refused", "stalled"])
    def test_what_is_known_of_a_decision_is_told_with_its_end(self, state: str) -> None:
        decision = DecisionFactory(
            state=state, stalled_because="disagreement" if state == "stalled" else "", note="It shows no rejections."
        )
        happened(decision, f"decision.{state}", timezone.now())
        assert decision.cancellation
        assert told(decision.cancellation)[0][2] == "It shows no rejections."

    def test_what_happened_to_another_request_about_the_order_says_so(self) -> None:
        first = CancellationFactory()
        second = CancellationFactory(order=first.order)
        Event.objects.create(shop=first.shop, order=first.order, cancellation=first, name="cancellation.requested")
        of_second = history.of_cancellation(second, timezone.now())
        assert [entry.about for entry in of_second if entry.text == "The buyer asked to cancel"] == [first, None]
        assert not [entry.about for entry in history.of_cancellation(first, timezone.now()) if entry.about]


class TestItsOrder:
    def test_its_moments_are_on_the_same_timeline(self) -> None:
        order = OrderFactory(
            created_at=NOON, paid_at=NOON + timedelta(minutes=1), shipped_at=NOON + timedelta(hours=3),
            collected_at=NOON + timedelta(hours=4), delivered_at=NOON + timedelta(hours=9),
        )  # fmt: skip
        asked = CancellationFactory(order=order, created_at=NOON + timedelta(hours=2), deadline=None)
        assert texts(reversed(history.of_cancellation(asked, NOON + timedelta(days=1)))) == [
            "Ordered", "Paid", "The buyer asked to cancel", "Marked as shipped", "Handed over to the carrier",
            "Delivered",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("columns", "ahead"),
        [
            ({"ship_by": NOON}, ["Has to be shipped by then"]),
            ({"ship_by": NOON, "shipped_at": NOON - timedelta(hours=3)}, []),
            ({"hand_over_by": NOON}, []),
            (
                {"hand_over_by": NOON, "shipped_at": NOON - timedelta(hours=3), "ship_by": NOON},
                ["Has to be with the carrier"],
            ),
            ({"ship_by": NOON, "is_cancelled": True}, []),
        ],
    )
    def test_what_it_has_to_do_next_is_to_come(self, columns: dict[str, Any], ahead: list[str]) -> None:
        asked = CancellationFactory(order=OrderFactory(**columns), deadline=None)
        entries = history.of_cancellation(asked, NOON - timedelta(hours=1))
        assert [entry.text for entry in entries if entry.at == NOON] == ahead

    def test_what_is_overdue_is_not_to_come_any_more(self) -> None:
        asked = CancellationFactory(order=OrderFactory(ship_by=NOON), deadline=None)
        (entry,) = (one for one in history.of_cancellation(asked, NOON + timedelta(hours=1)) if one.at == NOON)
        assert (entry.text, entry.tone, entry.is_ahead) == ("Had to be shipped by then", "bad", False)


class TestWhatIsToCome:
    def test_the_deadline_says_what_silence_does(self) -> None:
        early = NOON - timedelta(hours=2)
        asked = CancellationFactory(deadline=NOON, created_at=early, order=OrderFactory(created_at=early))
        first = history.of_cancellation(asked, NOON - timedelta(hours=1))[0]
        assert (first.text, first.at, first.is_ahead) == ("The request is approved by itself", NOON, True)
        over = next(one for one in history.of_cancellation(asked, NOON + timedelta(hours=1)) if one.at == NOON)
        assert (over.text, over.is_ahead) == ("The deadline was over", False)

    def test_a_settled_request_waits_for_nothing(self) -> None:
        asked = CancellationFactory(needs_answer=False, deadline=timezone.now() + timedelta(hours=3))
        assert not [one for one in history.of_cancellation(asked, timezone.now()) if one.is_ahead]

    @pytest.mark.parametrize(("failures", "text"), [(0, "Is sent: approve"), (2, "Next try: approve")])
    def test_a_decision_that_was_not_sent_yet_says_when_it_is(self, failures: int, text: str) -> None:
        now = timezone.now()
        soon = now + timedelta(seconds=9)
        asked = CancellationFactory(deadline=None)
        DecisionFactory(cancellation=asked, send_after=now, due_at=soon, failures=failures)
        first = history.of_cancellation(asked, now)[0]
        assert (first.text, first.at, first.is_ahead) == (text, soon, True)


class TestCalls:
    @pytest.fixture
    def decision(self) -> Decision:
        early = NOON - timedelta(hours=1)
        order = OrderFactory(created_at=early)
        asked = CancellationFactory(order=order, created_at=early, deadline=None)
        return DecisionFactory(cancellation=asked, state="accepted")

    def of(self, decision: Decision) -> list[Entry]:
        assert decision.cancellation
        entries = history.of_cancellation(decision.cancellation, NOON + timedelta(days=1))
        return [entry for entry in entries if entry.at > NOON]

    def test_the_same_call_made_again_in_vain_is_one_line(self, decision: Decision) -> None:
        called(decision, *[("send", "temporary")] * 5, ("send", "ok"))
        last, before = self.of(decision)
        assert (last.text, last.times) == ("Sent to the marketplace", 1)
        assert (before.text, before.times) == ("Sent to the marketplace: not now", 5)
        assert (before.since, before.at) == (NOON + timedelta(minutes=1), NOON + timedelta(minutes=5))
        assert before.request_id == "R5"

    def test_what_lies_between_two_calls_keeps_them_apart(self, decision: Decision) -> None:
        called(decision, ("ask", "unknown"), ("ask", "unknown"))
        happened(decision, "decision.asked_again", NOON + timedelta(seconds=90), verdict="approve")
        assert texts(self.of(decision)) == [
            "Asked what became of it: answer lost", "Asked again: approve", "Asked what became of it: answer lost",
        ]  # fmt: skip

    def test_a_call_comes_after_what_led_to_it(self, decision: Decision) -> None:
        happened(decision, "decision.recorded", NOON + timedelta(minutes=1), verdict="approve")
        called(decision, ("send", "ok"))
        assert texts(self.of(decision)) == ["Sent to the marketplace", "Decided: approve"]

    def test_what_a_marketplace_shows_within_the_second_of_our_call_came_after_it(self, decision: Decision) -> None:
        late = NOON + timedelta(minutes=1, milliseconds=400)
        called(decision, ("send", "ok"))
        happened(decision, "decision.accepted", late, verdict="approve")
        happened(decision, "cancellation.moved", NOON + timedelta(minutes=1), to="completed")  # in whole seconds
        assert texts(self.of(decision)) == [
            "The marketplace shows: refunded", "The marketplace accepted: approve", "Sent to the marketplace",
        ]  # fmt: skip

    @pytest.mark.parametrize("earlier", [timedelta(0), timedelta(milliseconds=900)])
    @pytest.mark.parametrize(
        ("verdict", "moment", "text"),
        [("approve", "cancelled_at", "The order was cancelled"), ("ship_to_reject", "shipped_at", "Marked as shipped")],
    )
    def test_what_our_call_did_to_the_order_comes_after_it(
        self, decision: Decision, verdict: str, moment: str, text: str, earlier: timedelta
    ) -> None:
        Decision.objects.update(verdict=verdict)
        called(decision, ("send", "ok"))
        Order.objects.update(**{moment: NOON + timedelta(minutes=1) - earlier})  # in whole seconds there
        assert texts(self.of(Decision.objects.get())) == [text, "Sent to the marketplace"]

    @pytest.mark.parametrize(
        ("verdict", "purpose", "outcome", "earlier"),
        [
            ("approve", "send", "refused", 0.9),  # because it was cancelled already
            ("approve", "ask", "ok", 0.9),
            ("reject", "send", "ok", 0.9),
            ("approve", "send", "ok", 2),
        ],
    )
    def test_what_our_call_cannot_have_done_stays_before_it(
        self, decision: Decision, verdict: str, purpose: str, outcome: str, earlier: float
    ) -> None:
        Decision.objects.update(verdict=verdict)
        called(decision, (purpose, outcome))
        Order.objects.update(cancelled_at=NOON + timedelta(minutes=1) - timedelta(seconds=earlier))
        assert texts(self.of(Decision.objects.get()))[-1] == "The order was cancelled"

    def test_a_request_id_is_told_once(self, decision: Decision) -> None:
        called(decision, ("send", "ok"))
        for name in ("accepted", "confirmed"):
            happened(decision, f"decision.{name}", NOON + timedelta(hours=1), request_id="R1", message="Success")
        assert [entry.request_id for entry in self.of(decision)] == ["", "", "R1"]
        assert "Success" not in str([entry.detail for entry in self.of(decision)])

    def test_a_decisions_own_page_tells_of_nothing_else(self, decision: Decision) -> None:
        called(decision, ("send", "ok"))
        assert texts(history.of_decision(decision, timezone.now())) == ["Sent to the marketplace"]


class TestAnOrdersPage:
    def test_it_tells_of_all_its_requests_and_which_is_meant(self) -> None:
        order = OrderFactory(created_at=NOON)
        first, second = (CancellationFactory(order=order, deadline=None, initiator=who) for who in ("buyer", "system"))
        entries = history.of_order(order, timezone.now())
        asked = {entry.text: entry.about for entry in entries if entry.text != "Ordered"}
        assert asked == {"The buyer asked to cancel": first, "The marketplace lists it as its own cancellation": second}

    def test_it_tells_what_was_cancelled_without_a_request(self) -> None:
        order = OrderFactory(created_at=NOON)
        decision = DecisionFactory(
            cancellation=None, order=order, shop=order.shop, verdict=Verdict.CANCEL_ITEMS, reason_text="Out of stock"
        )
        happened(decision, "decision.recorded", NOON + timedelta(hours=1), verdict="cancel_items")
        first, *_ = history.of_order(order, timezone.now())
        assert (first.text, first.detail) == ("Decided: cancel items", "Out of stock")

    def test_of_one_request_alone_one_knows_which_is_meant(self) -> None:
        entries = history.of_order(CancellationFactory().order, timezone.now())  # type: ignore[arg-type]
        assert not any(entry.about for entry in entries)


class TestQuoting:
    def test_the_marketplaces_support_is_told_ids_and_every_call(self) -> None:
        decision = DecisionFactory(verdict="reject")
        called(decision, ("send", "unknown"), ("ask", "ok"))
        called(DecisionFactory(), ("send", "ok"), request_id="ANOTHER")
        assert decision.cancellation
        asked = decision.cancellation
        assert history.to_quote(asked, history.calls_about(asked)).splitlines() == [
            f"Shop: {asked.shop.name}, {asked.shop.marketplace_id}",
            f"Order: {asked.order_marketplace_id}",
            f"Cancellation request: {asked.marketplace_id}",
            "2026-05-01 12:01:00 UTC, reject, send, answer lost, request id R1",
            "2026-05-01 12:02:00 UTC, reject, ask what became of it, answered, request id R2",
        ]

    def test_an_id_of_ours_means_nothing_to_them(self, recorded: CancellationRequest) -> None:
        assert recorded.marketplace_id not in history.to_quote(recorded, history.calls_about(recorded))
