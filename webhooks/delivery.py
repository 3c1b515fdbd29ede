"""Deliveries go out: one endpoint at a time is one worker's, and of one object nothing overtakes what is earlier.

That a try is made is written before it is made, and what came of it afterwards; a worker that dies in between leaves a
row that is due again, so that an event arrives at least once.
"""

import random
import time
import uuid
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Prefetch
from django.utils import timezone

from audit import log
from shops import posting
from shops.models import OutgoingEvent, Shop
from shops.posting import Answer
from webhooks import signing
from webhooks.body import body
from webhooks.models import Delivery, Endpoint, tests_of
from webhooks.relay import managed_by, shops_of

logger = structlog.get_logger(__name__)

# Waits between the tries of one delivery; the last one goes on until GIVES_UP.
WAITS = (5, 60, 300, 1800, 7200, 21_600)
GIVES_UP = timedelta(days=3)
# How long an endpoint that has just failed is left alone with everything, longer each time.
SHORTEST_REST, LONGEST_REST = 5, 300
# So long without a single success, and it is called dead, its owner is written to, and it is tried once in a while.
DEAD_AFTER = timedelta(hours=24)
DEAD_REST = 3600
# Longer than one try takes; then another worker may go on.
LEASE = timedelta(seconds=60)
# So long a worker stays with one endpoint before it sees to other work.
SECONDS_AT_ONCE = 10.0
# So many deliveries are looked for at a time: to find them among many that wait costs more than to make a try.
FOUND_AT_ONCE = 20
USER_AGENT = "Countermand (webhooks)"

State = Endpoint.State


class ClaimLost(Exception):
    """Another worker is at this endpoint, or nobody wants it told any more."""


def deliver(endpoint_id: int) -> bool:
    """Tell an endpoint what is due, in turn; True where there is more to do at once."""
    endpoint = claim(endpoint_id)
    if endpoint is None:
        return False
    shops = shops_told(endpoint)
    until = time.monotonic() + SECONDS_AT_ONCE
    try:
        while found := next_due(endpoint):
            for one in found:
                if not tell(endpoint, one, shops):
                    return False
                if time.monotonic() > until:
                    return True
    except ClaimLost:
        logger.warning("webhooks.claim_lost", endpoint=endpoint_id)
    finally:
        held(endpoint).update(claim=None, busy_until=None)
    return False


def claim(endpoint_id: int) -> Endpoint | None:
    now = timezone.now()
    mine = uuid.uuid4()
    if not Endpoint.objects.due(now).filter(pk=endpoint_id).update(claim=mine, busy_until=now + LEASE):
        return None
    shops = Prefetch("shops", Shop.objects.only("pk"))
    endpoint = Endpoint.objects.select_related("owner").prefetch_related(shops).get(pk=endpoint_id)
    return endpoint if endpoint.claim == mine else None


def held(endpoint: Endpoint) -> Any:
    """The row, while this worker's claim on it holds."""
    return Endpoint.objects.filter(pk=endpoint.pk, claim=endpoint.claim)


def shops_told(endpoint: Endpoint) -> set[int]:
    return shops_of(endpoint, managed_by(endpoint.owner))


def next_due(endpoint: Endpoint) -> list[Delivery]:
    """Some that are due, one of each object at most: tests, which somebody waits for, else what is due for longest."""
    rows = Delivery.objects.in_turn().filter(endpoint=endpoint, due_at__lte=timezone.now()).select_related("event")
    tests = rows.filter(about=tests_of(endpoint))
    return list(tests[:FOUND_AT_ONCE]) or list(rows[:FOUND_AT_ONCE])


def tell(endpoint: Endpoint, delivery: Delivery, shops: set[int]) -> bool:
    """Make one try; False where the endpoint is left alone afterwards."""
    if delivery.event.shop_id is not None and delivery.event.shop_id not in shops:
        give_up(delivery, Delivery.Problem.NOT_SEEN)
        return True
    begin(endpoint, delivery)
    answer = posting.post(endpoint.url, *message(delivery.event, keys(endpoint, timezone.now())))
    with transaction.atomic():
        lock(endpoint)
        note(delivery, answer)
        if answer.problem:
            failed(endpoint, delivery, answer)
        else:
            succeeded(endpoint, delivery)
    return not answer.problem


def begin(endpoint: Endpoint, delivery: Delivery) -> None:
    """Each try has a whole lease. Raises ClaimLost, also once somebody has paused it.

    Endpoints are locked before their deliveries, here and everywhere.
    """
    now = timezone.now()
    with transaction.atomic():
        if not held(endpoint).filter(state__in=Endpoint.TRYING).update(busy_until=now + LEASE):
            raise ClaimLost
        delivery.first_tried_at, delivery.tried_at = delivery.first_tried_at or now, now
        delivery.attempts += 1
        delivery.save(update_fields=["first_tried_at", "tried_at", "attempts"])


def lock(endpoint: Endpoint) -> None:
    """With how it fares by now: somebody may have resumed it during the try. Raises ClaimLost where it is removed."""
    rows = Endpoint.objects.select_for_update(no_key=True)
    try:
        endpoint.refresh_from_db(fields=["failing_since", "failures"], from_queryset=rows)
    except Endpoint.DoesNotExist:
        raise ClaimLost from None


