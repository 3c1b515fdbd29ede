"""What people read: letters and messages that collect several requests, in the active language."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import formats
from django.utils.html import escape
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from accounts.templatetags.times import span
from cancellations import rules
from cancellations.models import CancellationRequest
from cancellations.models.words import Words, read, told
from safety import by_hand
from safety.models import Telling
from safety.offered import silence
from shops.posting import Problem

# Of so many a letter tells one by one: nobody reads on, and a message has an end.
SHOWN = 20


def letter(person: User, tellings: Sequence[Telling], now: datetime) -> tuple[str, str]:
    """Subject and body."""
    if all(one.cancellation is None for one in tellings):
        return _("Countermand: a test"), test_words(tellings[0])
    zone = ZoneInfo(person.time_zone)
    about = by_request(tellings)
    parts = [paragraph(row, of_row, now, zone) for row, of_row in about[:SHOWN]]
    return subject(about, now), "\n\n".join([*parts, *more(about)])


def chat_text(tellings: Sequence[Telling], now: datetime) -> str:
    """As Slack takes it: three signs are written otherwise."""
    tests = [one for one in tellings if one.cancellation is None]
    about = by_request(tellings)
    parts = [test_words(one) for one in tests[:1]]
    if about:
        parts += [subject(about, now), *(paragraph(row, of_row, now, row.shop.zone) for row, of_row in about[:SHOWN])]
    return str(escape("\n\n".join([*parts, *more(about)]))).replace("&quot;", '"').replace("&#x27;", "'")


def test_words(one: Telling) -> str:
    return _("This is a test for the shop %(shop)s: what nobody has answered is told of here.") % {"shop": one.shop}


def by_request(tellings: Iterable[Telling]) -> list[tuple[CancellationRequest, list[Telling]]]:
    """The next deadline first; told of once, however many steps have come at the same moment."""
    found: dict[int, tuple[CancellationRequest, list[Telling]]] = {}
    for one in tellings:
        if one.cancellation:
            found.setdefault(one.cancellation.pk, (one.cancellation, []))[1].append(one)
    return sorted(found.values(), key=lambda pair: (pair[1][0].deadline, pair[0].pk))


def subject(about: Sequence[tuple[CancellationRequest, list[Telling]]], now: datetime) -> str:
    first = about[0][1][0].deadline
    assert first
    text = ngettext(
        "%(count)d request waits for an answer, for %(time)s more",
        "%(count)d requests wait for an answer, the first for %(time)s more",
        len(about),
    )
    return text % {"count": len(about), "time": span(max(0.0, (first - now).total_seconds()))}


def paragraph(row: CancellationRequest, tellings: Sequence[Telling], now: datetime, zone: ZoneInfo) -> str:
    deadline = tellings[0].deadline
    assert deadline
    market = rules.capabilities(row.shop, now)
    lines = [
        _("%(shop)s, order %(order)s: until %(time)s (%(zone)s)")
        % {"shop": row.shop, "order": row.order_label, "time": in_zone(deadline, zone), "zone": zone},
        silence(market),
    ]
    whys = {one.why: one for one in tellings}.values()
    lines += [" ".join(filter(None, [str(one.get_why_display()), read(one.detail)])) for one in whys]
    if any(one.why == Telling.Why.LINK for one in tellings):
        there = by_hand.over_there(row, now)
        hint = _("Answer it in %(marketplace)s's own seller centre: %(where)s")
        lines.append(hint % {"marketplace": market.marketplace_name, "where": there or by_hand.to_quote(row)})
    if settings.PUBLIC_URL:
        lines.append(f"{settings.PUBLIC_URL}{row.get_absolute_url()}")
    return "\n".join(lines)


def more(about: Sequence[object]) -> list[str]:
    left = len(about) - SHOWN
    if left <= 0:
        return []
    return [ngettext("And %(count)d more.", "And %(count)d more.", left) % {"count": left}]


def in_zone(moment: datetime, zone: ZoneInfo) -> str:
    there = moment.astimezone(zone)
    return f"{formats.date_format(there, 'DATE_FORMAT')}, {formats.date_format(there, 'H:i')}"


def in_words(problem: str) -> Words:
    """Why somebody could not be told, to be read by many."""
    own = {
        "mail": Words("the mail server did not take it"),
        "mail_down": Words("the mail server cannot be reached"),
        "no_mail": Words("no mail server is set"),
        "gone": Words("does not see the shop any more"),
        "no_address": Words("no chat channel is set"),
        "nobody": Words("nobody is there to be told"),
    }
    if problem in Problem.values:
        words: Words = told(Problem(problem).label)
        return words
    return own.get(problem) or Words("")
