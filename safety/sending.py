"""What was written down goes out: notices here, one letter for each person, one message for each chat channel.

Claimed before it is sent; a claim that runs out is anybody's again, so that people are told at least once. What fails
is tried again, and falls to the next channel in the end: from the chat to e-mail, from e-mail to a notice here.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from smtplib import SMTPRecipientsRefused, SMTPResponseException
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone, translation

from accounts.models import User
from cancellations import happening
from cancellations.models import Decision, Event
from cancellations.models.words import kept
from safety import reach, telling
from safety.ladder import meant_by
from safety.models import Channel, ChatAddress, Telling
from safety.people import People
from safety.writing import chat_text, in_words, letter
from shops import posting
from shops.models import Shop

logger = structlog.get_logger(__name__)
# Longer than a mail server or a channel is waited for.
LEASE = timedelta(minutes=2)
WAITS = (20, 60)  # seconds between tries; after the last one it falls to the next channel
LOOKED_AT_AGAIN = timedelta(seconds=15)
A_LETTER, AT_ONCE = 500, 5000  # tellings
OUT_OF_REACH = "mail_down"
NO_SERVER = "no_mail"  # the letter stands on a console or in a file, and nobody gets it
HEADERS = {"Content-Type": "application/json", "User-Agent": "Countermand"}
State = Telling.State


def deliver() -> None:
    """All that is due. Two workers at it take different rows."""
    drop_answered()
    settle(claimed(Q(channel=Channel.IN_APP), AT_ONCE), "")
    write_letters()
    if Telling.objects.due(timezone.now()).filter(channel=Channel.CHAT).exists():
        for address, shops in channels():
            post_to(address, claimed(Q(channel=Channel.CHAT) & shops))


def drop_answered() -> None:
    """Nobody is told of what has been answered meanwhile, or waits until another moment by now.

    A decision on its way may yet be taken back or refused: of that request people are told then.
    """
    now = timezone.now()
    due = Telling.objects.due(now).exclude(why=Telling.Why.TEST)
    over = (
        Q(cancellation__needs_answer=False) | ~Q(cancellation__deadline=F("deadline")) | Q(cancellation__deadline=None)
    )
    # Looked for first: in one statement PostgreSQL may hold all that is due against all that waits, row by row.
    answered = list(due.filter(over | Q(deadline__lte=now)).values_list("pk", flat=True))
    due.filter(pk__any=answered).update(state=State.DROPPED, settled_at=now)
    live = Exists(Decision.objects.live().filter(cancellation=OuterRef("cancellation")))
    decided = list(due.filter(live).exclude(why=Telling.Why.LINK).values_list("pk", flat=True))
    due.filter(pk__any=decided).update(due_at=now + LOOKED_AT_AGAIN)


def claimed(which: Q, most: int = A_LETTER) -> list[Telling]:
    now, mine = timezone.now(), uuid.uuid4()
    due = Telling.objects.due(now)
    free = list(due.filter(which).order_by("deadline", "pk").values_list("pk", flat=True)[:most])
    due.filter(pk__any=free).update(claim=mine, due_at=now + LEASE, attempts=F("attempts") + 1)
    # By their keys: nothing finds a claim among all that people were ever told but reading all of it.
    rows = Telling.objects.filter(pk__any=free, claim=mine).order_by("deadline", "pk")
    related = rows.select_related("shop__connection", "person", "cancellation__shop", "cancellation__order")
    return list(
        related.defer(
            "shop__cipher", "cancellation__shop__cipher", "shop__connection__app_secret",
            "shop__connection__access_token", "shop__connection__refresh_token",
        )
    )  # fmt: skip


# --- e-mail -----------------------------------------------------------------------------------------------------------


def write_letters() -> None:
    """One for each person. Where the mail server is out of reach it is not waited for again: forty would take minutes.

    What reached nobody is settled in one go, so that a request's timeline says it in one line and not in one for each.
    """
    letters = Telling.objects.due(timezone.now()).filter(channel=Channel.EMAIL, person__isnull=False)
    unheard: dict[str, list[Telling]] = {}
    for person in list(letters.order_by("person").values_list("person", flat=True).distinct()):
        if theirs := still_seen(claimed(Q(channel=Channel.EMAIL, person=person))):
            problem = OUT_OF_REACH if OUT_OF_REACH in unheard else write_to(theirs)
            if not problem:
                settle(theirs, "")
                continue
            unheard.setdefault(problem, []).extend(theirs)
            if len(unheard[problem]) >= AT_ONCE:
                settle(unheard[problem], problem)
                unheard[problem] = []
    for problem, tellings in unheard.items():
        settle(tellings, problem)


def still_seen(tellings: Sequence[Telling]) -> list[Telling]:
    """Of one person's what is of shops that they still see; the others are settled."""
    if not tellings:
        return []
    person = tellings[0].person
    assert person
    seen = set(Shop.objects.visible_to(person).values_list("pk", flat=True)) if person.is_active else set()
    settle([one for one in tellings if one.shop_id not in seen], "gone")
    return [one for one in tellings if one.shop_id in seen]


def write_to(tellings: Sequence[Telling]) -> str:
    """One letter about all of them to the person they are for, in their language; what went wrong."""
    person = tellings[0].person
    assert person
    with translation.override(person.language or settings.LANGUAGE_CODE):
        subject, body = letter(person, tellings, timezone.now())
    return mailed(person, subject, body)


