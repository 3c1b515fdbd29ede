"""Signing in with a second factor and with a passkey, in a real browser under the real policy."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.cache import cache
from django.test import Client
from playwright.sync_api import Page, expect

from accounts.models import User
from shops.models import Role
from tests.accounts.provider import running_provider
from tests.browser.conftest import Tab, Tabs
from tests.factories import PASSWORD, ShopFactory, member

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nobody_has_tried_before() -> None:
    cache.clear()


@pytest.fixture
def person() -> User:
    return member(Role.AGENT, ShopFactory(name="Teapots"), email="ada@example.test")


@pytest.fixture
def tab(tabs: Tabs) -> Tab:
    return tabs.new(permissions=["clipboard-read", "clipboard-write"])


def type_password(tab: Tab, person: User) -> Page:
    page = tab.open("/accounts/login/")
    page.locator("[name=login]").fill(person.email)
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    return page


def sign_out(page: Page) -> None:
    page.locator("summary", has=page.locator(".menu-name")).click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/accounts/login/**")


def code(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


class VirtualKey:
    """A key that Chromium plays: it answers at once, and always finds that it is its owner who touches it."""

    def __init__(self, page: Page) -> None:
        self.devtools = page.context.new_cdp_session(page)
        self.devtools.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
            "isUserVerified": True, "automaticPresenceSimulation": True,
        }  # fmt: skip
        made = self.devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self.number = made["authenticatorId"]

    def holds(self) -> list[dict[str, Any]]:
        told = self.devtools.send("WebAuthn.getCredentials", {"authenticatorId": self.number})
        return list(told["credentials"])

    def is_lost(self) -> None:
        self.devtools.send("WebAuthn.clearCredentials", {"authenticatorId": self.number})


def test_an_app_is_set_up_and_then_asked_for(tab: Tab, person: User) -> None:
    page = type_password(tab, person)
    page.wait_for_url(f"{tab.base}/")
    page = tab.open("/accounts/profile/")
    page.get_by_role("link", name="Second factor").click()
    page.get_by_role("link", name="Set up Authenticator app").click()
    image = page.locator("img.qr")
    assert image.evaluate("image => image.complete && image.naturalWidth > 0"), "the policy stopped the QR code"
    assert tab.violations() == []
    secret = (page.locator("#authenticator_secret").text_content() or "").strip()
    page.locator("[name=code]").fill(code(secret))
    page.get_by_role("button", name="Switch it on").click()
    page.wait_for_url("**/recovery-codes/")
    codes = (page.locator("#recovery-codes").text_content() or "").split()
    assert len(codes) == 10
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").split() == codes
    assert tab.violations() == []
    sign_out(page)
    cache.clear()  # the code of this half minute was used for the setting up
    page = type_password(tab, person)
    page.wait_for_url("**/2fa/authenticate/")
    assert tab.violations() == []
    page.locator("[name=code]").fill(codes[0])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{tab.base}/")


def test_a_passkey_signs_in_by_itself_and_is_taken_off_again(tab: Tab, person: User) -> None:
    page = type_password(tab, person)
    page.wait_for_url(f"{tab.base}/")
    key = VirtualKey(page)
    page = tab.open("/accounts/2fa/webauthn/add/")
    page.get_by_label("Name, to tell your passkeys apart").fill("Laptop")
    page.get_by_label("Sign in with it alone").check()
    assert tab.violations() == []
    page.get_by_role("button", name="Set up").click()
    page.wait_for_url("**/recovery-codes/")
    assert len(key.holds()) == 1
    sign_out(page)
    page = tab.open("/accounts/login/?next=/shops/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(f"{tab.base}/shops/")
    page = tab.open("/accounts/2fa/webauthn/")
    expect(page.locator("main")).to_contain_text("Laptop")
    assert tab.violations() == []
    page.get_by_role("link", name="Take it off Laptop").click()
    page.get_by_role("button", name="Take it off").click()
    page.wait_for_url(re.compile("/2fa/"))
    assert not Authenticator.objects.filter(user=person).exists()


def test_a_passkey_is_the_second_factor_after_the_password(tab: Tab, person: User) -> None:
    page = type_password(tab, person)
    page.wait_for_url(f"{tab.base}/")
    VirtualKey(page)
    page = tab.open("/accounts/2fa/webauthn/add/")
    page.get_by_role("button", name="Set up").click()
    page.wait_for_url("**/recovery-codes/")
    sign_out(page)
    page = type_password(tab, person)
    page.wait_for_url("**/2fa/authenticate/")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{tab.base}/")


def test_a_key_that_has_none_of_ours_is_told_on_the_page(tab: Tab, person: User) -> None:
    page = tab.open("/accounts/login/")
    VirtualKey(page).is_lost()
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.locator("#passkey-problem")).to_be_visible()
    assert tab.violations() == []


def test_who_must_have_a_factor_is_led_to_it_and_then_on(tab: Tab, person: User, settings: Any) -> None:
    settings.SECOND_FACTOR = "everybody"
    page = type_password(tab, person)
    page.wait_for_url("**/accounts/2fa/")
    expect(page.locator("main")).to_contain_text("Before you go on")
    page.goto(f"{tab.base}/shops/")
    page.wait_for_url("**/accounts/2fa/")
    page.get_by_role("link", name="Set up Authenticator app").click()
    secret = (page.locator("#authenticator_secret").text_content() or "").strip()
    page.locator("[name=code]").fill(code(secret))
    page.get_by_role("button", name="Switch it on").click()
    page.wait_for_url("**/recovery-codes/")
    page.get_by_role("link", name="Shops").click()
    page.wait_for_url(f"{tab.base}/shops/")


@pytest.fixture
def policy_for_the_provider(settings: Any) -> Iterator[Any]:
    """As with OIDC_ISSUER in the environment: the form may lead to the provider."""
    with running_provider() as provider:
        settings.OIDC_ISSUER, settings.OIDC_NAME = provider.issuer, "Acme ID"
        settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = "countermand", "s3cret"
        policy = settings.CONTENT_SECURITY_POLICY
        directives = {**policy["DIRECTIVES"], "form-action": ["'self'", provider.issuer]}
        settings.CONTENT_SECURITY_POLICY = {**policy, "DIRECTIVES": directives}
        provider.claims = {"email": "ada@example.test", "email_verified": True}
        yield provider


def test_somebody_comes_in_through_the_provider(tab: Tab, person: User, policy_for_the_provider: Any) -> None:
    page = tab.open("/accounts/login/?next=/shops/")
    page.get_by_role("button", name="Sign in with Acme ID").click()
    page.wait_for_url(f"{tab.base}/shops/")
    expect(page.locator("main")).to_contain_text("Teapots")


def test_a_token_is_made_copied_and_ended(tab: Tab, person: User) -> None:
    page = type_password(tab, person)
    page.wait_for_url(f"{tab.base}/")
    page = tab.open("/accounts/tokens/")
    assert tab.violations() == []
    page.get_by_role("link", name="Make a token").click()
    page.get_by_label("What it is for").fill("ERP")
    page.get_by_label("Only these shops").check()
    page.get_by_label("Teapots").check()
    assert tab.violations() == []
    page.get_by_role("button", name="Make it").click()
    token = (page.locator("#token").text_content() or "").strip()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == token
    assert tab.violations() == []
    header = {"Authorization": f"Token {token}"}
    assert Client().get("/api/v1/shops/", headers=header).json()["results"][0]["name"] == "Teapots"
    page.get_by_role("link", name="I have it").click()
    page.get_by_role("link", name="End it ERP").click()
    page.get_by_role("button", name="End it").click()
    page.wait_for_url("**/accounts/tokens/")
    assert Client().get("/api/v1/shops/", headers=header).status_code == 401


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/password/reset/", "/accounts/signup/"])
def test_the_way_in_is_open_to_everybody(tabs: Tabs, width: int, scheme: str, path: str) -> None:
    tab = tabs.new(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = tab.open(path)
    assert tab.violations() == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