def message(event: OutgoingEvent, secrets: list[str]) -> tuple[dict[str, str], bytes]:
    """The headers and the body, the same at every try but for the time that is signed."""
    sent = body(event)
    signed = signing.headers(event.event_id, timezone.now(), sent, secrets)
    return {"Content-Type": "application/json", "User-Agent": USER_AGENT, **signed}, sent


def keys(endpoint: Endpoint, now: datetime) -> list[str]:
    """The secret, and the one before for as long as it signs too."""
    overlaps = bool(endpoint.previous_secret and endpoint.previous_until and endpoint.previous_until > now)
    return [endpoint.secret, *([endpoint.previous_secret] if overlaps else [])]


# --- writing down -----------------------------------------------------------------------------------------------------


def note(delivery: Delivery, answer: Answer) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(
        problem=answer.problem, status=answer.status, excerpt=answer.excerpt, took_ms=round(answer.seconds * 1000)
    )


def succeeded(endpoint: Endpoint, delivery: Delivery) -> None:
    now = timezone.now()
    Delivery.objects.filter(pk=delivery.pk).update(state=Delivery.State.DELIVERED, settled_at=now)
    if not endpoint.failing_since:
        return
    # It is back: nothing has to wait out the rest of its own time, but for what failed before this began. That failed
    # while the endpoint took other things, so it is the event that is not taken, and goes on waiting by itself.
    met = Delivery.objects.waiting().filter(endpoint=endpoint, first_tried_at__gte=endpoint.failing_since)
    met.filter(due_at__gt=now).update(due_at=now)
    held(endpoint).update(failing_since=None, failures=0, rests_until=None)
    revived = held(endpoint).filter(state=State.DEAD).update(state=State.ACTIVE, is_mail_due=False)
    endpoint.failing_since, endpoint.failures = None, 0
    if revived:
        log.write("endpoint.revived", about=endpoint)


def failed(endpoint: Endpoint, delivery: Delivery, answer: Answer) -> None:
    now = timezone.now()
    endpoint.failing_since = endpoint.failing_since or delivery.tried_at or now
    endpoint.failures += 1
    if gives_up_at(delivery) <= now:
        give_up(delivery, answer.problem)
    else:
        put_off(delivery, answer, now)
    is_dead = now - endpoint.failing_since >= DEAD_AFTER
    held(endpoint).update(
        failing_since=endpoint.failing_since, failures=endpoint.failures,
        rests_until=now + timedelta(seconds=rest(endpoint, answer, is_dead=is_dead)),
    )  # fmt: skip
    if answer.status == 410:
        end(endpoint, State.GONE)
    elif is_dead:
        end(endpoint, State.DEAD)


def put_off(delivery: Delivery, answer: Answer, now: datetime) -> None:
    """Later, as the endpoint asks for it or as ever, but once more before it is given up."""
    usual = WAITS[min(delivery.attempts, len(WAITS)) - 1]
    wait = max(usual, answer.retry_after or 0) * random.uniform(1, 1.1)  # noqa: S311 - so that not all come at once
    due_at = min(now + timedelta(seconds=wait), gives_up_at(delivery))
    Delivery.objects.filter(pk=delivery.pk).update(due_at=due_at)


def gives_up_at(delivery: Delivery) -> datetime:
    assert delivery.first_tried_at
    return delivery.first_tried_at + GIVES_UP


def give_up(delivery: Delivery, problem: str) -> None:
    """What comes after it about the same object is told now: the log says what is missing, and can send it again."""
    Delivery.objects.filter(pk=delivery.pk).update(
        state=Delivery.State.FAILED, problem=problem, settled_at=timezone.now()
    )


def rest(endpoint: Endpoint, answer: Answer, *, is_dead: bool) -> float:
    """Seconds for which this endpoint is left alone."""
    own = DEAD_REST if is_dead else min(LONGEST_REST, SHORTEST_REST * 2.0 ** min(endpoint.failures - 1, 10))
    asked_for = answer.retry_after if answer.status in (429, 503) else None
    return max(own, min(asked_for or 0, DEAD_REST))


def end(endpoint: Endpoint, state: Endpoint.State) -> None:
    """Its owner is written to, once."""
    ended = held(endpoint).filter(state__in={State.ACTIVE, State.DEAD} - {state})
    if ended.update(state=state, is_mail_due=True):
        log.write("endpoint.died" if state == State.DEAD else "endpoint.gone", about=endpoint)
        logger.warning("webhooks.endpoint_ended", endpoint=endpoint.pk, state=state)


def wake(endpoint_id: int) -> None:
    """Let an endpoint begin anew: nothing waits, and no failure of before counts."""
    now = timezone.now()
    Endpoint.objects.filter(pk=endpoint_id).update(failing_since=None, failures=0, rests_until=None)
    Delivery.objects.waiting().filter(endpoint=endpoint_id, due_at__gt=now).update(due_at=now)
