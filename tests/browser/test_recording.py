"""Requests that no marketplace lists, recorded in a real browser: by keyboard, on a telephone, without scripts."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from cancellations.models import Announcement, CancellationRequest
from orders.models import Order
from shops.models import Role, Shop
from tests.browser.conftest import Tabs
from tests.factories import LineItemFactory, OrderFactory, ShopFactory, member

NARROW = {"width": 360, "height": 740}


@pytest.fixture
def shop(transactional_db: None) -> Shop:
    return ShopFactory(marketplace="crux_timp", region="US", name="Northgate Outfitters")


@pytest.fixture
def agent(shop: Shop) -> User:
    return member(Role.AGENT, shop, first_name="Ada", time_zone="Asia/Tokyo")


@pytest.fixture
def order(shop: Shop) -> Order:
    ordered(shop, "HB-22")
    return ordered(shop, "NG-104417")


def ordered(shop: Shop, number: str) -> Order:
    order = OrderFactory(shop=shop, number=number, status="Unallocated", is_cancel_requested=False)
    LineItemFactory(order=order, product_name="Trail lantern", quantity=3)
    LineItemFactory(order=order, product_name="Camp stool", quantity=10, cancelled_quantity=2)
    return order


def announced(shop: Shop) -> Announcement:
    return Announcement.objects.create(
        shop=shop, marketplace_id="1", title="Order Cancelled", is_cancellation=True, announced_at=timezone.now()
    )


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_a_request_is_recorded_by_keyboard_alone(tabs: Tabs, order: Order, agent: User) -> None:
    page = tabs.new(agent).open("/")
    page.get_by_role("link", name="Record a request…").press("Enter")
    page.get_by_label("Order number").press_sequentially("NG-10")
    expect(page.get_by_role("link", name="HB-22")).to_be_hidden()
    page.get_by_role("link", name="NG-104417").press("Enter")
    page.get_by_role("radio", name="The whole order").press("ArrowDown")
    expect(page.get_by_role("radio", name="Trail lantern")).to_be_checked()
    page.get_by_label("Heard through").select_option(label="telephone or chat")
    page.get_by_label("Note").fill("Ms Ruiz rang.")
    page.get_by_role("button", name="Record the request").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Recorded.")
    expect(page.get_by_role("heading", name="Somebody asks to cancel one line of the order")).to_be_visible()
    made = CancellationRequest.objects.get()
    assert made.line_item == order.lines.get(product_name="Trail lantern")
    assert timezone.now() - made.created_at < timedelta(minutes=2)  # as proposed, read in the reader's own zone


@pytest.mark.parametrize("scripts", [True, False])
def test_a_telephone_with_or_without_scripts_is_enough(tabs: Tabs, order: Order, agent: User, scripts: bool) -> None:
    row = announced(order.shop)
    page = tabs.new(agent, viewport=NARROW, java_script_enabled=scripts).open("/")
    assert not scripts or fits(page)
    page.get_by_role("link", name="Record it…").click()
    page.get_by_label("Order number").fill("NG-10")
    if not scripts:  # with them the orders come while somebody types
        page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("link", name="HB-22")).to_be_hidden()
    page.get_by_role("link", name="NG-104417").click()
    page.get_by_label("Note").fill("By e-mail, at noon.")
    page.get_by_role("button", name="Record the request").click()
    expect(page.get_by_text("Choose the whole order or one of its lines.")).to_be_visible()
    expect(page.get_by_label("Note")).to_have_value("By e-mail, at noon.")
    assert not scripts or fits(page)
    page.get_by_role("radio", name="The whole order").check()
    page.get_by_role("button", name="Record the request").click()
    expect(page.get_by_text("Recorded. It waits for an answer in the queue.")).to_be_visible()
    expect(page.get_by_text("By e-mail, at noon.").first).to_be_visible()
    row.refresh_from_db()
    assert row.cancellation == CancellationRequest.objects.get()

    page.get_by_text("It needs no answer from here…").click()
    page.get_by_label("Why it needs no answer").fill("Withdrawn.")
    page.get_by_role("button", name="Close it without an answer").click()
    expect(page.get_by_text("Closed. It needs no answer any more.")).to_be_visible()


def test_an_announcement_that_needs_nothing_goes_without_a_reload_and_keeps_the_keyboard(
    tabs: Tabs, shop: Shop, agent: User
) -> None:
    row = announced(shop)
    page = tabs.new(agent).open("/?state=all")
    page.get_by_role("button", name="Nothing to do").press("Enter")
    done = page.get_by_text("Noted: nothing to do about “Order Cancelled”.")
    expect(done).to_be_focused()
    expect(page.get_by_role("link", name="Record it…")).to_be_hidden()
    assert page.url.endswith("/?state=all")
    row.refresh_from_db()
    assert row.handled_by == agent


def test_announcements_appear_while_the_queue_is_open(tabs: Tabs, shop: Shop, agent: User) -> None:
    page = tabs.new(agent).open("/")
    announced(shop)
    page.evaluate("document.body.dispatchEvent(new Event('look-again'))")
    expect(page.get_by_role("heading", name="Announced, and to be looked into")).to_be_visible()
