"""Secrets that can be recognised, put wherever one is kept; then everything goes wrong, and none of them is told."""

import dataclasses
import importlib
import io
import json
import logging
import pkgutil
import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from cryptography.fernet import Fernet, InvalidToken
from django.apps import apps
from django.core.management import call_command
from django.db import connection as database
from django.test import Client
from django.urls import reverse

import marketplaces
from accounts.encryption import decrypted
from accounts.models import Scope, User
from accounts.tokens import make_token
from audit.models import Entry
from cancellations import delivery
from cancellations.models import Attempt, CancellationRequest, Decision, Event
from config.private_servers import local_secret
from marketplaces.errors import MarketplaceError
from orders import sync
from shops.encryption import EncryptedTextField
from shops.models import App, ConnectAttempt, Connection, Role, Shop, SyncRun
from shops.tokens import renew
from tests.config.test_admin import OURS
from tests.factories import CancellationFactory, DecisionFactory, OrderFactory, member

CONNECTION = {"app_secret": "planted-app-secret", "access_token": "planted-access", "refresh_token": "planted-refresh"}
ATTEMPT = {"password": "planted-password", "code": "planted-consent-code", "authorization": "planted-authorization"}
CIPHER, OUR_APP, TOTP_SECRET = "planted-cipher", "planted-secret-of-our-app", "PLANTEDTOTPSECRETPLANTEDTOTPSECR"
PASSWORD = "planted-password-of-a-person"


def plant(person: User) -> set[str]:
    """A secret in every place for one; all of them."""
    Connection.objects.update(**CONNECTION)
    Shop.objects.update(cipher=CIPHER)
    app = App.objects.create(marketplace="tiktok_shop", audience="us", app_key="app-key", app_secret=OUR_APP)
    ConnectAttempt.objects.create(
        user=person, marketplace="tiktok_shop", app=app, state="working", options={}, **ATTEMPT
    )
    person.set_password(PASSWORD)
    person.save()
    TOTP.activate(person, TOTP_SECRET)
    codes = RecoveryCodes.activate(person).get_unused_codes()
    _row, token = make_token(person, Scope.ADMIN, 1)
    return {*CONNECTION.values(), *ATTEMPT.values(), CIPHER, OUR_APP, TOTP_SECRET, PASSWORD, *codes, token}


@pytest.fixture
def person() -> User:
    order = OrderFactory()
    cancellation = CancellationFactory(order=order)
    DecisionFactory(cancellation=cancellation)
    return member(Role.MANAGER, order.shop, is_staff=True, is_superuser=True)


@pytest.mark.django_db
class TestAtRest:
    def test_no_table_holds_one_that_can_be_read_so_no_backup_does(self, person: User) -> None:
        planted = plant(person)
        tables = database.introspection.table_names()
        assert "mfa_authenticator" in tables
        for table in tables:
            with database.cursor() as cursor:
                cursor.execute(f'SELECT whole::text FROM "{table}" AS whole')
                rows = " ".join(row for (row,) in cursor.fetchall())
            assert not [secret for secret in planted if secret in rows], table

    def test_every_encrypted_column_holds_what_the_key_made(self, person: User) -> None:
        plant(person)
        seen = 0
        for model, name in encrypted_columns():
            with database.cursor() as cursor:
                cursor.execute(f'SELECT "{name}" FROM {model._meta.db_table} WHERE "{name}" <> %s', [""])
                stored = [raw for (raw,) in cursor.fetchall()]
            assert all(raw.startswith("gAAAA") for raw in stored), (model, name)
            seen += len(stored)
        assert seen == len(CONNECTION) + len(ATTEMPT) + 2  # of the shop and of our app
        for row in Authenticator.objects.all():
            assert (row.data.get("secret") or row.data["seed"]).startswith("gAAAA")

    def test_a_key_is_changed_from_beginning_to_end(self, person: User, settings: Any) -> None:
        old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
        settings.FIELD_ENCRYPTION_KEYS = [old]
        plant(person)
        codes = recovery_codes(person)
        settings.FIELD_ENCRYPTION_KEYS = [new, old]
        assert Shop.objects.get().cipher == CIPHER  # while both are there, nobody notices
        call_command("rotate_secrets", stdout=io.StringIO())
        settings.FIELD_ENCRYPTION_KEYS = [new]
        row = Connection.objects.get()
        assert {name: getattr(row, name) for name in CONNECTION} == CONNECTION
        attempt = ConnectAttempt.objects.get()
        assert {name: getattr(attempt, name) for name in ATTEMPT} == ATTEMPT
        assert (Shop.objects.get().cipher, App.objects.get().app_secret) == (CIPHER, OUR_APP)
        assert recovery_codes(person) == codes
        assert decrypted(Authenticator.objects.get(user=person, type="totp").data["secret"]) == TOTP_SECRET
        assert Entry.objects.filter(action="secrets.rotated").exists()
        settings.FIELD_ENCRYPTION_KEYS = [old]
        for model, name in encrypted_columns():
            if model._default_manager.exclude(**{f"{name}__isnull": True}).exists():
                with pytest.raises(InvalidToken):
                    list(model._default_manager.values_list(name, flat=True))
        with pytest.raises(InvalidToken):
            recovery_codes(person)


