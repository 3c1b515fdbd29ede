"""What staff can do: decide, take back, ask again, set aside. Page, API, admin and command call these and no other.

Each writes rows in one transaction and asks for later work on commit; nothing here speaks to a marketplace.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Case, F, Q, Value, When, prefetch_related_objects
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit import log
from audit.models import Entry
from cancellations import countersigning, drafts, happening, live, restored, rules, tasks
from cancellations.checks import (
    AlreadyDecided,
    Details,
    NotAllowed,
    NotUnsigned,
    TooLate,
    check,
    check_items,
    must_offer_items,
    must_still_be_offered,
)
from cancellations.evidence import Picture
from cancellations.models import (
    CancellationRequest,
    Decision,
    DecisionLine,
    DecisionQuerySet,
    Event,
    Evidence,
    Verdict,
)
from cancellations.models.requests import standing
from cancellations.models.words import Words
from marketplaces.records import Money
from orders.models import Order
from shops.models import Permission, Role, Shop
from shops.roles import may, must_be_agent, must_be_allowed, must_have_role, why_not_allowed

if TYPE_CHECKING:
    from accounts.models import User

logger = structlog.get_logger(__name__)
TOGETHER = 50
NUDGED = 5


@dataclass(frozen=True)
class Wanted:
    """What somebody wants done about a request.

    `undo_seconds` makes the undo window shorter; `client_key` is the name by which its maker finds the decision again.
    """

    cancellation: CancellationRequest
    verdict: Verdict
    details: Details = field(default_factory=Details)
    undo_seconds: int | None = None
    client_key: str = ""

    @property
    def permission(self) -> tuple[Shop, Permission]:
        return self.cancellation.shop, Permission(self.verdict)


def decide(
    cancellation: CancellationRequest, verdict: Verdict, user: "User", details: Details | None = None, *,
    undo_seconds: int | None = None, client_key: str = "", by_safety_net: bool = False,
) -> Decision:  # fmt: skip
    """Record what staff want done about a request; it is sent when the undo window ends, or waits for a second person.

    `undo_seconds` and `client_key` as in `Wanted`.
    With `by_safety_net` nobody clicked: `user` has set the shop's net, and what happened says so.
    Raises PermissionDenied, AlreadyDecided (a decision is on its way), NotAllowed (rules or state) or ValidationError
    (a dictionary by field). The request's row is locked: of two people who decide at once one is told about the other.
    """
    wanted = Wanted(cancellation, verdict, details or Details(), undo_seconds, client_key)
    [made] = decide_together([wanted], user, by_safety_net=by_safety_net)
    if isinstance(made, Exception):
        raise made
    return made


def decide_each(wanted: Sequence[Wanted], user: "User") -> list[Decision | Exception]:
    """For each what `decide` would return or raise, in the same order; none keeps another from being recorded.

    TOGETHER in one transaction and a fixed number of queries, so that nobody waits long for a row. Where an error of
    ours, or somebody who is at one of the rows, breaks that, each half of them gets a transaction of its own.
    """
    parts = (wanted[start : start + TOGETHER] for start in range(0, len(wanted), TOGETHER))
    return [made for part in parts for made in together_or_in_halves(part, user)]


def together_or_in_halves(wanted: Sequence[Wanted], user: "User") -> list[Decision | Exception]:
    try:
        return decide_together(wanted, user)
    except Exception as broken:
        if len(wanted) == 1:
            return [broken]
        logger.info("decisions.in_halves", count=len(wanted), error=repr(broken))
        half = len(wanted) // 2
        return together_or_in_halves(wanted[:half], user) + together_or_in_halves(wanted[half:], user)


def decide_together(
    wanted: Sequence[Wanted], user: "User", *, by_safety_net: bool = False
) -> list[Decision | Exception]:
    """A refusal stands where its decision would; any other error is raised, and then nothing is recorded.

    One waits for whoever has its request locked. Many wait for nobody, and then it is an OperationalError: who holds
    fifty rows and waits for the next is sooner or later waited for by somebody who has that one.
    """
    allowed = {asked: may(user, *asked) for asked in {one.permission for one in wanted}}
    with transaction.atomic():
        locked = locked_requests([one for one in wanted if allowed[one.permission]])
        alone = countersigning.Alone(user, [row.order for row in locked.values() if row.order])
        made: list[Decision | Exception] = []
        for one in wanted:
            try:
                if not allowed[one.permission]:
                    raise PermissionDenied(why_not_allowed(one.permission[1]))
                made.append(decision_about(locked[one.cancellation.pk], one, alone))
            except (PermissionDenied, NotAllowed, ValidationError) as no:
                made.append(no)
        recorded = [one for one in made if isinstance(one, Decision)]
        save(recorded)
        record(recorded, {"by_safety_net": True} if by_safety_net else {})
        for decision, one in zip(made, wanted, strict=True):
            if isinstance(decision, Decision):
                keep_pictures(decision, one.details.pictures)
    return made


def locked_requests(wanted: Collection[Wanted]) -> dict[int, CancellationRequest]:
    """By their pk, with all that the rules ask of them. Raises OperationalError as `decide_together` says."""
    # No key: who has locked the order, and writes a row about the request, is not kept waiting for this.
    how: dict[str, Any] = {"of": ("self",), "no_key": True, "nowait": len(wanted) > 1}
    requests = CancellationRequest.objects.select_for_update(**how).filter(
        pk__in={one.cancellation.pk for one in wanted}
    )
    rows = list(requests.select_related("shop__connection").defer("shop__cipher"))
    # Whose items somebody may be cancelling at this moment.
    orders = Order.objects.select_for_update(**how).in_bulk({row.order_id for row in rows if row.order_id})
    for row in rows:
        row.order = orders[row.order_id] if row.order_id else None
    parcels = (
        ("order__lines", "order__packages") if any(one.verdict == Verdict.SHIP_TO_REJECT for one in wanted) else ()
    )
    prefetch_related_objects(rows, *standing(), *parcels)
    return {row.pk: row for row in rows}


def decision_about(locked: CancellationRequest, wanted: Wanted, alone: countersigning.Alone) -> Decision:
    """Not saved yet, but in the way of whoever comes after it in the same transaction. Raises what `decide` does."""
    check(locked, wanted.verdict, wanted.details)
    money = countersigning.given_back_by_approval(locked) if wanted.verdict == Verdict.APPROVE else None
    decision = new_decision(
        locked.shop, alone, wanted.verdict, wanted.details, money, cancellation=locked, order=locked.order,
        undo_seconds=wanted.undo_seconds, client_key=wanted.client_key,
    )  # fmt: skip
    locked.history.insert(0, decision)
    return decision


def cancel_items(
    order: Order, items: Mapping[int, int], user: "User", reason: str, *,
    undo_seconds: int | None = None, client_key: str = "",
) -> Decision:  # fmt: skip
    """Record that staff want lines of an order cancelled: {LineItem.pk: quantity}. All lines means the whole order.

    Takes and raises what `decide` does.
    """
    must_be_allowed(user, order.shop, Permission.CANCEL_ITEMS)
    previewed = live.previewed_refund(order, items, reason)
    with transaction.atomic():
        locked = Order.objects.select_for_update(of=("self",), no_key=True).get(pk=order.pk)
        must_offer_items(locked)
        lines = check_items(locked, items, reason)
        text = next(
            (
                known.text
                for known in rules.cancel_reasons(locked, timezone.now(), partial=False)
                if known.name == reason
            ),
            "",
        )
        details = Details(reason=reason, reason_text=text)
        money = previewed or countersigning.given_back_for_items(locked, lines, items)
        decision = new_decision(
            locked.shop, countersigning.Alone(user, [locked]), Verdict.CANCEL_ITEMS, details, money, order=locked,
            undo_seconds=undo_seconds, client_key=client_key,
        )  # fmt: skip
        save([decision])
        DecisionLine.objects.bulk_create(
            DecisionLine(
                decision=decision, line_item=line, quantity=items[line.pk], cancelled_before=line.cancelled_in_all
            )
            for line in lines
        )
        record([decision])
    return decision


def withdraw(decision: Decision, user: "User") -> None:
    """Take a decision back before it is sent. Raises TooLate when a worker has it, PermissionDenied for others'."""
    if decision.made_by_id != user.pk:
        must_have_role(user, decision.shop, Role.MANAGER)
    must_be_agent(user, decision.shop)
    now = timezone.now()
    with transaction.atomic():
        unsent = Decision.objects.filter(
            pk=decision.pk, state__in=[Decision.State.UNSIGNED, Decision.State.RECORDED], is_outcome_unknown=False
        )
        came_back = unsent.filter(restored_from__isnull=False).exists()
        note = restored.taken_back() if came_back else Words("Taken back before it was sent.")
        taken_back = unsent.update(state=Decision.State.WITHDRAWN, settled_at=now, note=note)
        decision.refresh_from_db()
        if not taken_back:
            raise TooLate(_("Too late to take it back: it is %(state)s.") % {"state": decision.get_state_display()})
        tell(decision, "decision.withdrawn", user)


