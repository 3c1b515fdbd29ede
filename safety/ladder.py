"""The ladder: what managers set, and the sweep that finds whose rung has come."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit import log
from cancellations.models import CancellationRequest, Decision
from safety import telling
from safety.models import FEWEST_MINUTES, LONGEST_URL, MOST_MINUTES, Channel, ChatAddress, Rung, Telling
from safety.nets import between_minutes
from safety.people import People
from shops import addresses
from shops.models import Role, Shop
from shops.models.shops import may_with_token
from shops.roles import must_have_role

if TYPE_CHECKING:
    from safety.models import RungQuerySet

MOST_RUNGS = 12


@dataclass(frozen=True)
class Wish:
    """One rung as it shall be."""

    minutes: int
    who: str
    channel: str
    person: User | None = None


def must_look_after(user: User, shop: Shop | None) -> None:
    """Raises PermissionDenied. What holds in all shops is a superuser's."""
    if shop:
        must_have_role(user, shop, Role.MANAGER)
    elif not (user.is_superuser and user.is_active and may_with_token(user, Role.MANAGER)):
        raise PermissionDenied(_("Only superusers say what holds in all shops."))


def rungs_of(shop: Shop | None) -> "RungQuerySet":
    """A shop's own, or those for all shops, the first one first."""
    return Rung.objects.of(shop).select_related("person")


def effective(shop: Shop) -> Sequence[Rung]:
    """The shop's own rungs; where it has none, those for all shops."""
    return list(rungs_of(shop)) or list(rungs_of(None))


def set_ladder(shop: Shop | None, user: User, wishes: Sequence[Wish]) -> None:
    """Let a shop have these rungs and no others; with none it has those for all shops.

    Raises PermissionDenied, and ValidationError at `rungs`, naming the rung by its number.
    """
    must_look_after(user, shop)
    check(shop, wishes)
    with transaction.atomic():
        before = [told(rung) for rung in rungs_of(shop).select_for_update(of=("self",))]
        rungs = [
            Rung(shop=shop, minutes=one.minutes, who=one.who, person=one.person, channel=one.channel)
            for one in dict.fromkeys(wishes)
        ]
        after = [told(rung) for rung in sorted(rungs, key=lambda rung: -rung.minutes)]
        if before == after:
            return
        rungs_of(shop).delete()
        Rung.objects.bulk_create(rungs)
        log.write(
            "ladder.set", about=shop, actor=user, shop_id=shop.pk if shop else None,
            before={"rungs": before}, after={"rungs": after},
        )  # fmt: skip


def check(shop: Shop | None, wishes: Sequence[Wish]) -> None:
    if len(wishes) > MOST_RUNGS:
        raise ValidationError({"rungs": _("At most %(most)d steps.") % {"most": MOST_RUNGS}})
    for number, one in enumerate(wishes, 1):
        if problem := wrong(shop, one):
            words = _("Step %(number)d: %(problem)s") % {"number": number, "problem": problem}
            raise ValidationError({"rungs": words})


def wrong(shop: Shop | None, one: Wish) -> str:
    if not FEWEST_MINUTES <= one.minutes <= MOST_MINUTES:
        return between_minutes()
    if one.who not in Rung.Who.values or one.channel not in Channel.values:
        return _("Choose one of these.")
    if (one.who == Rung.Who.PERSON) != (one.person is not None):
        return _("Name a person where one person is told, and only there.")
    if one.person and not one.person.is_active:
        return _("%(person)s cannot sign in.") % {"person": one.person}
    if one.person and shop and not Shop.objects.visible_to(one.person).filter(pk=shop.pk).exists():
        return _("%(person)s is no member of the shop.") % {"person": one.person}
    return ""


def told(rung: Rung) -> str:
    who = rung.person.email if rung.person else rung.who
    return f"{rung.minutes} min, {who}, {rung.channel}"


# --- the chat channel -------------------------------------------------------------------------------------------------


def chat_of(shop: Shop | None) -> ChatAddress | None:
    return ChatAddress.objects.filter(shop=shop).first()


