"""A person chooses which of a seller's shops are read, and so makes the connection."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import connection as database
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from marketplaces.records import ShopRecord
from shops.connecting.attempts import account_of, fail
from shops.connecting.entitled import may_finish, others_shops, whom_to_ask
from shops.connecting.sellers import connect
from shops.models import ConnectAttempt, Connection, Membership, Role, Shop
from shops.roles import members_of

if TYPE_CHECKING:
    from accounts.models import User

State = ConnectAttempt.State


@dataclass(frozen=True)
class Choice:
    """A shop that the seller opened, and the one of ours that it is, if it is here already."""

    record: ShopRecord
    known: Shop | None

    @property
    def is_read(self) -> bool:
        """Whether it is read here already, and so stays."""
        known = self.known
        return bool(known and known.is_active and known.connection.state != Connection.State.DISCONNECTED)


def choices(attempt: ConnectAttempt) -> list[Choice]:
    ids = [record.marketplace_id for record in attempt.found]
    known = Shop.objects.filter(marketplace=attempt.marketplace, marketplace_id__in=ids).select_related("connection")
    by_id = {shop.marketplace_id: shop for shop in known}
    return [Choice(record, by_id.get(record.marketplace_id)) for record in attempt.found]


def choose(attempt: ConnectAttempt, user: "User", chosen: Collection[str]) -> Connection | None:
    """Connect the seller and read these shops, by the marketplace's ids.

    Whoever chose manages those that nobody is a member of. Raises ValidationError for a choice that is none. None where
    it was settled before, or where the shops came into others' hands meanwhile, which the attempt then says.
    """
    with transaction.atomic():
        one_at_a_time(attempt.marketplace)
        rows = ConnectAttempt.objects.filter(pk=attempt.pk, user=user, state=State.CHOOSING)
        locked = rows.select_for_update(of=("self",)).select_related("app", "user").first()
        if locked is None:
            return None
        if not may_finish(locked):
            fail(rows, locked, ConnectAttempt.Failure.ELSEWHERE, is_left_out=True)
            return None
        offered = [record.marketplace_id for record in locked.found]
        if not chosen or not set(chosen) <= set(offered):
            raise ValidationError(_("Choose at least one of these shops."))
        if (others := others_shops(user, locked.marketplace, offered)).exists():
            fail(rows, locked, ConnectAttempt.Failure.ELSEWHERE, people=whom_to_ask(others))
            return None
        connection = connect(account_of(locked), locked.tokens, chosen=chosen, by=user)
        read = Shop.objects.filter(connection=connection, marketplace_id__in=chosen)
        nobodys = read.exclude(pk__in=read.of_members(members_of(read)))
        Membership.objects.bulk_create(
            [Membership(user=user, shop=shop, role=Role.MANAGER) for shop in nobodys], ignore_conflicts=True
        )
        rows.settle(state=State.DONE, settled_at=timezone.now(), connection=connection)
    return connection


def one_at_a_time(slug: str) -> None:
    """Of two people who connect the same new seller at once, the second finds the shops in the first one's hands."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"connecting {slug}"])
