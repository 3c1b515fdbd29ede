"""From an address to a delivery in its log: what somebody who connects another system does."""

import re
from typing import Any

from playwright.sync_api import expect

from shops.models import Role
from tests.browser.conftest import Tabs
from tests.factories import ShopFactory, member
from tests.webhooks.receiver import receiving
from webhooks.delivery import deliver
from webhooks.models import Endpoint

# How many boxes show a part of what is in them: a list of events looks whole when it is not.
CUT = """[...document.querySelectorAll("main *")].filter(
    box => getComputedStyle(box).overflowY === "auto" && box.scrollHeight > box.clientHeight + 1).length"""


def test_an_endpoint_is_added_tried_and_looked_into(tabs: Tabs, transactional_db: None, settings: Any) -> None:
    settings.WEBHOOK_ALLOW_PRIVATE = ["127.0.0.0/8"]
    tab = tabs.new(member(Role.MANAGER, ShopFactory()), viewport={"width": 360, "height": 800})
    with receiving() as receiver:
        page = tab.open("/accounts/profile/")
        page.get_by_role("link", name="Webhooks").click()
        page.get_by_role("link", name="Add an endpoint").click()
        assert tab.violations() == []
        assert page.evaluate(CUT) == 0
        page.get_by_label("Name").fill("ERP")
        page.get_by_label("Address").fill(receiver.url)
        page.get_by_role("checkbox", name=re.compile("A request is settled")).check()
        page.get_by_role("button", name="Add it").click()
        receiver.secrets = [page.locator("#secret").inner_text()]
        assert tab.violations() == []
        page.get_by_role("link", name="I have it").click()
        expect(page.get_by_text("Nothing was sent yet")).to_be_visible()
        page.get_by_role("button", name="Send a test").click()
        expect(page.locator("#delivery-state")).to_contain_text("waiting")
        deliver(Endpoint.objects.get().pk)
        expect(page.locator("#delivery-state")).to_contain_text("delivered")  # the page looks by itself
        assert tab.violations() == []
        assert page.evaluate(CUT) == 0
        page.get_by_role("link", name="ERP").click()
        expect(page.locator("#deliveries")).to_contain_text("endpoint.test")
        assert tab.violations() == []
        assert receiver.types == ["endpoint.test"]
