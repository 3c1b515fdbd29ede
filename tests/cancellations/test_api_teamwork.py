"""Over the API what colleagues share: notes, who is on a request, whose it is, and what happened to it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from cancellations import teamwork
from cancellations.models import Attempt, CancellationRequest, Claim, Event, Note
from shops.models import Role
from tests.factories import CancellationFactory, DecisionFactory, ShopFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked() -> CancellationRequest:
    return CancellationFactory()


@pytest.fixture
def agent(asked: CancellationRequest) -> User:
    return member(Role.AGENT, asked.shop, first_name="Ada", last_name="Lovelace")


@pytest.fixture
def staff(client: Client, agent: User) -> Client:
    client.force_login(agent)
    return client


def send(client: Client, method: str, asked: CancellationRequest, what: str, body: Any = None) -> Any:
    call = getattr(client, method)
    return call(f"/api/v1/cancellations/{asked.pk}/{what}/", json.dumps(body or {}), "application/json")


def test_a_note_is_for_colleagues_and_the_newest_comes_first(
    asked: CancellationRequest, staff: Client, agent: User
) -> None:
    first = send(staff, "post", asked, "notes", {"text": " Called the carrier. "})
    assert first.status_code == 201
    assert first.json()["text"] == "Called the carrier."
    assert first.json()["author"] == {"id": agent.pk, "name": "Ada Lovelace"}
    send(staff, "post", asked, "notes", {"text": "It is still there."})
    told = staff.get(f"/api/v1/cancellations/{asked.pk}/notes/").json()["results"]
    assert [note["text"] for note in told] == ["It is still there.", "Called the carrier."]


@pytest.mark.parametrize("body", [{}, {"text": " "}, {"text": "x" * 2001}, {"text": "x", "by": "me"}])
def test_a_note_that_says_nothing_or_too_much_is_told_at_its_field(
    asked: CancellationRequest, staff: Client, body: dict[str, str]
) -> None:
    assert send(staff, "post", asked, "notes", body).status_code == 400
    assert not Note.objects.exists()


def test_being_on_a_request_is_seen_by_others_and_binds_nobody(
    asked: CancellationRequest, staff: Client, agent: User
) -> None:
    assert send(staff, "put", asked, "claim").json()["is_yours"] is True
    colleague = Client()
    colleague.force_login(member(Role.AGENT, asked.shop))
    told = send(colleague, "put", asked, "claim").json()
    assert (told["is_yours"], told["by"]["name"]) == (False, "Ada Lovelace")
    assert send(colleague, "put", asked, "claim", {"take_over": True}).json()["is_yours"] is True
    assert send(colleague, "delete", asked, "claim").status_code == 204
    assert not Claim.objects.exists()


def test_nobody_is_on_a_request_that_is_settled(asked: CancellationRequest, staff: Client) -> None:
    CancellationRequest.objects.update(needs_answer=False, state="completed")
    assert send(staff, "put", asked, "claim").status_code == 422


def test_a_request_is_made_somebodys_and_nobodys(asked: CancellationRequest, staff: Client, agent: User) -> None:
    member(Role.VIEWER, asked.shop)
    member(Role.AGENT, ShopFactory())
    address = f"/api/v1/cancellations/{asked.pk}/assignee/"
    assert staff.get(address).json() == {
        "assigned_to": None, "people": [{"id": agent.pk, "name": "Ada Lovelace"}],
    }  # fmt: skip
    send(staff, "put", asked, "assignee", {"to": agent.pk})
    assert staff.get(f"/api/v1/cancellations/{asked.pk}/").json()["assigned_to"]["id"] == agent.pk
    assert send(staff, "put", asked, "assignee", {"to": None}).json()["assigned_to"] is None


@pytest.mark.parametrize("to", [{}, {"to": "x"}, {"to": 0}, {"to": 2**70}, {"to": 987654}])
def test_whoever_may_not_decide_there_is_told_at_the_field(
    asked: CancellationRequest, staff: Client, to: dict[str, Any]
) -> None:
    answer = send(staff, "put", asked, "assignee", to)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["to"])


def test_the_history_tells_what_is_to_come_and_then_what_happened(
    asked: CancellationRequest, staff: Client, agent: User
) -> None:
    decision = DecisionFactory(cancellation=asked, state="refused", made_by=agent)
    now = timezone.now()
    Event.objects.create(
        shop=asked.shop, cancellation=asked, decision=decision, actor=agent, name="decision.recorded",
        detail={"verdict": "approve"}, at=now - timedelta(minutes=4),
    )  # fmt: skip
    Attempt.objects.create(
        decision=decision, number=1, purpose="send", outcome="refused", code="25020012", request_id="2026-x",
        message="no", started_at=now - timedelta(minutes=3),
    )  # fmt: skip
    teamwork.add_note(asked, agent, "Looked into it.")
    entries = staff.get(f"/api/v1/cancellations/{asked.pk}/history/").json()["entries"]
    assert [entry["is_ahead"] for entry in entries[:2]] == [True, False]
    names = [entry["name"] for entry in entries if entry["name"]]
    assert names == ["note", "call.send", "decision.recorded"]
    call = next(entry for entry in entries if entry["name"] == "call.send")
    assert (call["code"], call["request_id"], call["times"]) == ("25020012", "2026-x", 1)
    of_order = staff.get(f"/api/v1/orders/{asked.order_id}/history/").json()["entries"]
    assert {entry["name"] for entry in of_order} >= {"note", "call.send", "decision.recorded"}
