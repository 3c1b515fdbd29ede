"""The history in words: what is claimed, and by whom."""

import pytest

from accounts.models import User
from cancellations import history
from cancellations.models import CancellationRequest, Event
from cancellations.recording import Heard, close, record
from shops.models import Role
from tests.factories import CancellationFactory, DecisionFactory, LineItemFactory, OrderFactory, ShopFactory, member

pytestmark = pytest.mark.django_db


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
    return [(entry.text, entry.who, entry.detail) for entry in history.of_cancellation(cancellation)]


def test_it_tells_who_recorded_a_request_and_how_it_was_heard(recorded: CancellationRequest) -> None:
    assert told(recorded) == [
        ("Recorded: somebody asks to cancel", "Ada", "Heard through telephone or chat · Ms Ruiz rang.")
    ]


def test_it_tells_who_closed_it_and_why(recorded: CancellationRequest, agent: User) -> None:
    close(recorded, agent, "Withdrawn by telephone.")
    assert told(recorded)[0] == ("Closed without an answer", "Ada", "Withdrawn by telephone.")


def test_what_became_of_a_recorded_request_is_not_put_into_the_marketplaces_mouth(
    recorded: CancellationRequest,
) -> None:
    listed = CancellationFactory()
    for one in (recorded, listed):
        Event.objects.create(shop=one.shop, cancellation=one, name="cancellation.moved", detail={"to": "closed"})
    assert told(recorded)[0][0] == "Settled: closed"
    assert told(listed)[0][0] == "The marketplace shows: closed"


@pytest.mark.parametrize("state", ["confirmed", "refused", "stalled"])
def test_what_is_known_of_a_decision_is_told_with_its_end(state: str) -> None:
    decision = DecisionFactory(
        state=state, stalled_because="disagreement" if state == "stalled" else "", note="It shows no rejections."
    )
    Event.objects.create(
        shop=decision.shop, cancellation=decision.cancellation, decision=decision, name=f"decision.{state}"
    )
    assert decision.cancellation
    assert told(decision.cancellation)[0][2] == "It shows no rejections."
