"""A worker writes the file: some seconds of it, then it hands on, so that decisions never wait behind a million rows.

Rows come by their key up to the last one that there was at the start: each once, however many arrive meanwhile.
"""

import errno
import gc
import gzip
import io
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.models import F, Max, QuerySet
from django.utils import timezone, translation

from cancellations.models.words import Words
from config.api.off_the_web import OffTheWeb
from exports.kinds import KINDS, Kind, as_json, in_columns
from exports.models import Export, ExportFormat, folder_of_all
from exports.permission import may_take_away
from shops import spreadsheets

logger = structlog.get_logger(__name__)
CHUNK = 200  # rows that are in memory at once
SECONDS_AT_ONCE = 10.0
# So many are written at a time, and so many of one person; the others wait their turn.
AT_ONCE, AT_ONCE_EACH = 2, 1
# Workers that die over the same part, before it is called a failure.
TRIES = 5
ORPHANED_AFTER = timedelta(days=1)


class Forbidden(Exception):
    """Who asked for it may not export from all of its shops any more."""


class Lost(Exception):
    """The claim is another worker's by now, or nobody wants the file any more."""


def write(export_id: int) -> bool:
    """Write some of a file; whether there is more to write."""
    export = claim(export_id)
    if export is None:
        return False
    reader = export.made_by
    try:
        with translation.override(export.language or None), timezone.override(ZoneInfo(reader.time_zone)):
            must_be_taken_away(export)
            return write_part(export)
    except Lost:
        return False
    except Forbidden:
        fail(export, Words("You may not export from all of these shops any more."))
    except (OperationalError, InterfaceError):
        raise  # the database is away: once the lease is over, a worker takes it up again
    except OSError as error:
        logger.warning("export.not_written", export=export.pk, error=error.strerror)
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        fail(export, Words("The disk is full.") if is_full else Words("The file could not be written."))
    except Exception:
        logger.exception("export.broken", export=export.pk)
        fail(export, Words("An error of ours kept it from being written. It is in the log."))
    return False


def claim(export_id: int) -> Export | None:
    """Take a due export for CLAIM_SECONDS with one conditional UPDATE; None when it is not due, or has to wait."""
    now = timezone.now()
    export = Export.objects.due(now).filter(pk=export_id).select_related("made_by").first()
    if export is None:
        return None
    held = Export.objects.held(now).exclude(pk=export_id)
    if held.count() >= AT_ONCE or held.filter(made_by=export.made_by).count() >= AT_ONCE_EACH:
        return None
    mine = uuid.uuid4()
    taken = Export.objects.due(now).filter(pk=export_id, due_at=export.due_at)
    if not taken.update(claim=mine, due_at=lease(), state=Export.State.RUNNING, tries=F("tries") + 1):
        return None
    export.refresh_from_db()
    if export.tries > TRIES:
        fail(export, Words("Workers have died over it again and again. Ask for less at a time."))
        return None
    return export


def next_due() -> int | None:
    """The one that has been due longest of those that `claim` would give."""
    now = timezone.now()
    held = Export.objects.held(now)
    if held.count() >= AT_ONCE:
        return None
    due = Export.objects.due(now).exclude(made_by__in=held.values("made_by"))
    return due.order_by("due_at", "pk").values_list("pk", flat=True).first()


def lease() -> Any:
    return timezone.now() + timedelta(seconds=settings.CLAIM_SECONDS)


def write_part(export: Export) -> bool:
    """One part of the file, from the row after the last that is in another; whether there is more."""
    kind = KINDS[export.kind]
    chosen = kind.narrowed(kind.rows(export.made_by, export.shops), export.filters, export.made_by)
    if not chosen.is_valid():
        fail(export, Words("A filter asks for something that is not here any more."))
        return False
    rows = chosen.qs
    if export.up_to is None:
        begin(export, rows)
    part = export.path / f"{export.claim}.part"
    try:
        after, written = fill(export, kind, kind.with_related(rows), part)
        is_last = after >= (export.up_to or 0)
        keep_part(export, part, after, written, is_last=is_last)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return not is_last


def must_be_taken_away(export: Export) -> None:
    if not may_take_away(export, export.made_by):
        raise Forbidden


def begin(export: Export, rows: "QuerySet[Any]") -> None:
    """Say how many rows there are, and which is the last that will be in it."""
    export.up_to = rows.order_by().aggregate(last=Max("pk"))["last"] or 0
    expected = rows.filter(pk__lte=export.up_to).order_by().count()
    change(export, up_to=export.up_to, rows_expected=expected)
    shutil.rmtree(export.path, ignore_errors=True)


