"""Which parcels a scanned or typed code means, or an integrator's parameter."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from gate import facts
from gate.reasons import Verdict
from gate.verdict import Answer, Asked, verdict
from orders.models import LineItem, Order, Package

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User

LONGEST_CODE = 200
LONGEST_PK = 19  # digits
MOST = 200  # orders in one parcel, or of one name
SHOWN = 20  # of several to choose from
# The United States' post puts the address's ZIP code before the number: 420, five digits or nine, then 20 to 26.
BEFORE_NUMBER = re.compile(r"420(?:\d{5}|\d{9})(9\d{19,25})")
# Scanners send what separates the parts of a code; people type spaces.
SEPARATORS = re.compile(r"[\s\x00-\x1f]+")
WORST = (Verdict.PULL, Verdict.HOLD, Verdict.SHIP)
KINDS = ("order", "package", "tracking")


class Unknown(Exception):
    """No parcel of shops that this person sees goes by this code."""


class Ambiguous(Exception):
    """Several parcels go by this code, or more orders than one parcel can be: `orders` are theirs."""

    def __init__(self, orders: Sequence[Order]) -> None:
        super().__init__(_("Several orders go by this. Choose one of them."))
        self.orders = orders


@dataclass(frozen=True)
class Found:
    """The answers for one parcel: its order's, and those of all orders that are packed in it, the strictest first."""

    answers: Sequence[Answer]

    @property
    def answer(self) -> Answer:
        return self.answers[0]

    @property
    def others(self) -> Sequence[Answer]:
        return self.answers[1:]


def ways_to_read(code: str) -> list[str]:
    """A code as it may stand in our rows."""
    plain = SEPARATORS.sub("", code)
    if len(plain) > LONGEST_CODE:
        return []
    inner = BEFORE_NUMBER.fullmatch(plain)
    return list(dict.fromkeys(filter(None, [plain, plain.upper(), inner[1] if inner else ""])))


def orders_named(kinds: Sequence[str], codes: Sequence[str], own_id: int | None) -> "QuerySet[Any]":
    """Their pks, each kind looked up by its own index; with `own_id`, the order with this id of ours too."""
    lines, packages = LineItem.objects.all(), Package.objects.all()
    by_kind: dict[str, list[QuerySet[Any]]] = {
        "order": [
            Order.objects.filter(marketplace_id__in=codes).values("pk"),
            Order.objects.filter(number__in=codes).exclude(number="").values("pk"),
        ],
        "package": [
            packages.filter(marketplace_id__in=codes).values("order"),
            lines.filter(package_id__in=codes).exclude(package_id="").values("order"),
        ],
        "tracking": [
            Order.objects.filter(tracking_number__in=codes).exclude(tracking_number="").values("pk"),
            packages.filter(tracking_number__in=codes).exclude(tracking_number="").values("order"),
            lines.filter(tracking_number__in=codes).exclude(tracking_number="").values("order"),
        ],
    }
    named = [rows.order_by() for kind in kinds for rows in by_kind[kind]]
    if own_id is not None:
        named.append(Order.objects.filter(pk=own_id).order_by().values("pk"))
    return named[0].union(*named[1:])


def find(
    user: "User | AnonymousUser",
    kinds: Sequence[str],
    code: str,
    now: datetime,
    *,
    shop: int | None = None,
    own_id: bool = False,
    asked: Asked | None = None,
) -> Found:
    """May the parcel leave that goes by this code? Raises Unknown and Ambiguous.

    Orders of one shop that share a package, or its tracking number, are one parcel. With `own_id` a number may be our
    own id of an order.
    """
    codes = ways_to_read(code)
    if not codes:
        raise Unknown
    pk = int(code) if own_id and code.isascii() and code.isdigit() and len(code) < LONGEST_PK else None
    orders = Order.objects.visible_to(user).filter(pk__in=orders_named(kinds, codes, pk))
    known = facts.read((orders if shop is None else orders.filter(shop=shop))[: MOST + 1], now)
    if not known:
        raise Unknown
    whole = [one for one in known if {one.order.marketplace_id, one.order.number} & {*codes} or one.order.pk == pk]
    if len(known) > MOST or (len(known) > 1 and (whole or len({one.order.shop_id for one in known}) > 1)):
        raise Ambiguous([one.order for one in known[:SHOWN]])
    answers = [verdict(one, now, "" if whole else package_of(one, codes), asked) for one in known]
    return Found(sorted(answers, key=lambda one: WORST.index(one.verdict)))


def package_of(known: facts.Facts, codes: Sequence[str]) -> str:
    """The one package that goes by one of these; empty where it is none, or several under one tracking number."""
    packages = {line.package_id for line in known.lines if line.package_id in codes or line.tracking_number in codes}
    return packages.pop() if len(packages) == 1 else ""
