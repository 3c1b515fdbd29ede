"""Writing down who has to be told of what: a row for each, once for each request, deadline, step and channel."""

from collections.abc import Iterable, Sequence

from django.db import transaction

from accounts.models import User
from cancellations.models import CancellationRequest
from cancellations.models.words import Words
from safety import reach
from safety.models import Channel, ChatAddress, Telling
from safety.people import People

Why = Telling.Why
AT_ONCE = 1000


def telling(
    row: CancellationRequest, step: str, why: Why, channel: str, person: User | None, detail: str = ""
) -> Telling:
    return Telling(
        shop_id=row.shop_id, cancellation=row, deadline=row.deadline, step=step, why=why, detail=detail,
        channel=channel, person=person,
    )  # fmt: skip


def write_down(made: Iterable[Telling]) -> None:
    """Those that are there already stay as they are."""
    rows = list(made)
    with transaction.atomic():
        Telling.objects.bulk_create(rows, ignore_conflicts=True, batch_size=AT_ONCE)


def tell_all(rows: Sequence[CancellationRequest], step: str, why: Why, detail: str = "") -> None:
    """Tell everybody who can answer in the shop, here and by e-mail, and the shop's chat channel where it has one.

    Where no mail server is set nobody would get the letter, and everybody is told here anyway.
    """
    people = People.of({row.shop_id for row in rows})
    channels = (Channel.IN_APP, Channel.EMAIL) if reach.has_mail_server() else (Channel.IN_APP,)
    chats = {*ChatAddress.objects.values_list("shop", flat=True)}
    made = []
    for row in rows:
        for person in people.working(row.shop_id):
            made += [telling(row, step, why, channel, person, detail) for channel in channels]
        if chats & {row.shop_id, None}:
            made.append(telling(row, step, why, Channel.CHAT, None, detail))
        if not people.working(row.shop_id):
            made.append(nobody(row, step, why))
    write_down(made)


def nobody(row: CancellationRequest, step: str, why: Why) -> Telling:
    """That there was nobody, so that it is not looked for again every few seconds."""
    none = telling(row, step, why, Channel.IN_APP, None)
    none.state, none.problem = Telling.State.FAILED, "nobody"
    return none


def for_people(people: Iterable[User]) -> Words:
    return Words("For %(people)s.", people=[str(person) for person in people])
