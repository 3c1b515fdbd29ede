"""What people do about what does not agree. Each is an ordinary verb; the next look says whether it has helped."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from audit import log
from cancellations import decisions, happening
from cancellations.checks import NotAllowed
from cancellations.models import Decision
from orders import cancelled
from orders.models import CancelledLine
from shops.models import Role, Shop
from shops.roles import must_be_agent, must_have_role
from truth import checking, tasks
from truth.models import Check, Disagreement

if TYPE_CHECKING:
    from accounts.models import User

Kind: TypeAlias = Disagreement.Kind
Repair: TypeAlias = Disagreement.Repair
EVENTS = (Kind.EVENT_MISSING, Kind.EVENT_WRONG)
# What may differ because our row of the request claims to be newer than what is shown; the rest every look reads.
OF_REQUESTS = (Kind.NOT_SHOWN, Kind.DONE_ANYWAY, Kind.WAITS_HERE, Kind.OTHER_STATE, Kind.REFUND)
# What only those do who look after the shop; the rest is for everybody who works in it.
OF_MANAGERS = (Repair.SET_ASIDE, Repair.TELL_AGAIN, Repair.LEAVE)
WITH_NOTE = (Repair.SET_ASIDE, Repair.LEAVE)


def offers(row: Disagreement, role: Role | None) -> list[Repair]:
    """What this role may do about it now, the most likely first."""
    if not row.is_open or role not in (Role.AGENT, Role.MANAGER):
        return []
    is_stalled = row.decision is not None and row.decision.state == Decision.State.STALLED
    found = [Repair.ASK_AGAIN, Repair.SET_ASIDE] if is_stalled else []
    if row.kind in EVENTS:
        found.append(Repair.TELL_AGAIN)
    if row.kind in OF_REQUESTS and row.cancellation_id:
        found.append(Repair.READ_AGAIN)
    found.append(Repair.LEAVE)
    return [one for one in found if role == Role.MANAGER or one not in OF_MANAGERS]


def repair(row: Disagreement, verb: str, user: "User", note: str = "") -> None:
    """Do what a button says. What does not agree stays listed until a look finds it no more, unless it is left.

    Raises PermissionDenied, ValidationError by field (`repair`, `note`), and NotAllowed for what cannot help here.
    """
    must_be_agent(user, row.shop)
    if verb not in Repair.values:
        raise ValidationError({"repair": _("Choose what to do.")})
    if verb in OF_MANAGERS:
        must_have_role(user, row.shop, Role.MANAGER)
    if verb in WITH_NOTE and not note.strip():
        raise ValidationError({"note": _("Say what you found, for those who come after you.")})
    with transaction.atomic():
        locked = Disagreement.objects.select_for_update(of=("self",)).select_related("decision").get(pk=row.pk)
        if not locked.is_open:
            raise NotAllowed(_("This is over already: %(how)s.") % {"how": locked.get_how_display()})
        if verb not in offers(locked, Role.MANAGER):
            raise NotAllowed(_("This does not help here."))
        VERBS[Repair(verb)](locked, user, note.strip())
        locked.save()
        told = {"repair": verb, "note": note.strip()}
        if verb == Repair.LEAVE:
            log.write("disagreement.left", about=locked, actor=user, after=told)
        else:
            log.write("disagreement.repaired", about=locked, actor=user, after=told)
        check = checking.ask_for_look(row.shop)
        transaction.on_commit(lambda: tasks.nudge(check.pk))
    row.refresh_from_db()


def ask_again(row: Disagreement, user: "User", note: str) -> None:
    assert row.decision
    decisions.ask_again(row.decision, user)
    noted(row, Repair.ASK_AGAIN, user)


def set_aside(row: Disagreement, user: "User", note: str) -> None:
    assert row.decision
    decisions.set_aside(row.decision, user, note)
    noted(row, Repair.SET_ASIDE, user, note)


def tell_again(row: Disagreement, user: "User", note: str) -> None:
    kind, _colon, pk = row.about.partition(":")
    if kind == "cancelled_line":
        cancelled.announce_again(CancelledLine.objects.select_related("order", "line_item").get(pk=pk))
    elif subject := row.decision or row.cancellation:
        happening.announce_again(subject)
    noted(row, Repair.TELL_AGAIN, user)


def read_again(row: Disagreement, user: "User", note: str) -> None:
    noted(row, Repair.READ_AGAIN, user)


def leave(row: Disagreement, user: "User", note: str) -> None:
    """Somebody has looked into it. It is not listed anew while both sides say what they say now."""
    row.settled_at, row.settled_by, row.how, row.note = timezone.now(), user, Disagreement.How.LEFT, note


def noted(row: Disagreement, verb: Repair, user: "User", note: str = "") -> None:
    row.repair, row.repair_asked_at, row.repair_asked_by, row.note = verb, timezone.now(), user, note


VERBS: Mapping[Repair, Callable[[Disagreement, "User", str], None]] = {
    Repair.ASK_AGAIN: ask_again, Repair.SET_ASIDE: set_aside, Repair.TELL_AGAIN: tell_again,
    Repair.READ_AGAIN: read_again, Repair.LEAVE: leave,
}  # fmt: skip


def check_now(shop: Shop, user: "User") -> Check:
    """Have everything of this shop compared now. Raises PermissionDenied."""
    must_have_role(user, shop, Role.MANAGER)
    with transaction.atomic():
        log.write("truth.asked_for", about=shop, actor=user, shop_id=shop.pk)
        check = checking.ask_for_all(shop)
        transaction.on_commit(lambda: tasks.nudge(check.pk))
    return check


def roles(user: "User", shops: Sequence[int]) -> dict[int, Role]:
    """This person's role in each of these shops; two queries."""
    found: dict[int, Role] = {}
    for role in (Role.AGENT, Role.MANAGER):
        found |= dict.fromkeys(
            Shop.objects.where_role(user, role).filter(pk__in=shops).values_list("pk", flat=True), role
        )
    return found
