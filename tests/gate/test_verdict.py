"""What the gate answers, as a table: how things stand, the verdict, the reason."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cancellations.models import CancellationRequest, Decision, DecisionLine, PushedNotification
from cancellations.models import Verdict as Decided
from gate import facts
from gate.models import PullTask
from gate.reasons import Reason, Verdict
from gate.verdict import Answer, Asked, verdict
from orders.models import LineItem, Order
from shops.models import Connection, SyncKind
from tests.factories import (
    CancellationFactory,
    CancellationLineFactory,
    DecisionFactory,
    LineItemFactory,
    OrderFactory,
    ShopFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
NOT_PACKED: dict[str, Any] = {"status": "AWAITING_SHIPMENT"}
PACKED: dict[str, Any] = {
    "status": "AWAITING_COLLECTION", "is_shipped": True, "shipped_quantity": 1, "package_id": "P1",
}  # fmt: skip
LEFT: dict[str, Any] = {"status": "IN_TRANSIT", "is_shipped": True, "shipped_quantity": 1, "package_id": "P1"}
CANCELLED: dict[str, Any] = {"is_cancelled": True, "cancelled_quantity": 1, "status": "CANCELLED"}


def order(*lines: dict[str, Any], region: str = "GB", read: timedelta = MINUTE / 2, **columns: Any) -> Order:
    """An order of a shop that was read half a minute ago, whose status is that of its first line."""
    now = timezone.now()
    shop = columns.pop("shop", None) or ShopFactory(region=region)
    for kind in (SyncKind.ORDERS, SyncKind.CANCELLATIONS):
        shop.cursors.get_or_create(kind=kind, defaults={"synced_until": now - read})
    lines = lines or (NOT_PACKED,)
    told = {"status": lines[0]["status"], "is_shipped": lines[0].get("is_shipped", False)}
    made = OrderFactory(**{"shop": shop, "is_cancel_requested": False, **told, **columns})
    for line in lines:
        LineItemFactory(order=made, **line)
    return made


def asked(about: Order, *lines: LineItem, **columns: Any) -> CancellationRequest:
    made = CancellationFactory(order=about, **columns)
    for line in lines:
        CancellationLineFactory(cancellation=made, line_item_marketplace_id=line.marketplace_id)
    return made


def closed(about: Order, state: str = "closed") -> CancellationRequest:
    return asked(about, state=state, needs_answer=False)


def decided(about: Order, verdict: Decided, state: str, **request: Any) -> Decision:
    reasons = {"stalled_because": "outcome_unknown"} if state == "stalled" else {}
    return DecisionFactory(cancellation=asked(about, **request), verdict=verdict, state=state, **reasons)


def deciding(verdict: Decided, state: str) -> Callable[[Order], Decision]:
    return lambda about: decided(about, verdict, state)


def items(about: Order, *quantities: int, state: str = "recorded") -> Decision:
    decision = Decision.objects.create(
        shop=about.shop, order=about, verdict=Decided.CANCEL_ITEMS, state=state, made_by=UserFactory(),
        send_after=timezone.now(), stalled_because="outcome_unknown" if state == "stalled" else "",
    )  # fmt: skip
    for line, quantity in zip(about.lines.all(), quantities, strict=False):
        if quantity:
            DecisionLine.objects.create(decision=decision, line_item=line, quantity=quantity)
    return decision


def pushed(about: Order, says: str, request: str = "1", **columns: Any) -> PushedNotification:
    now = timezone.now()
    made: PushedNotification = PushedNotification.objects.create(
        shop=about.shop, notification_id=f"{says}{request}{now}", topic="cancellation", says=says,
        order_id=about.marketplace_id, cancellation_id="" if says == "order_cancelled" else request,
        **{"sent_at": now, "received_at": now, **columns},
    )  # fmt: skip
    return made


def pulled(about: Order, **columns: Any) -> PullTask:
    made: PullTask = PullTask.objects.create(
        order=about, done_by=UserFactory(), reason="cancelled", **{"out": {}, **columns}
    )
    return made


def answer(about: Order, package: str = "", asked: Asked | None = None) -> Answer:
    (known,) = facts.read(Order.objects.filter(pk=about.pk), timezone.now())
    return verdict(known, timezone.now(), package, asked)


def says(about: Order, package: str = "") -> tuple[str, str]:
    told = answer(about, package)
    return told.verdict.value, told.reason.value


def then(*lines: dict[str, Any], do: Callable[[Order], object] = lambda _: None, **columns: Any) -> Callable[[], Order]:
    def make() -> Order:
        made = order(*lines, **columns)
        do(made)
        return made

    return make


US: dict[str, Any] = {"region": "US"}
TABLE: list[tuple[str, Callable[[], Order], str, str]] = [
    ("nobody asks, not packed", then(NOT_PACKED), "ship", "nothing_against"),
    ("nobody asks, packed", then(PACKED), "ship", "nothing_against"),
    ("handed over", then(LEFT), "hold", "already_left"),
    ("handed over by what the order says", then(PACKED, collected_at=timezone.now()), "hold", "already_left"),
    ("handed over, and somebody asks", then(LEFT, do=asked), "hold", "already_left"),
    ("one of two parcels handed over", then(LEFT, {**PACKED, "package_id": "P2"}), "ship", "nothing_against"),
    ("asked before it is packed", then(NOT_PACKED, do=asked), "hold", "request_waits"),
    ("asked after it was packed", then(PACKED, do=asked), "pull", "request_waits"),
    (
        "asked, with a tracking number and no other sign",
        then({**NOT_PACKED, "tracking_number": "1Z"}, do=asked),
        "pull",
        "request_waits",
    ),
    ("a state we have not met", then(PACKED, do=lambda o: closed(o, "unknown")), "pull", "request_waits"),
    ("rejected or withdrawn", then(PACKED, do=closed), "ship", "nothing_against"),
    ("approved, not read as cancelled yet", then(PACKED, do=lambda o: approved(o)), "pull", "cancelled"),
    ("cancelled", then({**PACKED, **CANCELLED}, is_cancelled=True), "pull", "cancelled"),
    ("cancelled without lines", then(NOT_PACKED, is_cancelled=True), "pull", "cancelled"),
    ("every line cancelled", then({**PACKED, **CANCELLED}, {**PACKED, **CANCELLED}), "pull", "cancelled"),
    ("one of two lines cancelled", then(PACKED, {**PACKED, **CANCELLED}), "pull", "part_cancelled"),
    ("on hold", then(NOT_PACKED, is_on_hold=True), "hold", "on_hold"),
    ("not paid", then({"status": "UNPAID"}), "hold", "not_ready"),
    ("a status we have not met", then({"status": "SOMETHING_NEW"}), "hold", "not_ready"),
    ("the order says that somebody asks", then(PACKED, is_cancel_requested=True), "pull", "request_waits"),
    ("the same, before it is packed", then(NOT_PACKED, is_cancel_requested=True), "hold", "request_waits"),
    (
        "the order still says so, and the answer is younger",
        then(
            PACKED,
            do=lambda o: CancellationRequest.objects.filter(pk=closed(o).pk).update(updated_at=timezone.now()),
            is_cancel_requested=True,
        ),
        "ship",
        "nothing_against",
    ),
    *(
        (
            f"approved here, {state}",
            then(PACKED, do=deciding(Decided.APPROVE, state)),
            "pull",
            "approval_under_way",
        )
        for state in ("recorded", "sending", "accepted")
    ),
    *(
        (
            f"rejected here, {state}",
            then(PACKED, do=deciding(Decided.REJECT, state)),
            "hold",
            "decision_under_way",
        )
        for state in ("recorded", "sending", "accepted")
    ),
    *(
        (f"{one} stalled", then(PACKED, do=deciding(one, "stalled")), "hold", "decision_stalled")
        for one in (Decided.APPROVE, Decided.REJECT, Decided.SHIP_TO_REJECT)
    ),
    *(
        (
            f"shipped to reject, {state}",
            then(PACKED, do=deciding(Decided.SHIP_TO_REJECT, state), **US),
            "ship",
            "ship_to_reject",
        )
        for state in ("sending", "accepted", "confirmed")
    ),
    (
        "to be shipped to reject, which can still be taken back",
        then(PACKED, do=deciding(Decided.SHIP_TO_REJECT, "recorded"), **US),
        "hold",
        "decision_under_way",
    ),
    *(
        (f"{one} {state}", then(PACKED, do=deciding(one, state)), "pull", "request_waits")
        for one in (Decided.APPROVE, Decided.REJECT, Decided.SHIP_TO_REJECT)
        for state in ("unsigned", "refused", "withdrawn", "set_aside")
    ),
    ("all items being cancelled", then(PACKED, do=lambda o: items(o, 1)), "pull", "items_under_way"),
    ("some items being cancelled", then(PACKED, PACKED, do=lambda o: items(o, 1)), "pull", "items_under_way"),
    ("cancelling items stalled", then(PACKED, do=lambda o: items(o, 1, state="stalled")), "hold", "decision_stalled"),
    (
        "cancelling items waits for a second person",
        then(PACKED, do=lambda o: items(o, 1, state="unsigned")),
        "hold",
        "decision_under_way",
    ),
    ("cancelling items refused", then(PACKED, do=lambda o: items(o, 1, state="refused")), "ship", "nothing_against"),
    ("pushed: cancelled", then(PACKED, do=lambda o: pushed(o, "order_cancelled")), "pull", "just_cancelled"),
    ("pushed: a request waits, packed", then(PACKED, do=lambda o: pushed(o, "waiting")), "pull", "request_waits"),
    ("pushed: a request waits", then(NOT_PACKED, do=lambda o: pushed(o, "waiting")), "hold", "request_waits"),
    ("pushed: approved", then(PACKED, do=lambda o: pushed(o, "approved")), "pull", "just_approved"),
    ("pushed: withdrawn, nothing read", then(PACKED, do=lambda o: pushed(o, "closed")), "hold", "not_read_yet"),
    ("pushed: a word we have not met", then(PACKED, do=lambda o: pushed(o, "unclear")), "hold", "not_read_yet"),
]


def approved(about: Order) -> CancellationRequest:
    return asked(about, state="approved", needs_answer=False, updated_at=timezone.now())


@pytest.mark.parametrize(("make", "verdict", "reason"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_the_gate_says(make: Callable[[], Order], verdict: str, reason: str) -> None:
    assert says(make()) == (verdict, reason)


def test_every_reason_has_a_sentence_and_every_verdict_a_meaning() -> None:
    assert all(reason.label for reason in Reason)
    assert all(one.meaning for one in Verdict)


class TestPushesThatWereRead:
    def test_one_that_the_request_agrees_with_says_no_more(self) -> None:
        about = order(PACKED)
        request = closed(about)
        pushed(about, "closed", request.marketplace_id)
        assert says(about) == ("ship", "nothing_against")

    def test_a_request_that_moved_after_the_push_is_believed(self) -> None:
        about = order(PACKED)
        request = closed(about)
        pushed(about, "waiting", request.marketplace_id, sent_at=request.updated_at - MINUTE)
        assert says(about)[0] == "ship"

    def test_a_request_that_moved_before_the_push_is_not(self) -> None:
        about = order(PACKED)
        request = closed(about)
        pushed(about, "waiting", request.marketplace_id, sent_at=request.updated_at + MINUTE)
        assert answer(about).cancellation == request
        assert says(about) == ("pull", "request_waits")

    def test_that_a_waiting_request_was_withdrawn_is_not_believed_until_it_is_read(self) -> None:
        about = order(NOT_PACKED)
        request = asked(about)
        pushed(about, "closed", request.marketplace_id)
        assert says(about) == ("hold", "request_waits")

    def test_a_push_that_pulls_have_been_over_for_long_says_no_more(self) -> None:
        about = order(PACKED)
        pushed(about, "waiting", received_at=timezone.now() - 6 * MINUTE, sent_at=timezone.now() - 6 * MINUTE)
        assert says(about)[0] == "ship"
        about.shop.cursors.update(synced_until=timezone.now() - 3 * MINUTE)
        assert says(about)[0] == "pull"

    def test_that_it_was_closed_by_the_parcel_that_left_does_not_hold_the_parcel(self) -> None:
        about = order(PACKED, region="US")
        decision = decided(about, Decided.SHIP_TO_REJECT, "accepted")
        assert decision.cancellation
        pushed(about, "closed", decision.cancellation.marketplace_id)
        assert says(about) == ("ship", "ship_to_reject")

    def test_a_push_about_another_shops_order_of_the_same_number_is_not_mixed_up(self) -> None:
        about, other = order(PACKED), order(PACKED)
        Order.objects.filter(pk=other.pk).update(marketplace_id=about.marketplace_id)
        other.refresh_from_db()
        pushed(other, "order_cancelled")
        assert says(about)[0] == "ship"
        assert says(other)[0] == "pull"


class TestPackages:
    def test_a_request_about_lines_of_another_package_does_not_stop_this_one(self) -> None:
        about = order(PACKED, {**PACKED, "package_id": "P2"})
        first, second = about.lines.all()
        asked(about, second)
        assert says(about, first.package_id)[0] == "ship"
        assert says(about, second.package_id) == ("pull", "request_waits")
        assert says(about)[0] == "pull"

    def test_a_request_about_a_line_that_is_not_here_may_be_about_any(self) -> None:
        about = order(PACKED)
        asked(about, LineItemFactory())
        assert says(about, "P1") == ("pull", "request_waits")

    def test_everything_in_a_package_is_cancelled_and_the_other_one_leaves(self) -> None:
        about = order({**PACKED, **CANCELLED}, {**PACKED, "package_id": "P2"})
        assert says(about, "P1") == ("pull", "cancelled")
        assert "parcel" in answer(about, "P1").words
        assert says(about, "P2")[0] == "ship"

    def test_what_must_come_out_and_what_stays_is_listed(self) -> None:
        about = order({**PACKED, "quantity": 3, "cancelled_quantity": 2}, PACKED)
        told = answer(about)
        assert [(one.out, one.stays) for one in told.lines] == [(2, 1), (0, 1)]
        assert told.takes_a_part_out

    def test_a_cancelled_line_that_is_in_no_package_any_more_may_be_in_this_one(self) -> None:
        about = order(PACKED, {**PACKED, **CANCELLED, "package_id": ""})
        assert says(about, "P1") == ("pull", "part_cancelled")

    def test_once_a_part_is_taken_out_the_rest_leaves_until_more_is_cancelled(self) -> None:
        about = order(PACKED, {**PACKED, **CANCELLED})
        pulled(about, out=answer(about).out)
        assert says(about) == ("ship", "taken_out")
        LineItemFactory(order=about, **{**PACKED, **CANCELLED})
        assert says(about) == ("pull", "part_cancelled")

    def test_that_a_part_was_not_found_lets_nothing_leave(self) -> None:
        about = order(PACKED, {**PACKED, **CANCELLED})
        pulled(about, out=answer(about).out, state="dropped")
        assert says(about)[0] == "pull"

    def test_a_parcel_that_was_pulled_for_a_request_is_not_pulled_again_when_that_is_approved(self) -> None:
        about = order(PACKED)
        request = asked(about)
        task = pulled(about, cancellation=request)
        assert answer(about).pulled == task
        CancellationRequest.objects.update(state="approved", needs_answer=False, updated_at=timezone.now())
        assert (answer(about).verdict, answer(about).pulled) == (Verdict.PULL, task)

    def test_a_second_request_has_its_parcel_pulled_again(self) -> None:
        about = order(PACKED)
        first = asked(about)
        pulled(about, cancellation=first)
        CancellationRequest.objects.update(state="closed", needs_answer=False)
        asked(about)
        told = answer(about)
        assert (told.verdict, told.pulled) == (Verdict.PULL, None)


class TestHowFreshItIs:
    def test_old_data_let_nothing_leave_and_say_so(self) -> None:
        told = answer(order(PACKED, read=timedelta(hours=1)))
        assert (told.verdict, told.reason, told.is_stale) == (Verdict.HOLD, Reason.NOT_ASKED, True)
        assert told.caution.startswith("No data since")

    def test_old_data_still_say_what_is_to_be_pulled(self) -> None:
        about = order(PACKED, read=timedelta(hours=1))
        asked(about)
        assert says(about) == ("pull", "request_waits")

    def test_a_shop_that_was_never_read_to_the_end_is_stale(self) -> None:
        about = order(PACKED)
        about.shop.cursors.filter(kind=SyncKind.CANCELLATIONS).update(synced_until=None)
        told = answer(about)
        assert (told.verdict, told.is_stale, told.as_of) == (Verdict.HOLD, True, None)
        assert told.caution

    def test_of_a_shop_that_lets_us_in_no_more_nothing_new_is_heard(self) -> None:
        about = order(PACKED)
        Connection.objects.filter(pk=about.shop.connection_id).update(state=Connection.State.RECONNECT)
        told = answer(about)
        assert (told.verdict, told.reason, told.is_stale) == (Verdict.HOLD, Reason.NOT_ASKED, True)

    def test_what_was_just_asked_is_fresh(self) -> None:
        told = answer(order(PACKED, read=timedelta(hours=1)), asked=Asked(at=timezone.now()))
        assert (told.verdict, told.is_stale) == (Verdict.SHIP, False)

    def test_old_data_let_nothing_leave_where_the_marketplace_did_not_answer(self) -> None:
        told = answer(order(PACKED, read=timedelta(hours=1)), asked=Asked(why_not="It is down."))
        assert (told.verdict, told.reason) == (Verdict.HOLD, Reason.NOT_ASKED)

    def test_fresh_data_do(self) -> None:
        assert answer(order(PACKED), asked=Asked(why_not="It is down.")).verdict == Verdict.SHIP

    def test_a_market_whose_requests_are_not_listed_is_as_fresh_as_its_orders(self) -> None:
        shop = ShopFactory(marketplace="crux_timp", region="US")
        shop.cursors.create(kind=SyncKind.ORDERS, synced_until=timezone.now())
        assert not answer(order(NOT_PACKED, shop=shop)).is_stale


class TestOtherMarkets:
    def test_where_shipping_rejects_the_answer_says_so_with_the_notice(self) -> None:
        about = order(PACKED, region="US")
        asked(about)
        told = answer(about)
        assert "rejects" in told.words
        assert told.notice
        assert told.notice.url
        elsewhere = order(PACKED)
        asked(elsewhere)
        assert answer(elsewhere).notice is None

    def test_where_orders_have_no_labels_what_is_shipped_has_left(self) -> None:
        shop = ShopFactory(marketplace="crux_timp", region="US")
        about = order({"status": "HAS_TRACKING", "is_shipped": True, "shipped_quantity": 1}, shop=shop)
        assert says(about) == ("hold", "already_left")

    def test_a_recorded_request_about_one_line_concerns_that_line(self) -> None:
        shop = ShopFactory(marketplace="crux_timp", region="US")
        about = order({**PACKED, "status": "NEEDS_TRACKING", "is_shipped": False, "tracking_number": "1Z"}, shop=shop)
        other = LineItemFactory(order=about, status="NEEDS_TRACKING", package_id="P2")
        asked(about, recorded_at=timezone.now(), line_item=other)
        assert says(about, "P1")[0] == "ship"


STATES = st.sampled_from([*CancellationRequest.State.values])
DECISIONS = st.none() | st.tuples(st.sampled_from([*Decided.values][:3]), st.sampled_from([*Decision.State.values]))


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    line=st.sampled_from([NOT_PACKED, PACKED, LEFT, {**PACKED, **CANCELLED}]),
    state=STATES,
    needs_answer=st.booleans(),
    decision=DECISIONS,
    push=st.sampled_from(["", *PushedNotification.Says.values]),
    is_cancelled=st.booleans(),
    is_flagged=st.booleans(),
    package=st.sampled_from(["", "P1"]),
)
def test_nothing_cancelled_and_nothing_asked_about_ever_leaves_but_to_reject(
    line: dict[str, Any], state: str, needs_answer: bool, decision: Any, push: str, is_cancelled: bool,
    is_flagged: bool, package: str,
) -> None:  # fmt: skip
    about = order(line, is_cancelled=is_cancelled, is_cancel_requested=is_flagged)
    needs_answer = needs_answer and state == "waiting"
    request = asked(about, state=state, needs_answer=needs_answer)
    to_reject = False
    if decision:
        reasons = {"stalled_because": "outcome_unknown"} if decision[1] == "stalled" else {}
        DecisionFactory(cancellation=request, verdict=decision[0], state=decision[1], **reasons)
        to_reject = decision[0] == "ship_to_reject"
    if push:
        pushed(about, push, request.marketplace_id)
    told = answer(about, package)
    pending = needs_answer or state in ("waiting", "unknown") or push in ("waiting", "unclear")
    gone = is_cancelled or line.get("is_cancelled") or push in ("order_cancelled", "approved")
    if gone or (pending and not to_reject):
        assert told.verdict != Verdict.SHIP
    if told.verdict == Verdict.SHIP and pending and state != "closed":  # then the push tells of how it was closed
        assert told.reason == Reason.SHIP_TO_REJECT


def test_many_orders_are_read_in_as_many_queries_as_one() -> None:
    about = order(PACKED)
    items(about, 1)
    asked(about, *about.lines.all())
    pushed(about, "waiting")
    pulled(about)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            facts.read(Order.objects.all(), timezone.now())
        counts.append(len(queries))
        for _more in range(5):
            asked(order(PACKED, shop=about.shop))
    assert counts == [6, 6]