def set_chat(shop: Shop | None, user: User, url: str) -> None:
    """Let notices of a shop go to this address too. Raises PermissionDenied, and ValidationError at `url`."""
    must_look_after(user, shop)
    if len(url) > LONGEST_URL:
        raise ValidationError({"url": _("This is no address.")})
    try:
        addresses.check(url)
    except ValidationError as problem:
        raise ValidationError({"url": problem.messages}) from None
    with transaction.atomic():
        kept, is_new = ChatAddress.objects.select_for_update(of=("self",)).get_or_create(
            shop=shop, defaults={"url": url, "set_by": user}
        )
        if not is_new:
            kept.url, kept.set_by, kept.set_at = url, user, timezone.now()
            kept.failing_since, kept.problem = None, ""
            kept.save()
        # Of the address only the host: the rest opens the channel.
        log.write(
            "chat_address.set", about=kept, actor=user, shop_id=shop.pk if shop else None, after={"host": kept.host}
        )


def remove_chat(shop: Shop | None, user: User) -> None:
    must_look_after(user, shop)
    with transaction.atomic():
        kept = ChatAddress.objects.select_for_update(of=("self",)).filter(shop=shop).first()
        if kept:
            log.write(
                "chat_address.removed", about=kept, actor=user, shop_id=shop.pk if shop else None,
                before={"host": kept.host},
            )  # fmt: skip
            kept.delete()


# --- whose rung has come ----------------------------------------------------------------------------------------------


def climb(now: datetime) -> None:
    """Write down who is to be told by which rung. Called as often as you like."""
    rungs = list(Rung.objects.select_related("person"))
    with_own = {rung.shop_id for rung in rungs} - {None}
    for rung in rungs:
        if rows := waiting_at(rung, with_own, now):
            telling.write_down(told_by(rung, rows, now))


def waiting_at(rung: Rung, with_own: Iterable[int | None], now: datetime) -> list[CancellationRequest]:
    """Requests whose time has come at this rung, that nobody has decided, and of which it has told nobody."""
    live = Decision.objects.live().filter(cancellation=OuterRef("pk"))
    told_before = Telling.objects.filter(cancellation=OuterRef("pk"), deadline=OuterRef("deadline"), step=step_of(rung))
    rows = CancellationRequest.objects.waiting().filter(
        ~Exists(live), ~Exists(told_before), shop__is_active=True,
        deadline__gt=now, deadline__lte=now + timedelta(minutes=rung.minutes),
    )  # fmt: skip
    mine = rows.filter(shop=rung.shop_id) if rung.shop_id else rows.exclude(shop__in=with_own)
    related = mine.select_related("shop", "assigned_to", "claim__user").defer("shop__cipher")
    return list(related.order_by("deadline", "pk")[: settings.SAFETY_AT_ONCE])


def told_by(rung: Rung, rows: Sequence[CancellationRequest], now: datetime) -> Iterator[Telling]:
    people, step = People.of({row.shop_id for row in rows}), step_of(rung)
    for row in rows:
        found = people.told(rung.who, rung.person, row, now)
        if rung.channel == Channel.CHAT:
            yield telling.telling(row, step, Telling.Why.RUNG, Channel.CHAT, None, telling.for_people(found))
        elif found:
            for person in found:
                yield telling.telling(row, step, Telling.Why.RUNG, rung.channel, person)
        else:
            yield telling.nobody(row, step, Telling.Why.RUNG)


def step_of(rung: Rung) -> str:
    """By what it says and not by its number: a ladder that is saved again tells nobody twice."""
    return f"rung:{rung.minutes}:{rung.who}:{rung.person_id or ''}:{rung.channel}"


def meant_by(step: str, row: CancellationRequest, people: People, now: datetime) -> Sequence[Any]:
    """Whom a step means that was written to a channel, which has no people."""
    if not step.startswith("rung:"):
        return people.working(row.shop_id)
    _rung, _minutes, who, person_id, _channel = step.split(":")
    person = User.objects.filter(pk=person_id).first() if person_id else None
    return people.told(who, person, row, now)
