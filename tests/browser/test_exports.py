"""A file that is asked for in the queue, watched while it is written, and fetched; without scripts as well."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from accounts.models import User
from exports import tasks, writing
from exports.models import Export
from shops.models import Role, Shop
from tests.browser.conftest import Tabs
from tests.factories import CancellationFactory, OrderFactory, ShopFactory, member


@pytest.fixture
def manager(transactional_db: None, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(tasks, "nudge", lambda export_id: None)  # this test is the worker
    monkeypatch.setattr(writing, "SECONDS_AT_ONCE", 0.0)
    monkeypatch.setattr(writing, "CHUNK", 2)
    shop: Shop = ShopFactory(name="Mugs")
    for _ in range(6):
        CancellationFactory(order=OrderFactory(shop=shop))
    return member(Role.MANAGER, shop)


def test_the_bar_grows_while_a_worker_writes_and_then_there_is_a_file(tabs: Tabs, manager: User) -> None:
    tab = tabs.new(manager)
    page = tab.open("/?q=order")
    page.goto(f"{tab.base}/")
    page.get_by_role("link", name="Export these…").click()
    assert not tab.violations()
    page.get_by_role("button", name="Start the export").click()
    expect(page.get_by_text("waits its turn")).to_be_visible()
    export = Export.objects.get()
    writing.write(export.pk)
    bar = page.locator("#exports progress")
    expect(bar).to_have_attribute("value", "2")
    expect(bar).to_have_attribute("max", "6")
    assert not tab.violations()
    page.get_by_role("button", name="Cancel").focus()
    writing.write(export.pk)
    expect(bar).to_have_attribute("value", "4")
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()  # the list is mended, not replaced
    plain = tabs.new(manager, java_script_enabled=False)
    expect(plain.open("/exports/").get_by_text("4 of 6 rows")).to_be_visible()
    writing.write(export.pk)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename.startswith("countermand-requests-")
    assert len(Path(download.value.path()).read_text().splitlines()) == 7
    expect(page.locator("#exports-said")).to_contain_text("Ready")
    assert not tab.violations()
