"""What a read-back says about a decision: every verdict against every state, and the words for it."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from cancellations.models import CancellationRequest, Decision, Verdict
from cancellations.outcome import (
    Shows,
    after_refusal,
    cannot_tell,
    disagreement,
    found_done,
    refused_and_cannot_tell,
    settled_otherwise,
    shown,
    what_is_there,
)
from marketplaces.errors import Refused
from orders.models import Order
from tests.factories import CancellationFactory, DecisionFactory, LineItemFactory, OrderFactory

States = CancellationRequest.State
DONE, NOT_DONE, SOMETHING_ELSE, CANNOT_TELL = Shows.DONE, Shows.NOT_DONE, Shows.SOMETHING_ELSE, Shows.CANNOT_TELL


def decision(verdict: Verdict, state: str, *, shipped: bool = False, accepted: bool = False) -> Decision:
    """Built of rows that were just read and are in no database."""
    order = Order(pk=0, status="IN_TRANSIT" if shipped else "AWAITING_SHIPMENT", is_shipped=shipped)
    return Decision(
        verdict=verdict,
        cancellation=CancellationRequest(state=state, status=f"WORD_FOR_{state.upper()}"),
        order=order,
        accepted_at=timezone.now() if accepted else None,
    )


BY_STATE = [
    (Verdict.APPROVE, States.WAITING, NOT_DONE),
    (Verdict.APPROVE, States.APPROVED, DONE),
    (Verdict.APPROVE, States.COMPLETED, DONE),
    (Verdict.APPROVE, States.CLOSED, SOMETHING_ELSE),
    (Verdict.APPROVE, States.UNKNOWN, CANNOT_TELL),
    (Verdict.REJECT, States.WAITING, NOT_DONE),
    (Verdict.REJECT, States.APPROVED, SOMETHING_ELSE),
    (Verdict.REJECT, States.COMPLETED, SOMETHING_ELSE),
    (Verdict.REJECT, States.CLOSED, DONE),
    (Verdict.REJECT, States.UNKNOWN, CANNOT_TELL),
]
# state, shipped, accepted by the marketplace before
BY_SHIPPING = [
    (States.WAITING, False, False, NOT_DONE),
    (States.WAITING, False, True, NOT_DONE),
    (States.WAITING, True, False, CANNOT_TELL),  # shipped, by whom? and the request follows later
    (States.WAITING, True, True, NOT_DONE),
    (States.APPROVED, False, False, SOMETHING_ELSE),
    (States.APPROVED, False, True, SOMETHING_ELSE),
    (States.APPROVED, True, False, SOMETHING_ELSE),
    (States.APPROVED, True, True, SOMETHING_ELSE),
    (States.COMPLETED, False, False, SOMETHING_ELSE),
    (States.COMPLETED, False, True, SOMETHING_ELSE),
    (States.COMPLETED, True, False, SOMETHING_ELSE),
    (States.COMPLETED, True, True, SOMETHING_ELSE),
    (States.CLOSED, False, False, SOMETHING_ELSE),  # withdrawn, and nothing has left
    (States.CLOSED, False, True, NOT_DONE),  # the order may be slower to show it than the request
    (States.CLOSED, True, False, DONE),
    (States.CLOSED, True, True, DONE),
    (States.UNKNOWN, False, False, CANNOT_TELL),
    (States.UNKNOWN, False, True, CANNOT_TELL),
    (States.UNKNOWN, True, False, CANNOT_TELL),
    (States.UNKNOWN, True, True, CANNOT_TELL),
]


def test_the_tables_leave_no_state_out() -> None:
    assert {(verdict, state) for verdict, state, _ in BY_STATE} == {
        (verdict, state) for verdict in (Verdict.APPROVE, Verdict.REJECT) for state in States
    }
    assert {row[:3] for row in BY_SHIPPING} == {
        (state, shipped, accepted) for state in States for shipped in (False, True) for accepted in (False, True)
    }


@pytest.mark.parametrize(("verdict", "state", "shows"), BY_STATE)
@pytest.mark.parametrize("shipped", [False, True])
@pytest.mark.parametrize("accepted", [False, True])
def test_approve_and_reject_are_judged_by_the_requests_state_alone(
    verdict: Verdict, state: str, shows: Shows, shipped: bool, accepted: bool
) -> None:
    assert shown(decision(verdict, state, shipped=shipped, accepted=accepted)) == shows


@pytest.mark.parametrize(("state", "shipped", "accepted", "shows"), BY_SHIPPING)
@pytest.mark.django_db
def test_shipping_to_reject_is_judged_by_the_request_and_the_order(
    state: str, shipped: bool, accepted: bool, shows: Shows
) -> None:
    assert shown(decision(Verdict.SHIP_TO_REJECT, state, shipped=shipped, accepted=accepted)) == shows


@pytest.mark.parametrize("state", [States.WAITING, States.CLOSED])
@pytest.mark.parametrize("accepted", [False, True])
@pytest.mark.django_db
def test_a_part_of_the_packages_tells_nothing(state: str, accepted: bool) -> None:
    made = shipping(state, accepted=accepted, left={"a": True, "b": False})
    assert shown(made) == CANNOT_TELL


@pytest.mark.parametrize(
    ("chosen", "shows"), [(["a"], DONE), (["b"], SOMETHING_ELSE), (["a", "b"], CANNOT_TELL), (["split"], CANNOT_TELL)]
)
@pytest.mark.django_db
def test_packages_that_were_chosen_are_judged_and_no_others(chosen: list[str], shows: Shows) -> None:
    made = shipping(States.CLOSED, left={"a": True, "b": False})
    made.shipment = {"package_ids": chosen}
    assert shown(made) == shows


def shipping(state: str, *, accepted: bool = False, left: dict[str, bool]) -> Decision:
    """About an order with these packages, of which some have been shipped."""
    order = OrderFactory(status="PARTIALLY_SHIPPING", is_shipped=False)
    for package_id, shipped in left.items():
        LineItemFactory(order=order, package_id=package_id, is_shipped=shipped)
    LineItemFactory(order=order, is_cancelled=True)
    made = decision(Verdict.SHIP_TO_REJECT, state, accepted=accepted)
    made.order = order
    return made


@pytest.mark.parametrize(
    ("cancelled", "shows"),
    [
        ([True], DONE),
        ([False], NOT_DONE),
        ([True, True], DONE),
        ([False, False], NOT_DONE),
        ([True, False], CANNOT_TELL),
    ],
)
@pytest.mark.django_db
def test_cancelled_items_are_judged_by_the_chosen_lines_alone(cancelled: list[bool], shows: Shows) -> None:
    told = items(cancelled)
    assert told.order
    LineItemFactory(order=told.order, is_cancelled=not cancelled[0])
    assert shown(told) == shows


def items(cancelled: list[bool]) -> Decision:
    order = OrderFactory(status="AWAITING_SHIPMENT")
    made: Decision = DecisionFactory(cancellation=None, order=order, shop=order.shop, verdict=Verdict.CANCEL_ITEMS)
    for one in cancelled:
        made.lines.create(line_item=LineItemFactory(order=order, is_cancelled=one))
    return made


def test_a_verdict_that_is_not_known_tells_nothing() -> None:
    unknown: Any = SimpleNamespace(verdict="a new one", cancellation=None)
    assert shown(unknown) == CANNOT_TELL


class TestWords:
    def test_a_rejection_that_was_lost_does_not_claim_to_be_ours(self) -> None:
        words = found_done(decision(Verdict.REJECT, "closed"))
        assert "or because the buyer withdrew" in words

    def test_an_approval_that_was_lost_and_is_there_says_so(self) -> None:
        assert "shows it as done" in found_done(decision(Verdict.APPROVE, "approved"))

    @pytest.mark.parametrize("say", [settled_otherwise, cannot_tell, disagreement, refused_and_cannot_tell])
    def test_the_marketplaces_own_word_is_in_the_sentence(self, say: Any) -> None:
        assert "WORD_FOR_CLOSED" in say(decision(Verdict.APPROVE, "closed"), CANNOT_TELL)

    @pytest.mark.parametrize(
        ("shows", "begins"),
        [
            (DONE, "It was settled this way"),
            (SOMETHING_ELSE, "It was settled otherwise"),
            (NOT_DONE, ""),
            (CANNOT_TELL, ""),
        ],
    )
    def test_after_a_refusal_it_is_said_whether_somebody_was_faster(self, shows: Shows, begins: str) -> None:
        words = after_refusal(decision(Verdict.APPROVE, "closed"), shows, Refused("No.", already_processed=True))
        assert words.startswith(begins) and bool(words) == bool(begins)

    def test_an_approval_says_nothing_of_the_order(self) -> None:
        assert what_is_there(decision(Verdict.APPROVE, "approved"), DONE) == ["request WORD_FOR_APPROVED"]

    def test_shipping_speaks_of_the_order_too(self) -> None:
        told = what_is_there(decision(Verdict.SHIP_TO_REJECT, "waiting", shipped=True), CANNOT_TELL)
        assert told == ["request WORD_FOR_WAITING", "order IN_TRANSIT"]

    @pytest.mark.django_db
    def test_cancelled_items_are_counted(self) -> None:
        told = what_is_there(items([True, False, False]), CANNOT_TELL)
        assert told == ["order AWAITING_SHIPMENT", "1 of 3 items cancelled"]

    @pytest.mark.django_db
    def test_what_was_just_read_is_what_is_told(self) -> None:
        asked = CancellationFactory(status="CANCELLATION_REQUEST_SUCCESS", state="approved")
        assert what_is_there(DecisionFactory(cancellation=asked), DONE) == ["request CANCELLATION_REQUEST_SUCCESS"]