def mailed(person: User, subject: str, body: str) -> str:
    """What went wrong; empty where nothing did."""
    try:
        send_mail(" ".join(subject.split()), body, None, [person.email])
    except OSError as error:  # as all of smtplib's are
        logger.warning("notice.not_mailed", person=person.pk, error=type(error).__name__)
        is_answer = isinstance(error, SMTPResponseException | SMTPRecipientsRefused)
        return "mail" if is_answer else OUT_OF_REACH
    return "" if reach.has_mail_server() else NO_SERVER


# --- the chat channel -------------------------------------------------------------------------------------------------


def channels() -> list[tuple[ChatAddress | None, Q]]:
    """Each address with its shops, and those that have none."""
    known = list(ChatAddress.objects.select_related("set_by"))
    own = [one.shop_id for one in known if one.shop_id]
    others = next((one for one in known if one.shop_id is None), None)
    return [*((one, Q(shop=one.shop_id)) for one in known if one.shop_id), (others, ~Q(shop__in=own))]


def post_to(address: ChatAddress | None, tellings: Sequence[Telling]) -> None:
    if not tellings:
        return
    if address is None:
        settle(tellings, "no_address")
        return
    with translation.override(address.set_by.language or settings.LANGUAGE_CODE):
        body = json.dumps({"text": chat_text(tellings, timezone.now())}).encode()
    answer = posting.post(address.url, HEADERS, body)
    note(address, str(answer.problem))
    settle(tellings, str(answer.problem))


def note(address: ChatAddress, problem: str) -> None:
    """How the channel fares; not where somebody has set another address meanwhile."""
    row = ChatAddress.objects.filter(pk=address.pk, set_at=address.set_at)
    if not problem:
        row.filter(failing_since__isnull=False).update(failing_since=None, problem="")
    else:
        row.update(problem=problem)
        row.filter(failing_since=None).update(failing_since=timezone.now())


# --- what came of it --------------------------------------------------------------------------------------------------


def settle(tellings: Sequence[Telling], problem: str) -> None:
    """Told, or tried again, or told in another way: written down while our claim on the rows holds."""
    if not tellings:
        return
    now = timezone.now()
    later: list[Telling] = []
    done: list[Telling] = []
    for one in tellings:
        (later if problem and tries_again(one, problem, now) else done).append(one)
    with transaction.atomic():
        for tries in {one.attempts for one in later}:
            due_at = now + timedelta(seconds=WAITS[tries - 1])
            held(one for one in later if one.attempts == tries).update(due_at=due_at, problem=problem)
        # Locked, so that what is told of below is what this worker has written.
        kept = set(held(done).select_for_update().values_list("pk", flat=True))
        state = State.FAILED if problem else State.SENT
        held(done).update(state=state, settled_at=now, problem=problem, claim=None)
        mine = [one for one in done if one.pk in kept]
        happening.note(list(events(mine, problem, now)))
        if problem:
            telling.write_down(falls_to(mine, problem, now))


def held(tellings: Iterable[Telling]) -> Any:
    rows = list(tellings)
    claims = {one.claim for one in rows}
    return Telling.objects.waiting().filter(pk__any=[one.pk for one in rows], claim__in=claims)


def tries_again(one: Telling, problem: str, now: datetime) -> bool:
    """Not where there is nothing to try, nor where the deadline would be over."""
    if problem in ("gone", "no_address", NO_SERVER) or one.attempts > len(WAITS):
        return False
    wait = timedelta(seconds=WAITS[one.attempts - 1])
    return one.deadline is None or now + 2 * wait < one.deadline


def falls_to(failed: Sequence[Telling], problem: str, now: datetime) -> list[Telling]:
    """The same by the next channel, to those who were meant. A test is only about its own channel."""
    rows = [one for one in failed if one.cancellation and Channel(one.channel) in Telling.NEXT]
    people = People.of({one.shop_id for one in rows})
    made = []
    for one in rows:
        row = one.cancellation
        assert row
        meant = [one.person] if one.person else meant_by(one.step, row, people, now)
        if problem == "gone":
            continue
        detail = "" if one.why == Telling.Why.RUNG else one.detail  # which named who was meant
        channel = Telling.NEXT[Channel(one.channel)]
        made += [telling.telling(row, one.step, Telling.Why(one.why), channel, person, detail) for person in meant]
    return made


def events(tellings: Sequence[Telling], problem: str, now: datetime) -> Iterable[Event]:
    """One line of the timeline for each request and channel, naming who was told."""
    by: Callable[[Telling], tuple[int, str]] = lambda one: (one.cancellation_id or 0, one.channel)  # noqa: E731
    for (pk, channel), group in groupby(sorted((one for one in tellings if one.cancellation_id), key=by), key=by):
        told = list(group)
        detail = {
            "channel": channel,
            "told": not problem,
            "people": sorted(str(one.person) for one in told if one.person),
        }
        name = "person.not_told" if problem else "person.told"
        why = {"problem": kept(in_words(problem))} if problem else {}
        yield Event(shop_id=told[0].shop_id, cancellation_id=pk, name=name, at=now, detail={**detail, **why})
