"""The two pages that show the API to people: whole, without a stranger's server, under the strict policy."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Tabs
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_redoc_shows_every_address_and_finds_words(tabs: Tabs) -> None:
    tab = tabs.new(UserFactory())
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    page = tab.open("/api/v1/redoc/")
    expect(page.get_by_role("heading", name="Countermand API")).to_be_visible()
    page.get_by_role("searchbox").or_(page.get_by_placeholder("Search...")).fill("countersign")
    expect(page.get_by_role("search")).to_contain_text("second person")
    assert [url for url in asked if not url.startswith((tab.base, "blob:", "data:"))] == []


def test_swagger_ui_shows_how_to_decide(tabs: Tabs) -> None:
    page = tabs.new(UserFactory()).open("/api/v1/docs/")
    expect(page.locator("#operations-decisions-decisions_create")).to_contain_text("Decide")
