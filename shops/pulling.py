"""One pull of one kind for one shop: windows, pages, cursors and the run that tells of it.

The cursor moves in the transaction that stores the page it belongs to, so a pull that dies goes on where it was.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings
from django.db import DataError, IntegrityError, connection, transaction
from django.utils import timezone

from audit import log
from marketplaces.base import Adapter
from marketplaces.errors import MarketplaceError, Refused
from marketplaces.records import Page, SetAside
from shops import drift
from shops.models import Shop, SyncCursor, SyncKind, SyncRun
from shops.tokens import call_for

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User

logger = structlog.get_logger(__name__)
# What a marketplace's search has not shown yet when we asked, the next window shows.
OVERLAP = timedelta(minutes=5)
# A run that has given no sign of life for this long is taken for dead.
SILENT_FOR = timedelta(minutes=5)
KEPT_SET_ASIDE = 100
LONGEST_WORD = 300  # of what is told; what is stored with a record keeps its length

FetchPage = Callable[[Adapter, datetime, datetime, str], Page[Any]]
# Stores records in the surrounding transaction and returns how many were written.
StoreRecords = Callable[[Shop, Sequence[Any]], int]


@dataclass(frozen=True)
class Kind:
    """What is pulled: how a page is fetched, what has to be fetched before it can be stored, how it is stored."""

    kind: SyncKind
    fetch: FetchPage
    store: StoreRecords
    prepare: Callable[[Shop, Sequence[Any]], None] = lambda shop, records: None


def pull(shop: Shop, what: Kind, *, full: bool = False) -> SyncRun | None:
    """Read all that changed since the last pull (or everything), page by page.

    Returns the run, which says how it ended, or None when another run of this kind is going on. Raises nothing of the
    marketplace's: a failure is in the run, and the cursor stays where it was.
    """
    cursor = open_window(shop, what.kind, full=full)
    run = start_run(shop, what.kind, cursor, full=full)
    if run is None:
        return None
    try:
        while read_page(shop, what, cursor, run):
            pass
    except MarketplaceError as error:
        fail_run(run, error)
    except Exception:
        finish_run(run, SyncRun.State.FAILED, error="The pull broke off: see the log.")
        raise
    else:
        finish_run(run, SyncRun.State.SUCCEEDED)
    return run


def open_window(shop: Shop, kind: SyncKind, *, full: bool) -> SyncCursor:
    """The cursor with a window to read: the one a broken pull left open, or a new one up to now."""
    cursor, _ = SyncCursor.objects.get_or_create(shop=shop, kind=kind)
    if cursor.window_until and not full:
        return cursor
    now = timezone.now()
    known_until = None if full else cursor.synced_until
    cursor.window_since = known_until - OVERLAP if known_until else now - timedelta(days=settings.BACKFILL_DAYS)
    cursor.window_until, cursor.page_token = now, ""
    return cursor


def start_run(shop: Shop, kind: SyncKind, cursor: SyncCursor, *, full: bool) -> SyncRun | None:
    now = timezone.now()
    SyncRun.objects.running().filter(shop=shop, kind=kind, heard_at__lt=now - SILENT_FOR).update(
        state=SyncRun.State.FAILED, finished_at=now, error="The worker stopped without a word."
    )
    try:
        with transaction.atomic():
            return SyncRun.objects.create(
                shop=shop,
                kind=kind,
                is_full=full or cursor.synced_until is None,
                window_since=cursor.window_since,
                window_until=cursor.window_until,
            )
    except IntegrityError:
        return None


def read_page(shop: Shop, what: Kind, cursor: SyncCursor, run: SyncRun) -> bool:
    """Fetch one page and store it with its cursor; False after the last page."""
    page = fetch(shop, what, cursor, run)
    what.prepare(shop, page.records)
    with transaction.atomic():
        written, refused = store_records(shop, what, page.records)
        cursor.page_token = page.next_cursor
        if not page.next_cursor:
            cursor.synced_until, cursor.window_since, cursor.window_until = cursor.window_until, None, None
        cursor.save()
        note_page(shop, run, page, written, refused)
    return bool(page.next_cursor)


def fetch(shop: Shop, what: Kind, cursor: SyncCursor, run: SyncRun) -> Page[Any]:
    since, until = cursor.window_since, cursor.window_until
    assert since and until
    try:
        return call_for(shop, lambda adapter: what.fetch(adapter, since, until, cursor.page_token))
    except Refused:
        if not cursor.page_token or run.pages:
            raise
    # The page token of an earlier run has died: read the window from its start, which costs time and loses nothing.
    cursor.page_token = ""
    return call_for(shop, lambda adapter: what.fetch(adapter, since, until, ""))


def store_records(shop: Shop, what: Kind, records: Sequence[Any]) -> tuple[int, list[SetAside]]:
    """Store a page at once; where the database refuses a value, one by one, so that the rest of the page is kept."""
    try:
        with transaction.atomic():
            return what.store(shop, records), []
    except (DataError, ValueError):
        logger.warning("sync.page_refused", shop=shop.pk, kind=what.kind)
    written, refused = 0, []
    for record in records:
        try:
            with transaction.atomic():
                written += what.store(shop, [record])
        except (DataError, ValueError) as error:
            refused.append(SetAside(record.marketplace_id, str(error).splitlines()[0][:300]))
    return written, refused


def one_writer(shop: Shop, kind: SyncKind) -> None:
    """Of several who have read the same at once, each finds here what the one before it wrote.

    A pull, the read-back of a decision and a look from the packing bench may all meet over one request. Waits for the
    others' transactions, holds until the end of this one, and comes before any lock on a row.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"{kind} of shop {shop.pk}"])


