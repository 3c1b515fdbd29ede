"""The main job in a real browser, with a real worker, a real broker and the strict simulator on the other side."""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from cancellations.models import CancellationRequest, Decision, Verdict
from orders.models import Order
from tests.browser.staff import Staff
from tests.cancellations.test_delivery import EFFECTS
from tests.workers import StartWorker
from tests.world import World


@pytest.fixture
def staff(world: World, live_server: Any, start_worker: StartWorker, settings: Any) -> Iterator[Staff]:
    """An agent of every shop, signed in, with a worker that carries out what they decide."""
    settings.UNDO_SECONDS = 1
    sources = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"] | {"img-src": ["'self'", "data:", world.sandbox.url]}
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": sources}
    start_worker()
    with Staff.signed_in(live_server.url, world.agent.email) as person:
        yield person


def picture() -> dict[str, Any]:
    file = BytesIO()
    Image.effect_noise((400, 300), 60).convert("RGB").save(file, "PNG")
    return {"name": "packed.png", "mimeType": "image/png", "buffer": file.getvalue()}


def seen_through(page: Page) -> None:
    """The decision's fragment follows it to the end, without a reload."""
    expect(page.locator("#decision.decision-confirmed")).to_be_visible(timeout=45_000)


def test_staff_answer_requests_in_all_four_ways_and_each_happens_once(world: World, staff: Staff) -> None:
    page = staff.page

    approved = world.asked("DE")
    page.goto(f"{staff.url}/?q={approved.order_marketplace_id}")
    page.locator(f"a.row-link[href^='{approved.get_absolute_url()}']").click()
    page.get_by_role("button", name="Approve the cancellation").click()
    seen_through(page)

    rejected = world.asked("TH")
    page.goto(staff.url + rejected.get_absolute_url())
    page.locator("a[href$='/reject/']").first.click()
    page.get_by_label("Product has been packed").check()
    page.get_by_label("Comment").fill("It leaves our warehouse tonight.")
    page.locator("input[name=images]").set_input_files(picture())  # type: ignore[arg-type]
    expect(page.locator(".evidence-item.is-there")).to_be_visible()
    page.get_by_role("button", name="Reject the cancellation").click()
    seen_through(page)

    shipped = world.asked_about("US", shipping_type="seller", packages=None)
    page.goto(staff.url + shipped.get_absolute_url())
    expect(page.get_by_text("March 31, 2024").first).to_be_visible()
    page.locator("a[href$='/ship/']").first.click()
    page.get_by_label("Carrier").select_option(index=1)
    page.get_by_label("Tracking number").fill("1Z999AA10123456784")
    page.get_by_role("button", name="Mark as shipped").click()
    seen_through(page)

    order = next(order for order in world.orders("US") if order.lines.count() > 1)
    page.goto(staff.url + order.get_absolute_url())
    page.locator("a[href$='/cancel-items/']").first.click()
    page.locator("input[name=items]").first.check()
    page.get_by_role("radio", name="Out of stock").check()
    page.get_by_role("button", name="Cancel the chosen items").click()
    seen_through(page)

    assert effects(world, approved) == EFFECTS[Verdict.APPROVE]
    assert effects(world, rejected) == EFFECTS[Verdict.REJECT]
    assert effects(world, shipped) == EFFECTS[Verdict.SHIP_TO_REJECT]
    assert effects(world, order) == EFFECTS[Verdict.CANCEL_ITEMS]
    told = world.sandbox.get(f"cancellations/{rejected.marketplace_id}")["rejection"]
    assert told["comment"] == "It leaves our warehouse tonight."
    assert len(told["images"]) == 1
    assert set(Decision.objects.values_list("state", flat=True)) == {Decision.State.CONFIRMED}
    assert staff.complaints == []


def test_a_decision_that_is_undone_in_time_never_leaves(world: World, staff: Staff, settings: Any) -> None:
    settings.UNDO_SECONDS = 30
    asked = world.asked("DE")
    page = staff.page
    page.goto(staff.url + asked.get_absolute_url())
    page.get_by_role("button", name="Approve the cancellation").click()
    page.get_by_role("button", name=re.compile("Undo")).click()
    expect(page.locator("#decision.decision-withdrawn")).to_be_visible()
    assert effects(world, asked) == []
    assert staff.complaints == []


def test_without_javascript_the_same_forms_do_the_same(world: World, staff: Staff) -> None:
    asked = world.asked("TH")
    page = staff.without_javascript()
    page.goto(staff.url + asked.get_absolute_url())
    page.locator("a[href$='/reject/']").first.click()
    page.get_by_role("button", name="Reject the cancellation").click()
    page.get_by_label("Product has been packed").check()
    page.get_by_role("button", name="Reject the cancellation").click()
    expect(page.locator("#decision")).to_be_visible()
    for _ in range(40):
        page.goto(staff.url + asked.get_absolute_url())
        if page.locator("#decision.decision-confirmed").count():
            break
        page.wait_for_timeout(500)
    expect(page.locator("#decision.decision-confirmed")).to_be_visible()
    assert effects(world, asked) == EFFECTS[Verdict.REJECT]


def effects(world: World, about: CancellationRequest | Order) -> list[str]:
    known = {name for names in EFFECTS.values() for name in names}
    return [name for name in world.effects(about) if name in known]
