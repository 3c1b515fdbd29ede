"""Sentences that a worker writes down, to be read by many people in many languages."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext, override

MARK = "\x1f"  # begins what is kept as message and values; no form lets a person's text begin with it


class Words(str):
    """A sentence that is kept as its message and its values, so that everybody reads it in their own language.

    As a string it is in the language that was active when it was made, or read from the database. Values may be
    sentences themselves, labels of ours (lazy translations), or lists of them, which are joined by commas.
    """

    message: str
    values: Mapping[str, Any]

    def __new__(cls, message: str, **values: Any) -> "Words":
        known = {name: told(value) for name, value in values.items()}
        text = gettext(message) if message else ""
        self = super().__new__(cls, text % {name: shown(value) for name, value in known.items()} if known else text)
        self.message, self.values = message, known
        return self

    def __bool__(self) -> bool:
        return bool(self.message)


def told(value: Any) -> Any:
    """A label becomes its English words, which are its message."""
    if isinstance(value, Promise):
        with override("en"):
            message = str(value)
        return Words(message)
    return [told(one) for one in value] if isinstance(value, list | tuple) else value


def shown(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def kept(text: str) -> str:
    """A sentence as it is stored: with its message and values where it has them."""
    return MARK + json.dumps(packed(text), ensure_ascii=False) if isinstance(text, Words) else text.lstrip(MARK)


def packed(value: Any) -> Any:
    if isinstance(value, Words):
        return {"message": value.message, "values": {name: packed(one) for name, one in value.values.items()}}
    return [packed(one) for one in value] if isinstance(value, list) else value


def read(text: str) -> str:
    """What was kept, in the active language; a person's own text, and what was kept but is damaged, as it is."""
    if not text.startswith(MARK):
        return text
    text = text.removeprefix(MARK)
    try:
        words = unpacked(json.loads(text))
    except (ValueError, LookupError, TypeError, AttributeError):  # one such row must not take the page with it
        return text
    return words if isinstance(words, Words) else text


def unpacked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Words(value["message"], **{name: unpacked(one) for name, one in value["values"].items()})
    return [unpacked(one) for one in value] if isinstance(value, Sequence) and not isinstance(value, str) else value


class WordsField(models.TextField):  # type: ignore[type-arg]
    """Text in which sentences of ours are kept as `Words`, and what people wrote as it is."""

    def deconstruct(self) -> Any:
        name, _path, arguments, options = super().deconstruct()
        return name, "django.db.models.TextField", arguments, options  # the column is one of text

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return None if value is None else read(value)

    def get_prep_value(self, value: Any) -> Any:
        return kept(value) if isinstance(value, str) else super().get_prep_value(value)
