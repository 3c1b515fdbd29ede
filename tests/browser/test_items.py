"""Cancelling a part of an order in a real browser: what can go, what the buyer gets back, what stays."""

import os
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from accounts.models import User
from cancellations import live
from cancellations.models import Decision
from marketplaces.records import LineEligibility, Money, RefundParts
from orders.models import Order
from shops.models import Role
from tests.browser.conftest import Tabs
from tests.browser.staff import Staff
from tests.factories import LineItemFactory, OrderFactory, ShopFactory, member
from tests.workers import StartWorker
from tests.world import World


@pytest.fixture
def staff(world: World, live_server: Any, start_worker: StartWorker, settings: Any) -> Iterator[Staff]:
    settings.UNDO_SECONDS = 1
    sources = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"] | {"img-src": ["'self'", "data:", world.sandbox.url]}
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": sources}
    start_worker()
    with Staff.signed_in(live_server.url, world.agent.email) as person:
        yield person


def of_several_items(world: World) -> Order:
    return next(order for order in world.orders("US") if order.lines.count() > 1)


def cancelled(world: World, order: Order) -> list[str]:
    told = world.sandbox.get(f"orders/{order.marketplace_id}")["order"]["line_items"]
    return [line["id"] for line in told if line["display_status"] == "CANCELLED"]


def test_one_item_goes_and_the_refund_is_known_before(world: World, staff: Staff) -> None:
    page, order = staff.page, of_several_items(world)
    first, *others = order.lines.all()
    page.goto(staff.url + order.get_absolute_url())
    page.get_by_role("link", name="Cancel items…").click()
    expect(page.get_by_text("Choose items and a reason to see the refund")).to_be_visible()
    page.locator(f"#item-{first.pk}").check()
    expect(page.get_by_role("heading", name="What stays of the order")).to_be_visible()
    expect(page.locator("#afterwards li")).to_have_count(len(others))
    page.get_by_role("radio", name="Out of stock").check()
    shown = page.locator("#refund .sum td")
    expect(shown).to_be_visible()
    one = shown.inner_text()
    for line in others:
        page.locator(f"#item-{line.pk}").check()
    expect(page.get_by_text("The whole order is cancelled.")).to_be_visible()
    expect(shown).not_to_have_text(one)
    for line in others:
        page.locator(f"#item-{line.pk}").uncheck()
    expect(shown).to_have_text(one)
    page.get_by_role("button", name="Cancel the chosen items").click()
    expect(page.locator("#decision.decision-confirmed")).to_be_visible(timeout=45_000)
    assert cancelled(world, order) == [first.marketplace_id]
    assert staff.complaints == []


def test_without_scripts_the_refund_and_what_stays_are_shown_when_asked_for(world: World, staff: Staff) -> None:
    order = of_several_items(world)
    first, *others = order.lines.all()
    page = staff.without_javascript()
    page.goto(staff.url + order.get_absolute_url() + "cancel-items/")
    page.locator(f"#item-{first.pk}").check()
    page.get_by_role("button", name="Show what would happen").click()
    expect(page.locator("#afterwards li")).to_have_count(len(others))
    expect(page.get_by_text("Choose a reason.")).to_be_visible()
    page.get_by_role("radio", name="Out of stock").check()
    page.get_by_role("button", name="Show what would happen").click()
    expect(page.locator("#refund .sum td")).to_be_visible()
    assert not Decision.objects.exists()
    expect(page.locator(f"#item-{first.pk}")).to_be_checked()
    page.get_by_role("button", name="Cancel the chosen items").click()
    expect(page.get_by_role("heading", name="Cancel items: recorded")).to_be_visible()
    assert [line.line_item for line in Decision.objects.get().lines.all()] == [first]


# --- what it looks like ----------------------------------------------------------------------------------------------


@pytest.fixture
def order(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Order:
    """Of which one line can be cancelled in parts, one not at all, and one is cancelled already."""
    order = OrderFactory(shop=ShopFactory(), is_cancel_requested=False)
    LineItemFactory(order=order, product_name="Enamel mug " * 8, quantity=5, cancelled_quantity=1)
    off = LineItemFactory(order=order, product_name="Lamp")
    LineItemFactory(order=order, product_name="Rug", is_cancelled=True)
    no = LineEligibility([off.marketplace_id], off.sku_id, eligible=False, reason="The item is on its way already.")
    nothing, all_of_it = Money(Decimal(0), "GBP"), Money(Decimal("36.00"), "GBP")
    monkeypatch.setattr(live, "eligibility", lambda order: [no])
    parts = RefundParts(all_of_it, all_of_it, nothing, nothing, nothing)
    monkeypatch.setattr(live, "refund_preview", lambda order, items, reason: parts)
    return order


@pytest.fixture
def agent(order: Order) -> User:
    return member(Role.AGENT, order.shop)


def choose(page: Page, order: Order) -> None:
    mug, lamp, _ = order.lines.all()
    expect(page.locator(f"#item-{lamp.pk}")).to_be_disabled()
    page.locator(f"#item-{mug.pk}").check()
    page.get_by_label("How many").fill("3")
    page.get_by_role("radio", name="Out of stock").check()
    expect(page.get_by_text("£36.00").first).to_be_visible()
    expect(page.locator("#afterwards")).to_contain_text("1 × Enamel mug")


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_kept_out_and_nothing_outgrows_its_window(
    tabs: Tabs, order: Order, agent: User, width: int, theme: str
) -> None:
    tab = tabs.new(agent, viewport={"width": width, "height": 900}, color_scheme=theme)
    page = tab.open(order.get_absolute_url() + "cancel-items/")
    choose(page, order)
    assert not tab.violations()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{folder}/items-{width}-{theme}.png", full_page=True)
    page.get_by_label("How many").fill("9")
    page.get_by_role("button", name="Cancel the chosen items").click()
    expect(page.locator("[aria-invalid=true]").first).to_be_visible()
    assert not tab.violations()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{folder}/items-wrong-{width}-{theme}.png", full_page=True)


def test_what_was_cancelled_meanwhile_is_said_beside_its_line(tabs: Tabs, order: Order, agent: User) -> None:
    tab = tabs.new(agent, viewport={"width": 360, "height": 900})
    page = tab.open(order.get_absolute_url() + "cancel-items/")
    choose(page, order)
    order.lines.filter(quantity=5).update(cancelled_quantity=4)
    page.get_by_role("button", name="Cancel the chosen items").click()
    item = page.locator("li.item").first
    expect(item).to_contain_text("1 of it is open now. Look again.")
    expect(item.get_by_label("How many")).to_have_value("3")
    assert not tab.violations()
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{folder}/items-changed.png", full_page=True)
    page.get_by_label("How many").fill("1")
    page.get_by_role("button", name="Cancel the chosen items").click()
    expect(page.get_by_role("heading", name="Cancel items: recorded")).to_be_visible()
    assert Decision.objects.get().lines.get().quantity == 1


def test_the_link_pressed_while_what_is_allowed_arrives_still_leads_to_the_items(
    tabs: Tabs, order: Order, agent: User
) -> None:
    page, held = tabs.new(agent).page, list[Route]()
    page.route("**/cancel-items/offer/", lambda route: held.append(route))
    page.goto(tabs.base + order.get_absolute_url())
    page.get_by_role("link", name="Cancel items…").hover()
    page.mouse.down()
    with page.expect_response("**/cancel-items/offer/"):
        held[0].continue_()
    expect(page.locator(".htmx-request, .htmx-settling, .htmx-swapping")).to_have_count(0)
    page.mouse.up()
    expect(page.get_by_role("heading", name="Cancel items of this order")).to_be_visible()
