"""From a warning on the health page to a repair that has helped: what somebody does about what does not agree."""

from django.utils import timezone
from playwright.sync_api import expect

from shops.models import Role
from tests.browser.conftest import Tabs
from tests.factories import ShopFactory, member
from tests.truth.test_views import differs
from truth.models import Check, Disagreement


def test_a_disagreement_is_found_repaired_and_another_left(tabs: Tabs, transactional_db: None) -> None:
    shop = ShopFactory(name="Wholesale for uncommonly long-lived cotton tote bags and whatever goes with them")
    Check.objects.create(shop=shop, checked_at=timezone.now(), compared={"decisions": 1204})
    left, repaired = differs(shop), differs(shop, kind="waits_here")
    tab = tabs.new(member(Role.MANAGER, shop), viewport={"width": 360, "height": 800})
    page = tab.open("/health/")
    expect(page.locator("#health")).to_contain_text("The truth check found 2 disagreements.")
    page.get_by_role("link", name="Truth check", exact=True).click()
    expect(page.locator(".at-stake")).to_contain_text("£53.96")
    assert tab.violations() == []
    page.locator(f"#read_again-{repaired.pk}").click()
    expect(page.get_by_role("status")).to_contain_text("looked at again in a moment")
    page.get_by_role("link", name="Truth check").click()
    expect(page.locator(f"#disagreement-{repaired.pk}")).to_contain_text("is looked at again")
    page.locator(f"#leave-{left.pk}").click()
    page.get_by_text("Leave it as it is…").click()
    page.get_by_label("What you found").fill("Agreed with the marketplace's support.")
    assert tab.violations() == []
    page.get_by_role("button", name="Leave it as it is").click()
    expect(page.locator(".disagreement")).to_contain_text("left as it is")
    Disagreement.objects.filter(pk=repaired.pk).update(settled_at=timezone.now(), how="repaired")
    page.get_by_role("link", name="Truth check").click()
    expect(page.locator("#disagreements")).to_contain_text("Everything agrees")
    expect(page.locator("#disagreements")).to_contain_text("1,204 decisions compared with TikTok Shop")
    assert tab.violations() == []
    assert tab.complaints == []
