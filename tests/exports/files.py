"""Exports in tests: started, written to the end, and read."""

import csv
import gzip
import io
import json
from typing import Any

from accounts.models import User
from exports import exporting, tasks, writing
from exports.models import Export

assert tasks  # whose messages nobody hears here


def exported(user: User, kind: str, filters: dict[str, str] | None = None, **options: Any) -> Export:
    return written(exporting.start(user, kind, filters or {}, **options))


def written(export: Export) -> Export:
    """As workers write it, one after the other."""
    while writing.write(export.pk):
        pass
    export.refresh_from_db()
    return export


def content(export: Export, user: User | None = None) -> str:
    found = b"".join(exporting.fetch(export, user or export.made_by))
    assert len(found) == export.bytes
    return (gzip.decompress(found) if export.is_compressed else found).decode()


def table(export: Export) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content(export).removeprefix("\ufeff"), newline="")))


def objects(export: Export) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content(export).splitlines()]
