"""The pages on which a seller is connected: who gets there, what they show, and what they never show."""

import html
import logging
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from audit.models import Entry
from shops.connecting.registering import register_app
from shops.models import App, ConnectAttempt, Connection, Permission, Role, Shop
from tests.factories import ConnectionFactory, ShopFactory, member
from tests.sandbox_process import SandboxProcess
from tests.shops.connecting.ways import SCOPES, administrator, answered, app_at, work

pytestmark = pytest.mark.django_db(transaction=True)
CONNECT = reverse("shops:connect")
State = ConnectAttempt.State


@pytest.fixture
def user() -> User:
    return administrator()


@pytest.fixture
def browser(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


def begun(browser: Client, sandbox: SandboxProcess, region: str, audience: str = "world", **form: object) -> str:
    """The page on which somebody lands whose seller has answered over there."""
    answer = browser.post(reverse("shops:ask", args=[app_at(sandbox, audience).pk]))
    back = answered(sandbox, answer["Location"], region, **form)
    landed = browser.get(back.removeprefix("http://testserver"))
    assert landed.status_code == 302
    assert "code" not in landed["Location"]
    return landed["Location"]


class TestWhoMay:
    @pytest.mark.parametrize("role", [Role.VIEWER, Role.AGENT])
    def test_others_are_told_that_managers_may(self, client: Client, role: Role) -> None:
        client.force_login(member(role, ShopFactory()))
        for address in (
            CONNECT,
            reverse("shops:app", args=["tiktok_shop", "us"]),
            reverse("shops:sign_in", args=["crux_timp"]),
        ):
            assert client.get(address).status_code == 403
            assert client.post(address).status_code in (403, 405)

    def test_a_manager_without_that_permission_may_not(self, client: Client) -> None:
        person = member(Role.MANAGER, ShopFactory())
        person.memberships.update(permissions=[Permission.APPROVE])
        client.force_login(person)
        assert client.get(CONNECT).status_code == 403

    def test_nobody_sees_anothers_attempt(self, client: Client, browser: Client, sandbox: SandboxProcess) -> None:
        page = begun(browser, sandbox, "DE")
        client.force_login(administrator())
        assert client.get(page).status_code == 404
        assert client.post(page + "choose/").status_code == 404
        assert client.post(page + "again/").status_code == 404


class TestTheApp:
    ADDRESS = reverse("shops:app", args=["tiktok_shop", "us"])

    def test_its_secret_is_stored_and_never_shown_again(self, browser: Client) -> None:
        told = {"app_key": "key1", "app_secret": "very-secret", "service_id": "77"}
        assert browser.post(self.ADDRESS, told).status_code == 302
        app = App.objects.get()
        assert (app.app_key, app.app_secret, app.service_id, app.audience) == ("key1", "very-secret", "77", "us")
        for address in (self.ADDRESS, CONNECT, reverse("admin:shops_app_change", args=[app.pk])):
            assert "very-secret" not in browser.get(address).content.decode()
        assert "very-secret" not in str(list(Entry.objects.values()))

    def test_the_redirect_address_is_there_to_be_copied(self, browser: Client) -> None:
        shown = browser.get(self.ADDRESS).content.decode()
        assert "http://testserver/shops/connect/tiktok_shop/back/" in shown
        assert all(scope in shown for scope in SCOPES)

    def test_a_new_secret_reaches_the_connections_of_the_app(self, user: User) -> None:
        register_app(user, "tiktok_shop", "us", app_key="k", app_secret="old", service_id="1")
        ours, others = ConnectionFactory(app_key="k", app_secret="old"), ConnectionFactory(app_secret="other")
        register_app(user, "tiktok_shop", "us", app_key="k", app_secret="new", service_id="1")
        assert [Connection.objects.get(pk=one.pk).app_secret for one in (ours, others)] == ["new", "other"]

    def test_without_a_secret_the_stored_one_is_kept_but_not_for_another_key(self, browser: Client) -> None:
        browser.post(self.ADDRESS, {"app_key": "k", "app_secret": "kept", "service_id": "1"})
        assert browser.post(self.ADDRESS, {"app_key": "k", "app_secret": "", "service_id": "2"}).status_code == 302
        assert (App.objects.get().app_secret, App.objects.get().service_id) == ("kept", "2")
        assert browser.post(self.ADDRESS, {"app_key": "other", "service_id": "2"}).status_code == 422

    def test_a_manager_of_one_shop_does_not_change_what_others_shops_speak_with(self, client: Client) -> None:
        register_app(administrator(), "tiktok_shop", "us", app_key="k", app_secret="s", service_id="1")
        member(Role.MANAGER, ShopFactory(connection=ConnectionFactory(app_key="k")))
        client.force_login(member(Role.MANAGER, ShopFactory()))
        assert client.post(self.ADDRESS, {"app_key": "k", "app_secret": "x", "service_id": "1"}).status_code == 403
        assert App.objects.get().app_secret == "s"

    def test_sellers_that_nobody_tells_apart_are_not_found(self, browser: Client) -> None:
        assert browser.get(reverse("shops:app", args=["tiktok_shop", "moon"])).status_code == 404
        assert browser.get(reverse("shops:app", args=["nowhere", "us"])).status_code == 404

    def test_sellers_are_asked_with_an_app_that_is_ready_and_has_a_consent_page(self, browser: Client) -> None:
        unready = App.objects.create(marketplace="tiktok_shop", audience="world", app_key="k")
        answer = browser.post(reverse("shops:ask", args=[unready.pk]), follow=True)
        assert answer.redirect_chain == [(CONNECT, 302)]
        assert "key, secret and service id first" in html.unescape(answer.content.decode())
        ready = {"app_key": "k", "app_secret": "s", "service_id": "1"}
        for slug, audience in (("crux_timp", ""), ("tiktok_shop", "moon"), ("nowhere", "us")):
            odd = App.objects.create(marketplace=slug, audience=audience, **ready)
            assert browser.post(reverse("shops:ask", args=[odd.pk])).status_code == 404
        assert not ConnectAttempt.objects.exists()


class TestTheWay:
    def test_it_leads_to_the_shops_and_they_are_connected(self, browser: Client, sandbox: SandboxProcess) -> None:
        page = begun(browser, sandbox, "GB")
        assert "under way" in browser.get(page).content.decode()
        work(ConnectAttempt.objects.get())
        shown = browser.get(page).content.decode()
        assert "Brightside Gadgets UK" in shown
        assert "ROW_" not in shown and "GCP_" not in shown
        assert browser.post(page + "choose/", {}).status_code == 422
        done = browser.post(page + "choose/", {"shop": [sandbox.shop("GB")["id"]]}, follow=True)
        assert "Connected." in done.content.decode()
        assert [shop.region for shop in Shop.objects.active()] == ["GB"]

    def test_forms_may_lead_to_the_consent_page_and_nowhere_else(
        self, browser: Client, sandbox: SandboxProcess
    ) -> None:
        app_at(sandbox)
        assert f"form-action 'self' {sandbox.url}" in browser.get(CONNECT)["Content-Security-Policy"]
        assert sandbox.url not in browser.get(reverse("shops:list"))["Content-Security-Policy"].split("form-action")[1]

    def test_a_fragment_asks_again_while_a_worker_is_at_it(self, browser: Client, sandbox: SandboxProcess) -> None:
        page = begun(browser, sandbox, "DE")
        fragment = browser.get(page, headers={"HX-Request": "true"}).content.decode()
        assert "<html" not in fragment
        assert "every 1s" in fragment
        work(ConnectAttempt.objects.get())
        assert "every 1s" not in browser.get(page, headers={"HX-Request": "true"}).content.decode()

    def test_a_name_and_a_password_are_tried_by_a_worker(self, browser: Client, sandbox: SandboxProcess) -> None:
        seller = sandbox.connections("crux_timp")[0]
        App.objects.create(marketplace="crux_timp", api_url=seller["api_url"])
        told = {"user_name": seller["app_key"], "password": seller["app_secret"], "option_environment": "sandbox"}
        address = reverse("shops:sign_in", args=["crux_timp"])
        answer = browser.post(address, {**defaults(browser, address), **told})
        work(ConnectAttempt.objects.get())
        assert "Which shops are read here?" in browser.get(answer["Location"]).content.decode()
        assert seller["app_secret"] not in browser.get(answer["Location"]).content.decode()

    def test_an_empty_form_says_so_at_its_fields(self, browser: Client) -> None:
        address = reverse("shops:sign_in", args=["crux_timp"])
        answer = browser.post(address, {**defaults(browser, address), "user_name": "", "password": ""})
        assert answer.status_code == 422
        assert not ConnectAttempt.objects.exists()
        assert "<details" in answer.content.decode()
        assert not answer.context["form"].has_option_errors

    def test_options_that_are_wrong_unfold(self, browser: Client) -> None:
        address = reverse("shops:sign_in", args=["crux_timp"])
        fields = browser.get(address).context["form"].option_fields
        name = next(field.name for field in fields if hasattr(field.field, "choices"))
        answer = browser.post(address, {"user_name": "a", "password": "b", name: "made up"})
        assert answer.context["form"].has_option_errors

    def test_what_is_read_already_cannot_be_left_out(self, browser: Client, sandbox: SandboxProcess) -> None:
        ids = [sandbox.shop("GB")["id"]]
        page = begun(browser, sandbox, "GB")
        work(ConnectAttempt.objects.get())
        browser.post(page + "choose/", {"shop": ids})
        page = begun(browser, sandbox, "GB")
        work(ConnectAttempt.objects.get(state=State.WORKING))
        shown = " ".join(browser.get(page).content.decode().split())
        assert f'<input type="hidden" name="shop" value="{ids[0]}">' in shown
        assert "checked disabled" in shown
        assert f"Seller: <b>{ConnectAttempt.objects.get(state=State.CHOOSING).tokens.seller_name}</b>" in shown


def defaults(browser: Client, address: str) -> dict[str, str]:
    """What the form holds when nobody has changed anything."""
    form = browser.get(address).context["form"]
    return {name: field.initial or "" for name, field in form.fields.items()}


class TestWhatWentWrong:
    @pytest.mark.parametrize("failure", list(ConnectAttempt.Failure))
    @pytest.mark.parametrize("slug", ["tiktok_shop", "crux_timp"])
    def test_every_failure_has_words_and_a_way_on(self, browser: Client, user: User, failure: str, slug: str) -> None:
        is_held = failure in ("unreachable",)
        attempt = ConnectAttempt.objects.create(
            user=user, marketplace=slug, state=State.HELD if is_held else State.FAILED, failure=failure,
            app=App.objects.create(marketplace=slug, audience="us" if slug == "tiktok_shop" else ""),
        )  # fmt: skip
        shown = browser.get(reverse("shops:attempt", args=[attempt.pk])).content.decode()
        assert "Begin again" in shown
        assert ("Try again" in shown) == is_held

    def test_a_renewal_that_failed_says_that_nothing_is_lost_and_leads_to_the_shop(
        self, browser: Client, user: User
    ) -> None:
        shop = ShopFactory()
        attempt = ConnectAttempt.objects.create(
            user=user, marketplace="tiktok_shop", state=State.FAILED, failure="denied", is_renewal=True,
            connection=shop.connection,
        )  # fmt: skip
        shown = browser.get(reverse("shops:attempt", args=[attempt.pk])).content.decode()
        assert "What is stored of the authorization that was there is untouched." in shown
        assert "Nothing was connected" not in shown and "Begin again" not in shown
        assert f'href="{reverse("shops:shop", args=[shop.pk])}"' in shown

    def test_a_wrong_password_leads_to_the_form_with_the_name(self, browser: Client, user: User) -> None:
        columns = {"user": user, "marketplace": "crux_timp", "state": State.FAILED, "failure": "key"}
        attempt = ConnectAttempt.objects.create(user_name="orders@here.example", **columns)
        again = f"{reverse('shops:sign_in', args=['crux_timp'])}?attempt={attempt.pk}"
        assert f'href="{again}"' in browser.get(reverse("shops:attempt", args=[attempt.pk])).content.decode()
        assert 'value="orders@here.example"' in browser.get(again).content.decode()
        others = ConnectAttempt.objects.create(user_name="theirs", **{**columns, "user": administrator()})
        for made_up in (str(others.pk), "none", "\0"):
            shown = browser.get(reverse("shops:sign_in", args=["crux_timp"]), {"attempt": made_up})
            assert "theirs" not in shown.content.decode()

    def test_a_no_is_told(self, browser: Client, sandbox: SandboxProcess) -> None:
        page = begun(browser, sandbox, "DE", do="deny")
        assert "did not allow it" in browser.get(page).content.decode()

    def test_missing_rights_are_told_by_name(self, browser: Client, sandbox: SandboxProcess) -> None:
        page = begun(browser, sandbox, "DE", scope=["seller.authorization.info", "seller.order.info"])
        work(ConnectAttempt.objects.get())
        shown = browser.get(page).content.decode()
        assert "seller.return_refund.basic" in shown
        assert "<code>seller.order.info</code>" not in shown

    def test_a_seller_of_another_region_may_go_on_or_begin_again(
        self, browser: Client, sandbox: SandboxProcess
    ) -> None:
        page = begun(browser, sandbox, "DE", "us")
        shown = browser.get(page).content.decode()
        assert "The seller is in DE, and this app is for: Sellers in the US." in shown
        assert "Go on with this app" in shown
        assert "Enter the right app" in shown
        right = app_at(sandbox, "world")
        shown = browser.get(page).content.decode()
        assert f'action="{reverse("shops:ask", args=[right.pk])}"' in shown and "Begin with the right app" in shown
        assert sandbox.url in browser.get(page)["Content-Security-Policy"]
        browser.post(page + "again/")
        work(ConnectAttempt.objects.get())
        shown = browser.get(page).content.decode()
        assert "105004" in shown and "Begin again with the app for: Sellers everywhere else." in shown

    def test_a_marketplace_that_is_down_is_tried_again(self, browser: Client, sandbox: SandboxProcess) -> None:
        page = begun(browser, sandbox, "DE")
        sandbox.fault("get-access-token", "reset_before", count=9)
        work(ConnectAttempt.objects.get())
        assert "cannot be reached" in browser.get(page).content.decode()
        sandbox.delete("faults")
        browser.post(page + "again/")
        assert work(ConnectAttempt.objects.get()).state == State.CHOOSING

    @pytest.mark.parametrize("query", ["", "?code=ROW_x", "?code=ROW_x&state=made:up:state", "?state=%00&code=%00"])
    def test_an_answer_to_nothing_is_explained_where_one_begins(self, browser: Client, query: str) -> None:
        answer = browser.get(reverse("shops:consent_back", args=["tiktok_shop"]) + query, follow=True)
        assert answer.redirect_chain == [(CONNECT, 302)]
        assert "Begin" in answer.content.decode()

    def test_whoever_was_signed_out_begins_again_and_the_code_goes_nowhere(self, client: Client) -> None:
        answer = client.get(reverse("shops:consent_back", args=["tiktok_shop"]) + "?code=ROW_secret&state=1")
        assert answer["Location"] == CONNECT
        assert "ROW_secret" not in client.get(CONNECT, follow=True).content.decode()

    def test_a_marketplace_that_is_not_there_is_not_found(self, browser: Client) -> None:
        assert browser.get(reverse("shops:consent_back", args=["nowhere"])).status_code == 404


def test_codes_and_secrets_are_in_no_log(
    browser: Client, sandbox: SandboxProcess, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = browser.post(reverse("shops:ask", args=[app_at(sandbox).pk]))
    back = answered(sandbox, answer["Location"], "DE")
    code = back.partition("code=")[2].partition("&")[0]
    browser.get(back.removeprefix("http://testserver"))
    sandbox.fault("get-authorized-shops", "server_error", count=9)
    work(ConnectAttempt.objects.get())
    logged = "\n".join(
        f"{record.getMessage()} {record.__dict__}" for record in caplog.records if not record.name.startswith("urllib3")
    )
    assert "consent_back" in logged or "/back/" in logged
    assert code not in logged
    assert sandbox.credentials()["app_secret"] not in logged


class TestRenewing:
    @pytest.fixture
    def shop(self) -> Shop:
        return ShopFactory()

    def test_a_manager_is_sent_to_the_consent_page(self, client: Client, sandbox: SandboxProcess, shop: Shop) -> None:
        told = app_at(sandbox)
        Connection.objects.update(app=told)
        client.force_login(member(Role.MANAGER, shop))
        answer = client.post(reverse("shops:renew", args=[shop.pk]))
        assert answer["Location"].startswith(f"{sandbox.url}/open/authorize?service_id={told.service_id}&state=")
        assert ConnectAttempt.objects.get().connection == shop.connection

    def test_without_an_app_one_is_told_to_enter_it(self, client: Client, shop: Shop) -> None:
        client.force_login(member(Role.MANAGER, shop))
        assert client.post(reverse("shops:renew", args=[shop.pk]))["Location"] == CONNECT

    def test_where_there_is_a_password_it_is_asked_for(self, client: Client, shop: Shop) -> None:
        Connection.objects.update(marketplace="crux_timp", app_key="orders@here.example")
        client.force_login(member(Role.MANAGER, shop))
        answer = client.post(reverse("shops:renew", args=[shop.pk]), follow=True)
        assert "orders@here.example" in answer.content.decode()

    def test_the_shops_page_says_how_renewals_went(self, client: Client, shop: Shop) -> None:
        now = timezone.now()
        Connection.objects.update(renewed_at=now, renewal_failed_at=now, renewal_problem="36004001 has ended")
        client.force_login(member(Role.MANAGER, shop))
        shown = client.get(reverse("shops:shop", args=[shop.pk])).content.decode()
        assert "Tokens renewed" in shown
        assert "36004001 has ended" in shown
        assert "Renew the authorization" in shown

    @pytest.mark.parametrize(("days", "is_told"), [(31, False), (29, True)])
    def test_from_thirty_days_on_its_end_is_announced(
        self, client: Client, shop: Shop, days: int, is_told: bool
    ) -> None:
        Connection.objects.update(refresh_token_expires_at=timezone.now() + timedelta(days=days))
        client.force_login(member(Role.VIEWER, shop))
        for address in (reverse("shops:shop", args=[shop.pk]), reverse("cancellations:queue")):
            shown = client.get(address).content.decode()
            assert ("The authorization ends:" in shown) == is_told
            assert ("Managers of its shops can renew it." in shown) == is_told
