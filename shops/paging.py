"""Pages of a long list by key: the page after a row costs the same at any depth, and new rows do not shift it."""

import base64
import json
from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from django.db.models import F, Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)
PAGE_SIZE = 50


@dataclass(frozen=True)
class KeyPage(Generic[Row]):
    """Rows in order; `next` and `previous` are tokens, empty where there is nothing more that way."""

    rows: Sequence[Row]
    next: str
    previous: str

    @property
    def is_whole(self) -> bool:
        """Whether there is nothing but this page."""
        return not self.next and not self.previous


def key_page(queryset: "QuerySet[Row]", order: Sequence[str], token: str = "", size: int = PAGE_SIZE) -> "KeyPage[Row]":
    """One page in this order (“-created_at”, “pk”; rows without a value come last). The last key must be unique.

    A token that cannot be read gives the first page.
    """
    key, backwards = read_token(token, order)
    nullable = {name for name in order if may_be_null(queryset, name.lstrip("-"))}
    if key is not None:
        queryset = queryset.filter(beyond(order, key, nullable, backwards=backwards))
    rows = list(queryset.order_by(*ordering(order, nullable, backwards=backwards))[: size + 1])
    more = len(rows) > size
    rows = rows[:size]
    if backwards:
        rows.reverse()
    return KeyPage(
        rows,
        next=write_token(rows[-1], order, backwards=False) if rows and (more or backwards) else "",
        previous=write_token(rows[0], order, backwards=True) if rows and key and (more or not backwards) else "",
    )


def may_be_null(queryset: "QuerySet[Row]", name: str) -> bool:
    """Whether rows may have nothing there; what a query computes may always be nothing."""
    if name in queryset.query.annotations:
        return True
    return name != "pk" and bool(queryset.model._meta.get_field(name).null)


def ordering(order: Sequence[str], nullable: Set[str], *, backwards: bool) -> list[Any]:
    wanted = []
    for name in order:
        column, nulls = F(name.lstrip("-")), {}
        if name in nullable:
            nulls = {"nulls_first" if backwards else "nulls_last": True}
        wanted.append(column.desc(**nulls) if name.startswith("-") != backwards else column.asc(**nulls))
    return wanted


def beyond(order: Sequence[str], key: Sequence[Any], nullable: Set[str], *, backwards: bool) -> Q:
    """Rows after this key: further in the first column, or equal there and further in the second, and so on."""
    nothing = Q(pk__in=[])
    found, equal = nothing, Q()
    for name, value in zip(order, key, strict=True):
        column = name.lstrip("-")
        if value is None:
            further = Q(**{f"{column}__isnull": False}) if backwards else nothing
            same = Q(**{f"{column}__isnull": True})
        else:
            further = Q(**{f"{column}__{'lt' if name.startswith('-') != backwards else 'gt'}": value})
            if name in nullable and not backwards:
                further |= Q(**{f"{column}__isnull": True})
            same = Q(**{column: value})
        found, equal = found | (equal & further), equal & same
    return found & not_before(order[0], key[0], nullable, backwards=backwards)


def not_before(name: str, value: Any, nullable: Set[str], *, backwards: bool) -> Q:
    """Implied by the rest of `beyond`, but as a plain bound, which lets the database enter its index at this row."""
    if value is None or name in nullable:
        return Q()
    return Q(**{f"{name.lstrip('-')}__{'lte' if name.startswith('-') != backwards else 'gte'}": value})


def write_token(row: Model, order: Sequence[str], *, backwards: bool) -> str:
    values = [getattr(row, name.lstrip("-")) for name in order]
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps([backwards, *plain]).encode()).decode().rstrip("=")


def read_token(token: str, order: Sequence[str]) -> tuple[list[Any] | None, bool]:
    if not token:
        return None, False
    try:
        backwards, *plain = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        key = [
            value if name.lstrip("-") == "pk" or value is None else moment(value)
            for name, value in zip(order, plain, strict=True)
        ]
        if type(key[-1]) is not int:
            return None, False
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None, False
    return key, bool(backwards)


def moment(text: str) -> datetime:
    """Raises ValueError or OverflowError for what is no moment, or none that fits the calendar in UTC."""
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError("a time without zone is no moment")
    return parsed.astimezone(UTC)
