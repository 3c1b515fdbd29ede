"""A decision on its way."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from cancellations.models import Decision
from shops.models import Role, Shop
from tests.cancellations.views.pages import HTMX, asked, text_of, url
from tests.factories import DecisionFactory, member

pytestmark = pytest.mark.django_db
State = Decision.State


def test_a_decision_is_told_only_when_there_is_something_new(client: Client, shop: Shop) -> None:
    decision = DecisionFactory(cancellation=asked(shop), send_after=timezone.now() + timedelta(seconds=60))
    address = url("decision", decision.pk)
    seen = client.get(address).context["seen"]
    assert client.get(address, {"seen": seen}, headers=HTMX).status_code == 204
    Decision.objects.update(state=State.CONFIRMED, settled_at=timezone.now())
    settled = client.get(address, {"seen": seen}, headers=HTMX)
    assert "Approve: confirmed" in text_of(settled)
    assert "hx-trigger" not in text_of(settled).partition(">")[0]


def test_that_there_is_nothing_new_is_known_without_reading_the_order_or_the_request(
    client: Client, shop: Shop, django_assert_max_num_queries: Any
) -> None:
    address = url("decision", DecisionFactory(cancellation=asked(shop)).pk)
    seen = client.get(address).context["seen"]
    with django_assert_max_num_queries(6) as read:
        assert client.get(address, {"seen": seen}, headers=HTMX).status_code == 204
    assert not [one["sql"] for one in read if '"orders_order"."id"' in one["sql"]]


def test_a_decision_is_taken_back(client: Client, shop: Shop, agent: User) -> None:
    decision = DecisionFactory(
        cancellation=asked(shop), made_by=agent, send_after=timezone.now() + timedelta(seconds=60)
    )
    answer = client.post(url("undo", decision.pk), headers=HTMX)
    assert "Approve: withdrawn" in text_of(answer)
    assert "Decide anew" in text_of(answer)
    for key in "ar":
        assert f'data-key="{key}"' in text_of(answer)
    assert answer["HX-Trigger"] == "moved"
    decision.refresh_from_db()
    assert decision.state == State.WITHDRAWN


def test_a_decision_that_is_refused_while_somebody_looks_brings_the_verdicts_back(client: Client, shop: Shop) -> None:
    decision = DecisionFactory(cancellation=asked(shop), state=State.SENDING)
    address = url("decision", decision.pk)
    assert 'id="verdicts"' not in text_of(client.get(address, {"seen": "before"}, headers=HTMX))
    Decision.objects.update(state=State.REFUSED)
    assert 'id="verdicts"' in text_of(client.get(address, {"seen": "before"}, headers=HTMX))


@pytest.mark.parametrize("state", [State.RECORDED, State.ACCEPTED, State.CONFIRMED])
def test_a_decision_leads_on_to_the_next_request(client: Client, shop: Shop, state: str) -> None:
    row = asked(shop)
    decision = DecisionFactory(cancellation=row, state=state)
    fragment = text_of(client.get(url("decision", decision.pk), headers=HTMX))
    assert f'href="{url("next", row.pk)}"' in fragment


def test_too_late_to_take_back_says_so(client: Client, shop: Shop, agent: User) -> None:
    decision = DecisionFactory(cancellation=asked(shop), made_by=agent, state=State.SENDING)
    for how in ({"headers": HTMX}, {"follow": True}):
        assert "Too late to take it back" in text_of(client.post(url("undo", decision.pk), **how))


def test_others_decisions_are_not_taken_back_by_agents(client: Client, shop: Shop) -> None:
    decision = DecisionFactory(cancellation=asked(shop), send_after=timezone.now() + timedelta(seconds=60))
    assert "Undo" not in text_of(client.get(url("decision", decision.pk)))
    assert client.post(url("undo", decision.pk)).status_code == 403


def test_a_refused_decision_shows_the_marketplaces_words_and_the_verdicts_again(client: Client, shop: Shop) -> None:
    row = asked(shop)
    DecisionFactory(
        cancellation=row, state=State.REFUSED, code="25020009", message="Reason not allowed", request_id="202411abc"
    )
    page = text_of(client.get(row.get_absolute_url()))
    for told in ("25020009", "Reason not allowed", "202411abc", 'id="verdicts"'):
        assert told in page


@pytest.mark.parametrize("why", Decision.Stalled.values)
def test_a_stalled_decision_says_what_to_do(client: Client, shop: Shop, why: str) -> None:
    row = asked(shop)
    decision = DecisionFactory(cancellation=row, state=State.STALLED, stalled_because=why)
    page = text_of(client.get(row.get_absolute_url()))
    assert "What to do" in page
    assert url("ask_again", decision.pk) in page
    assert url("set_aside", decision.pk) not in page
    client.force_login(member(Role.MANAGER, shop))
    assert url("set_aside", decision.pk) in text_of(client.get(row.get_absolute_url()))


def test_a_manager_sets_aside_with_a_note(client: Client, shop: Shop) -> None:
    decision = DecisionFactory(cancellation=asked(shop), state=State.STALLED, stalled_because="outcome_unknown")
    client.force_login(member(Role.MANAGER, shop))
    empty = client.post(url("set_aside", decision.pk), {"note": " "})
    assert empty.status_code == 422
    assert "Say what you found" in text_of(empty)
    client.post(url("set_aside", decision.pk), {"note": "The buyer called."})
    decision.refresh_from_db()
    assert (decision.state, decision.note) == (State.SET_ASIDE, "The buyer called.")


def test_a_stalled_decision_is_asked_about_again(client: Client, shop: Shop) -> None:
    decision = DecisionFactory(cancellation=asked(shop), state=State.STALLED, stalled_because="outcome_unknown")
    assert "Approve: sending" in text_of(client.post(url("ask_again", decision.pk), headers=HTMX))
    assert "there is nothing to ask" in text_of(client.post(url("ask_again", decision.pk), follow=True))
