"""The queue while it changes: what is new comes by itself, and nobody loses their place."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from cancellations.models import Announcement, CancellationRequest, Claim, Decision, SavedView
from shops.models import Role, Shop
from tests.browser.conftest import Tabs
from tests.factories import CancellationFactory, CancellationLineFactory, DecisionFactory, ShopFactory, member


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


def test_what_is_new_comes_by_itself(tabs: Tabs, agent: User, ask: Ask) -> None:
    tab = tabs.new(agent)
    tab.page.clock.install()
    page = tab.open("/")
    expect(page.get_by_text("Nothing waits for you")).to_be_visible()
    new = ask("Kettle", 30)
    page.clock.run_for(21_000)
    expect(page.locator(f"#row-{new.pk}")).to_be_visible()


def test_a_decision_that_comes_to_need_somebody_shows_above_the_list(tabs: Tabs, agent: User, ask: Ask) -> None:
    rows = [ask(f"Teapot {number}", 60 + number) for number in range(6)]
    made = [DecisionFactory(cancellation=row, state="stalled", stalled_because="disagreement") for row in rows[:4]]
    page = tabs.new(agent).open("/")
    page.get_by_text("Show the others").click()
    last = page.locator("#stalled details a")
    last.focus()
    DecisionFactory(cancellation=rows[4], state="stalled", stalled_because="disagreement")
    look_again(page)
    expect(page.get_by_text("5 decisions need somebody")).to_be_visible()
    expect(page.locator(f"#stalled a[href^='{made[0].get_absolute_url()}']")).to_be_focused()


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


@pytest.fixture
def view(agent: User, shop: Shop) -> SavedView:
    mina = member(Role.AGENT, shop, first_name="Mina", last_name="von Wittgenstein-Sayn")
    SavedView.objects.create(owner=mina, name="Of everybody " + "Unbreakable" * 4, query="whose=nobody", is_shared=True)
    return SavedView.objects.create(owner=agent, name="Teapots", query="q=Teapot")


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")])
def test_the_queue_in_all_its_states_keeps_nobody_out_and_fits_the_window(
    tabs: Tabs, agent: User, ask: Ask, view: SavedView, width: int, theme: str
) -> None:
    row = ask("Teapot " + "Unbreakable" * 20, -5, assigned_to=view.owner, reason="late", reason_text="Late" * 30)
    Claim.objects.create(cancellation=row, user=agent, until=timezone.now() + timedelta(minutes=5))
    for minutes in (20, 300, 3000):
        ask("Kettle", minutes)
    tab = tabs.new(agent, viewport={"width": width, "height": 800}, color_scheme=theme)
    found = []
    for path in (
        "/", "/?q=Teapot&whose=me&age=under_day&reason=late&market=GB", "/?shop=0", "/?q=nothing", "/?state=all",
        "/views/", "/views/?q=Kettle", f"/views/{view.pk}/",
    ):  # fmt: skip
        page = tab.open(path)
        found += [f"{path}: {violation}" for violation in tab.violations()]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append(f"{path}: wider than {width} pixels")
    assert not found, "\n".join(found)


def test_views_and_filters_work_without_scripts(tabs: Tabs, agent: User, ask: Ask) -> None:
    teapot, kettle = ask("Teapot", 60), ask("Kettle", 70)
    tab = tabs.new(agent, java_script_enabled=False)
    page = tab.open("/")
    page.get_by_text("More filters").click()
    page.get_by_label("Asked").select_option("in the last day")
    page.get_by_label("Search").fill("Teapot")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(f"#row-{kettle.pk}")).to_have_count(0)
    page.get_by_role("link", name="Keep these filters…").click()
    page.get_by_role("button", name="Keep them").click()
    expect(page.get_by_text("Give it a name.")).to_be_visible()
    page.get_by_role("textbox", name="Name").fill("Teapots of today")
    page.get_by_role("button", name="Keep them").click()
    expect(page.get_by_role("link", name="Teapots of today")).to_have_attribute("aria-current", "true")
    page.get_by_role("link", name="Search: Teapot").click()
    expect(page.locator(f"#row-{kettle.pk}")).to_be_visible()
    page.get_by_role("link", name="Teapots of today").click()
    page.get_by_role("link", name="Teapot", exact=True).click()
    page.get_by_role("link", name="Next request").click()
    page.wait_for_url(f"**{kettle.get_absolute_url()}")
    page.get_by_role("link", name="Next request").click()
    page.wait_for_url(f"**{teapot.get_absolute_url()}")
    page = tab.open("/views/")
    page.get_by_role("link", name="Change Teapots of today").click()
    page.get_by_label("Everybody who signs in here may use it").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("shared by you")).to_be_visible()
    page.get_by_role("link", name="Change Teapots of today").click()
    page.get_by_text("Delete it…").click()
    page.get_by_role("button", name="Delete the view").click()
    assert not SavedView.objects.exists()


@pytest.mark.parametrize(("width", "top"), [(1280, 420), (360, 560)])
def test_the_list_is_in_sight_whatever_was_announced(
    tabs: Tabs, agent: User, shop: Shop, ask: Ask, width: int, top: int
) -> None:
    row = ask("Teapot", 60)
    for number in range(5):
        Announcement.objects.create(
            shop=shop, marketplace_id=str(number), title="Order Cancelled", is_cancellation=True,
            announced_at=timezone.now(),
        )  # fmt: skip
    page = tabs.new(agent, viewport={"width": width, "height": 740}).open("/")
    assert top_of(page, row) < top
    button = page.get_by_role("button", name="Nothing to do").first
    expect(button).to_be_hidden()
    page.get_by_text("5 announcements to be looked into").click()
    look_again(page)
    button.click()
    expect(page.get_by_text("4 announcements to be looked into")).to_be_visible()
    expect(button).to_be_visible()


def test_on_a_telephone_all_filters_but_the_search_are_folded(tabs: Tabs, agent: User, shop: Shop, ask: Ask) -> None:
    row = ask("Teapot", 60)
    page = tabs.new(agent, viewport={"width": 360, "height": 740}).open("/")
    whose = page.get_by_label("Assigned to")
    expect(page.get_by_label("Search")).to_be_visible()
    expect(whose).to_be_hidden()
    page.get_by_text("More filters").click()
    whose.select_option("me")
    expect(page.locator(f"#row-{row.pk}")).to_be_hidden()
    assert page.url.endswith("/?whose=me")
