"""The second person's screens: what waits for whom, signed or declined, and seen by everybody else."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from cancellations import decisions, tasks
from cancellations.models import CancellationRequest, Decision, Verdict
from shops.models import MoneyCap, Permission, Role
from tests.factories import CancellationFactory, OrderFactory, UserFactory, member

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "nudge_delivery", lambda pk, wait: None)


@pytest.fixture
def asked() -> CancellationRequest:
    MoneyCap.objects.create(role=Role.AGENT, currency="GBP", amount=100)
    request: CancellationRequest = CancellationFactory(
        refund_total=Decimal(120), currency="GBP", order=OrderFactory(total=Decimal(130))
    )
    return request


@pytest.fixture
def ada(asked: CancellationRequest) -> User:
    return member(Role.AGENT, asked.shop, first_name="Ada")


@pytest.fixture
def grace(asked: CancellationRequest) -> User:
    return member(Role.AGENT, asked.shop, first_name="Grace")


@pytest.fixture
def decision(asked: CancellationRequest, ada: User) -> Decision:
    return decisions.decide(asked, Verdict.APPROVE, ada)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def address(name: str, decision: Decision) -> str:
    return reverse(f"cancellations:{name}", args=[decision.pk])


def test_approving_says_before_that_a_colleague_has_to_countersign(asked: CancellationRequest, ada: User) -> None:
    assert "a colleague has to countersign before it is sent" in text(signed_in(ada).get(asked.get_absolute_url()))
    manager = member(Role.MANAGER, asked.shop)
    assert "has to countersign" not in text(signed_in(manager).get(asked.get_absolute_url()))


def test_whoever_decided_sees_who_may_sign_and_can_take_it_back(decision: Decision, ada: User, grace: User) -> None:
    page = text(signed_in(ada).get(decision.get_absolute_url()))
    assert "Approve: waits for a second person" in page
    assert "£120.00" in page
    assert f"<b>{grace}</b>." in page
    assert "Take back" in page
    assert address("countersign", decision) not in page


def test_where_nobody_else_may_that_is_said_aloud(decision: Decision, ada: User) -> None:
    assert "nobody else may countersign in this shop" in text(signed_in(ada).get(decision.get_absolute_url()))


def test_the_queue_shows_it_to_those_who_may_sign_and_to_nobody_else(
    decision: Decision, ada: User, grace: User
) -> None:
    queue = reverse("cancellations:queue")
    assert "waits for you to countersign" in text(signed_in(grace).get(queue))
    for nobody in (ada, member(Role.VIEWER, decision.shop), UserFactory()):
        assert "waits for you to countersign" not in text(signed_in(nobody).get(queue))


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_colleague_countersigns(decision: Decision, grace: User, headers: dict[str, str]) -> None:
    answer = signed_in(grace).post(address("countersign", decision), headers=headers, follow=True)
    decision.refresh_from_db()
    assert (decision.state, decision.countersigned_by) == ("recorded", grace)
    assert f"countersigned by {grace}" in text(answer)


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_colleague_declines_and_says_why(decision: Decision, grace: User, headers: dict[str, str]) -> None:
    client = signed_in(grace)
    wrong = client.post(address("decline", decision), headers=headers)
    assert wrong.status_code == 422
    assert "Say why, for who decided this." in text(wrong)
    answer = client.post(address("decline", decision), {"note": "Ask for a photo."}, headers=headers, follow=True)
    decision.refresh_from_db()
    assert decision.state == "withdrawn"
    assert "Approve: not countersigned" in text(answer)
    assert f"{grace} did not countersign: Ask for a photo." in text(answer)
    assert "Approve the cancellation" in text(client.get(decision.get_absolute_url()))


def test_whoever_decided_is_told_that_somebody_else_has_to(decision: Decision, ada: User) -> None:
    answer = signed_in(ada).post(address("countersign", decision), headers=HTMX)
    assert "somebody else has to countersign" in text(answer)
    decision.refresh_from_db()
    assert decision.state == "unsigned"


def test_an_open_page_hears_of_the_signature(decision: Decision, ada: User, grace: User) -> None:
    client = signed_in(ada)
    fragment = client.get(address("decision", decision), headers=HTMX)
    assert "every 5s" in text(fragment)
    seen = fragment.context["seen"]
    assert client.get(address("decision", decision), {"seen": seen}, headers=HTMX).status_code == 204
    decisions.countersign(decision, grace)
    assert f"countersigned by {grace}" in text(client.get(address("decision", decision), {"seen": seen}, headers=HTMX))


def test_what_a_membership_leaves_out_is_said_where_its_button_would_be(asked: CancellationRequest, ada: User) -> None:
    ada.memberships.update(permissions=[Permission.REJECT])
    client = signed_in(ada)
    page = text(client.get(asked.get_absolute_url()))
    assert "You would need the permission “approve” in this shop." in page
    assert "Approve the cancellation" not in page
    assert client.post(reverse("cancellations:approve", args=[asked.pk])).status_code == 403
    assert client.get(reverse("cancellations:reject", args=[asked.pk])).status_code != 403


def test_with_many_colleagues_the_page_costs_the_same(
    decision: Decision, ada: User, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        member(Role.AGENT, decision.shop)
    with django_assert_max_num_queries(38):
        signed_in(ada).get(decision.get_absolute_url())
