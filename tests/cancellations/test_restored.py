"""What came back with a copy of the database: nobody claims to know what became of it, nothing goes unasked."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from cancellations import countersigning, decisions, delivery, history, restored
from cancellations.models import CancellationRequest, Decision, Verdict
from cancellations.outcome import Shows
from shops.models import Role
from tests.factories import CancellationFactory, member

pytestmark = pytest.mark.django_db
State, Stalled = Decision.State, Decision.Stalled


@pytest.fixture
def asked() -> CancellationRequest:
    request: CancellationRequest = CancellationFactory()
    return request


@pytest.fixture
def agent(asked: CancellationRequest) -> User:
    return member(Role.AGENT, asked.shop)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What goes out to a marketplace that does not show it as done."""
    went: list[int] = []
    monkeypatch.setattr(delivery, "look", lambda decision, purpose: Shows.NOT_DONE)
    monkeypatch.setattr(delivery, "send", lambda decision: went.append(decision.pk))
    return went


def came_back(asked: CancellationRequest, agent: User, **state: object) -> Decision:
    decision = decisions.decide(asked, Verdict.APPROVE, agent)
    Decision.objects.filter(pk=decision.pk).update(**state)
    restored.send_nothing_twice(timezone.now() - timedelta(days=1))
    decision.refresh_from_db()
    return decision


def test_who_asks_again_about_one_that_was_stalled_in_the_copy_is_told_before_it_is_sent(
    asked: CancellationRequest, agent: User, sent: list[int]
) -> None:
    decision = came_back(asked, agent, state=State.STALLED, stalled_because=Stalled.OUTCOME_UNKNOWN)
    decisions.ask_again(decision, agent)
    delivery.deliver(decision.pk)
    decision.refresh_from_db()
    assert (decision.state, decision.stalled_because) == (State.STALLED, Stalled.RESTORED)
    assert "may have been taken back" in decision.note
    assert not sent

    decisions.ask_again(decision, agent)
    delivery.deliver(decision.pk)
    assert sent == [decision.pk]


def test_what_may_have_been_signed_and_sent_since_is_not_told_as_never_sent(
    asked: CancellationRequest, agent: User
) -> None:
    decision = came_back(asked, agent, state=State.UNSIGNED, gives_back=120, currency="GBP")
    CancellationRequest.objects.update(needs_answer=False, state="approved")
    countersigning.end_overtaken()
    decision.refresh_from_db()
    assert decision.state == State.SET_ASIDE
    assert "is not known here" in decision.note
    told = decision.events.get(name="decision.set_aside")
    assert "is not known here" in history.of_event(told).detail


def test_nor_is_one_that_its_maker_takes_back_and_it_counts_for_the_cap(
    asked: CancellationRequest, agent: User
) -> None:
    decision = came_back(asked, agent, state=State.UNSIGNED, gives_back=120, currency="GBP")
    decisions.withdraw(decision, agent)
    assert decision.state == State.WITHDRAWN
    assert "is not known here" in decision.note
    assert "before it was sent" not in decision.note
    assert asked.order and countersigning.given_back_before([asked.order])[asked.order.pk, "GBP"] == 120
