"""Shipping to reject in a real browser: which packages, how, and what is about to happen."""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from cancellations import live
from cancellations.models import CancellationRequest, Decision
from marketplaces.records import HandoverOptions, PickupSlot, ShippingProvider
from orders import sync as orders_sync
from shops.models import Role
from tests.browser.conftest import Tabs
from tests.browser.staff import Staff
from tests.factories import CancellationFactory, LineItemFactory, OrderFactory, PackageFactory, ShopFactory, member
from tests.workers import StartWorker
from tests.world import World


@pytest.fixture
def staff(world: World, live_server: Any, start_worker: StartWorker, settings: Any) -> Iterator[Staff]:
    settings.UNDO_SECONDS = 2
    sources = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"] | {"img-src": ["'self'", "data:", world.sandbox.url]}
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": sources}
    start_worker()
    with Staff.signed_in(live_server.url, world.agent.email) as person:
        yield person


def asked_about_several_packages(world: World) -> CancellationRequest:
    """A US request about an order whose items have each a package that waits for the marketplace's carrier."""
    order = next(order for order in world.orders("US", shipping_type="marketplace") if order.lines.count() > 1)
    world.sandbox.post("split", order_id=order.marketplace_id)
    orders_sync.read_again(order.shop, [order.marketplace_id])
    return world.asked("US", order_id=order.marketplace_id)


def open_the_form(page: Page, url: str, asked: CancellationRequest) -> None:
    page.goto(url + asked.get_absolute_url())
    expect(page.get_by_text("March 31, 2024").first).to_be_visible()
    page.get_by_role("link", name="Ship to reject…").click()
    expect(page.get_by_role("heading", name="Ship to reject the cancellation")).to_be_visible()


def shipped(world: World, asked: CancellationRequest) -> list[str]:
    entries = world.sandbox.effects(order_id=asked.order_marketplace_id)
    return [entry["package_id"] for entry in entries if entry["effect"] == "package.shipped"]


def test_two_packages_are_shipped_together_and_the_request_is_rejected_by_it(world: World, staff: Staff) -> None:
    page, asked = staff.page, asked_about_several_packages(world)
    assert asked.order
    open_the_form(page, staff.url, asked)
    for line in asked.order.lines.all():
        expect(page.locator(".leaving").get_by_text(line.product_name).first).to_be_visible()
    packages = list(asked.order.packages.order_by("pk").values_list("marketplace_id", flat=True))
    assert len(packages) > 1
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(len(packages))
    expect(page.get_by_text("You can undo it for 2 seconds, not after that.")).to_be_visible()
    page.get_by_label("Pick-up").first.check()
    page.get_by_role("button", name="Mark as shipped").click()
    expect(page.locator("#decision.decision-confirmed")).to_be_visible(timeout=45_000)
    assert sorted(shipped(world, asked)) == sorted(packages)
    told = world.sandbox.get(f"orders/{asked.order_marketplace_id}")
    assert told["pending_cancel_id"] is None
    assert {package["handover_method"] for package in told["packages"]} == {"PICKUP"}
    assert staff.complaints == []


def test_of_two_packages_one_can_be_kept_back_without_scripts(world: World, staff: Staff) -> None:
    asked = asked_about_several_packages(world)
    page = staff.without_javascript()
    open_the_form(page, staff.url, asked)
    page.get_by_role("checkbox").first.uncheck()
    page.get_by_role("button", name="Mark as shipped").click()
    expect(page.get_by_text("Choose how the parcel is handed over.")).to_be_visible()
    expect(page.get_by_role("checkbox").first).not_to_be_checked()
    page.get_by_label("Drop it off").check()
    page.get_by_role("button", name="Mark as shipped").click()
    expect(page.get_by_role("heading", name="Ship to reject: recorded")).to_be_visible()
    decision = Decision.objects.get()
    for _ in range(120):
        decision.refresh_from_db()
        if decision.state == Decision.State.CONFIRMED:
            break
        page.wait_for_timeout(500)
    assert decision.state == Decision.State.CONFIRMED, decision.message
    assert shipped(world, asked) == decision.shipment["package_ids"]


# --- what it looks like ----------------------------------------------------------------------------------------------


@pytest.fixture
def row(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> CancellationRequest:
    noon = timezone.now().replace(hour=17, minute=0, second=0, microsecond=0) + timedelta(days=2)
    slots = [PickupSlot(noon + timedelta(hours=3 * n), noon + timedelta(hours=3 * n + 3)) for n in range(3)]
    options = HandoverOptions(can_pickup=True, can_drop_off=True, pickup_slots=slots)
    monkeypatch.setattr(live, "handover_options", lambda *_: options)
    monkeypatch.setattr(live, "shipping_providers", lambda order: [ShippingProvider("1", "USPS")])
    shop = ShopFactory(region="US", time_zone="America/Los_Angeles", next_pull_at=timezone.now() + timedelta(days=1))
    order = OrderFactory(shop=shop)
    for label in ("", "9400111899223197428490"):
        state = {"status": "PROCESSING", "shipping_provider": "USPS"} if label else {}
        package = PackageFactory(order=order, tracking_number=label, **state)
        LineItemFactory(order=order, package_id=package.marketplace_id, product_name="Enamel mug " * 6)
        LineItemFactory(order=order, package_id=package.marketplace_id, quantity=3)
    return CancellationFactory(order=order)


@pytest.fixture
def agent(row: CancellationRequest) -> User:
    return member(Role.AGENT, row.shop)


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("carrier", ["marketplace", "seller"])
def test_nobody_is_kept_out_and_nothing_outgrows_its_window(
    tabs: Tabs, row: CancellationRequest, agent: User, width: int, theme: str, carrier: str
) -> None:
    assert row.order
    if carrier == "seller":
        row.order.packages.all().delete()
        row.order.lines.update(package_id="")
        type(row.order).objects.update(shipping_type="seller")
    tab = tabs.new(agent, viewport={"width": width, "height": 900}, color_scheme=theme)
    page = tab.open(row.get_absolute_url())
    page.get_by_role("link", name="Ship to reject…").click()
    expect(page.get_by_role("button", name="Mark as shipped")).to_be_visible()
    if carrier == "seller":
        page.get_by_label("Tracking number").fill("94/00")
        page.get_by_label("Carrier").select_option(label="USPS")
    else:
        for box in page.locator("input[name=package_ids]").all():
            box.uncheck()
    page.get_by_role("button", name="Mark as shipped").click()
    expect(page.locator("[aria-invalid=true]").first).to_be_visible()
    assert not tab.violations()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{folder}/ship-{carrier}-{width}-{theme}.png", full_page=True)
