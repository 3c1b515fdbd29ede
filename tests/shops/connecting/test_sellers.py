"""Connecting a seller: a code becomes tokens, tokens open shops, and doing it again doubles nothing."""

from dataclasses import replace
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection as database
from django.utils import timezone

from marketplaces.errors import CredentialsRejected, MarketplaceError
from marketplaces.records import Tokens
from shops.connecting.sellers import Account, connect, connect_with_code, connect_with_password, pull_shops
from shops.markets import check_options
from shops.models import Connection, Shop, SyncCursor, SyncKind
from shops.tokens import call_for, store_tokens
from tests.sandbox_process import SandboxProcess
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def code(sandbox: SandboxProcess, region: str) -> str:
    told: str = sandbox.post("auth_code", region=region)["auth_code"]
    return told


def connect_code(sandbox: SandboxProcess, auth_code: str, **other: Any) -> Connection:
    told = sandbox.credentials()
    key, secret = other.get("app_key", told["app_key"]), other.get("app_secret", told["app_secret"])
    return connect_with_code(Account("tiktok_shop", key, secret, sandbox.url, sandbox.url), auth_code)


def tokens_of(sandbox: SandboxProcess, region: str) -> Tokens:
    shop, now = sandbox.shop(region), timezone.now()
    return Tokens(shop["access_token"], now, shop["refresh_token"], now, seller_name="")


def connect_tokens(sandbox: SandboxProcess, region: str) -> Connection:
    told = sandbox.credentials()
    account = Account("tiktok_shop", told["app_key"], told["app_secret"], sandbox.url, sandbox.url)
    return connect(account, tokens_of(sandbox, region))


class TestWithACode:
    def test_the_sellers_shop_is_here_and_can_be_called(self, sandbox: SandboxProcess) -> None:
        connection = connect_code(sandbox, code(sandbox, "DE"))
        shop = connection.shops.get()
        told = sandbox.shop("DE")
        assert (shop.marketplace_id, shop.name, shop.region) == (told["id"], told["name"], "DE")
        assert (shop.time_zone, shop.seller_type, shop.is_active) == ("Europe/Berlin", "LOCAL", True)
        assert connection.seller_name == "Nordlicht Handels GmbH"
        assert "seller.order.info" in connection.scopes
        assert connection.state == Connection.State.CONNECTED
        assert connection.access_token_expires_at and connection.access_token_expires_at > timezone.now()
        assert [one.marketplace_id for one in call_for(shop, lambda adapter: adapter.authorized_shops())] == [
            told["id"]
        ]

    def test_all_shops_of_one_seller_come_with_one_connection(self, sandbox: SandboxProcess) -> None:
        shops = connect_code(sandbox, code(sandbox, "GB")).shops.order_by("region")
        assert [shop.region for shop in shops] == ["GB", "US"]
        assert [shop.time_zone for shop in shops] == ["Europe/London", "America/Los_Angeles"]
        assert len({shop.cipher for shop in shops}) == 2

    def test_ciphers_and_tokens_are_stored_encrypted(self, sandbox: SandboxProcess) -> None:
        connection = connect_code(sandbox, code(sandbox, "DE"))
        with database.cursor() as cursor:
            cursor.execute(
                "SELECT cipher, access_token, refresh_token, app_secret FROM shops_shop "
                "JOIN shops_connection ON shops_connection.id = connection_id"
            )
            held = cursor.fetchone()
        plain = (
            connection.shops.get().cipher,
            connection.access_token,
            connection.refresh_token,
            connection.app_secret,
        )
        assert plain[0] == sandbox.shop("DE")["cipher"]
        assert all(secret.startswith("gAAAA") for secret in held)
        assert not set(plain) & set(held)

    def test_a_code_works_once_and_says_so(self, sandbox: SandboxProcess) -> None:
        used = code(sandbox, "DE")
        connect_code(sandbox, used)
        before = Connection.objects.values().get()
        with pytest.raises(CredentialsRejected, match="36004004") as refused:
            connect_code(sandbox, used)
        assert refused.value.request_id
        assert used not in str(refused.value)
        assert Connection.objects.values().get() == before

    def test_a_code_that_is_too_old_stores_nothing(self, sandbox: SandboxProcess) -> None:
        old = code(sandbox, "DE")
        sandbox.post("clock", shift=31 * 60)
        with pytest.raises(CredentialsRejected, match="36004004"):
            connect_code(sandbox, old)
        assert not Connection.objects.exists()
        assert not Shop.objects.exists()

    @pytest.mark.parametrize("wrong", ["app_key", "app_secret"])
    def test_the_wrong_app_stores_nothing(self, sandbox: SandboxProcess, wrong: str) -> None:
        with pytest.raises(MarketplaceError) as refused:
            connect_code(sandbox, code(sandbox, "DE"), **{wrong: "nobodys-secret"})
        assert "nobodys-secret" not in str(refused.value)
        assert not Connection.objects.exists()

    def test_shops_that_cannot_be_read_store_nothing(self, sandbox: SandboxProcess) -> None:
        sandbox.fault("get-authorized-shops", "server_error", rate=1.0)
        with pytest.raises(MarketplaceError):
            connect_code(sandbox, code(sandbox, "DE"))
        assert not Connection.objects.exists()

    def test_a_marketplace_that_is_not_there_is_a_key_error(self) -> None:
        with pytest.raises(KeyError):
            connect_with_code(Account("flea_market", "key", "secret"), "code")


