"""The calls of ``contract.toml`` as objects, and which of them a method and path mean."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from sandbox.tiktok_shop.refusals import Refusal

INVALID_PARAMETER = 36009004
VERSION = re.compile(r"\d{6}")


@dataclass(frozen=True, slots=True)
class Field:
    """What one parameter or body field may hold. ``kind`` is the contract's type word, ``[]`` in front for lists."""

    name: str
    kind: str
    required: bool = False
    minimum: int | None = None
    maximum: int | None = None
    min_length: int = 0
    max_length: int | None = None
    min_count: int = 0
    max_count: int | None = None
    values: frozenset[str] | None = None
    fields: dict[str, Field] = field(default_factory=dict)

    @classmethod
    def load(cls, name: str, row: dict[str, Any]) -> Self:
        values = row.get("values")
        return cls(
            name=name,
            kind=row["type"],
            required=row.get("required", False),
            minimum=row.get("min"),
            maximum=row.get("max"),
            min_length=row.get("min_length", 0),
            max_length=row.get("max_length"),
            min_count=row.get("min_count", 0),
            max_count=row.get("max_count"),
            values=frozenset(values) if values is not None else None,
            fields=load_fields(row.get("fields", {})),
        )


def load_fields(rows: dict[str, Any]) -> dict[str, Field]:
    return {name: Field.load(name, row) for name, row in rows.items()}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One call. ``slug`` is the name of its Partner Center page, by which faults and counts refer to it."""

    slug: str
    method: str
    path: str
    versions: tuple[str, ...]
    scopes: tuple[str, ...]
    shop_cipher: str
    media: str
    invalid: int
    unsigned: bool
    query: dict[str, Field]
    body: dict[str, Field]
    pattern: re.Pattern[str]

    @classmethod
    def load(cls, slug: str, row: dict[str, Any]) -> Self:
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(row["path"]))
        return cls(
            slug=slug,
            method=row["method"],
            path=row["path"],
            versions=tuple(row.get("versions", ["202309"])),
            scopes=tuple(row.get("scopes", [])),
            shop_cipher=row.get("shop_cipher", "required"),
            media=row.get("media", "json"),
            invalid=row.get("invalid", INVALID_PARAMETER),
            unsigned=row.get("unsigned", False),
            query=load_fields(row.get("query", {})),
            body=load_fields(row.get("body", {})),
            pattern=re.compile(pattern),
        )


class Contract:
    """All calls, found by method and path."""

    def __init__(self, rows: dict[str, Any]) -> None:
        self.endpoints = {slug: Endpoint.load(slug, row) for slug, row in rows.items()}
        self.slugs = frozenset(self.endpoints)

    @classmethod
    def read(cls) -> Self:
        return cls(tomllib.loads(Path(__file__).with_name("contract.toml").read_text()))

    def find(self, method: str, path: str) -> tuple[Endpoint, dict[str, str]]:
        """The call meant and its path parameters. Refuses an unknown path, then version, then method."""
        hits = [
            (endpoint, match.groupdict())
            for endpoint in self.endpoints.values()
            if (match := endpoint.pattern.fullmatch(path))
        ]
        hits.sort(key=lambda hit: len(hit[1]))
        hits = [hit for hit in hits if VERSION.fullmatch(hit[1].get("version", "000000"))]
        if not hits:
            raise Refusal(36009009)
        served = [hit for hit in hits if hit[1].get("version", hit[0].versions[0]) in hit[0].versions]
        if not served:
            raise Refusal(36009014)
        for endpoint, values in served:
            if endpoint.method == method:
                values.pop("version", None)
                return endpoint, values
        raise Refusal(36009010)
