"""Many rows in one statement: COPY into a temporary table, then one INSERT … ON CONFLICT that skips what is older.

Five times as fast as `bulk_create(update_conflicts=True)` and, unlike it, able to leave unchanged rows unwritten. A few
rows go along with the statement: to make a table for them and drop it costs more than they do.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import Any, TypeAlias

from django.db import connection, models, transaction
from psycopg import sql

A_FEW = 10
# As JSON writes it: an escape is one only behind an even number of backslashes.
NULL_IN_JSON = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
# Of fields that have no rules of their own, what goes into the database as it is. Others are asked value by value.
AS_IT_IS: "dict[type[Field], type]" = {
    models.CharField: str,
    models.TextField: str,
    models.BooleanField: bool,
    models.PositiveIntegerField: int,
    models.BigAutoField: int,
    models.DecimalField: Decimal,
    models.DateTimeField: datetime,
}

Column = Sequence[Any]
Field: TypeAlias = "models.Field[Any, Any]"


def _adapted(field: Field, values: Column) -> Column:
    """All values of a column at once, since most need nothing done to them."""
    if isinstance(field, models.JSONField):
        return [value if value is None else _dumps(value) for value in values]
    field = getattr(field, "target_field", field)
    if not {AS_IT_IS.get(type(field)), type(None)}.issuperset(map(type, values)) or _needs_a_zone(field, values):
        values = [field.get_prep_value(value) for value in values]
    return _without_nulls(values) if isinstance(field, models.CharField | models.TextField) else values


def _needs_a_zone(field: Field, values: Column) -> bool:
    return isinstance(field, models.DateTimeField) and None in map(attrgetter("tzinfo"), filter(None, values))


def _without_nulls(texts: Column) -> Column:
    """PostgreSQL keeps none."""
    if "\0" not in "".join(filter(None, texts)):
        return texts
    return [text and text.replace("\0", "\ufffd") for text in texts]


def _dumps(value: Any) -> str:
    """PostgreSQL keeps no null characters in JSON either, and no numbers that are none."""
    return NULL_IN_JSON.sub(r"\1\\ufffd", json.dumps(value, allow_nan=False)) if value != {} else "{}"


@dataclass(frozen=True, slots=True)
class Statements:
    """What is said to the database for one table, its columns and its key; `put_few` with a place for its rows."""

    make_table: str
    copy: str
    put_copied: str
    put_few: str
    row: str
    drop_table: str


@cache
def _statements(
    model: type[models.Model], columns: tuple[str, ...], key: tuple[str, ...], unless_older_by: str | None
) -> Statements:
    table, incoming = _quoted(model._meta.db_table), _quoted(f"incoming_{model._meta.db_table}")
    names = ", ".join(map(_quoted, columns))
    changes = ", ".join(f"{_quoted(column)} = excluded.{_quoted(column)}" for column in columns if column not in key)
    put = (
        f"INSERT INTO {table} ({names}) {{rows}} ON CONFLICT ({', '.join(map(_quoted, key))}) DO UPDATE SET {changes} "
        f"{_not_older(table, unless_older_by) if unless_older_by else ''} RETURNING {_quoted(key[-1])}, id"
    )
    return Statements(
        make_table=f"CREATE TEMPORARY TABLE {incoming} ON COMMIT DROP AS SELECT {names} FROM {table} WITH NO DATA",  # noqa: S608 - names of ours, quoted
        copy=f"COPY {incoming} ({names}) FROM STDIN",
        put_copied=put.format(rows=f"SELECT {names} FROM {incoming}"),  # noqa: S608 - as above
        put_few=put,
        row=f"({', '.join(['%s'] * len(columns))})",
        drop_table=f"DROP TABLE {incoming}",
    )


def _quoted(name: str) -> str:
    return sql.Identifier(name).as_string(None)


def _not_older(table: str, stamp: str) -> str:
    """A stamp that lies in the future was never true, and must not keep the truth out until then."""
    stamp = _quoted(stamp)
    return f"WHERE {table}.{stamp} <= excluded.{stamp} OR {table}.{stamp} > now() + interval '1 day'"


def upsert(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    key: Sequence[str],
    unless_older_by: str | None = None,
) -> dict[str, int]:
    """Insert rows, or update those already there by `key`; returns {last key column: primary key} of what was written.

    `columns` are column names in the order of each row's values; `key` names the columns of a unique constraint. With
    `unless_older_by`, a row that is older by that column than the stored one is left out, whoever wrote meanwhile.
    Must run inside a transaction.
    """
    assert transaction.get_connection().in_atomic_block
    fields = {field.column: field for field in model._meta.concrete_fields}
    by_column = list(zip(*rows, strict=True))
    if not by_column:
        return {}
    adapted = [_adapted(fields[column], values) for column, values in zip(columns, by_column, strict=True)]
    say = _statements(model, tuple(columns), tuple(key), unless_older_by)
    with connection.cursor() as cursor, connection.wrap_database_errors:
        raw = cursor.cursor
        if len(by_column[0]) <= A_FEW:
            values = [value for row in zip(*adapted, strict=True) for value in row]
            raw.execute(say.put_few.format(rows="VALUES " + ", ".join([say.row] * len(by_column[0]))), values)
            return dict(raw.fetchall())
        raw.execute(say.make_table)
        with raw.copy(say.copy) as copy:
            for row in zip(*adapted, strict=True):
                copy.write_row(row)
        raw.execute(say.put_copied)
        written = dict(raw.fetchall())
        raw.execute(say.drop_table)
    return written
