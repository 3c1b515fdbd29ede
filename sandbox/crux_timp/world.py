"""Everything the simulated network knows, and who may see what of it."""

from __future__ import annotations

from datetime import datetime

from sandbox.clock import Clock
from sandbox.crux_timp.ids import Ids
from sandbox.crux_timp.permissions import PermissionBook
from sandbox.crux_timp.records import (
    RETAILER,
    SUPPLIER,
    CancelRequest,
    Export,
    Line,
    Notification,
    Order,
    Organization,
    Sku,
    User,
)
from sandbox.crux_timp.refusals import Refusal
from sandbox.crux_timp.switches import CruxTimpSwitches
from sandbox.ledger import Ledger
from sandbox.schedule import Schedule


class World:
    def __init__(
        self,
        *,
        seed: int,
        base_url: str,
        clock: Clock,
        schedule: Schedule,
        ledger: Ledger,
        switches: CruxTimpSwitches,
    ) -> None:
        self.base_url = base_url
        self.clock, self.schedule, self.ledger, self.switches = clock, schedule, ledger, switches
        self.ids = Ids(seed)
        self.permissions = PermissionBook(self.ids)
        self.organizations: dict[str, Organization] = {}
        self.users: dict[str, User] = {}
        self.skus: dict[tuple[str, str], Sku] = {}
        self.orders: dict[str, Order] = {}
        self.lines: dict[str, Line] = {}
        self.exports: dict[str, Export] = {}

    def settle(self) -> datetime:
        """Let everything happen that is due; returns the simulator's time."""
        self.schedule.run_due(self.clock.now())
        return self.clock.moment()

    @property
    def suppliers(self) -> list[Organization]:
        return [each for each in self.organizations.values() if each.kind == SUPPLIER]

    @property
    def retailers(self) -> list[Organization]:
        return [each for each in self.organizations.values() if each.kind == RETAILER]

    def users_of(self, organization: Organization) -> list[User]:
        return [user for user in self.users.values() if user.organization is organization]

    def requests(self) -> list[CancelRequest]:
        return [request for order in self.orders.values() for request in order.requests]

    def add(self, order: Order) -> None:
        self.orders[order.uuid] = order
        self.lines |= {line.uuid: line for line in order.lines}

    # ---- who sees what ---------------------------------------------------------------------------------------

    def lines_shown_to(self, reader: Organization, order: Order) -> list[Line]:
        """All lines for the order's retailer, a supplier's own for the supplier, none for anybody else."""
        if reader is order.retailer:
            return order.lines
        if self.switches.hides_unsent and not order.sent_to_supplier:
            return []
        own = order.lines_of(reader)
        return order.lines if own and self.switches.sees_all_lines else own

    def order_read_by(self, reader: Organization, uuid: str) -> Order:
        order = self.orders.get(uuid)
        if order is None or not self.lines_shown_to(reader, order):
            raise Refusal(404)
        return order

    def order_acted_on_by(self, actor: Organization, uuid: str) -> Order:
        """The same for calls that change something, which refuse an unknown or foreign order in another way."""
        try:
            return self.order_read_by(actor, uuid)
        except Refusal:
            raise Refusal(self.switches.unknown_uuid) from None

    # ---- telling people --------------------------------------------------------------------------------------

    def notify(self, organization: Organization, title: str, moment: datetime) -> None:
        """Put an entry on the dashboard of every user there who has not switched such entries off."""
        for user in self.users_of(organization):
            setting = next((each for each in user.settings if each.display_name == title), None)
            if setting is None or setting.ways.get("Dashboard", ("", True))[1]:
                user.notifications.append(Notification(self.ids.uuid(), title, moment))