def fill(export: Export, kind: Kind, rows: "QuerySet[Any]", part: Path) -> tuple[int, int]:
    """(the last row's key, how many rows) of what was written within the time; the export's own end where it ended."""
    ends, after, written = time.monotonic() + SECONDS_AT_ONCE, export.after, 0
    request = OffTheWeb(export.made_by, export.base_url)
    up_to = export.up_to or 0
    before = sum(one["rows"] for one in export.parts)
    with opened(part, is_compressed=export.is_compressed) as file:
        if not export.parts and export.format == ExportFormat.CSV:
            file.writelines(spreadsheets.lines(kind.heads, ()))
        while True:
            chunk = list(rows.filter(pk__gt=after, pk__lte=up_to).order_by("pk")[:CHUNK])
            must_be_taken_away(export)  # rows of a shop that was lost are not in the chunk, and none is left out unsaid
            file.writelines(lines(export, kind, chunk, request))
            written += len(chunk)
            after = chunk[-1].pk if len(chunk) == CHUNK else up_to
            change(export, rows_done=before + written, due_at=lease())
            if after >= up_to or time.monotonic() > ends:
                break
            del chunk
            gc.collect()  # rows and their lines point at each other, and would lie about for many chunks
    return after, written


def lines(export: Export, kind: Kind, chunk: list[Any], request: OffTheWeb) -> Iterator[str]:
    if export.format == ExportFormat.JSON_LINES:
        return as_json(kind, chunk, request)
    return islice(spreadsheets.lines((), in_columns(kind, chunk, request)), 1, None)  # the head stands already


@contextmanager
def opened(part: Path, *, is_compressed: bool) -> Iterator[IO[str]]:
    """A file for text that is on the disk, and not only on its way there, at the end."""
    part.parent.mkdir(parents=True, exist_ok=True)
    with part.open("wb") as raw:
        packed: Any = gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) if is_compressed else raw
        text = io.TextIOWrapper(packed, encoding="utf-8", newline="")
        yield text
        text.flush()
        if is_compressed:
            packed.close()
        raw.flush()
        os.fsync(raw.fileno())
        if not is_compressed:
            text.detach()


def keep_part(export: Export, part: Path, after: int, rows: int, *, is_last: bool) -> None:
    parts = [*export.parts, {"name": part.name, "rows": rows, "bytes": part.stat().st_size}]
    now = timezone.now()
    told: dict[str, Any] = {
        "parts": parts, "after": after, "claim": None, "due_at": now, "tries": 0,
        "rows_done": sum(one["rows"] for one in parts), "bytes": sum(one["bytes"] for one in parts),
    }  # fmt: skip
    if is_last:
        ends_at = now + timedelta(days=settings.EXPORT_DAYS)
        told |= {"state": Export.State.DONE, "finished_at": now, "ends_at": ends_at}
    change(export, **told)


def fail(export: Export, why: Words) -> None:
    with_end = {"state": Export.State.FAILED, "finished_at": timezone.now(), "claim": None, "parts": [], "bytes": 0}
    Export.objects.filter(pk=export.pk, claim=export.claim).update(why=why, **with_end)
    shutil.rmtree(export.path, ignore_errors=True)


def change(export: Export, **columns: Any) -> None:
    """Raises Lost where another worker has it, or nobody wants it any more."""
    if not Export.objects.unfinished().filter(pk=export.pk, claim=export.claim).update(**columns):
        raise Lost


# --- what goes ------------------------------------------------------------------------------------------------------


def remove_ended() -> int:
    """Delete the files that have had their time, and what dead workers left behind; returns how many files."""
    gone = 0
    for export in Export.objects.ended(timezone.now()):
        gone += Export.objects.ended(timezone.now()).filter(pk=export.pk).update(state=Export.State.EXPIRED, parts=[])
        shutil.rmtree(export.path, ignore_errors=True)
    remove_orphans()
    return gone


def remove_orphans() -> None:
    """Parts that no row knows, once nobody can be writing them any more."""
    old = (timezone.now() - ORPHANED_AFTER).timestamp()
    wanted = Export.objects.exclude(parts=[]).values_list("folder", "parts")
    known = {(folder, part["name"]) for folder, parts in wanted.iterator() for part in parts}
    for path in folder_of_all().glob("*/*"):
        if (path.parent.name, path.name) not in known and path.stat().st_mtime < old:
            path.unlink(missing_ok=True)
    for folder in folder_of_all().glob("*"):
        if folder.is_dir() and folder.stat().st_mtime < old and not any(folder.iterdir()):
            folder.rmdir()
