"""Taking the audit log away: as CSV for people, as JSON lines for machines. Both are streamed and in UTC."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet

from audit.models import Entry
from shops import spreadsheets

COLUMNS = (
    "id", "at", "actor_id", "actor_name", "action", "about_type", "about_id", "about", "shop_id", "order_id",
    "cancellation_id", "before", "after", "via", "address", "user_agent", "token",
)  # fmt: skip


def rows(entries: QuerySet[Entry]) -> Iterator[dict[str, Any]]:
    found: Iterator[dict[str, Any]] = entries.order_by("-at", "-pk").values(*COLUMNS).iterator(chunk_size=2000)
    return found


def as_csv(entries: QuerySet[Entry]) -> Iterator[str]:
    return spreadsheets.lines(COLUMNS, ([written(value) for value in row.values()] for row in rows(entries)))


def as_json_lines(entries: QuerySet[Entry]) -> Iterator[str]:
    return (json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False) + "\n" for row in rows(entries))


def written(value: Any) -> Any:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False) if value else ""
    return value.isoformat() if hasattr(value, "isoformat") else value


# By the ending of the file's name: the type of its content, and what writes it.
FORMATS: Mapping[str, tuple[str, Callable[[QuerySet[Entry]], Iterator[str]]]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "jsonl": ("application/x-ndjson", as_json_lines),
}
