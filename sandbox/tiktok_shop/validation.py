"""Holds query parameters and bodies against the contract. Unknown, missing, ill-typed and out-of-range ones are
refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.tiktok_shop.contract import INVALID_PARAMETER, Endpoint, Field
from sandbox.tiktok_shop.refusals import Refusal

COMMON_QUERY = frozenset({"app_key", "timestamp", "sign", "access_token", "shop_cipher"})
_TYPE_WORDS = {
    str: "string",
    int: "int64",
    bool: "bool",
    dict: "object",
    list: "list",
    float: "double",
    type(None): "null",
}
_EXPECTED: dict[str, type] = {"string": str, "int": int, "bool": bool, "object": dict, "file": bytes}


def checked_query(endpoint: Endpoint, query: Mapping[str, str]) -> dict[str, Any]:
    """The call's own parameters in their proper types. Refuses with 36009004, whatever is wrong."""
    own = {name: value for name, value in query.items() if name in endpoint.query or name not in COMMON_QUERY}
    typed = {
        name: _from_text(endpoint.query[name], value) if name in endpoint.query else value
        for name, value in own.items()
    }
    check_fields(endpoint.query, typed, INVALID_PARAMETER)
    return typed


def check_fields(fields: Mapping[str, Field], values: Mapping[str, Any], code: int, prefix: str = "") -> None:
    """Refuses with ``code``; the words name the parameter, in single quotes as production does."""
    for name in values:
        if name not in fields:
            raise Refusal(code, f"Unexpected parameter '{prefix}{name}'")
    for name, field in fields.items():
        if values.get(name) is not None:
            _check_value(field, values[name], code, prefix + name)
        elif field.required:
            raise Refusal(code, f"Parameter '{prefix}{name}' is required")


def _from_text(field: Field, text: str) -> Any:
    if field.kind == "int":
        if not text.lstrip("-").isdecimal() or not text.isascii():
            raise _type_refusal(field.name, text, "int64", INVALID_PARAMETER)
        return int(text)
    if field.kind.startswith("[]"):
        return [part for part in text.split(",") if part]
    return text


def _check_value(field: Field, value: Any, code: int, name: str) -> None:
    if not field.kind.startswith("[]"):
        _check_one(field, field.kind, value, code, name)
        return
    if not isinstance(value, list):
        raise _type_refusal(name, value, "list", code)
    if len(value) < field.min_count or (field.max_count is not None and len(value) > field.max_count):
        raise Refusal(
            code, f"Parameter '{name}' has {len(value)} elements, allowed are {field.min_count} to {field.max_count}"
        )
    for index, each in enumerate(value):
        _check_one(field, field.kind[2:], each, code, f"{name}[{index}]")


def _check_one(field: Field, kind: str, value: Any, code: int, name: str) -> None:
    if not _fits(kind, value):
        raise _type_refusal(name, value, "int64" if kind == "int" else kind, code)
    if kind == "int" and not (_at_least(field.minimum, value) and _at_most(field.maximum, value)):
        raise Refusal(code, f"Parameter '{name}' is out of range [{field.minimum}-{field.maximum}]")
    if kind == "string" and not (field.min_length <= len(value) and _at_most(field.max_length, len(value))):
        raise Refusal(code, f"Parameter '{name}' has {len(value)} characters, at most {field.max_length} are allowed")
    if field.values is not None and value not in field.values:
        raise Refusal(code, f"Parameter '{name}' has the unknown value '{value}'")
    if kind == "object":
        check_fields(field.fields, value, code, name + ".")


def _fits(kind: str, value: Any) -> bool:
    return isinstance(value, _EXPECTED[kind]) and not (kind == "int" and isinstance(value, bool))


def _type_refusal(name: str, value: Any, expected: str, code: int) -> Refusal:
    actual = _TYPE_WORDS.get(type(value), "unknown")
    return Refusal(code, f"param '{name}' type invalid. actual type:{actual}, expected type:{expected}")


def _at_least(limit: int | None, value: int) -> bool:
    return limit is None or value >= limit


def _at_most(limit: int | None, value: int) -> bool:
    return limit is None or value <= limit
