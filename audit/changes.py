"""What a change changed, as an entry of the audit log tells it: by field, before and after, without any secret."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.db import models

# What stands in an entry instead of a secret.
CHANGED = "changed"
SECRET = re.compile("password|secret|token|cipher|digest|recovery")


def thing(model: type[models.Model]) -> str:
    """What a row of this model is called in the name of an action: “comment_template”."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", model.__name__).lower()


def is_secret(name: str, field: forms.Field | None = None) -> bool:
    return bool(SECRET.search(name)) or isinstance(getattr(field, "widget", None), forms.PasswordInput)


def columns_of(row: models.Model, names: Iterable[str] = ()) -> dict[str, Any]:
    """These columns of a row, or all of them. Secrets are left out, and not even read."""
    return {name: plain(getattr(row, name)) for name in names or open_columns(type(row))}


def open_columns(model: type[models.Model]) -> list[str]:
    fields = [field for field in model._meta.concrete_fields if not getattr(field, "is_secret", False)]
    return [field.name for field in fields if not is_secret(field.name)]


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    names = [name for name in after if name not in before or before[name] != after[name]]
    return {name: before[name] for name in names if name in before}, {name: after[name] for name in names}


def of_form(form: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """(before, after) of the fields that a form changed; a secret is told as changed and nothing else."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for name in form.changed_data:
        field = form.fields.get(name)
        if field is None or is_secret(name, field):
            after[secret_name(name)] = CHANGED
        else:
            before[name] = plain(as_chosen(field, form.get_initial_for_field(field, name)))
            after[name] = plain(form.cleaned_data.get(name))
    return before, after


def secret_name(name: str) -> str:
    """Of a new secret and its repetition, the secret itself."""
    return name.removeprefix("new_").rstrip("12")


def as_chosen(field: forms.Field, value: Any) -> Any:
    """The row that a choice stands for, where there is one and it is still there."""
    if isinstance(field, forms.ModelChoiceField) and not isinstance(field, forms.ModelMultipleChoiceField):
        rows: Any = field.queryset
        return rows.filter(pk=getattr(value, "pk", value)).first() if value else None
    return value


def plain(value: Any) -> Any:
    """As JSON can hold it: rows by what they are called."""
    if isinstance(value, models.Model):
        return str(value)
    if isinstance(value, models.QuerySet | list | tuple | set):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    return value
