"""What a request's page says while somebody answers it, and where the focus is then."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import User
from cancellations.models import CancellationRequest, Claim, Decision, Verdict
from orders.models import Order
from shops.models import Role, Shop
from tests.browser.conftest import Tabs
from tests.factories import (
    CancellationFactory,
    CancellationLineFactory,
    DecisionFactory,
    LineItemFactory,
    OrderFactory,
    ShopFactory,
    member,
)


@pytest.fixture
def shop(transactional_db: None, settings: LazySettings) -> Shop:
    settings.UNDO_SECONDS = 60
    return ShopFactory(next_pull_at=timezone.now() + timedelta(days=1))


@pytest.fixture
def agent(shop: Shop) -> User:
    return member(Role.AGENT, shop)


@pytest.fixture
def row(shop: Shop) -> CancellationRequest:
    asked = CancellationFactory(order__shop=shop, deadline=timezone.now() + timedelta(hours=3))
    CancellationLineFactory(cancellation=asked)
    return asked


def test_after_an_answer_from_the_queue_all_of_the_page_says_the_same(
    tabs: Tabs, agent: User, row: CancellationRequest
) -> None:
    page = tabs.new(agent).open(f"{row.get_absolute_url()}approve/")
    expect(page.locator("#on-it")).to_have_attribute("data-let-go", f"{row.get_absolute_url()}let-go/")
    DecisionFactory(cancellation=row, made_by=agent, verdict=Verdict.APPROVE, state=Decision.State.ACCEPTED)
    CancellationRequest.objects.update(needs_answer=False, state="completed")
    Order.objects.update(status="CANCELLED")
    page.keyboard.press("a")
    expect(page.locator("#decision")).to_contain_text("Approve: accepted")
    expect(page.locator("#standing")).not_to_contain_text("Without an answer")
    expect(page.locator("#order")).to_contain_text("Cancelled")
    expect(page.locator("form#on-it")).to_have_count(0)


def test_whoever_has_a_form_open_is_on_the_request(tabs: Tabs, agent: User, row: CancellationRequest) -> None:
    page = tabs.new(agent).open(f"{row.get_absolute_url()}approve/")
    expect(page.locator("#on-it[hx-trigger='still-here from:body']")).to_have_count(1)
    assert Claim.objects.get().user == agent


def test_of_two_who_decide_the_slower_one_is_not_told_that_the_other_is_still_on_it(
    tabs: Tabs, agent: User, shop: Shop, row: CancellationRequest
) -> None:
    faster = member(Role.AGENT, shop, first_name="Grace", last_name="")
    Claim.objects.create(cancellation=row, user=faster, until=timezone.now() + timedelta(minutes=2))
    tab = tabs.new(agent)
    page = tab.open(row.get_absolute_url())
    expect(page.get_by_text("is on it at this moment")).to_be_visible()
    DecisionFactory(cancellation=row, made_by=faster)
    page.keyboard.press("a")
    expect(page.locator("#decision")).to_contain_text("Grace has decided already")
    expect(page.get_by_text("is on it at this moment")).to_have_count(0)
    assert tab.violations() == []


def test_what_was_taken_back_is_decided_anew_at_once(tabs: Tabs, agent: User, row: CancellationRequest) -> None:
    tab = tabs.new(agent)
    page = tab.open(row.get_absolute_url())
    page.keyboard.press("a")
    expect(page.locator("#undo")).to_be_focused()
    page.keyboard.press("u")
    expect(page.locator("#decision-title")).to_be_focused()
    expect(page.locator("#decision-title")).to_have_text("Approve: withdrawn")
    expect(page.locator("#verdicts")).to_have_count(1)
    expect(page.locator("#history")).to_contain_text("Taken back: approve")
    assert tab.violations() == []
    page.keyboard.press("a")
    expect(page.locator("#decision-title")).to_have_text("Approve: recorded")
    assert Decision.objects.count() == 2


@pytest.mark.parametrize("width", [1280, 360])
def test_the_next_request_is_beside_the_undo(tabs: Tabs, agent: User, row: CancellationRequest, width: int) -> None:
    tab = tabs.new(agent, viewport={"width": width, "height": 800})
    page = tab.open("/?sort=deadline")
    page.goto(tab.base + row.get_absolute_url())
    page.keyboard.press("a")
    expect(page.locator("#undo")).to_be_visible()
    expect(page.locator("#decision #next-request")).to_be_in_viewport()
    assert page.locator("#next-request").get_attribute("href") == page.locator(".crumbs-next").get_attribute("href")
    assert tab.violations() == []


@pytest.mark.parametrize(
    ("path", "field", "typed", "told"),
    [
        ("/accounts/profile/", "time_zone", "Nowhere", "Nowhere"),
        ("/views/?q=tote", "name", " ", "Give it a name."),
    ],
)
def test_a_mistake_on_a_whole_page_gets_the_focus_and_is_read_with_its_field(
    tabs: Tabs, agent: User, path: str, field: str, typed: str, told: str
) -> None:
    page = tabs.new(agent).open(path)
    page.locator(f"[name={field}]").fill(typed)
    page.locator(f"[name={field}]").press("Enter")
    wrong = page.locator(f"[name={field}][aria-invalid=true]")
    expect(wrong).to_be_focused()
    described = (wrong.get_attribute("aria-describedby") or "").split()
    assert told in " ".join(page.locator(f"#{one}").inner_text() for one in described)


def test_where_nothing_was_chosen_the_first_choice_gets_the_focus(tabs: Tabs, agent: User, shop: Shop) -> None:
    order = OrderFactory(shop=shop, is_cancel_requested=False)
    LineItemFactory.create_batch(2, order=order)
    page = tabs.new(agent).open(f"{order.get_absolute_url()}cancel-items/")
    page.locator("form[action$='cancel-items/'] .btn-danger").click()
    expect(page.locator("fieldset[aria-invalid=true] [name=items]").first).to_be_focused()


def test_a_mistake_of_a_form_as_a_whole_gets_the_focus_to_be_read(tabs: Tabs, agent: User) -> None:
    page = tabs.new().open("/accounts/login/")
    page.locator("[name=login]").fill(agent.email)
    page.locator("[name=password]").fill("not this one")
    page.keyboard.press("Enter")
    expect(page.locator(".errorlist.nonfield")).to_be_focused()
