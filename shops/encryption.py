"""Secrets at rest: a text column that holds Fernet tokens and gives back the plain text."""

from typing import Any

from django.apps import apps
from django.core.exceptions import FieldError
from django.db import models, transaction

from accounts import idempotency, second_factor
from accounts.encryption import decrypted, encrypted, fernet

__all__ = ["EncryptedTextField", "fernet", "rotate_secrets"]


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Encrypted text. Empty text stays empty. A value that no key opens raises InvalidToken rather than being sent on.

    It cannot be filtered by: two equal secrets do not look alike.
    """

    is_secret = True  # as `audit.changes` asks for it

    def get_prep_value(self, value: Any) -> Any:
        plain = super().get_prep_value(value)
        return encrypted(plain) if plain else plain

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        return decrypted(value) if value else value

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name != "isnull":
            raise FieldError(f"{self.name} is encrypted and cannot be looked up by “{lookup_name}”.")
        return super().get_lookup(lookup_name)


def rotate_secrets() -> int:
    """Write every encrypted column again with the first key, a row at a time; returns how many rows were written."""
    columns = sum(_rotate(model, fields) for model in apps.get_models() if (fields := _encrypted(model)))
    return columns + second_factor.rotate_secrets() + idempotency.rotate_secrets()


def _encrypted(model: type[models.Model]) -> list[str]:
    return [field.name for field in model._meta.concrete_fields if isinstance(field, EncryptedTextField)]


def _rotate(model: type[models.Model], fields: list[str]) -> int:
    """Each row is locked while it is written, so that tokens that are renewed meanwhile are not put back."""
    rotated = 0
    for pk in model._default_manager.values_list("pk", flat=True).iterator():
        with transaction.atomic():
            row = model._default_manager.select_for_update().filter(pk=pk).first()
            if row is not None:
                row.save(update_fields=fields)
                rotated += 1
    return rotated
