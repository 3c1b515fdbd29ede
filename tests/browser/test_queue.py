"""The queue while it changes: what is new comes by itself, and nobody loses their place."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from cancellations.models import CancellationRequest, Claim, Decision
from shops.models import Role, Shop
from tests.browser.conftest import Tabs
from tests.factories import CancellationFactory, CancellationLineFactory, ShopFactory, member


@pytest.fixture
def shop(transactional_db: None) -> Shop:
    return ShopFactory(next_pull_at=timezone.now() + timedelta(days=1))


@pytest.fixture
def agent(shop: Shop) -> User:
    return member(Role.AGENT, shop, first_name="Alex")


Ask = Callable[..., CancellationRequest]


@pytest.fixture
def ask(shop: Shop) -> Ask:
    def ask(name: str, minutes: int, **columns: object) -> CancellationRequest:
        deadline = timezone.now() + timedelta(minutes=minutes)
        row = CancellationFactory(order__shop=shop, deadline=deadline, **columns)
        CancellationLineFactory(cancellation=row, product_name=name)
        return row

    return ask


def look_again(page: Page) -> None:
    """What the page does every 20 seconds by itself."""
    page.evaluate("document.body.dispatchEvent(new Event('look-again'))")


def top_of(page: Page, row: CancellationRequest) -> float:
    return float(page.evaluate(f"document.getElementById('row-{row.pk}').getBoundingClientRect().top"))


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.textContent.trim()"))


def test_a_new_request_appears_and_moves_neither_the_focus_nor_the_row_that_has_it(
    tabs: Tabs, agent: User, ask: Ask
) -> None:
    rows = [ask(f"Teapot {number}", 60 + number) for number in range(20)]
    page = tabs.new(agent).open("/")
    link = page.get_by_role("link", name="Teapot 15")
    link.focus()
    link.scroll_into_view_if_needed()
    before = top_of(page, rows[15])
    new = [ask(f"Kettle {number}", 30 + number) for number in range(3)]
    look_again(page)
    expect(page.locator(f"#row-{new[0].pk}")).to_be_attached()
    expect(link).to_be_focused()
    assert top_of(page, rows[15]) == pytest.approx(before, abs=1)
    expect(page.get_by_role("status").filter(has_text="New requests: 3")).to_be_visible()
    look_again(page)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{rows[15].get_absolute_url()}")


def test_a_row_under_the_pointer_stays_under_it(tabs: Tabs, agent: User, ask: Ask) -> None:
    row = [ask(f"Teapot {number}", 60 + number) for number in range(20)][1]
    page = tabs.new(agent).open("/")
    page.locator(f"#row-{row.pk}").hover()
    before = top_of(page, row)
    new = ask("Kettle", 30)
    look_again(page)
    expect(page.locator(f"#row-{new.pk}")).to_be_attached()
    assert top_of(page, row) == pytest.approx(before, abs=1)


def test_a_list_that_nobody_is_on_begins_with_what_is_new(tabs: Tabs, agent: User, ask: Ask) -> None:
    for number in range(20):
        ask(f"Teapot {number}", 60 + number)
    page = tabs.new(agent).open("/")
    page.mouse.move(2, 2)
    new = ask("Kettle", 30)
    look_again(page)
    expect(page.locator(f"#row-{new.pk}")).to_be_in_viewport()
    assert page.evaluate("scrollY") == 0


def test_whoever_is_on_a_request_that_leaves_is_on_the_one_after_it(tabs: Tabs, agent: User, ask: Ask) -> None:
    rows = [ask(f"Teapot {number}", 60 + number) for number in range(4)]
    page = tabs.new(agent).open("/")
    page.get_by_role("link", name="Teapot 1").focus()
    CancellationRequest.objects.filter(pk=rows[1].pk).update(needs_answer=False, state="closed")
    look_again(page)
    expect(page.locator(f"#row-{rows[1].pk}")).to_have_count(0)
    expect(page.get_by_role("link", name="Teapot 2")).to_be_focused()


def test_a_colleague_who_opens_a_request_shows_in_the_row(tabs: Tabs, agent: User, shop: Shop, ask: Ask) -> None:
    row = ask("Teapot", 60)
    page = tabs.new(agent).open("/")
    colleague = member(Role.AGENT, shop, first_name="Mina")
    Claim.objects.create(cancellation=row, user=colleague, until=timezone.now() + timedelta(minutes=2))
    CancellationRequest.objects.update(assigned_to=agent)
    look_again(page)
    expect(page.locator(f"#row-{row.pk}")).to_contain_text("on it: Mina")
    expect(page.locator(f"#row-{row.pk}")).to_contain_text("for Alex")


def test_what_somebody_types_and_opens_outlasts_what_is_new(tabs: Tabs, agent: User, ask: Ask) -> None:
    ask("Teapot", 60)
    page = tabs.new(agent).open("/")
    page.get_by_text("More filters").click()
    page.get_by_label("Search").press_sequentially("Teap")
    new = ask("Teapot for two", 30)
    look_again(page)
    expect(page.locator(f"#row-{new.pk}")).to_be_attached()
    expect(page.get_by_label("Search")).to_have_value("Teap")
    expect(page.get_by_label("Search")).to_be_focused()
    expect(page.get_by_label("Market")).to_be_visible()


def test_whoever_comes_back_is_where_they_were_in_the_list_they_had(tabs: Tabs, agent: User, ask: Ask) -> None:
    for number in range(4):
        ask(f"Teapot {number}", 60 + number)
    ask("Kettle", 30)
    page = tabs.new(agent).open("/?q=Teapot")
    for key in ("j", "j", "j", "Enter"):
        page.keyboard.press(key)
    page.wait_for_url("**/cancellations/*/")
    page.keyboard.press("q")
    page.wait_for_url("**/?q=Teapot")
    expect(page.get_by_role("link", name="Teapot 2")).to_be_focused()


def test_n_leads_through_the_list_as_it_is_filtered_past_what_is_taken(
    tabs: Tabs, agent: User, shop: Shop, ask: Ask
) -> None:
    rows = [ask(f"Teapot {number}", 60 + number) for number in range(3)]
    ask("Kettle", 61)
    colleague = member(Role.AGENT, shop)
    Claim.objects.create(cancellation=rows[1], user=colleague, until=timezone.now() + timedelta(minutes=2))
    page = tabs.new(agent).open("/?q=Teapot")
    for key in ("j", "Enter"):
        page.keyboard.press(key)
    page.wait_for_url(f"**{rows[0].get_absolute_url()}")
    page.keyboard.press("n")
    page.wait_for_url(f"**{rows[2].get_absolute_url()}")
    page.keyboard.press("n")
    page.wait_for_url(f"**{rows[0].get_absolute_url()}")


def test_of_two_who_decide_at_once_one_wins_and_the_other_is_told(
    tabs: Tabs, agent: User, shop: Shop, ask: Ask
) -> None:
    row = ask("Teapot", 60)
    colleague = member(Role.AGENT, shop, first_name="Mina", last_name="Manager")
    one, other = tabs.new(agent).open(row.get_absolute_url()), tabs.new(colleague).open(row.get_absolute_url())
    one.get_by_role("button", name="Approve the cancellation").click()
    expect(one.locator("#undo")).to_be_visible()
    other.get_by_role("button", name="Approve the cancellation").click()
    expect(other.locator("#decision")).to_contain_text("Approve: recorded")
    expect(other.locator("#decision").get_by_role("status")).to_contain_text("Alex")
    assert Decision.objects.get().made_by == agent
