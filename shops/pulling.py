"""One pull of one kind for one shop: windows, pages, cursors and the run that tells of it.

The cursor moves in the transaction that stores the page it belongs to, so a pull that dies goes on where it was.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings
from django.db import DatabaseError, DataError, IntegrityError, connection, transaction
from django.utils import timezone

from audit import log
from marketplaces import turns
from marketplaces.base import Adapter
from marketplaces.errors import CredentialsRejected, MarketplaceError, Refused, TemporaryFailure
from marketplaces.reading import only
from marketplaces.records import Page, SetAside
from shops import drift
from shops.ahead import reading_ahead
from shops.models import Shop, SyncCursor, SyncKind, SyncRun
from shops.parts import Part, Read, Window, joined
from shops.tokens import adapter_for, call_for

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User

logger = structlog.get_logger(__name__)
# What a marketplace's search has not shown yet when we asked, the next window shows.
OVERLAP = timedelta(minutes=5)
# A run that has given no sign of life for this long is taken for dead.
SILENT_FOR = timedelta(seconds=settings.PULL_SILENT_SECONDS)
# Of one run. A window that has more is gone on with by the next; a marketplace that never comes to an end does not
# keep a worker for ever.
MOST_PAGES = 5000
# Rows that are read while others are stored, and then stored together: a thousand orders in one transaction cost half
# of what they cost in ten. 0 reads and stores page by page.
MOST_AHEAD = 3000
# Parts of a window. At a tenth of a second for an answer six of them are as many calls as a marketplace may take.
SIDE_BY_SIDE = 10
# What PostgreSQL calls it (SQLSTATE) where one value is at fault, besides what Django calls a DataError: none where
# there has to be one, one that a constraint forbids, one too long for an index.
VALUE_REFUSED = {"23502", "23514", "54000"}
# Pulls that take longer are not followed by the next at once, see `rest_after`.
WORTH_A_REST, RESTS_TIMES_LONGER = timedelta(seconds=0.2), 9
KEPT_SET_ASIDE = 100
MOST_ASKED_FOR = 20
# What was not understood is read again after so long, or after a twenty-fourth of its age.
DOUBT_AT_FIRST, DOUBT_AT_LAST = timedelta(minutes=10), timedelta(hours=6)
LONGEST_WORD = 300  # of what is told; what is stored with a record keeps its length

FetchPage = Callable[[Adapter, datetime, datetime, str], Page[Any]]
AskOne = Callable[[Adapter, str], Page[Any]]
# Stores records in the surrounding transaction and returns how many were written.
StoreRecords = Callable[[Shop, Sequence[Any]], int]


@dataclass(frozen=True)
class Kind:
    """What is pulled: how a page is fetched, what has to be fetched before it can be stored, how it is stored."""

    kind: SyncKind
    fetch: FetchPage
    store: StoreRecords
    prepare: Callable[[Shop, Sequence[Any]], None] = lambda shop, records: None
    # Leaves out of a page what is another shop's.
    sift: Callable[[Shop, Page[Any]], Page[Any]] = lambda shop, page: page


class Endless(TemporaryFailure):
    """Pages that lead back to one that was read before, or that are more than anybody has."""


def pull(shop: Shop, what: Kind, *, full: bool = False) -> SyncRun | None:
    """Read all that changed since the last pull (or everything), page by page.

    Returns the run, which says how it ended, or None when another run of this kind is going on. Raises nothing of the
    marketplace's: a failure is in the run, and the cursor stays where it was.
    """
    cursor = open_window(shop, what.kind, full=full)
    run = start_run(shop, what.kind, cursor, full=full)
    if run is None:
        return None
    if full:
        cursor.save()  # who goes on after a crash or a failure finds the whole window open
    try:
        read_pages(shop, what, cursor, run)
    except MarketplaceError as error:
        fail_run(run, error)
    except Exception:
        finish_run(run, SyncRun.State.FAILED, error="The pull broke off: see the log.")
        raise
    else:
        finish_run(run, SyncRun.State.SUCCEEDED)
    return run


def read_pages(shop: Shop, what: Kind, cursor: SyncCursor, run: SyncRun) -> None:
    """Page after page, to the last. Raises Endless where there is none; what was read until then is kept."""
    window, known = Window(cursor), set[tuple[int, str]]()
    with turns.for_whom_nobody_waits(), closing(pages_of(shop, what, window, run)) as batches:
        for batch in batches:
            store_pages(shop, what, window, run, batch)
            tokens = [(number, page.next_cursor) for number, page in batch if page.next_cursor]
            if len(known.union(tokens)) < len(known) + len(tokens):
                # Nothing beyond it can be read.
                doubt(cursor)
                window.leave()
                cursor.save()
                raise Endless("The marketplace's pages lead back to one that was read already.")
            known.update(tokens)
            if window.parts and run.pages >= MOST_PAGES:
                raise Endless(f"More than {MOST_PAGES} pages: the next pull goes on there.")


def pages_of(shop: Shop, what: Kind, window: Window, run: SyncRun) -> Generator[Read, None, None]:
    """What is left of the window, as many pages at once as were read while the last ones were stored."""
    while window.parts:
        number, part = next(iter(window.parts.items()))
        page = call_for(shop, partial(next_page, what, part))
        if window.can_be_split(page):
            run.expected = page.total
            window.split(page)  # whose first part has this page too
            continue
        yield [(number, page)]
        if not MOST_AHEAD or not window.parts:
            continue
        adapter = adapter_for(shop)
        chains = {number: pages_from(what, part, adapter) for number, part in window.parts.items()}
        most = MOST_PAGES - run.pages
        try:
            with reading_ahead(chains, room=MOST_AHEAD, most=most, side_by_side=SIDE_BY_SIDE) as ahead:
                yield from ahead.batches()
        except CredentialsRejected:
            pass  # asked for again above, where a token that died is renewed


def open_window(shop: Shop, kind: SyncKind, *, full: bool) -> SyncCursor:
    """The cursor with a window to read: the one a broken pull left open, or a new one up to now."""
    cursor, _ = SyncCursor.objects.get_or_create(shop=shop, kind=kind)
    if cursor.window_until and not full:
        return cursor
    now = timezone.now()
    known_until = None if full else cursor.synced_until
    cursor.window_since = known_until - OVERLAP if known_until else now - timedelta(days=settings.BACKFILL_DAYS)
    if cursor.doubtful_since and is_to_be_read_again(cursor, now):
        cursor.window_since = min(cursor.window_since, cursor.doubtful_since)
    if cursor.doubtful_since and cursor.window_since <= cursor.doubtful_since:
        cursor.doubtful_since = None  # until something in this window raises doubts anew
    cursor.window_until, cursor.page_token, cursor.parts = now, "", None
    return cursor


def doubt(cursor: SyncCursor) -> None:
    """Have the open window read again some time."""
    cursor.doubtful_since = min(filter(None, (cursor.doubtful_since, cursor.window_since)), default=None)


def is_to_be_read_again(cursor: SyncCursor, now: datetime) -> bool:
    """What was not understood is asked for again: soon while it is new, and seldom once it seems to stay like that."""
    since = cursor.doubtful_since
    assert since
    wait = min(max((now - since) / 24, DOUBT_AT_FIRST), DOUBT_AT_LAST)
    again = SyncRun.objects.filter(
        shop=cursor.shop_id, kind=cursor.kind, window_since__lte=since, started_at__gt=now - wait
    )
    return not again.exists()


def is_going_on(shop: Shop) -> bool:
    """Whether a run of any kind is at work for this shop, as far as its last sign of life tells."""
    return SyncRun.objects.running().filter(shop=shop, heard_at__gte=timezone.now() - SILENT_FOR).exists()


def has_died(shop: Shop, kind: SyncKind) -> bool:
    """Whether a run of this kind was broken off by nobody knows what; so until the next one begins."""
    long_ago = timezone.now() - SILENT_FOR
    return SyncRun.objects.running().filter(shop=shop, kind=kind, heard_at__lt=long_ago).exists()


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


def store_pages(shop: Shop, what: Kind, window: Window, run: SyncRun, read: Read) -> None:
    """Store what was read at once, with the cursor behind it."""
    pages = [page for _, page in read]
    page = what.sift(shop, joined(pages))
    what.prepare(shop, page.records)
    if window.is_one and pages[-1].total is not None:
        run.expected = pages[-1].total
    with transaction.atomic():
        written, refused = store_records(shop, what, page.records)
        if refused or page.set_aside or page.is_doubtful:
            doubt(window.cursor)
        window.move(read)
        window.cursor.save()
        run.pages += len(pages)
        note_pages(shop, run, page, written, refused)


def next_page(what: Kind, part: Part, adapter: Adapter) -> Page[Any]:
    try:
        return what.fetch(adapter, part.since, part.until, part.token)
    except Refused:
        if not part.is_from_before:
            raise
    # The page token of an earlier run has died: read the part from its start, which costs time and loses nothing.
    return what.fetch(adapter, part.since, part.until, "")


def pages_from(what: Kind, part: Part, adapter: Adapter) -> Iterator[Page[Any]]:
    """To the end of the part, or to a page that leads back."""
    asked = {part.token}
    page = next_page(what, part, adapter)
    yield page
    while page.next_cursor and page.next_cursor not in asked:
        asked.add(page.next_cursor)
        page = what.fetch(adapter, part.since, part.until, page.next_cursor)
        yield page


def without_others(page: Page[Any], holders: Mapping[str, int], ask: AskOne) -> Page[Any]:
    """The page without what other shops here hold ({marketplace id: Shop.pk}), as long as it is theirs over there.

    They are asked, since whoever lies to one of two may have lied to either. A few at a time; the others are set aside
    too, and so wait until all this is read again.
    """
    asked = sorted(holders)[:MOST_ASKED_FOR]
    shops = Shop.objects.select_related("connection").in_bulk({holders[one] for one in asked})
    free = {one for one in asked if not has(shops[holders[one]], one, ask)}
    return only(
        page, lambda one: one.marketplace_id not in holders or one.marketplace_id in free, "belongs to another shop",
    )  # fmt: skip


def has(shop: Shop, marketplace_id: str, ask: AskOne) -> bool:
    """Whether the marketplace gives this to the shop by its id; so too where it does not answer."""
    if shop.connection.state == shop.connection.State.DISCONNECTED:
        return False
    try:
        return bool(call_for(shop, lambda adapter: ask(adapter, marketplace_id)).records)
    except Refused:
        return False
    except MarketplaceError:
        return True


def store_records(shop: Shop, what: Kind, records: Sequence[Any]) -> tuple[int, list[SetAside]]:
    """Store a page at once; where the database refuses a value, one by one, so that the rest of the page is kept."""
    try:
        with transaction.atomic():
            return what.store(shop, records), []
    except (DatabaseError, ValueError) as error:
        if not is_about_a_value(error):
            raise
        logger.warning("sync.page_refused", shop=shop.pk, kind=what.kind)
    written, refused = 0, []
    for record in records:
        try:
            with transaction.atomic():
                written += what.store(shop, [record])
        except (DatabaseError, ValueError) as error:
            if not is_about_a_value(error):
                raise
            refused.append(SetAside(record.marketplace_id, str(error).splitlines()[0][:300]))
    return written, refused


def is_about_a_value(error: Exception) -> bool:
    """Not so of a connection that was lost or two who waited for each other: what they kept from us is no worse."""
    if isinstance(error, DatabaseError) and not isinstance(error, DataError):
        return getattr(error.__cause__, "sqlstate", None) in VALUE_REFUSED
    return True


def one_writer(shop: Shop, kind: SyncKind) -> None:
    """Of several who have read the same at once, each finds here what the one before it wrote.

    A pull, the read-back of a decision and a look from the packing bench may all meet over one request. Waits for the
    others' transactions, holds until the end of this one, and comes before any lock on a row.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"{kind} of shop {shop.pk}"])


