"""A request's page in a real browser: its timeline, templates of comments, and what is copied for support."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import User
from cancellations import live
from cancellations.models import Attempt, CancellationRequest, CommentTemplate, Note
from marketplaces.records import RejectReason
from shops.models import Role, Shop
from tests.browser.conftest import Tabs
from tests.factories import (
    CancellationFactory,
    CancellationLineFactory,
    DecisionFactory,
    LineItemFactory,
    OrderFactory,
    PackageFactory,
    ShopFactory,
    member,
)

LONG = "Aria 2 Wireless Noise-Cancelling Over-Ear Headphones with " + "Unbreakable" * 12
REASONS = [RejectReason("packed", "It has been packed"), RejectReason("agreed", "We have agreed")]


@pytest.fixture(autouse=True)
def marketplace_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "reject_reasons", lambda cancellation: REASONS)


@pytest.fixture
def shop(transactional_db: None) -> Shop:
    return ShopFactory(
        region="TH", name="Kettle & Co", time_zone="Asia/Bangkok", next_pull_at=timezone.now() + timedelta(days=1)
    )


@pytest.fixture
def manager(shop: Shop) -> User:
    return member(Role.MANAGER, shop, first_name="Mina")


@pytest.fixture
def row(shop: Shop) -> CancellationRequest:
    """With a lot of everything."""
    now = timezone.now()
    order = OrderFactory(
        shop=shop, created_at=now - timedelta(days=2), paid_at=now - timedelta(days=2), ship_by=now + timedelta(days=1)
    )
    row = CancellationFactory(order=order, reason_text="I have found it " + "cheaper" * 30)
    CancellationLineFactory.create_batch(19, cancellation=row)
    CancellationLineFactory(cancellation=row, product_name=LONG)
    LineItemFactory.create_batch(9, order=order, package_id="P1", product_name=LONG)
    PackageFactory(order=order, marketplace_id="P1", status="PROCESSING", tracking_number="T" * 60)
    PackageFactory(order=order, marketplace_id="P2", status="WORD_NOBODY_KNOWS")
    decision = DecisionFactory(cancellation=row, state="refused", code="25020009", message=LONG, request_id="2" * 40)
    for number in range(30):
        outcome, message = ("temporary", "Slow down") if number < 20 else ("refused", f"No. {LONG} {number}")
        Attempt.objects.create(
            decision=decision, number=number, purpose="send", outcome=outcome, message=message, code="36009002",
            request_id=f"20261121{number:024}", started_at=now - timedelta(minutes=40 - number),
        )  # fmt: skip
    Note.objects.create(cancellation=row, author=member(Role.AGENT, shop, first_name="Ada"), text=LONG)
    return row


def kept(shop: Shop, **columns: Any) -> CommentTemplate:
    return CommentTemplate.objects.create(**{"shop": shop, "name": "Packed", "text": "It is packed.", **columns})


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_pages_fit_and_are_for_everybody(
    tabs: Tabs, row: CancellationRequest, manager: User, width: int, theme: Any
) -> None:
    kept(row.shop, name="A name that goes on " * 3, text=LONG)
    template = kept(row.shop, reason="packed", language="th")
    tab = tabs.new(manager, viewport={"width": width, "height": 800}, color_scheme=theme)
    for path in (
        row.get_absolute_url(), f"/cancellations/{row.pk}/reject/", f"/orders/{row.order_id}/",
        f"/orders/{row.order_id}/history/", f"/shops/{row.shop_id}/comment-templates/", template.get_absolute_url(),
    ):  # fmt: skip
        page = tab.open(path)
        for closed in page.locator("details:not(.menu)").all():
            closed.evaluate("details => details.open = true")
        assert tab.violations() == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_the_timeline_has_now_between_what_was_and_what_comes(
    tabs: Tabs, row: CancellationRequest, manager: User
) -> None:
    page = tabs.new(manager).open(row.get_absolute_url())
    entries = page.locator(".history > li")
    expect(entries.nth(0)).to_contain_text("Has to be shipped by then")
    expect(entries.nth(1)).to_contain_text("The request is approved by itself")
    expect(entries.nth(2)).to_contain_text("Now")
    expect(entries.nth(3)).to_contain_text("Noted for colleagues")
    expect(entries.last).to_contain_text("Ordered")
    expect(page.locator(".history")).to_contain_text("20 times, first")


def test_the_page_of_an_order_brings_its_timeline(tabs: Tabs, row: CancellationRequest, manager: User) -> None:
    page = tabs.new(manager).open(f"/orders/{row.order_id}/")
    expect(page.locator(".history")).to_contain_text("The buyer asked to cancel")


class TestTemplates:
    def test_the_chosen_text_goes_where_the_cursor_is_and_is_counted(
        self, tabs: Tabs, row: CancellationRequest, manager: User
    ) -> None:
        kept(row.shop, text="{shop}: order {order} is packed.")
        page = tabs.new(manager).open(f"/cancellations/{row.pk}/reject/")
        comment = page.get_by_label("Comment", exact=False).and_(page.locator("textarea"))
        comment.fill("Hello. ")
        page.get_by_label("Template").select_option(label="Packed")
        page.get_by_role("button", name="Insert").click()
        told = f"Hello. Kettle & Co: order {row.order_label} is packed."
        expect(comment).to_have_value(told)
        expect(comment).to_be_focused()
        expect(page.locator(".counter")).to_have_text(f"{len(told)} / 500")

    def test_only_those_for_the_chosen_reason_are_offered(
        self, tabs: Tabs, row: CancellationRequest, manager: User
    ) -> None:
        kept(row.shop, name="For packed", reason="packed")
        kept(row.shop, name="For any")
        page = tabs.new(manager).open(row.get_absolute_url())
        page.get_by_role("link", name="Reject…").click()
        select = page.get_by_label("Template")
        select.select_option(label="For packed")
        page.get_by_label("We have agreed").check()
        expect(select).to_have_value("")
        expect(page.locator("option:enabled", has_text="For packed")).to_have_count(0)
        expect(page.locator("option:enabled", has_text="For any")).to_have_count(1)
        page.get_by_label("It has been packed").check()
        expect(page.locator("option:enabled", has_text="For packed")).to_have_count(1)

    def test_without_scripts_a_manager_adds_one_and_begins_with_it(
        self, tabs: Tabs, row: CancellationRequest, manager: User
    ) -> None:
        page = tabs.new(manager, java_script_enabled=False).open(f"/shops/{row.shop_id}/")
        page.get_by_role("link", name="Its comment templates").click()
        page.get_by_label("Name").fill("Packed")
        page.get_by_label("Text").fill("Dear {buyer}")
        page.get_by_role("button", name="Add it").click()
        expect(page.locator(".errorlist")).to_contain_text("Nothing is known to put for {buyer}")
        page.get_by_label("Text").fill("{order} is packed.")
        page.get_by_role("button", name="Add it").click()
        expect(page.get_by_role("status")).to_contain_text("“Packed” is there.")
        page.goto(f"{tabs.base}/cancellations/{row.pk}/reject/")
        page.get_by_text("Begin with a template").click()
        page.get_by_role("link", name="Packed").click()
        expect(page.get_by_label("Comment")).to_have_value(f"{row.order_label} is packed.")


def test_ids_to_quote_are_copied_at_once(tabs: Tabs, row: CancellationRequest, manager: User) -> None:
    tab = tabs.new(manager, permissions=["clipboard-read", "clipboard-write"])
    page = tab.open(row.get_absolute_url())
    page.get_by_text("To quote to the marketplace's support").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.locator(".card-footer [role=status]")).to_have_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert f"Cancellation request: {row.marketplace_id}" in copied
    assert copied.count("request id 20261121") == 30


def test_where_a_browser_does_not_let_us_copy_the_text_is_selected(
    tabs: Tabs, row: CancellationRequest, manager: User
) -> None:
    page = tabs.new(manager).open(row.get_absolute_url())
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('not allowed')); }")
    page.get_by_text("To quote to the marketplace's support").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.locator(".card-footer [role=status]")).to_contain_text("the text is selected")
    assert row.marketplace_id in page.evaluate("String(getSelection())")


@pytest.mark.parametrize("width", [360, 991])
def test_where_there_is_one_column_how_long_there_is_comes_first(
    tabs: Tabs, row: CancellationRequest, manager: User, width: int
) -> None:
    page = tabs.new(manager, viewport={"width": width, "height": 800}).open(row.get_absolute_url())
    tops = [page.locator(name).bounding_box() for name in ("#standing", ".column-what", "#answer", ".column-rest")]
    starts = [box["y"] for box in tops if box]
    assert len(starts) == 4
    assert starts == sorted(starts)
