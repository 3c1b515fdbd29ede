"""Many rows in one statement: COPY into a temporary table, then one INSERT … ON CONFLICT that skips what is older.

Five times as fast as `bulk_create(update_conflicts=True)` and, unlike it, able to leave unchanged rows unwritten.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, models, transaction
from psycopg import sql
from psycopg.types.json import Jsonb

# As JSON writes it: an escape is one only behind an even number of backslashes.
NULL_IN_JSON = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def _adapt(field: "models.Field[Any, Any]", value: Any) -> Any:
    if value is not None and isinstance(field, models.JSONField):
        return Jsonb(value, dumps=_dumps)
    prepared = field.get_prep_value(value)
    return prepared.replace("\0", "\ufffd") if isinstance(prepared, str) else prepared


def _dumps(value: Any) -> str:
    """PostgreSQL keeps no null characters in JSON either, and no numbers that are none."""
    return NULL_IN_JSON.sub(r"\1\\ufffd", json.dumps(value, allow_nan=False))


def _not_older(table: sql.Identifier, stamp: str) -> sql.Composed:
    return sql.SQL("WHERE {t}.{stamp} <= excluded.{stamp}").format(t=table, stamp=sql.Identifier(stamp))


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
    table = sql.Identifier(model._meta.db_table)
    incoming = sql.Identifier(f"incoming_{model._meta.db_table}")
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    keys = sql.SQL(", ").join(map(sql.Identifier, key))
    changes = sql.SQL(", ").join(
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column)) for column in columns if column not in key
    )
    condition = _not_older(table, unless_older_by) if unless_older_by else sql.SQL("")
    with connection.cursor() as cursor, connection.wrap_database_errors:
        raw = cursor.cursor
        raw.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
                incoming, names, table
            )
        )
        with raw.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(incoming, names)) as copy:
            for row in rows:
                copy.write_row([_adapt(fields[column], value) for column, value in zip(columns, row, strict=True)])
        raw.execute(
            sql.SQL(
                "INSERT INTO {table} ({names}) SELECT {names} FROM {incoming} "
                "ON CONFLICT ({keys}) DO UPDATE SET {changes} {condition} RETURNING {last}, id"
            ).format(
                table=table,
                names=names,
                incoming=incoming,
                keys=keys,
                changes=changes,
                condition=condition,
                last=sql.Identifier(key[-1]),
            )
        )
        written = dict(raw.fetchall())
        raw.execute(sql.SQL("DROP TABLE {}").format(incoming))
    return written