def countersign(decision: Decision, user: "User") -> None:
    """Be the second person: what was decided is sent when the undo window ends.

    Raises PermissionDenied, or NotAllowed where it was one's own decision, no longer waits for anybody or can no longer
    be carried out. The decision's row is locked first, and by everything that ends its waiting: of two who sign at once
    one is told.
    """
    must_be_allowed(user, decision.shop, Permission(decision.verdict))
    if countersigning.is_the_same_person(decision, user):
        raise NotUnsigned(_("You decided this yourself: somebody else has to countersign."))
    with transaction.atomic():
        if not Decision.objects.unsigned().select_for_update(of=("self",)).filter(pk=decision.pk):
            decision.refresh_from_db()
            raise NotUnsigned(waits_for_nobody(decision))
        must_still_be_offered(decision)
        send_after = timezone.now() + undo_window(decision.cancellation)
        Decision.objects.filter(pk=decision.pk).update(
            state=Decision.State.RECORDED, countersigned_by=user, countersigned_at=timezone.now(),
            send_after=send_after, due_at=send_after,
            # One that came back with a copy may have been sent before: it is asked about first.
            is_outcome_unknown=Q(restored_from__isnull=False), restored_from=None,
        )  # fmt: skip
        decision.refresh_from_db()
        tell(decision, "decision.countersigned", user)
        nudge(decision)


