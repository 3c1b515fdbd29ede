"""What gives back more money than one person may give back alone, and what becomes of it while it waits."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from accounts.models import User
from cancellations import happening, restored
from cancellations.models import CancellationRequest, Decision, Event, Verdict
from cancellations.models.words import Words, kept
from marketplaces.records import Money
from orders.models import LineItem, Order
from shops.models import MoneyCap, Permission, Role, Shop
from shops.roles import who_may


def given_back_by_approval(cancellation: CancellationRequest) -> Money | None:
    """The refund that the marketplace tells; else all that the order cost, which it cannot exceed."""
    order = cancellation.order
    return cancellation.refund() or (Money(order.total, order.currency) if order else None)


def given_back_for_items(order: Order, lines: Sequence[LineItem], quantities: Mapping[int, int]) -> Money:
    """The most that it can be: with all that is open chosen, all that the order cost; else what the items cost, and
    all that the order cost beside its items (shipping, taxes), of which only the marketplace knows what goes with them.
    """
    all_lines = list(order.lines.all())
    is_whole = all(quantities.get(line.pk, 0) >= line.open_quantity for line in all_lines if not line.is_cancelled)
    items = sum((line.price * quantities[line.pk] for line in lines), Decimal(0))
    beside = order.total - sum((line.price * line.quantity for line in all_lines), Decimal(0))
    return Money(max(order.total, items) if is_whole else items + max(beside, Decimal(0)), order.currency)


def needs_second_person(user: "User", shop: Shop, verdict: Verdict, money: Money | None, order: Order | None) -> bool:
    """Whether this, with what the order has given back before, is more than this person's role gives back alone."""
    return not Alone(user, [order] if order else []).may_give_back(shop, verdict, money, order)


class Alone:
    """What one person gives back without a second one; what many decisions ask is looked up once.

    The role is that of the membership that allows the verdict, whatever token somebody came with. A role without caps
    has those of the next greater one that has any; where none has, everybody decides alone. Once there are caps, an
    amount in a currency that none of them names and one that nobody knows need a second person.
    """

    def __init__(self, user: "User", orders: Sequence[Order]) -> None:
        self.user = user
        self._of_all = list(MoneyCap.objects.all())
        self._given_back = given_back_before(orders) if self._of_all else defaultdict(Decimal)
        self._caps: dict[tuple[int, Verdict], Mapping[str, Decimal]] = {}

    def may_give_back(self, shop: Shop, verdict: Verdict, money: Money | None, order: Order | None) -> bool:
        """Whether they give back this money too; it counts from now on as given back."""
        caps = self.caps(shop, verdict)
        if not caps:
            return True
        if money is None or money.currency not in caps:
            return False
        if order is None:
            return money.amount <= caps[money.currency]
        self._given_back[order.pk, money.currency] += money.amount
        return self._given_back[order.pk, money.currency] <= caps[money.currency]

    def caps(self, shop: Shop, verdict: Verdict) -> Mapping[str, Decimal]:
        """By currency."""
        if not self._of_all:
            return {}
        asked = shop.pk, verdict
        if asked not in self._caps:
            self._caps[asked] = caps_of(role_that_allows(self.user, shop, Permission(verdict)), self._of_all)
        return self._caps[asked]


def role_that_allows(user: "User", shop: Shop, permission: Permission) -> Role:
    if user.is_superuser:
        return Role.MANAGER
    mine = who_may(permission, Shop.objects.filter(pk=shop.pk)).filter(user=user)
    return max((Role(role) for role in mine.values_list("role", flat=True)), key=list(Role).index, default=Role.AGENT)


def caps_of(role: Role, of_all: Sequence[MoneyCap]) -> dict[str, Decimal]:
    for one in Role.at_least(role):
        if caps := {cap.currency: cap.amount for cap in of_all if cap.role == one}:
            return caps
    return {}


def given_back_before(orders: Iterable[Order]) -> defaultdict[tuple[int, str], Decimal]:
    """{(Order.pk, currency): by all decisions about it that came, or may yet come, to something}.

    So no cap is passed by in parts.
    """
    states = (*Decision.LIVE, Decision.State.CONFIRMED, Decision.State.SET_ASIDE)
    # What was taken back after it came back with a copy of the database may have been sent before.
    may_have = Q(state__in=states) | Q(state=Decision.State.WITHDRAWN, restored_from__isnull=False)
    counted = Decision.objects.filter(may_have, order__in=orders, gives_back__isnull=False).order_by()
    sums = counted.values_list("order", "currency").annotate(Sum("gives_back"))
    return defaultdict(Decimal, {(order, currency): amount for order, currency, amount in sums})


def may_countersign(decision: Decision, user: "User") -> bool:
    """Whoever may decide the same in this shop, but for the one who did."""
    allowed = Shop.objects.where_may(user, Permission(decision.verdict))
    return not is_the_same_person(decision, user) and allowed.filter(pk=decision.shop_id).exists()


def is_the_same_person(decision: Decision, user: "User") -> bool:
    """Who decided, or who made the token that somebody else's name came with."""
    return decision.made_by_id in (user.pk, user.token.made_by_id if user.token else None)


def who_may_countersign(decision: Decision) -> "QuerySet[User]":
    """By name, the members of the shop; superusers may as well, and are named where nobody else may."""
    members = who_may(Permission(decision.verdict), Shop.objects.filter(pk=decision.shop_id)).values("user")
    others = User.objects.filter(is_active=True).exclude(decisions=decision)
    people = others.filter(pk__in=members)
    return (people if people.exists() else others.filter(is_superuser=True)).order_by(
        "first_name", "last_name", "email"
    )


def end_overtaken() -> None:
    """End what waits for a second person while what it is about has been settled: nobody has to sign it now.

    What came back with a copy of the database may have been signed and sent since, so it is not told as taken back.
    """
    settled = Q(cancellation__needs_answer=False) | Q(verdict="cancel_items", order__is_cancelled=True)
    nothing_sent = Words("This was settled before a second person had countersigned. Nothing was sent.")
    for decision in Decision.objects.unsigned().filter(settled):
        if decision.restored_from:
            end(decision, Decision.State.SET_ASIDE, "decision.set_aside", restored.settled_unsigned())
        else:
            end(decision, Decision.State.WITHDRAWN, "decision.overtaken", nothing_sent)


def end(decision: Decision, state: Decision.State, name: str, note: Words) -> None:
    with transaction.atomic():
        ended = Decision.objects.unsigned().filter(pk=decision.pk)
        if ended.update(state=state, settled_at=timezone.now(), note=note):
            event = Event(
                shop_id=decision.shop_id, order_id=decision.order_id, cancellation_id=decision.cancellation_id,
                decision=decision, name=name, detail={"verdict": decision.verdict, "note": kept(note)},
            )  # fmt: skip
            happening.note([event])
