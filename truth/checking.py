"""A worker compares one page of a shop, writes down what does not agree, and hands on.

The marketplace is asked before anything is locked; what was found is written with the place where the next page begins.
Whoever lost the claim meanwhile writes nothing.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from marketplaces.errors import MarketplaceError
from shops.models import Connection, Shop
from truth import judging, listing, pages, reading, told
from truth.models import Check, Disagreement

logger = structlog.get_logger(__name__)
LEASE = timedelta(minutes=10)  # longer than a task may take
PAUSE = 2.0  # seconds between two pages, so that decisions and pulls have the marketplace's pace to themselves
REPAIRS_TAKE = timedelta(minutes=30)  # for so long it is looked now and then whether one has helped
TRY_AGAIN, LONGEST_WAIT = 60.0, 3600.0  # seconds, after an error
Step = Check.Step


class Lost(Exception):
    """Another worker has the check by now."""


def take_step(check_id: int) -> float | None:
    """Compare the next page of a check that is due; returns in how many seconds it goes on, None where it rests."""
    check = claim(check_id)
    if check is None:
        return None
    try:
        if check.step == Step.RESTS:
            begin(check)
        compare_page(check)
    except Lost:
        return None
    except MarketplaceError as error:
        logger.warning("truth.not_read", shop=check.shop_id, code=error.code, error=error.message)
        try_later(check, str(error), getattr(error, "retry_after", None))
    except Exception:
        try_later(check, "An error of ours kept it from going on: see the log.")
        raise
    return wait(check)


def wait(check: Check) -> float | None:
    if check.step == Step.RESTS and check.due_at >= check.full_at:
        return None
    return max(0.0, (check.due_at - timezone.now()).total_seconds())


def claim(check_id: int) -> Check | None:
    now, mine = timezone.now(), uuid.uuid4()
    if not Check.objects.due(now).filter(pk=check_id).update(claim=mine, due_at=now + LEASE):
        return None
    check = Check.objects.select_related("shop__connection").get(pk=check_id)
    return check if check.claim == mine else None


def change(check: Check, **columns: Any) -> None:
    """Raises Lost where another worker has claimed it meanwhile."""
    if not Check.objects.filter(pk=check.pk, claim=check.claim).update(**columns):
        raise Lost
    for name, value in columns.items():
        setattr(check, name, value)


def begin(check: Check) -> None:
    now = timezone.now()
    if check.full_at <= now:
        change(check, step=Step.DECISIONS, after=0, counts={}, started_at=now, full_at=now + every())
    else:
        change(check, step=Step.AGAIN, after=0, wants_look=False)


def every() -> timedelta:
    return timedelta(hours=settings.TRUTH_EVERY_HOURS)


def compare_page(check: Check) -> None:
    read_at = now = timezone.now()
    chosen = pages.choose(check, now)
    decisions, requests = list(pages.decisions_of(chosen)), pages.requests_of(chosen)
    seen = reading.read(check.shop, decisions, requests, chosen.as_shown)
    page = pages.load(chosen)
    events = told.read(check.shop, page.abouts, page.steps, now)
    found = list(judging.compare(page, seen, events, now))
    with transaction.atomic():
        now = timezone.now()
        listing.write(check.shop, found, page.abouts, unread(page, seen), read_at)
        counts = added(check.counts, counted(check, page, seen, events))
        hand_on(check, chosen, counts, now)


def unread(page: judging.Page, seen: reading.Seen) -> set[str]:
    """What could not be looked at or was not shown, so that what was found about it before stays."""
    hidden = [order for order in page.orders.values() if order.marketplace_id not in seen.orders]
    names = {f"line:{line.pk}" for order in hidden for line in order.lines.all()}
    names |= {f"decision:{one.pk}" for one in page.decisions if judging.is_hidden(one, seen)}
    requests = [one for one in page.requests if not one.is_recorded]
    return names | {f"cancellation:{one.pk}" for one in requests if one.marketplace_id not in seen.requests}


def counted(check: Check, page: judging.Page, seen: reading.Seen, events: told.Told) -> dict[str, int]:
    """What this page adds to what was compared: each row once, though some come by with others' pages as well."""
    if check.step == Step.AGAIN:
        return {}
    if check.step == Step.REQUESTS:
        decided = {one.cancellation_id for one in page.decisions}
        return {"requests": sum(one.pk not in decided for one in page.requests), "unread": len(seen.unread)}
    return {
        "decisions": len(page.decisions),
        "requests": len(page.requests),
        "lines": sum(len(order.lines.all()) for order in page.orders.values()),
        "events": sum(map(len, events.events.values())) + len(events.ids),
        "unread": len(seen.unread),
    }