def note_pages(shop: Shop, run: SyncRun, page: Page[Any], written: int, refused: Sequence[SetAside]) -> None:
    """Add what pages held to the run, and say aloud what was not understood."""
    left_out = [*page.set_aside, *refused]
    for one in left_out:
        logger.warning("sync.record_set_aside", shop=run.shop_id, kind=run.kind, id=one.marketplace_id, why=one.problem)
    run.set_aside = [*run.set_aside, *({"id": one.marketplace_id, "problem": one.problem} for one in left_out)][
        :KEPT_SET_ASIDE
    ]
    note_drift(shop, run, [*page.drift, *drift.unknown_reasons(shop, page.records)])
    run.seen += len(page.records) + len(page.set_aside)
    run.written += written
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
    if by:
        asked.update(rests_until=None)  # a person waits for it
    if full:
        asked.update(next_pull_at=now, wants_full_pull=True)
    else:
        asked.filter(next_pull_at__gt=now).update(next_pull_at=now)


def rest_after(shop: Shop, took: timedelta) -> None:
    """Leave a shop alone for a while after a long pull, whoever asks but a person.

    What changes all the time is asked for all the time, and each pull reads again what the one before it read last: so
    no shop has a worker for more than a tenth of its time, as long as it is read every PULL_EVERY_SECONDS.
    """
    if took >= WORTH_A_REST:
        rest = min(took * RESTS_TIMES_LONGER, timedelta(seconds=settings.PULL_EVERY_SECONDS))
        Shop.objects.filter(pk=shop.pk).update(rests_until=timezone.now() + rest)


def claim_due_shops(now: datetime) -> list[Shop]:
    """Shops whose pull is due, each handed to one caller, with the next pull already set.

    That everything is wanted stands until it has been read: who was handed the shop may die first.
    """
    claimed = []
    for shop in Shop.objects.due_for_pull(now):
        took = Shop.objects.filter(pk=shop.pk, next_pull_at=shop.next_pull_at).update(
            next_pull_at=now + timedelta(seconds=settings.PULL_EVERY_SECONDS)
        )
        if took:
            claimed.append(shop)
    return claimed