def decline(decision: Decision, user: "User", note: str) -> None:
    """Be the second person and say no: nothing is sent, and the request can be decided anew.

    Raises as `countersign` does, and ValidationError without a note.
    """
    must_be_allowed(user, decision.shop, Permission(decision.verdict))
    if countersigning.is_the_same_person(decision, user):
        raise NotUnsigned(_("You decided this yourself: take it back instead."))
    if not note.strip():
        raise ValidationError({"note": _("Say why, for who decided this.")})
    with transaction.atomic():
        declined = (
            Decision.objects.unsigned()
            .filter(pk=decision.pk)
            .update(state=Decision.State.WITHDRAWN, settled_at=timezone.now(), note=note.strip())
        )
        decision.refresh_from_db()
        if not declined:
            raise NotUnsigned(waits_for_nobody(decision))
        tell(decision, "decision.declined", user, {"note": note.strip()})


def waits_for_nobody(decision: Decision) -> str:
    return _("This decision is %(state)s: it waits for no second person.") % {"state": decision.get_state_display()}


def ask_again(decision: Decision, user: "User") -> None:
    """Have a worker ask once more about a stalled decision. Raises NotAllowed when it is not stalled."""
    must_be_agent(user, decision.shop)
    with transaction.atomic():
        revived = Decision.objects.filter(pk=decision.pk, state=Decision.State.STALLED).update(
            state=Decision.State.ACCEPTED if decision.accepted_at else Decision.State.SENDING,
            stalled_because="",
            due_at=timezone.now(),
            failures=0,
            # Whoever was told that it came back, and is not done, knows. One that waited for another reason is told.
            restored_from=Case(
                When(stalled_because=Decision.Stalled.RESTORED, then=Value(None)), default=F("restored_from")
            ),
        )
        decision.refresh_from_db()
        if not revived:
            raise NotAllowed(
                _("This decision is %(state)s, so there is nothing to ask.") % {"state": decision.get_state_display()}
            )
        tell(decision, "decision.asked_again", user)
        nudge(decision)


def set_aside(decision: Decision, user: "User", note: str) -> None:
    """End a stalled decision that a manager has looked into, so that the request can be decided anew.

    Raises NotAllowed when it is not stalled, ValidationError without a note.
    """
    must_have_role(user, decision.shop, Role.MANAGER)
    if not note.strip():
        raise ValidationError({"note": _("Say what you found, for those who come after you.")})
    with transaction.atomic():
        ended = Decision.objects.filter(pk=decision.pk, state=Decision.State.STALLED).update(
            state=Decision.State.SET_ASIDE, stalled_because="", settled_at=timezone.now(), note=note.strip()
        )
        decision.refresh_from_db()
        if not ended:
            raise NotAllowed(_("Only a decision that needs somebody can be set aside."))
        tell(decision, "decision.set_aside", user, {"note": note.strip()})


def new_decision(
    shop: Shop, alone: countersigning.Alone, verdict: Verdict, details: Details, money: Money | None, *,
    cancellation: CancellationRequest | None = None, order: Order | None = None,
    undo_seconds: int | None = None, client_key: str = "",
) -> Decision:  # fmt: skip
    """Not saved yet. It is made by whom `alone` is about."""
    send_after = timezone.now() + undo_window(cancellation, undo_seconds)
    gives_back = verdict in (Verdict.APPROVE, Verdict.CANCEL_ITEMS)
    is_alone = not gives_back or alone.may_give_back(shop, verdict, money, order)
    return Decision(
        shop=shop, order=order, cancellation=cancellation, verdict=verdict, made_by=alone.user,
        state=Decision.State.RECORDED if is_alone else Decision.State.UNSIGNED,
        gives_back=money.amount if money else None, currency=money.currency if money else "",
        reason=details.reason, reason_text=details.reason_text, comment=details.comment,
        shipment=details.shipping.as_json() if verdict == Verdict.SHIP_TO_REJECT else {},
        send_after=send_after, due_at=send_after, client_key=client_key,
    )  # fmt: skip


