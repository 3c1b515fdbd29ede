"""Whether anybody would be told before a deadline, shop by shop, and an alert where nobody would."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from cancellations.gaps import settle
from safety.models import Channel, ChatAddress, Rung, SafetyNet, Telling
from safety.offered import no_deadlines
from safety.people import People
from shops.markets import capabilities
from shops.models import Alert, Connection, Shop

# Where letters go that nobody gets.
NO_MAIL = ("console", "dummy", "filebased")
LOOKED_BACK = timedelta(days=1)


def look(now: datetime) -> None:
    """Open an alert for each shop whose people would not all be told; close those that are over."""
    shops = Shop.objects.active().exclude(connection__state=Connection.State.DISCONNECTED)
    found = problems_of(list(shops.only("name", "region", "marketplace", "time_zone", "allows_reject")), now)
    settle(Alert.Kind.NOBODY_TOLD, {pk: len(words) for pk, words in found.items() if words}, still=set())


def problems(shop: Shop) -> list[str]:
    """What keeps people of one shop from being told, in the active language."""
    return problems_of([shop], timezone.now())[shop.pk]


def problems_of(shops: Sequence[Shop], now: datetime) -> dict[int, list[str]]:
    """A fixed number of queries, however many shops."""
    pks = [shop.pk for shop in shops]
    people, nets = (
        People.of(pks),
        set(SafetyNet.objects.filter(shop__in=pks, is_on=True).values_list("shop", flat=True)),
    )
    rungs: dict[int | None, list[Rung]] = {}
    for rung in Rung.objects.select_related("person"):
        rungs.setdefault(rung.shop_id, []).append(rung)
    chats = {one.shop_id: one for one in ChatAddress.objects.defer("url")}
    no_letter = letters_failing(pks, now)
    return {
        shop.pk: []
        if no_deadlines(capabilities(shop, now))
        else [
            *nobody(shop, rungs.get(shop.pk) or rungs.get(None, []), people, has_net=shop.pk in nets),
            *silent_channels(
                rungs.get(shop.pk) or rungs.get(None, []), chats.get(shop.pk) or chats.get(None),
                has_net=shop.pk in nets, fails=shop.pk in no_letter,
            ),
        ]
        for shop in shops
    }  # fmt: skip


def nobody(shop: Shop, rungs: Sequence[Rung], people: People, *, has_net: bool) -> list[str]:
    found = []
    if not rungs and not has_net:
        found.append(_("Nobody is told when nobody answers: no step is set."))
    if not people.agents.get(shop.pk):
        found.append(
            _("No member who can sign in answers requests: superusers would be told instead.")
            if people.superusers
            else _("No member who can sign in answers requests, and there is nobody else.")
        )
    gone = {str(rung.person) for rung in rungs if rung.person and not rung.person.is_active}
    if gone:
        found.append(_("Cannot sign in any more, so that managers are told instead: %(people)s") % {
            "people": ", ".join(sorted(gone))
        })  # fmt: skip
    return found


def silent_channels(rungs: Sequence[Rung], chat: ChatAddress | None, *, has_net: bool, fails: bool) -> list[str]:
    used, found = {rung.channel for rung in rungs}, []
    if Channel.EMAIL in used or has_net:
        if not has_mail_server():
            found.append(_("No mail server is set, so that letters reach nobody."))
        elif fails:
            found.append(_("The last letters could not be sent."))
    if Channel.CHAT in used and chat is None:
        found.append(_("A step tells the chat channel, and none is set."))
    elif chat and chat.failing_since:
        found.append(_("The chat channel does not take messages."))
    return found


def has_mail_server() -> bool:
    return not any(f".{name}." in settings.EMAIL_BACKEND for name in NO_MAIL)


def letters_failing(pks: Sequence[int], now: datetime) -> set[int]:
    """Shops of which the last letter of these 24 hours could not be sent."""
    settled = Telling.objects.filter(
        shop__in=pks, channel=Channel.EMAIL, settled_at__gte=now - LOOKED_BACK,
        state__in=(Telling.State.SENT, Telling.State.FAILED),
    ).exclude(problem="gone")  # fmt: skip
    last = settled.order_by("shop", "-settled_at", "-pk").distinct("shop").values_list("shop", "state")
    return {shop for shop, state in last if state == Telling.State.FAILED}
