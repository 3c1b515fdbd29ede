"""A manager says what happens when nobody answers, and is told when it does."""

from typing import Any

from playwright.sync_api import expect

from safety import tasks
from safety.models import SafetyNet
from shops.models import Role
from tests.browser.conftest import Tabs
from tests.factories import ShopFactory, member
from tests.safety.channel import listening
from tests.safety.conftest import waiting


def test_a_net_and_a_ladder_are_set_and_the_bell_rings(tabs: Tabs, transactional_db: None, settings: Any) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = ["127.0.0.0/8"]
    shop = ShopFactory()
    row = waiting(shop, 90)
    tab = tabs.new(member(Role.MANAGER, shop), viewport={"width": 360, "height": 800})
    with listening() as channel:
        page = tab.open(shop.get_absolute_url())
        expect(page.get_by_text("Nobody is told when nobody answers")).to_be_visible()
        page.get_by_role("link", name="Safety net, who is told and who was").click()
        page.get_by_role("link", name="Set a safety net").click()
        page.get_by_role("radio", name="Approve").check()
        page.get_by_label("Minutes before the deadline").fill("45")
        page.get_by_role("button", name="How often would it have acted?").click()
        expect(page.get_by_text("it would have acted on 0 requests")).to_be_visible()
        assert tab.violations() == []
        page.get_by_role("button", name="Save and switch on").click()
        expect(page.get_by_text("45 minutes before the deadline")).to_be_visible()
        page.get_by_role("link", name="Change who is told").click()
        page.get_by_label("Minutes before the deadline").first.fill("120")
        page.get_by_label("Who is told").first.select_option("managers")
        assert tab.violations() == []
        page.get_by_role("button", name="Save").click()
        page.get_by_label("Address").fill(channel.url)
        page.get_by_role("button", name="Set the address").click()
        page.get_by_role("button", name="Send a test a chat channel").click()
        tasks.sweep_tellings()
        page.reload()
        assert tab.violations() == []
        page.get_by_role("link", name="1 notice that you have not read").click()
        expect(page.get_by_text("Nobody has answered yet.")).to_be_visible()
        assert tab.violations() == []
        page.get_by_role("button", name="Mark all as read").click()
        page.get_by_role("link", name=row.order_label).click()
        expect(page.get_by_text("Told by a notice here")).to_be_visible()
    assert channel.texts
    assert SafetyNet.objects.get().is_on