class TestAgain:
    def test_the_same_seller_keeps_connection_shop_and_all_that_hangs_on_it(self, sandbox: SandboxProcess) -> None:
        first = connect_code(sandbox, code(sandbox, "DE"))
        shop = first.shops.get()
        SyncCursor.objects.create(shop=shop, kind=SyncKind.ORDERS, synced_until=timezone.now())
        Shop.objects.update(time_zone="Europe/Vienna", allows_reject=True, is_active=False)
        again = connect_code(sandbox, code(sandbox, "DE"))
        assert (again.pk, again.shops.get().pk) == (first.pk, shop.pk)
        assert again.access_token != first.access_token
        kept = again.shops.get()
        assert (kept.time_zone, kept.allows_reject, kept.is_active) == ("Europe/Vienna", True, False)
        assert kept.cursors.get().synced_until

    def test_it_brings_a_connection_back_that_had_to_be_authorized_again(self, sandbox: SandboxProcess) -> None:
        connect_code(sandbox, code(sandbox, "DE"))
        Connection.objects.update(state=Connection.State.RECONNECT, problem="105002", renewing_until=timezone.now())
        connect_code(sandbox, code(sandbox, "DE"))
        back = Connection.objects.get()
        assert (back.state, back.problem, back.renewing_until) == (Connection.State.CONNECTED, "", None)

    def test_another_seller_gets_another_connection(self, sandbox: SandboxProcess) -> None:
        assert connect_code(sandbox, code(sandbox, "DE")).pk != connect_code(sandbox, code(sandbox, "TH")).pk
        assert Shop.objects.count() == 2

    def test_a_shop_that_another_connection_had_moves_to_the_one_that_opens_it_now(
        self, sandbox: SandboxProcess
    ) -> None:
        connection = connect_tokens(sandbox, "GB")
        Shop.objects.filter(region="US").delete()
        assert connect_tokens(sandbox, "GB") == connection
        assert connection.shops.count() == 2

    def test_a_seller_without_a_name_is_called_by_the_shops(self, sandbox: SandboxProcess) -> None:
        assert connect_tokens(sandbox, "DE").seller_name == sandbox.shop("DE")["name"]


def test_names_and_ciphers_are_read_again_for_all_shops_of_the_connection(world: World) -> None:
    shop = world.shop("GB")
    right = dict(Shop.objects.values_list("pk", "name"))
    ciphers = {one.pk: one.cipher for one in Shop.objects.all()}
    Shop.objects.filter(connection=shop.connection).update(name="old name", cipher="old cipher")
    run = pull_shops(shop)
    assert run and (run.state, run.kind, run.seen) == ("succeeded", "shops", 2)
    assert run.written == 2
    again = pull_shops(shop)
    assert again and again.written == 0
    assert dict(Shop.objects.values_list("pk", "name")) == right
    assert {one.pk: one.cipher for one in Shop.objects.all()} == ciphers


class TestSigningInWithAPassword:
    def account(self, sandbox: SandboxProcess, **other: Any) -> Account:
        seller = sandbox.connections("crux_timp")[0]
        return Account("crux_timp", seller["app_key"], seller["app_secret"], seller["api_url"], **other)

    def test_it_opens_the_suppliers_shop(self, sandbox: SandboxProcess) -> None:
        connection = connect_with_password(self.account(sandbox))
        (shop,) = connection.shops.all()
        assert (shop.name, shop.region) == (connection.seller_name, "US")
        assert connection.refresh_token == ""
        assert connection.refresh_token_expires_at is None
        assert "cancel_order" in connection.scopes

    def test_a_wrong_password_stores_nothing(self, sandbox: SandboxProcess) -> None:
        with pytest.raises(CredentialsRejected):
            connect_with_password(replace(self.account(sandbox), app_secret="wrong"))
        assert not Connection.objects.exists()

    def test_connecting_again_keeps_the_options_unless_others_are_given(self, sandbox: SandboxProcess) -> None:
        connect_with_password(self.account(sandbox, options={"look_back_days": "3"}))
        assert connect_with_password(self.account(sandbox)).options == {"look_back_days": "3"}
        assert connect_with_password(self.account(sandbox, options={"notifications": "leave"})).options == {
            "notifications": "leave"
        }

    def test_a_renewal_undoes_nothing_that_was_changed_meanwhile(self, sandbox: SandboxProcess) -> None:
        stale = connect_with_password(self.account(sandbox))
        Connection.objects.update(options={"look_back_days": "3"}, app_secret="changed")
        store_tokens(stale, Tokens("new", timezone.now(), "", None))
        stale.refresh_from_db()
        assert (stale.access_token, stale.options, stale.app_secret) == ("new", {"look_back_days": "3"}, "changed")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"date_zone": "America/Denvre"}, "date_zone"),
        ({"currency": "dollars"}, "currency"),
        ({"unheard_of": "1"}, "no option"),
        ({"environment": "moon"}, "one of"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, str], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        check_options("crux_timp", options)
