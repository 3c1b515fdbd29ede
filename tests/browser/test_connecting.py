"""From “Connect a seller” to the first request in the queue: a real browser, web, worker, broker and sandbox."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.cache import cache
from playwright.sync_api import Page, expect

from shops.models import App, Connection, Shop
from tests.browser.staff import Staff
from tests.factories import UserFactory
from tests.sandbox_process import SandboxProcess
from tests.workers import StartWorker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def staff(
    sandbox: SandboxProcess, transactional_db: None, live_server: Any, start_worker: StartWorker, settings: Any
) -> Iterator[Staff]:
    cache.clear()
    sources = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"] | {"img-src": ["'self'", "data:", sandbox.url]}
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": sources}
    sandbox.post("redirect", url=f"{live_server.url}/shops/connect/tiktok_shop/back/")
    # Where the sandbox is, is all that an administrator sets in the admin.
    for audience in ("us", "world"):
        App.objects.create(
            marketplace="tiktok_shop", audience=audience, consent_url=f"{sandbox.url}/open/authorize",
            api_url=sandbox.url, auth_url=sandbox.url,
        )  # fmt: skip
    App.objects.create(marketplace="crux_timp", api_url=sandbox.connections("crux_timp")[0]["api_url"])
    administrator = UserFactory(is_superuser=True, is_staff=True)
    start_worker()
    with Staff.signed_in(live_server.url, administrator.email) as person:
        yield person


def nothing_is_in_anybodys_way(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert [(one["id"], node["html"][:160]) for one in found for node in one["nodes"]] == []


def test_a_seller_is_connected_and_the_first_request_is_in_the_queue(sandbox: SandboxProcess, staff: Staff) -> None:
    page, told = staff.page, sandbox.credentials()
    page.goto(f"{staff.url}/shops/")
    page.get_by_role("link", name="Connect a seller…").click()
    nothing_is_in_anybodys_way(page)
    page.get_by_role("link", name=re.compile("Enter the app.*everywhere else")).click()
    expect(page.locator("#redirect-address")).to_have_text(f"{staff.url}/shops/connect/tiktok_shop/back/")
    nothing_is_in_anybodys_way(page)
    page.get_by_label("App key").fill(told["app_key"])
    page.get_by_label("App secret").fill(told["app_secret"])
    page.get_by_label("Service id").fill(told["services"]["world"])
    page.get_by_role("button", name="Save").click()

    page.get_by_role("button", name=re.compile("Go on to .*Sellers everywhere else")).click()
    expect(page.get_by_role("heading", name="Authorize an app")).to_be_visible()
    page.get_by_role("radio", name=re.compile("Brightside International")).check()
    page.get_by_role("button", name="Allow").click()

    expect(page.get_by_role("group", name="Which shops are read here?")).to_be_visible()
    assert "code" not in page.url
    nothing_is_in_anybodys_way(page)
    page.get_by_role("checkbox", name=re.compile("US Brightside")).uncheck()
    page.get_by_role("button", name="Connect these shops").click()
    expect(page.get_by_text("Connected.")).to_be_visible()
    nothing_is_in_anybodys_way(page)
    page.get_by_role("link", name="To the queue").click()
    for _ in range(60):
        if page.locator("#queue tbody tr").count():
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(page.locator("#queue").get_by_text("Brightside Gadgets UK").first).to_be_visible()
    assert sorted(Shop.objects.values_list("region", "is_active")) == [("GB", True), ("US", False)]

    shop = Shop.objects.get(region="GB")
    page.goto(f"{staff.url}/shops/{shop.pk}/")
    nothing_is_in_anybodys_way(page)
    page.get_by_role("button", name="Renew the authorization").click()
    page.get_by_role("radio", name=re.compile("Brightside International")).check()
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_text("Connected.")).to_be_visible()
    assert Connection.objects.count() == 1

    page.goto(f"{staff.url}/shops/{shop.pk}/")
    page.get_by_role("link", name="Disconnect…").click()
    nothing_is_in_anybodys_way(page)
    page.get_by_role("button", name="Disconnect and erase the secrets").click()
    expect(page.get_by_text("Its secrets are erased; its history stays.")).to_be_visible()
    assert Connection.objects.get().access_token == ""
    assert staff.complaints == []


def test_a_supplier_is_connected_with_a_name_and_a_password(sandbox: SandboxProcess, staff: Staff) -> None:
    page, seller = staff.page, sandbox.connections("crux_timp")[0]
    page.goto(f"{staff.url}/shops/connect/")
    page.get_by_role("link", name="Enter name and password").click()
    nothing_is_in_anybodys_way(page)
    page.get_by_label("User name").fill(seller["app_key"])
    page.get_by_label("Password", exact=True).fill("not the password")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_text("does not accept the user name and the password")).to_be_visible()
    page.get_by_role("link", name="Begin again").click()

    page.get_by_role("link", name="Enter name and password").click()
    page.get_by_label("User name").fill(seller["app_key"])
    page.get_by_label("Password", exact=True).fill(seller["app_secret"])
    page.get_by_role("button", name="Try it").click()
    page.get_by_role("button", name="Connect these shops").click()
    expect(page.get_by_text("Connected.")).to_be_visible()
    page.goto(f"{staff.url}/shops/{Shop.objects.get().pk}/")
    expect(page.locator("#runs").get_by_text("succeeded").first).to_be_visible()
    assert staff.complaints == []
