"""The job at a marketplace that lists no requests, in a real browser, with a real worker and the strict simulator."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from cancellations.models import Announcement, CancellationRequest, Decision
from tests.browser.staff import Staff
from tests.browser.test_main_path import seen_through
from tests.workers import StartWorker
from tests.world import SupplierWorld


@pytest.fixture
def staff(suppliers: SupplierWorld, live_server: Any, start_worker: StartWorker, settings: Any) -> Iterator[Staff]:
    settings.UNDO_SECONDS = 1
    sources = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"] | {"img-src": ["'self'", "data:", suppliers.sandbox.url]}
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": sources}
    start_worker()
    with Staff.signed_in(live_server.url, suppliers.agent.email) as person:
        yield person


def test_what_a_retailer_asked_by_e_mail_is_announced_recorded_and_answered_once(
    suppliers: SupplierWorld, staff: Staff
) -> None:
    page = staff.page
    whole, one_line, on_our_own = suppliers.orders_of("open", status="Unallocated")[:3]

    Announcement.objects.all().delete()
    suppliers.ask(whole)
    suppliers.pull()
    page.goto(staff.url)
    page.get_by_role("link", name="Record it…").click()
    page.get_by_label("Order number").fill(whole.number)
    page.get_by_role("link", name=whole.number).click()
    page.get_by_role("radio", name="The whole order").check()
    page.get_by_role("button", name="Record the request").click()
    assert not Announcement.objects.waiting().exists()
    page.get_by_role("button", name="Approve the cancellation").click()
    seen_through(page)

    line = one_line.lines.all()[0]
    suppliers.ask(one_line, line)
    page.goto(staff.url + one_line.get_absolute_url())
    page.get_by_role("link", name="Somebody asks to cancel this order…").click()
    page.get_by_role("radio", name=re.compile(re.escape(line.product_name))).first.check()
    page.get_by_role("button", name="Record the request").click()
    page.get_by_role("link", name="Reject…").click()
    page.get_by_role("button", name="Reject the cancellation").click()
    seen_through(page)
    expect(page.locator("#decision")).to_contain_text("shows no rejections")

    item = next(line for line in on_our_own.lines.all() if line.open_quantity > 1)
    page.goto(staff.url + on_our_own.get_absolute_url())
    page.get_by_role("link", name="Cancel items…").click()
    page.locator(f"#item-{item.pk}").check()
    page.locator(f"[name=quantity_{item.pk}]").fill("1")
    page.get_by_role("button", name="Cancel the chosen items").click()
    seen_through(page)
    page.goto(staff.url + on_our_own.get_absolute_url())
    expect(page.get_by_text(f"1 of {item.quantity} cancelled")).to_be_visible()

    assert suppliers.effects(whole) == ["cancellation.approved"]
    assert suppliers.effects(one_line) == ["cancellation.rejected"]
    assert len(suppliers.effects(on_our_own)) == 1
    assert set(CancellationRequest.objects.values_list("needs_answer", flat=True)) == {False}
    assert set(Decision.objects.values_list("state", flat=True)) == {Decision.State.CONFIRMED}
    assert staff.complaints == []
