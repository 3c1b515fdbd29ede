"""Working a queue together: who is on a request, whose it is, and what colleagues should know.

None of it decides anything: of two people who decide at once, `decisions.decide` lets one win.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit import log
from cancellations import happening
from cancellations.models import CancellationRequest, Claim, Event, Note
from shops.models import Role, Shop
from shops.roles import members_of, must_be_agent

if TYPE_CHECKING:
    from django.db.models import QuerySet

# An open page says every minute that somebody is still there; one that was left is free again after two.
CLAIMED_FOR = timedelta(minutes=2)
LONGEST_NOTE = 2000


def claim(cancellation: CancellationRequest, user: "User") -> Claim:
    """Be on this request, unless somebody else is; returns whose it is now. Raises PermissionDenied."""
    must_be_agent(user, cancellation.shop)
    now = timezone.now()
    until = now + CLAIMED_FOR
    with transaction.atomic():
        made, is_new = Claim.objects.get_or_create(
            cancellation=cancellation, defaults={"user": user, "since": now, "until": until}
        )
        if not is_new:
            Claim.objects.filter(pk=made.pk, user=user, until__gt=now).update(until=until)
            is_new = bool(Claim.objects.filter(pk=made.pk, until__lte=now).update(user=user, since=now, until=until))
        if is_new:  # and not once a minute while the page is open
            log.write("cancellation.claimed", about=cancellation, actor=user)
    return made if is_new and made.user_id == user.pk else Claim.objects.select_related("user").get(pk=made.pk)


def take_over(cancellation: CancellationRequest, user: "User") -> Claim:
    """Be on this request although somebody else is, and say so in its history. Raises PermissionDenied."""
    must_be_agent(user, cancellation.shop)
    now = timezone.now()
    with transaction.atomic():
        before = Claim.objects.filter(cancellation=cancellation).select_related("user").first()
        Claim.objects.update_or_create(
            cancellation=cancellation, defaults={"user": user, "since": now, "until": now + CLAIMED_FOR}
        )
        tell(cancellation, "cancellation.taken_over", user, {})
        whose = {"from": str(before.user)} if before else {}
        log.write("cancellation.taken_over", about=cancellation, actor=user, before=whose)
    return Claim.objects.select_related("user").get(cancellation=cancellation)


def let_go(cancellation: CancellationRequest, user: "User") -> None:
    """Leave the request to others, as whoever closes its page does. Raises PermissionDenied."""
    must_be_agent(user, cancellation.shop)
    Claim.objects.filter(cancellation=cancellation, user=user).delete()


def may_be_assigned(shop: Shop) -> "QuerySet[User]":
    """The people who can decide in this shop, by name."""
    return who_decides_in(Shop.objects.filter(pk=shop.pk))


def who_decides_in(shops: "QuerySet[Shop]") -> "QuerySet[User]":
    """The people who can decide in one of these shops, by name."""
    members = members_of(shops).with_role(Role.AGENT).values("user")
    return User.objects.filter(Q(pk__in=members) | Q(is_superuser=True), is_active=True).order_by(
        "first_name", "last_name", "email"
    )


def assign(cancellation: CancellationRequest, to: "User | None", user: "User") -> None:
    """Make this request somebody's, or nobody's. Raises PermissionDenied, or ValidationError at `to`."""
    must_be_agent(user, cancellation.shop)
    if to and not may_be_assigned(cancellation.shop).filter(pk=to.pk).exists():
        raise ValidationError({"to": _("%(person)s may not decide in this shop.") % {"person": to}})
    with transaction.atomic():
        locked = CancellationRequest.objects.select_for_update(of=("self",)).get(pk=cancellation.pk)
        if locked.assigned_to_id != (to.pk if to else None):
            before, locked.assigned_to = locked.assigned_to, to
            locked.save(update_fields=["assigned_to"])
            tell(cancellation, "cancellation.assigned", user, {"person": str(to) if to else ""})
            who = [str(person) if person else "" for person in (before, to)]
            log.write(
                "cancellation.assigned", about=cancellation, actor=user,
                before={"assigned_to": who[0]}, after={"assigned_to": who[1]},
            )  # fmt: skip
    cancellation.refresh_from_db(fields=["assigned_to"])


def add_note(cancellation: CancellationRequest, user: "User", text: str) -> Note:
    """Tell colleagues something. Raises PermissionDenied, or ValidationError at `text`."""
    must_be_agent(user, cancellation.shop)
    text = text.strip()
    if not text:
        raise ValidationError({"text": _("Write something.")})
    if len(text) > LONGEST_NOTE:
        raise ValidationError({"text": _("At most %(limit)d characters.") % {"limit": LONGEST_NOTE}})
    with transaction.atomic():
        note = Note.objects.create(cancellation=cancellation, author=user, text=text)
        log.write("note.added", about=cancellation, actor=user)  # what it says stays with the request
    return note


def tell(cancellation: CancellationRequest, name: str, user: "User", detail: dict[str, str]) -> None:
    event = Event(
        shop_id=cancellation.shop_id, order_id=cancellation.order_id, cancellation=cancellation, actor=user, name=name,
        detail=detail,
    )  # fmt: skip
    happening.note([event])
