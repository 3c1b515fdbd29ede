"""The queue and a request by keyboard alone."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from cancellations import live
from cancellations.models import CancellationRequest, Decision, Verdict
from marketplaces.records import RejectReason
from shops.models import Role, Shop
from tests.browser.conftest import Tabs
from tests.factories import CancellationFactory, CancellationLineFactory, ShopFactory, member


@pytest.fixture
def shop(transactional_db: None) -> Shop:
    return ShopFactory(next_pull_at=timezone.now() + timedelta(days=1))


@pytest.fixture
def agent(shop: Shop) -> User:
    return member(Role.AGENT, shop)


@pytest.fixture
def rows(shop: Shop) -> list[CancellationRequest]:
    """Three that wait, in the order of the queue."""
    for number in range(3):
        asked = CancellationFactory(order__shop=shop, deadline=timezone.now() + timedelta(hours=number + 3))
        CancellationLineFactory(cancellation=asked, product_name=f"Teapot {number}")
    return list(CancellationRequest.objects.by_time_left())


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.textContent.trim()"))


def test_j_and_k_walk_through_the_queue_and_enter_opens(
    tabs: Tabs, agent: User, rows: list[CancellationRequest]
) -> None:
    page = tabs.new(agent).open("/")
    press(page, "j")
    assert focused(page) == "Teapot 0"
    press(page, "j", "j", "j", "k")
    assert focused(page) == "Teapot 1"
    press(page, "Enter")
    page.wait_for_url(f"**{rows[1].get_absolute_url()}")


def test_a_approves_u_undoes_and_q_leads_back(tabs: Tabs, agent: User, rows: list[CancellationRequest]) -> None:
    page = tabs.new(agent).open(rows[0].get_absolute_url())
    press(page, "a")
    expect(page.locator("#undo")).to_be_visible()
    press(page, "u")
    expect(page.locator("#undo")).to_have_count(0)
    decision = Decision.objects.get()
    assert (decision.verdict, decision.state) == (Verdict.APPROVE, Decision.State.WITHDRAWN)
    press(page, "q")
    page.wait_for_url("**/")


def test_on_a_row_an_answers_key_first_shows_what_it_does(
    tabs: Tabs, agent: User, rows: list[CancellationRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "reject_reasons", lambda cancellation: [RejectReason("packed", "It has been packed")])
    page = tabs.new(agent).open("/")
    press(page, "j", "r")
    page.wait_for_url(f"**{rows[0].get_absolute_url()}reject/")
    page.go_back()
    press(page, "j", "a")
    page.wait_for_url(f"**{rows[0].get_absolute_url()}approve/")
    assert not Decision.objects.exists()


def test_a_key_that_is_typed_into_a_field_is_a_letter(tabs: Tabs, agent: User, rows: list[CancellationRequest]) -> None:
    page = tabs.new(agent).open(rows[0].get_absolute_url())
    page.locator("#id_text").fill("")
    page.locator("#id_text").press_sequentially("a quart jug?")
    expect(page.locator("#id_text")).to_have_value("a quart jug?")
    assert not Decision.objects.exists()


def test_the_slash_searches(tabs: Tabs, agent: User, rows: list[CancellationRequest]) -> None:
    page = tabs.new(agent).open("/")
    press(page, "/")
    page.keyboard.type("Teapot 2")
    expect(page.locator("#queue a.row-link")).to_have_count(1)
    press(page, "Escape")
    assert focused(page) == "Teapot 2"


def test_a_question_mark_shows_the_keys_which_can_be_switched_off(
    tabs: Tabs, agent: User, rows: list[CancellationRequest]
) -> None:
    tab = tabs.new(agent)
    page = tab.open(rows[0].get_absolute_url())
    press(page, "?")
    expect(page.locator("#keys")).to_be_visible()
    assert tab.violations() == []
    page.locator("#keys-on").uncheck()
    press(page, "Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.reload()
    press(page, "a")
    page.wait_for_timeout(300)
    assert not Decision.objects.exists()


def test_where_the_market_has_ended_rejecting_its_key_leads_to_why(tabs: Tabs, agent: User, shop: Shop) -> None:
    row = CancellationFactory(order__shop=ShopFactory(region="US"), deadline=timezone.now() + timedelta(hours=3))
    agent.memberships.create(shop=row.shop, role=Role.AGENT)
    page = tabs.new(agent).open(row.get_absolute_url())
    press(page, "r")
    assert "March 31, 2024" in focused(page)
    assert not Decision.objects.exists()


def test_on_a_row_that_somebody_only_reads_an_answers_key_does_nothing(
    tabs: Tabs, shop: Shop, rows: list[CancellationRequest]
) -> None:
    page = tabs.new(member(Role.VIEWER, shop)).open("/")
    press(page, "j", "a", "r", "s", "j")
    assert focused(page) == "Teapot 1"
    assert page.url.endswith("/")