def save(made: Sequence[Decision]) -> None:
    """Raises AlreadyDecided where a single one is in the way of another; IntegrityError where one of many is."""
    try:
        with transaction.atomic():
            Decision.objects.bulk_create(made)
    except IntegrityError:
        if len(made) > 1:
            raise
        [one] = made
        about = {"cancellation": one.cancellation} if one.cancellation else {"order": one.order}
        known = found_again(one.made_by, [one.client_key]) if one.made_by else Decision.objects.none()
        raise AlreadyDecided(known.first() or Decision.objects.live().filter(**about).latest("pk")) from None


def found_again(user: "User", client_keys: Sequence[str]) -> DecisionQuerySet:
    """What this person's requests of these names made, of those that have a name, in shops that they still see."""
    named = [key for key in client_keys if key]
    return Decision.objects.visible_to(user).filter(made_by=user, client_key__in=named)


def undo_window(cancellation: CancellationRequest | None, seconds: int | None = None) -> timedelta:
    """UNDO_SECONDS, or fewer where fewer are asked for, but never so long that silence decides first."""
    most = settings.UNDO_SECONDS
    window = timedelta(seconds=most if seconds is None else min(seconds, most))
    if cancellation is None or cancellation.deadline is None:
        return window
    return max(timedelta(0), min(window, (cancellation.deadline - timezone.now()) / 2))


def until_when_it_can_be_undone(cancellation: CancellationRequest | None = None) -> str:
    """What to know before deciding, in one sentence."""
    seconds = int(undo_window(cancellation).total_seconds())
    if not seconds:
        return _("It is sent at once and cannot be undone.")
    return ngettext(
        "You can undo it for %(count)d second, not after that.",
        "You can undo it for %(count)d seconds, not after that.",
        seconds,
    ) % {"count": seconds}


def keep_pictures(decision: Decision, pictures: Sequence[Picture | Evidence]) -> None:
    """Each of them once, however often it was given."""
    if not pictures:
        return
    drafts.attach(decision, [given for given in pictures if isinstance(given, Evidence)])
    kept = set(decision.evidence.values_list("sha256", flat=True))
    for picture in pictures:
        if isinstance(picture, Picture) and picture.sha256 not in kept:
            kept.add(picture.sha256)
            evidence = drafts.new_evidence(picture)
            evidence.decision = decision
            drafts.store(evidence, picture)


def record(made: Sequence[Decision], detail: Mapping[str, Any] = MappingProxyType({})) -> None:
    """Ask for workers, and tell everybody, of decisions that one person has just made."""
    on_their_way = [decision for decision in made if not is_unsigned(decision)]
    # Many are found by the sweep, seconds later: a message for each took nearly half of the time.
    for decision in on_their_way if len(on_their_way) <= NUDGED else ():
        nudge(decision)  # before others are told of it, so that it is the first message
    if made:
        second = {True: {"waits_for_second_person": True}, False: {}}
        details = {decision: {**second[is_unsigned(decision)], **detail} for decision in made}
        tell_of_each(details, "decision.recorded", made[0].made_by)


def is_unsigned(decision: Decision) -> bool:
    return decision.state == Decision.State.UNSIGNED


def tell(decision: Decision, name: str, user: "User | None", detail: Mapping[str, Any] | None = None) -> None:
    tell_of_each({decision: detail or {}}, name, user)


def tell_of_each(details: Mapping[Decision, Mapping[str, Any]], name: str, user: "User | None") -> None:
    """That the same happened to each of these decisions, by the same person, with what there is to say of each."""
    happening.note([event_of(decision, name, user, detail) for decision, detail in details.items()], details)
    log.write_each(entry_of(decision, name, user, detail) for decision, detail in details.items())


def event_of(decision: Decision, name: str, user: "User | None", detail: Mapping[str, Any]) -> Event:
    return Event(
        shop_id=decision.shop_id, order_id=decision.order_id, cancellation_id=decision.cancellation_id,
        decision=decision, actor=user, name=name, detail={"verdict": decision.verdict, **detail},
    )  # fmt: skip


def entry_of(decision: Decision, name: str, user: "User | None", detail: Mapping[str, Any]) -> Entry:
    return log.entry(
        name, about=decision, actor=user, shop_id=decision.shop_id, order_id=decision.order_id,
        cancellation_id=decision.cancellation_id,
        after={"verdict": decision.verdict, "state": decision.state, **detail},
    )  # fmt: skip


def nudge(decision: Decision) -> None:
    """Ask for a worker once this is committed. The sweep finds the decision if nobody hears it."""
    wait = max(0.0, (decision.due_at - timezone.now()).total_seconds())
    transaction.on_commit(lambda: tasks.nudge_delivery(decision.pk, wait))
