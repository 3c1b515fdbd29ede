"""What is done from the command line: pulling, connecting, changing keys, filling a demonstration."""

from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from accounts.models import User
from cancellations.management.commands.demo import UNREAD
from cancellations.models import Announcement, CancellationRequest
from orders.models import Order
from shops.models import Connection, Membership, Role, Shop, SyncKind, SyncRun
from tests.factories import ConnectionFactory, ShopFactory
from tests.sandbox_process import SandboxProcess
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=out)
    return out.getvalue()


class TestSync:
    def test_every_active_shop_is_pulled_and_each_run_told(self, world: World) -> None:
        Shop.objects.filter(region="TH").update(is_active=False)
        runs = SyncRun.objects.count()
        told = run("sync").splitlines()
        active = Shop.objects.active()
        assert len(told) == 2 * active.count() + active.one_of_each_connection().count()
        assert SyncRun.objects.count() == runs + len(told)
        assert all(line.endswith("0 set aside") and "succeeded" in line for line in told)
        assert not [line for line in told if "(TH)" in line]

    @pytest.mark.django_db
    def test_without_a_shop_it_says_what_to_do(self) -> None:
        assert "./run connect" in run("sync")

    def test_one_shop_is_pulled_by_its_id(self, world: World) -> None:
        shop = world.shop("DE")
        asked = world.sandbox.ask_to_cancel(shop_id=shop.marketplace_id)
        told = run("sync", "--shop", shop.marketplace_id)
        assert [line.partition(":")[0] for line in told.splitlines()] == [str(shop)] * 3
        assert CancellationRequest.objects.filter(marketplace_id=asked["cancel_id"]).exists()

    def test_everything_is_read_again_when_asked_for(self, world: World) -> None:
        shop = world.shop("DE")
        run("sync", "--shop", shop.marketplace_id)
        assert not SyncRun.objects.filter(shop=shop, kind=SyncKind.ORDERS).latest("pk").is_full
        run("sync", "--shop", shop.marketplace_id, "--full")
        latest = SyncRun.objects.filter(shop=shop, kind=SyncKind.ORDERS).latest("pk")
        assert latest.is_full
        assert latest.seen == Order.objects.filter(shop=shop).count()

    @pytest.mark.parametrize("active", [False, None])
    def test_a_shop_that_is_not_there_or_not_active_is_named(self, active: bool | None) -> None:
        if active is not None:
            ShopFactory(marketplace_id="4711", is_active=active)
        with pytest.raises(CommandError, match="4711"):
            run("sync", "--shop", "4711")

    def test_a_pull_that_fails_does_not_keep_the_others_and_is_told_at_the_end(self, world: World) -> None:
        broken = world.shop("DE")
        Connection.objects.filter(shops=broken).update(api_url="http://127.0.0.1:9")
        out = StringIO()
        with pytest.raises(CommandError, match="3 pulls failed"):
            call_command("sync", stdout=out)
        told = out.getvalue().splitlines()
        assert len(told) == 2 * Shop.objects.count() + Connection.objects.count()
        assert [line for line in told if "failed" in line] == [line for line in told if line.startswith(str(broken))]


