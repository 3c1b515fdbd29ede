"""The screens in a real browser: keyboard, narrow windows, both themes, no scripts at all, and what axe has to say."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.utils import timezone
from PIL import Image
from playwright.sync_api import expect

from accounts.models import User
from cancellations import live
from cancellations.models import Announcement, CancellationRequest, Decision
from cancellations.recording import Heard, record
from marketplaces.records import HandoverOptions, RejectReason, ShippingProvider
from shops.models import Role, Shop, SyncKind, SyncRun
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

LONG = "Aria 2 Wireless Noise-Cancelling Over-Ear Headphones with " + "Unbreakable" * 12


@pytest.fixture(autouse=True)
def marketplace_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "reject_reasons", lambda cancellation: [RejectReason("packed", "It has been packed")])
    monkeypatch.setattr(live, "handover_options", lambda *_: HandoverOptions(can_pickup=True, can_drop_off=True))
    monkeypatch.setattr(live, "shipping_providers", lambda order: [ShippingProvider("1", "USPS")])
    monkeypatch.setattr(live, "eligibility", lambda order: [])


@pytest.fixture
def shop(transactional_db: None) -> Shop:
    return ShopFactory(name="Haushaltswarengroßhandel" * 3, next_pull_at=timezone.now() + timedelta(days=1))


@pytest.fixture
def american(transactional_db: None) -> Shop:
    return ShopFactory(region="US", time_zone="America/Los_Angeles", next_pull_at=timezone.now() + timedelta(days=1))


@pytest.fixture
def manager(shop: Shop, american: Shop) -> User:
    return member(Role.MANAGER, shop, american, first_name="Mina")


def asked(shop: Shop, **columns: object) -> CancellationRequest:
    order = OrderFactory(shop=shop, shipping_type="seller")
    LineItemFactory.create_batch(2, order=order)
    row = CancellationFactory(order=order, **columns)
    CancellationLineFactory(cancellation=row)
    CancellationLineFactory(cancellation=row, product_name=LONG)
    return row


def every_page(shop: Shop, american: Shop, manager: User) -> list[str]:
    """Addresses of pages in all their states."""
    now = timezone.now()
    waiting, us = asked(shop, deadline=now + timedelta(hours=1)), asked(american)
    asked(
        shop,
        deadline=now - timedelta(hours=1),
        state="unknown",
        status="IN_A_LIMBO_WITHOUT_END" * 3,
        needs_answer=False,
    )
    refused = DecisionFactory(cancellation=asked(shop), state="refused", code="25020009", message="No", request_id="20")
    stalled = DecisionFactory(
        cancellation=asked(shop), state="stalled", stalled_because="outcome_unknown", note="It is unclear."
    )
    confirmed = DecisionFactory(
        cancellation=asked(shop, needs_answer=False, state="completed"), state="confirmed", sent_at=now, accepted_at=now
    )
    moving = DecisionFactory(cancellation=asked(shop), send_after=now + timedelta(hours=1), comment="Words")
    SyncRun.objects.create(shop=shop, kind=SyncKind.ORDERS, expected=9, seen=3)
    SyncRun.objects.create(shop=shop, kind=SyncKind.CANCELLATIONS, state="failed", error="No", drift=["order.x"])
    items = LineItemFactory(order=OrderFactory(shop=shop), quantity=3)
    decisions = (refused, stalled, confirmed, moving)
    return [
        *pages_of_recorded_requests(manager),
        "/", "/?q=nothing", "/?state=all", "/orders/", "/shops/", "/accounts/profile/", "/accounts/password/change/",
        "/nothing-here/", waiting.get_absolute_url(), us.get_absolute_url(), f"/cancellations/{waiting.pk}/reject/",
        f"/cancellations/{us.pk}/ship/", f"/cancellations/{us.pk}/approve/", f"/orders/{waiting.order_id}/",
        f"/orders/{items.order_id}/cancel-items/", f"/shops/{shop.pk}/", f"/shops/{shop.pk}/rules/",
        f"/decisions/{stalled.pk}/", "/exports/", "/exports/new/requests/",
        *(decision.get_absolute_url() for decision in decisions),
    ]  # fmt: skip


def pages_of_recorded_requests(manager: User) -> list[str]:
    """The same for a shop whose marketplace lists no requests."""
    shop = ShopFactory(marketplace="crux_timp", region="US", name="Northgate" * 9)
    manager.memberships.create(shop=shop, role=Role.MANAGER)
    order = OrderFactory(shop=shop, number="PO-" + "1044" * 9, status="Unallocated", fees=Decimal(5), tax=None)
    LineItemFactory(order=order, quantity=10, cancelled_quantity=2, shipped_quantity=1, product_name=LONG)
    mug = LineItemFactory(order=order, quantity=3)
    for number in range(5):
        Announcement.objects.create(
            shop=shop, order=order if number == 1 else None, marketplace_id=str(number), title="Order Cancelled",
            is_cancellation=True, announced_at=timezone.now(),
        )  # fmt: skip
    made = record(order, mug, manager, Heard(note=LONG))
    other = LineItemFactory(order=OrderFactory(shop=shop, status="Unallocated"), quantity=4).order
    return [
        "/?market=US", "/cancellations/record/", "/cancellations/record/?q=PO", "/cancellations/record/?q=none",
        f"/cancellations/record/?announcement={Announcement.objects.latest('pk').pk}", made.get_absolute_url(),
        f"/orders/{order.pk}/record-request/", f"/orders/{order.pk}/", f"/orders/{other.pk}/cancel-items/",
        f"/cancellations/{made.pk}/reject/", f"/shops/{shop.pk}/",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("width", "theme", "language"),
    [(1280, "light", "en"), (1280, "dark", "de"), (360, "light", "de"), (360, "dark", "en")],
)
def test_no_page_keeps_anybody_out_or_outgrows_its_window(
    tabs: Tabs, shop: Shop, american: Shop, manager: User, width: int, theme: str, language: str
) -> None:
    tab = tabs.new(manager, viewport={"width": width, "height": 800}, color_scheme=theme, locale=language)
    found = []
    for path in every_page(shop, american, manager):
        page = tab.open(path)
        found += [f"{path}: {violation}" for violation in tab.violations()]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append(f"{path}: wider than {width} pixels")
        last_link, menu = page.locator(".app-nav a").last.bounding_box(), page.locator(".menu summary").bounding_box()
        if not last_link or not menu or last_link["x"] + last_link["width"] > menu["x"]:
            found.append(f"{path}: the menu lies over the links beside it")
    tab.complaints = [words for words in tab.complaints if "404" not in words]  # one of the pages is not there
    assert not found, "\n".join(found)


def test_the_way_in_is_open_to_everybody(tabs: Tabs, manager: User) -> None:
    tab = tabs.new()
    tab.open("/accounts/login/")
    assert not tab.violations()
    tab.page.get_by_label("E-mail address").fill(manager.email)
    tab.page.get_by_label("Password").fill("a long enough password")
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_role("heading", name="Cancellation requests")).to_be_visible()


def test_a_request_is_approved_and_undone_by_keyboard(tabs: Tabs, shop: Shop, manager: User) -> None:
    row = asked(shop)
    page = tabs.new(manager).open("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.get_by_role("link", name="Cotton tote bag").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Approve the cancellation").press("Enter")
    expect(page.get_by_role("heading", name="Approve: recorded")).to_be_visible()
    page.get_by_role("button", name="Undo").press("Enter")
    expect(page.get_by_role("heading", name="Approve: withdrawn")).to_be_visible()
    expect(page.locator("#history")).to_contain_text("Taken back: approve")
    expect(page.get_by_role("link", name="Decide anew")).to_be_hidden()
    expect(page.get_by_role("heading", name="Your answer")).to_be_visible()
    assert Decision.objects.get(cancellation=row).state == Decision.State.WITHDRAWN


def test_a_double_click_decides_once(tabs: Tabs, shop: Shop, manager: User) -> None:
    page = tabs.new(manager).open(asked(shop).get_absolute_url())
    page.get_by_role("button", name="Approve the cancellation").dblclick()
    expect(page.get_by_role("heading", name="Approve: recorded")).to_be_visible()
    assert Decision.objects.count() == 1


def test_a_decision_is_followed_to_its_end(tabs: Tabs, shop: Shop, manager: User) -> None:
    decision = DecisionFactory(cancellation=asked(shop), state="sending", sent_at=timezone.now())
    page = tabs.new(manager).open(decision.get_absolute_url())
    expect(page.get_by_role("heading", name="Approve: sending")).to_be_visible()
    Decision.objects.update(state="accepted", accepted_at=timezone.now())
    expect(page.get_by_role("heading", name="Approve: accepted")).to_be_visible()
    Decision.objects.update(state="confirmed", settled_at=timezone.now())
    expect(page.get_by_role("heading", name="Approve: confirmed")).to_be_visible()


def test_a_mistake_in_a_rejection_loses_nothing_and_gets_the_focus(
    tabs: Tabs, shop: Shop, manager: User, tmp_path: Path
) -> None:
    good, small = tmp_path / "good.png", tmp_path / "small.png"
    Image.new("RGB", (300, 300), "teal").save(good)
    Image.new("RGB", (20, 20), "teal").save(small)
    page = tabs.new(manager).open(asked(shop).get_absolute_url())
    page.get_by_role("link", name="Reject…").click()
    page.get_by_label("Comment").fill("Half an hour of typing")
    expect(page.locator(".counter")).to_have_text("22 / 500")
    page.locator("input[name=images]").set_input_files([good, small])
    expect(page.get_by_text("small.png is 20 × 20 pixels").first).to_be_visible()
    page.get_by_role("button", name="Remove small.png").click()
    page.get_by_role("button", name="Reject the cancellation").click()
    expect(page.get_by_text("Choose a reason: the marketplace shows it")).to_be_visible()
    expect(page.get_by_role("radio", name="It has been packed")).to_be_focused()
    expect(page.get_by_label("Comment")).to_have_value("Half an hour of typing")
    expect(page.locator(".evidence-item")).to_contain_text("good.png")
    page.get_by_role("radio", name="It has been packed").check()
    page.get_by_role("button", name="Reject the cancellation").click()
    expect(page.get_by_role("heading", name="Reject: recorded")).to_be_visible()
    assert Decision.objects.get().evidence.count() == 1


def test_filters_work_while_typing_and_stay_in_the_address(tabs: Tabs, shop: Shop, manager: User) -> None:
    one, other = asked(shop), asked(shop)
    page = tabs.new(manager).open("/")
    page.get_by_label("Search").fill(one.order_marketplace_id)
    expect(page.locator(f"#row-{other.pk}")).to_be_hidden()
    expect(page.locator(f"#row-{one.pk}")).to_be_visible()
    assert page.url.endswith(f"/?q={one.order_marketplace_id}")
    page.reload()
    expect(page.locator(f"#row-{other.pk}")).to_be_hidden()
    page.get_by_role("link", name="over 0").click()
    page.get_by_role("link", name="Clear the filters").click()
    expect(page.locator(f"#row-{other.pk}")).to_be_visible()


def test_the_theme_follows_the_system(tabs: Tabs, manager: User) -> None:
    page = tabs.new(manager, color_scheme="dark").open("/")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.emulate_media(color_scheme="light")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")


def test_everything_works_without_scripts(tabs: Tabs, shop: Shop, american: Shop, manager: User) -> None:
    row, us = asked(shop), asked(american)
    tab = tabs.new(manager, java_script_enabled=False)
    page = tab.open(f"/?q={row.order_marketplace_id}")
    page.get_by_text("More filters").click()
    page.get_by_label("State").select_option("all")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="Cotton tote bag").click()
    page.get_by_role("link", name="Reject…").click()
    page.get_by_label("Comment").fill("Typed")
    page.get_by_role("button", name="Reject the cancellation").click()
    expect(page.get_by_text("Choose a reason: the marketplace shows it")).to_be_visible()
    expect(page.get_by_label("Comment")).to_have_value("Typed")
    page.get_by_label("It has been packed").check()
    page.get_by_role("button", name="Reject the cancellation").click()
    expect(page.get_by_role("heading", name="Reject: recorded")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Reject: withdrawn")).to_be_visible()
    page.get_by_role("button", name="Approve the cancellation").click()
    expect(page.get_by_role("heading", name="Approve: recorded")).to_be_visible()

    page = tab.open(us.get_absolute_url())
    page.get_by_role("link", name="Ship to reject…").click()
    page.get_by_label("Carrier").select_option("1")
    page.get_by_label("Tracking number").fill("9400111899223344556677")
    page.get_by_role("button", name="Mark as shipped").click()
    expect(page.get_by_role("heading", name="Ship to reject: recorded")).to_be_visible()

    line = LineItemFactory(order=OrderFactory(shop=shop))
    page = tab.open(line.order.get_absolute_url())
    page.get_by_role("link", name="Cancel items…").click()
    page.get_by_label("Cotton tote bag").check()
    page.get_by_role("radio", name="Out of stock").check()
    page.get_by_role("button", name="Cancel the chosen items").click()
    expect(page.get_by_role("heading", name="Cancel items: recorded")).to_be_visible()

    page = tab.open(f"/shops/{shop.pk}/")
    page.get_by_role("button", name="Sync now").click()
    expect(page.get_by_text("is read again within seconds")).to_be_visible()
    assert Decision.objects.live().count() == 3
