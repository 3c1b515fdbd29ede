"""What managers do with their shops' nets. Page, API and admin command call these and no other."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import log
from cancellations import rules
from cancellations.checks import not_taken
from cancellations.models import CancellationRequest, Decision, Event
from safety.models import FEWEST_MINUTES, MOST_MINUTES, SafetyNet
from safety.offered import choices, reject_reasons
from shops.models import Permission, Role, Shop
from shops.roles import may, must_have_role, why_not_allowed

if TYPE_CHECKING:
    from accounts.models import User

LOOKED_BACK = timedelta(days=30)
Action = SafetyNet.Action


@dataclass(frozen=True)
class Wish:
    """What a net shall be."""

    action: str = Action.TELL
    minutes: int = 30
    is_on: bool = True
    reason: str = ""
    comment: str = ""


def net_of(shop: Shop) -> SafetyNet | None:
    return SafetyNet.objects.filter(shop=shop).select_related("set_by").first()


def set_net(shop: Shop, user: "User", wish: Wish) -> SafetyNet:
    """Let the net of a shop be like this, in this person's name.

    Raises PermissionDenied for whoever is no manager, and ValidationError by field: `action`, `minutes`, `reason`,
    `comment`. A net that is switched off is kept as it is wished, and has to be possible all the same.
    """
    must_have_role(user, shop, Role.MANAGER)
    text = check(shop, user, wish)
    with transaction.atomic():
        Shop.objects.select_for_update(of=("self",), no_key=True).only("pk").get(pk=shop.pk)
        net = SafetyNet.objects.filter(shop=shop).first() or SafetyNet(shop=shop)
        before = told(net) if net.pk else {}
        for name, value in asdict(wish).items():
            setattr(net, name, value)
        net.reason_text = text
        net.set_by, net.set_at = user, timezone.now()
        net.save()
        log.write("safety_net.set", about=net, actor=user, shop_id=shop.pk, before=before, after=told(net))
    return net


def switch_off(shop: Shop, user: "User") -> None:
    """Let the net of a shop do nothing any more. Raises PermissionDenied."""
    must_have_role(user, shop, Role.MANAGER)
    with transaction.atomic():
        net = SafetyNet.objects.select_for_update(of=("self",)).filter(shop=shop, is_on=True).first()
        if net:
            net.is_on = False
            net.save(update_fields=["is_on"])
            log.write("safety_net.switched_off", about=net, actor=user, shop_id=shop.pk)


def note_switched_off(shops: Collection[int]) -> list[Shop]:
    """Write down that the nets of these shops were on in a copy of the database, and are off since it was put back."""
    switched_off = SafetyNet.objects.filter(shop__in=shops, is_on=False).select_related("shop").order_by("shop")
    for net in switched_off:
        log.write("safety_net.switched_off", about=net, shop_id=net.shop_id)
    return [net.shop for net in switched_off]


def check(shop: Shop, user: "User", wish: Wish) -> str:
    """Raises ValidationError by field; returns the words of the reason."""
    offered = {one.action: one for one in choices(shop, timezone.now())}
    if wish.action not in offered:
        raise ValidationError({"action": _("Choose one of these.")})
    problems = {}
    action = Action(wish.action)
    if offered[action].why_not:
        problems["action"] = offered[action].why_not
    elif action != Action.TELL and not may(user, shop, Permission(action)):
        problems["action"] = why_not_allowed(Permission(action))
    if not FEWEST_MINUTES <= wish.minutes <= MOST_MINUTES:
        problems["minutes"] = between_minutes()
    market = rules.capabilities(shop, timezone.now())
    known = dict(reject_reasons(shop, market)) if action == Action.REJECT else {}
    if action == Action.REJECT and "action" not in problems:
        problems |= not_taken(market, {name for name in ("reason", "comment") if getattr(wish, name)})
        if market.takes_reject_reason and wish.reason not in known:
            problems["reason"] = _("Choose a reason: the marketplace shows it to the buyer.")
        if len(wish.comment) > market.comment_max_length:
            problems["comment"] = _("At most %(limit)d characters; this has %(length)d.") % {
                "limit": market.comment_max_length, "length": len(wish.comment),
            }  # fmt: skip
    elif wish.reason or wish.comment:
        name = "reason" if wish.reason else "comment"
        problems[name] = _("This goes with a rejection alone: leave it out.")
    if problems:
        raise ValidationError(problems)
    return known.get(wish.reason, "")


def between_minutes() -> str:
    return _("Between %(fewest)d and %(most)d minutes.") % {"fewest": FEWEST_MINUTES, "most": MOST_MINUTES}


def told(net: SafetyNet) -> dict[str, Any]:
    return {name: getattr(net, name) for name in ("is_on", "action", "minutes", "reason", "comment")}


# --- had it been on ---------------------------------------------------------------------------------------------------


def would_have_caught(shop: Shop, minutes: int, now: datetime) -> int:
    """How many requests of these 30 days nobody had decided so many minutes before their deadline."""
    since, before = now - LOOKED_BACK, timedelta(minutes=minutes)
    moments = [
        (pk, asked, at, settled)
        for pk, (asked, at, settled) in deadlines(shop, since, now + before).items()
        if asked <= at - before <= now and at - before >= since and (settled is None or settled > at - before)
    ]
    made = Decision.objects.filter(cancellation__in=[pk for pk, *_rest in moments])
    decided: dict[int, list[tuple[datetime, datetime | None]]] = {}
    for pk, made_at, ended in made.values_list("cancellation", "made_at", "settled_at"):
        decided.setdefault(pk, []).append((made_at, ended))
    return sum(
        not any(
            made_at <= at - before and (ended is None or ended > at - before) for made_at, ended in decided.get(pk, ())
        )
        for pk, _asked, at, _settled in moments
    )


def deadlines(shop: Shop, since: datetime, until: datetime) -> dict[int, tuple[datetime, datetime, datetime | None]]:
    """{request: (asked, deadline, settled)}. A settled request has no deadline any more: what happened tells of it."""
    found: dict[int, tuple[datetime, datetime, datetime | None]] = {}
    events = Event.objects.filter(shop=shop, name="cancellation.moved", at__gte=since, detail__has_key="deadline")
    for pk, asked, at, detail in events.order_by("pk").values_list(
        "cancellation", "cancellation__created_at", "at", "detail"
    ):
        found[pk] = (asked, datetime.fromisoformat(detail["deadline"]), at)
    waiting = CancellationRequest.objects.waiting().filter(shop=shop, deadline__gte=since, deadline__lte=until)
    found |= {row.pk: (row.created_at, row.deadline, None) for row in waiting if row.deadline}
    return found