def added(before: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return {name: before.get(name, 0) + more.get(name, 0) for name in {**before, **more}}


def hand_on(check: Check, chosen: pages.Chosen, counts: dict[str, int], now: datetime) -> None:
    more: dict[str, Any] = {"failures": 0, "problem": "", "counts": counts, "due_at": now + timedelta(seconds=PAUSE)}
    if chosen.last is not None:
        more["after"] = chosen.last
    elif check.step == Step.DECISIONS:
        more |= {"step": Step.REQUESTS, "after": 0}
    else:
        more |= {"step": Step.RESTS, "after": 0, "due_at": rests_until(check, now)}
        if check.step == Step.REQUESTS:
            more |= {"checked_at": now, "compared": counts}
    change(check, **more, claim=check.claim)


def rests_until(check: Check, now: datetime) -> datetime:
    """Until everything is due again; sooner where something is suspected, or was to be repaired a while ago."""
    suspected = Disagreement.objects.open().filter(shop=check.shop_id, found_at=None).order_by("-suspected_at").first()
    if suspected:
        return min(check.full_at, max(now, suspected.suspected_at + listing.BETWEEN_LOOKS))
    hoped_for = Disagreement.objects.open().filter(shop=check.shop_id, repair_asked_at__gt=now - REPAIRS_TAKE)
    return min(check.full_at, now + listing.BETWEEN_LOOKS) if hoped_for.exists() else check.full_at


def try_later(check: Check, problem: str, retry_after: float | None = None) -> None:
    """The place stays; what was asked of the marketplace is asked again."""
    own = min(LONGEST_WAIT, TRY_AGAIN * 2 ** min(check.failures, 6))
    seconds = own if retry_after is None else min(max(retry_after, 1.0), LONGEST_WAIT)
    due_at = timezone.now() + timedelta(seconds=seconds)
    Check.objects.filter(pk=check.pk, claim=check.claim).update(
        problem=problem[:500], failures=check.failures + 1, due_at=due_at
    )
    check.due_at = due_at


# --- asking for it ------------------------------------------------------------------------------------------------


def of(shop: Shop) -> Check:
    return Check.objects.get_or_create(shop=shop)[0]


def ask_for_all(shop: Shop) -> Check:
    """Have everything of this shop compared as soon as a worker looks; a check that is under way goes on as it is."""
    check, now = of(shop), timezone.now()
    resting = Check.objects.filter(pk=check.pk, step__in=(Step.RESTS, Step.AGAIN))
    resting.update(full_at=now, due_at=now, step=Step.RESTS, claim=None)
    return check


def ask_for_look(shop: Shop) -> Check:
    """Have what is open in this shop looked at again."""
    check = of(shop)
    Check.objects.filter(pk=check.pk).update(wants_look=True)
    return check


def make_missing() -> None:
    """A check for every shop that can be asked and has none yet."""
    able = Shop.objects.active().filter(connection__state=Connection.State.CONNECTED, truth_check=None)
    Check.objects.bulk_create([Check(shop=shop) for shop in able.only("pk")], ignore_conflicts=True)


def forget_old(now: datetime) -> None:
    if settings.KEEP_TRUTH_DAYS:
        over = Disagreement.objects.filter(settled_at__lt=now - timedelta(days=settings.KEEP_TRUTH_DAYS))
        over.delete()