def note_page(shop: Shop, run: SyncRun, page: Page[Any], written: int, refused: Sequence[SetAside]) -> None:
    """Add a page's counts to the run, and say aloud what was not understood."""
    left_out = [*page.set_aside, *refused]
    for one in left_out:
        logger.warning("sync.record_set_aside", shop=run.shop_id, kind=run.kind, id=one.marketplace_id, why=one.problem)
    run.set_aside = [*run.set_aside, *({"id": one.marketplace_id, "problem": one.problem} for one in left_out)][
        :KEPT_SET_ASIDE
    ]
    note_drift(shop, run, [*page.drift, *drift.unknown_reasons(shop, page.records)])
    run.pages += 1
    run.seen += len(page.records) + len(page.set_aside)
    run.written += written
    run.expected = page.total if page.total is not None else run.expected
    run.heard_at = timezone.now()
    run.save()


def note_drift(shop: Shop, run: SyncRun, words: Sequence[str]) -> None:
    """Add to the run what it had not met yet, and count that; a word is told and counted once in a run."""
    told = set(run.drift)
    run.drift = sorted(told.union(word[:LONGEST_WORD] for word in words))[:KEPT_SET_ASIDE]
    new = [word for word in run.drift if word not in told]
    for word in new:
        logger.warning("sync.drift", shop=shop.pk, kind=run.kind, word=word)
    drift.note(shop.pk, new)


def fail_run(run: SyncRun, error: MarketplaceError) -> None:
    logger.warning(
        "sync.failed",
        shop=run.shop_id,
        kind=run.kind,
        code=error.code,
        error=error.message,
        request_id=error.request_id,
    )
    finish_run(run, SyncRun.State.FAILED, error=error.message, error_code=error.code, request_id=error.request_id)


def finish_run(run: SyncRun, state: SyncRun.State, **fields: str) -> None:
    run.state, run.finished_at = state, timezone.now()
    for name, value in fields.items():
        setattr(run, name, value)
    run.save()


def ask_for_pull(shop: Shop, *, full: bool = False, by: "User | AnonymousUser | None" = None) -> None:
    """Have this shop pulled as soon as a worker looks, which is within seconds; `by` is who asked, if anybody did.

    A shop that is due already is not written to, so that a thousand who ask wait for no lock and make one pull.
    """
    if by:
        log.write("sync.asked_for", about=shop, actor=by, after={"full": full})
    now = timezone.now()
    asked = Shop.objects.filter(pk=shop.pk)
    if full:
        asked.update(next_pull_at=now, wants_full_pull=True)
    else:
        asked.filter(next_pull_at__gt=now).update(next_pull_at=now)


def claim_due_shops(now: datetime) -> list[Shop]:
    """Shops whose pull is due, each handed to one caller, with the next pull already set."""
    claimed = []
    for shop in Shop.objects.due_for_pull(now):
        took = Shop.objects.filter(pk=shop.pk, next_pull_at=shop.next_pull_at).update(
            next_pull_at=now + timedelta(seconds=settings.PULL_EVERY_SECONDS), wants_full_pull=False
        )
        if took:
            claimed.append(shop)
    return claimed