class TestConnect:
    def code(self, sandbox: SandboxProcess) -> str:
        told: str = sandbox.post("auth_code", region="DE")["auth_code"]
        return told

    def connect(self, sandbox: SandboxProcess, code: str) -> str:
        key = sandbox.credentials()["app_key"]
        return run("connect", "tiktok_shop", "--app-key", key, "--code", code, "--api-url", sandbox.url)

    def test_the_secret_comes_from_the_environment_and_is_never_printed(
        self, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        secret = sandbox.credentials()["app_secret"]
        monkeypatch.setenv("APP_SECRET", secret)
        told = self.connect(sandbox, self.code(sandbox))
        connection = Connection.objects.get()
        assert connection.app_secret == secret
        assert told.startswith(str(connection.shops.get()))
        for plain in (secret, connection.access_token, connection.refresh_token, connection.shops.get().cipher):
            assert plain not in told + caplog.text

    def test_where_it_is_not_it_is_asked_for_without_showing_it(
        self, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("APP_SECRET", raising=False)
        monkeypatch.setattr("getpass.getpass", lambda prompt: sandbox.credentials()["app_secret"])
        assert "connected" in self.connect(sandbox, self.code(sandbox))

    def test_a_code_that_was_used_is_told_with_the_request_id(
        self, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        secret = sandbox.credentials()["app_secret"]
        monkeypatch.setenv("APP_SECRET", secret)
        code = self.code(sandbox)
        self.connect(sandbox, code)
        with pytest.raises(CommandError, match=r"36004004.*request id \w+") as refused:
            self.connect(sandbox, code)
        assert secret not in str(refused.value)
        assert code not in str(refused.value)

    def test_a_marketplace_that_is_not_there_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("APP_SECRET", "x")
        with pytest.raises(CommandError, match="flea_market"):
            run("connect", "flea_market", "--app-key", "x", "--code", "x")

    def test_a_marketplace_that_cannot_be_reached_is_told_without_a_secret(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("APP_SECRET", "the-apps-secret")
        words = ("--app-key", "x", "--code", "the-code", "--api-url", "http://127.0.0.1:9")
        with pytest.raises(CommandError) as failed:
            run("connect", "tiktok_shop", *words)
        assert not [plain for plain in ("the-apps-secret", "the-code") if plain in str(failed.value)]
        assert not Connection.objects.exists()


def test_rotate_secrets_writes_every_secret_with_the_first_key(settings: Any) -> None:
    shop = ShopFactory(connection=ConnectionFactory(app_secret="s3cret"), cipher="a-cipher")
    new = Fernet.generate_key().decode()
    settings.FIELD_ENCRYPTION_KEYS = [new, *settings.FIELD_ENCRYPTION_KEYS]
    told = run("rotate_secrets")
    assert told.startswith("2 rows")
    assert "s3cret" not in told
    settings.FIELD_ENCRYPTION_KEYS = [new]
    again = Shop.objects.select_related("connection").get(pk=shop.pk)
    assert (again.cipher, again.connection.app_secret) == ("a-cipher", "s3cret")


class TestDemo:
    def test_it_pulls_the_simulators_shops_and_makes_a_person_of_every_role(self, sandbox: SandboxProcess) -> None:
        told = run("demo", "--sandbox-url", f"{sandbox.url}/")
        shops = sandbox.credentials()
        ids = {shop["id"] for shop in shops["shops"]} | {one["org_uuid"] for one in shops["crux"]["suppliers"]}
        assert set(Shop.objects.values_list("marketplace_id", flat=True)) == ids
        for shop in Shop.objects.all():
            assert shop.cancellations.waiting().exists(), shop
        assert {run.state for run in SyncRun.objects.all()} == {SyncRun.State.SUCCEEDED}
        for role in Role:
            person = User.objects.get(email=f"{role.value}@countermand.example")
            password = told.split(person.email)[1].split()[0]
            assert person.check_password(password)
            assert person.is_superuser == (role == Role.MANAGER)
            assert set(Membership.objects.filter(user=person).values_list("role", flat=True)) == {role}
            assert set(Shop.objects.visible_to(person)) == set(Shop.objects.all())

    def test_doing_it_twice_doubles_nothing(self, sandbox: SandboxProcess) -> None:
        run("demo", "--sandbox-url", sandbox.url)
        counted = [Shop, Connection, Order, User, Membership, CancellationRequest]
        before = [model.objects.count() for model in counted]  # type: ignore[attr-defined]
        run("demo", "--sandbox-url", sandbox.url)
        assert [model.objects.count() for model in counted] == before  # type: ignore[attr-defined]

    def test_requests_that_came_by_mail_are_recorded_but_for_the_newest(self, sandbox: SandboxProcess) -> None:
        run("demo", "--sandbox-url", sandbox.url)
        letters = sandbox.get("mail")["mail"]
        assert CancellationRequest.objects.filter(recorded_at__isnull=False).count() == len(letters) - UNREAD
        assert Announcement.objects.waiting().filter(order=None).count() == UNREAD

    def test_no_token_of_a_shop_is_printed(self, sandbox: SandboxProcess) -> None:
        told = run("demo", "--sandbox-url", sandbox.url)
        assert not [shop for shop in sandbox.credentials()["shops"] if shop["access_token"] in told]

    def test_a_shop_that_cannot_be_pulled_is_named(self, sandbox: SandboxProcess) -> None:
        sandbox.fault("get-order-list", "business_error", code=25020005, rate=1.0)
        with pytest.raises(CommandError, match=r"\(US\): orders failed"):
            run("demo", "--sandbox-url", sandbox.url)
