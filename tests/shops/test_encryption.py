"""Secrets at rest: what the database holds, who can read it, and how keys are changed."""

from typing import Any

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.core.exceptions import FieldError
from django.db import connection, models

from shops.encryption import EncryptedTextField, rotate_secrets
from shops.models import Connection, Shop
from tests.factories import ConnectionFactory, ShopFactory

pytestmark = pytest.mark.django_db

SECRETS = {"app_secret": "s3cret-of-the-app", "access_token": "TTP_access", "refresh_token": "TTP_refresh"}


def raw(row: models.Model, *columns: str) -> list[str]:
    """What the table really holds."""
    names = ", ".join(columns)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {names} FROM {row._meta.db_table} WHERE id = %s", [row.pk])
        return list(cursor.fetchone())


def key() -> str:
    return Fernet.generate_key().decode()


class TestAtRest:
    def test_no_secret_stands_in_the_table(self) -> None:
        row, shop = ConnectionFactory(**SECRETS), ShopFactory(cipher="a-cipher")
        for held, plain in zip(
            [*raw(row, *SECRETS), *raw(shop, "cipher")], [*SECRETS.values(), "a-cipher"], strict=True
        ):
            assert held.startswith("gAAAA")
            assert plain not in held

    def test_every_way_of_writing_encrypts_and_every_way_of_reading_opens(self) -> None:
        row = ConnectionFactory()
        Connection.objects.filter(pk=row.pk).update(access_token="by update")
        assert raw(row, "access_token")[0].startswith("gAAAA")
        assert Connection.objects.values_list("access_token", flat=True).get() == "by update"
        row.access_token = "by bulk_update"
        Connection.objects.bulk_update([row], ["access_token"])
        assert raw(row, "access_token")[0].startswith("gAAAA")
        assert Connection.objects.get().access_token == "by bulk_update"
        row.refresh_from_db(fields=["access_token"])
        assert row.access_token == "by bulk_update"

    @pytest.mark.parametrize("plain", ["a", "ä ☃ 𝄞", "line\nbreak", "x" * 10_000, " ", "gAAAA"])
    def test_any_text_comes_back_as_it_went_in(self, plain: str) -> None:
        assert Connection.objects.get(pk=ConnectionFactory(access_token=plain).pk).access_token == plain

    def test_two_equal_secrets_do_not_look_alike(self) -> None:
        one, other = ConnectionFactory(**SECRETS), ConnectionFactory(**SECRETS)
        assert raw(one, "app_secret") != raw(other, "app_secret")

    def test_empty_stays_empty(self) -> None:
        row = ConnectionFactory(access_token="", refresh_token="")
        assert raw(row, "access_token", "refresh_token") == ["", ""]
        assert Connection.objects.get().access_token == ""

    def test_a_value_that_was_changed_in_the_table_is_not_sent_on(self) -> None:
        row = ConnectionFactory()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE shops_connection SET app_secret = 'put in by hand'")
        with pytest.raises(InvalidToken):
            row.refresh_from_db()

    @pytest.mark.parametrize("lookup", ["exact", "in", "contains", "startswith", "gt", "iexact", "regex"])
    def test_a_secret_cannot_be_looked_up(self, lookup: str) -> None:
        wanted: Any = ["x"] if lookup == "in" else "x"
        with pytest.raises(FieldError, match="encrypted"):
            Connection.objects.filter(**{f"access_token__{lookup}": wanted}).exists()
        with pytest.raises(FieldError, match="encrypted"):
            Shop.objects.filter(cipher="x").exists()

    def test_whether_there_is_one_can_be_asked(self) -> None:
        ConnectionFactory()
        assert Connection.objects.filter(access_token__isnull=False).count() == 1

    def test_no_secret_is_in_what_a_row_or_its_credentials_print(self) -> None:
        shop = ShopFactory(connection=ConnectionFactory(**SECRETS), cipher="a-cipher")
        printed = f"{shop!r} {shop} {shop.connection!r} {shop.connection} {shop.credentials()!r} {shop.credentials()}"
        assert not [plain for plain in [*SECRETS.values(), "a-cipher"] if plain in printed]


class TestKeys:
    def test_a_wrong_key_opens_nothing(self, settings: Any) -> None:
        row = ConnectionFactory()
        settings.FIELD_ENCRYPTION_KEYS = [key()]
        with pytest.raises(InvalidToken):
            Connection.objects.get(pk=row.pk)

    def test_any_of_the_keys_reads_and_the_first_one_writes(self, settings: Any) -> None:
        old, new = key(), key()
        settings.FIELD_ENCRYPTION_KEYS = [old]
        earlier = ConnectionFactory(access_token="earlier")
        settings.FIELD_ENCRYPTION_KEYS = [new, old]
        later = ConnectionFactory(access_token="later")
        assert Connection.objects.get(pk=earlier.pk).access_token == "earlier"
        settings.FIELD_ENCRYPTION_KEYS = [new]
        assert Connection.objects.get(pk=later.pk).access_token == "later"

    def test_after_rotation_the_old_key_can_be_dropped(self, settings: Any) -> None:
        old, new = key(), key()
        settings.FIELD_ENCRYPTION_KEYS = [old]
        shop = ShopFactory(connection=ConnectionFactory(**SECRETS), cipher="a-cipher")
        before = raw(shop.connection, *SECRETS)
        settings.FIELD_ENCRYPTION_KEYS = [new, old]
        assert rotate_secrets() == 2
        assert not set(before) & set(raw(shop.connection, *SECRETS))
        settings.FIELD_ENCRYPTION_KEYS = [new]
        again = Shop.objects.select_related("connection").get()
        assert {name: getattr(again.connection, name) for name in SECRETS} == SECRETS
        assert again.cipher == "a-cipher"

    def test_rotation_touches_nothing_but_secrets(self, settings: Any) -> None:
        shop = ShopFactory()
        stale = Shop.objects.get(pk=shop.pk)
        columns = [f.name for f in Shop._meta.concrete_fields if not isinstance(f, EncryptedTextField)]
        before = Shop.objects.values(*columns).get()
        settings.FIELD_ENCRYPTION_KEYS = [key(), *settings.FIELD_ENCRYPTION_KEYS]
        rotate_secrets()
        assert Shop.objects.values(*columns).get() == before
        assert stale.cipher == Shop.objects.get().cipher

    def test_rotation_with_a_key_missing_stops_and_loses_nothing(self, settings: Any) -> None:
        keys = settings.FIELD_ENCRYPTION_KEYS
        row = ConnectionFactory(**SECRETS)
        before = raw(row, *SECRETS)
        settings.FIELD_ENCRYPTION_KEYS = [key()]
        with pytest.raises(InvalidToken):
            rotate_secrets()
        settings.FIELD_ENCRYPTION_KEYS = keys
        assert raw(row, *SECRETS) == before