def encrypted_columns() -> list[tuple[Any, str]]:
    return [
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, EncryptedTextField)
    ]


def recovery_codes(person: User) -> list[str]:
    return list(Authenticator.objects.get(user=person, type="recovery_codes").wrap().get_unused_codes())


@pytest.mark.django_db(transaction=True)
def test_whatever_goes_wrong_none_is_told(
    person: User, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = plant(person) | {local_secret("secret_key")}
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    client = Client(raise_request_exception=False)
    client.force_login(person)
    planted.add(str(client.session.session_key))
    shop = Shop.objects.select_related("connection").get()
    decision = Decision.objects.get()

    # Nobody answers at the marketplace, whatever it is asked.
    sync.pull(shop)
    try:
        renew(shop.connection)
    except MarketplaceError as error:
        told += [repr(error), str(error)]
    Decision.objects.update(send_after=decision.made_at)
    delivery.deliver(decision.pk)
    # Forms and addresses that hold one come back to who sent them, and to nobody else.
    client.post(
        reverse("admin:shops_connection_change", args=[shop.connection_id]), {"new_app_secret": "planted-access"}
    )
    client.post(reverse("account_login"), {"login": person.email, "password": PASSWORD + "x"})
    Client().post(
        reverse("account_login"), {"login": "nobody@example.test", "password": "planted-password-of-a-person"}
    )
    Client().get(f"/shops/connect/tiktok_shop/back/?code={ATTEMPT['code']}&state=x")
    client.get(f"/shops/connect/tiktok_shop/back/?code={ATTEMPT['code']}&state=x")
    _row, token = make_token(person, Scope.ADMIN, 1)
    planted.add(token)
    Client().get("/api/v1/nowhere/", headers={"Authorization": f"Token {token}"})
    Client().get("/api/v1/orders/", headers={"Authorization": f"Token {token}x"})

    # A page breaks while it holds them all.
    def breaks(*_: Any) -> None:
        held = (list(planted), shop.credentials())
        raise RuntimeError(f"broken by {shop!r} {shop.connection!r} {held[1]!r}")

    monkeypatch.setattr("shops.views.shops.render", breaks)
    assert client.get(reverse("shops:list")).status_code == 500
    told.append(client.get(reverse("shops:list")).content.decode())
    monkeypatch.undo()

    for address in (
        "/", "/shops/", "/health/", "/audit/", "/audit/csv/", shop.get_absolute_url(),
        CancellationRequest.objects.get().get_absolute_url(), "/accounts/profile/", "/accounts/tokens/",
        "/api/v1/shops/", "/api/v1/health/", "/api/v1/audit/", "/api/v1/decisions/",
        f"/api/v1/shops/{shop.pk}/sync-runs/", reverse("admin:shops_connection_change", args=[shop.connection_id]),
        "/admin/audit/entry/", "/admin/shops/syncrun/", "/admin/mfa/authenticator/", "/admin/shops/connectattempt/",
        "/admin/usersessions/usersession/",
    ):  # fmt: skip
        answer = client.get(address, follow=True)
        told.append(answer.getvalue().decode())
    told += [json.dumps([entry.before, entry.after], default=str) for entry in Entry.objects.all()]
    for model in apps.get_models():
        if model._meta.app_label in OURS:
            told += [f"{row!r} {row}" for row in model._default_manager.all()[:20]]
    told += [str(list(model._default_manager.values())) for model in (SyncRun, Attempt, Event)]
    out = capsys.readouterr()
    told += [caplog.text, *(repr(vars(record)) for record in caplog.records), out.out, out.err]
    found = {secret for secret in planted for words in told if secret in words}
    assert found == set()
    assert "RuntimeError" in caplog.text  # it was heard
    assert Attempt.objects.exists() and SyncRun.objects.filter(state="failed").exists()


SECRET_NAMES = re.compile(r"secret|token$|password|cipher|authorization$")


def test_no_record_of_a_marketplace_prints_what_opens_a_door() -> None:
    seen = 0
    for module in pkgutil.walk_packages(marketplaces.__path__, "marketplaces."):
        for name, kind in vars(importlib.import_module(module.name)).items():
            if isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind.__module__ == module.name:
                for field in dataclasses.fields(kind):
                    if SECRET_NAMES.search(field.name) and field.type in ("str", str, "str | None"):
                        assert not field.repr, f"{module.name}.{name}.{field.name}"
                        seen += 1
    assert seen > 5
