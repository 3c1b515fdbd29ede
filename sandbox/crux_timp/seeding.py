"""Fills the network with orders in every state, the same for the same seed, scenario and count.

History is written down directly: nothing of it is in the ledger. Moments are relative to ``start``, the full five
minutes before the process began, and nothing lies in the future.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.crux_timp import cancelling
from sandbox.crux_timp.records import (
    CONFIRMED,
    PENDING,
    REJECTED,
    Allocation,
    CancelRequest,
    Invoice,
    Line,
    Order,
    Organization,
    Package,
)
from sandbox.crux_timp.world import World
from sandbox.scenarios import Scenario

# How orders stand, in the order in which they come: the first dozen already holds every kind.
STORIES = """
new allocated shipped two_suppliers backordered partly_shipped confirmed partly_rejected rejected_request new
line_confirmed two_suppliers shipped allocated rejected partly_shipped new two_suppliers_shipped unsent
""".split()
# And those with a request that waits.
WAITING = "asks_order asks_line asks_two_suppliers asks_allocated asks_part_shipped asks_both".split()

PEOPLE = ["Priya Shah", "Marcus Bell", "Elena Petrova", "Sam Whitaker", "Keiko Tan", "Omar Aziz", "Lucy Grant"]
PLACES = [
    ("418 Alder Court", "Boise", "ID", "83702"),
    ("77 Quarry Lane", "Burlington", "VT", "05401"),
    ("1290 Mesa Drive", "Tucson", "AZ", "85705"),
    ("36 Harbor Street", "Portland", "ME", "04101"),
    ("2204 Prairie Avenue", "Madison", "WI", "53703"),
]
CARRIERS = [("UPS", "Ground"), ("FedEx", "Home Delivery"), ("USPS", "Priority Mail")]
NOTES = [None, None, None, "Leave at side door", "Gift, no prices please", "Call before delivery"]


class Seeder:
    def __init__(self, world: World, scenario: Scenario, seed: int, start: int) -> None:
        self.world, self.scenario = world, scenario
        self.start = datetime.fromtimestamp(start, UTC)
        self.dice = random.Random(f"crux world {seed}")

    def fill(self, count: int) -> None:
        waiting = round(count * self.scenario.pending)
        for place in range(waiting):
            self._tell(WAITING[place % len(WAITING)], self._ago(3, 60))
        for place in range(count - waiting):
            self._tell(STORIES[place % len(STORIES)], self._ago(3, 24 * 30))

    def _tell(self, story: str, created: datetime) -> None:
        tellers: dict[str, Callable[[Order], None]] = {
            "new": lambda order: None,
            "two_suppliers": lambda order: None,
            "unsent": self._unsent,
            "allocated": self._allocate,
            "shipped": self._ship_all,
            "two_suppliers_shipped": self._ship_all,
            "partly_shipped": self._ship_part,
            "backordered": self._backorder,
            "partly_rejected": self._reject_part,
            "rejected": self._reject_stock,
            "confirmed": lambda order: self._settled(order, None, CONFIRMED),
            "line_confirmed": lambda order: self._settled(order, order.lines[0], CONFIRMED),
            "rejected_request": lambda order: self._settled(order, None, REJECTED),
            "asks_order": self._ask,
            "asks_two_suppliers": self._ask,
            "asks_line": lambda order: self._ask(order, order.lines[0]),
            "asks_allocated": self._ask,
            "asks_part_shipped": self._ask,
            "asks_both": self._ask,
        }
        before: dict[str, Callable[[Order], None]] = {
            "asks_allocated": self._allocate,
            "asks_part_shipped": self._ship_part,
            "asks_both": tellers["asks_line"],
        }
        order = self._order(created, 2 if "two_suppliers" in story else 1)
        if story in before:
            before[story](order)
        tellers[story](order)
        self.world.add(order)

    # ---- an order --------------------------------------------------------------------------------------------

    def _order(self, created: datetime, suppliers: int) -> Order:
        dice, ids = self.dice, self.world.ids
        retailer = dice.choice(self.world.retailers)
        street, city, state, postal_code = dice.choice(PLACES)
        order = Order(
            uuid=ids.uuid(),
            po_number=f"{retailer.po_prefix}-{104_000 + len(self.world.orders) * 7 + dice.randrange(7)}",
            retailer=retailer,
            creator=self.world.users_of(retailer)[0],
            created=created,
            address={
                "name": dice.choice(PEOPLE),
                "business_name": None,
                "address1": street,
                "address2": dice.choice([None, "Unit 3", "Apt 12"]),
                "city": city,
                "state": state,
                "postal_code": postal_code,
                "phone_number": f"208-555-{dice.randrange(10_000):04d}",
                "country": None,
            },
            shipping=dice.choice(CARRIERS),
            fees={
                "order_fee": 0.99,
                "order_tax": round(dice.uniform(0.5, 9), 2),
                "shipping_cost": dice.choice([5.99, 7.99, 12.5]),
                "dropship_fee": 0.5,
            },
            notes=dice.choice(NOTES),
        )
        for supplier in dice.sample(self.world.suppliers, suppliers):
            order.lines += self._lines(order, supplier)
        return order

    def _lines(self, order: Order, supplier: Organization) -> list[Line]:
        """Two or three lines of different items, so that an item names one line of an order."""
        skus = {sku.item_uuid: sku for sku in self.world.skus.values() if sku.supplier is supplier}
        chosen = self.dice.sample(list(skus.values()), self.dice.choice([2, 2, 3]))
        return [
            Line(self.world.ids.uuid(), order, sku, quantity=self.dice.randint(1, 6), cost=sku.cost) for sku in chosen
        ]

    # ---- what the supplier did -------------------------------------------------------------------------------

    def _unsent(self, order: Order) -> None:
        order.sent_to_supplier = False

    def _allocate(self, order: Order) -> None:
        for line in order.lines:
            line.allocation = Allocation(line.quantity, 0, 0)

    def _backorder(self, order: Order) -> None:
        self._allocate(order)
        later = (self.start + timedelta(days=12)).date().isoformat()
        order.lines[0].allocation = Allocation(0, 0, order.lines[0].quantity, later)

    def _reject_part(self, order: Order) -> None:
        self._allocate(order)
        line = order.lines[0]
        line.quantity = max(2, line.quantity)
        line.allocation = Allocation(line.quantity - 1, 1, 0)

    def _reject_stock(self, order: Order) -> None:
        for line in order.lines:
            line.allocation = Allocation(0, line.quantity, 0)

    def _ship_all(self, order: Order) -> None:
        self._allocate(order)
        for supplier in order.suppliers:
            lines = order.lines_of(supplier)
            self._ship(order, supplier, {line.uuid: line.quantity for line in lines})
            number = f"{supplier.name[:2].upper()}-{self.dice.randrange(100_000):05d}"
            items: list[dict[str, Any]] = [
                {
                    "sku_id": line.sku.sku_id,
                    "quantity_ordered": line.quantity,
                    "quantity_invoiced": line.quantity,
                    "supplier_order_number": None,
                    "invoice_item_attributes": [],
                }
                for line in lines
            ]
            order.side_of(supplier).invoices.append(Invoice(self.world.ids.uuid(), number, items, []))

    def _ship_part(self, order: Order) -> None:
        """The first line whole, of the second one unit if it has several."""
        self._allocate(order)
        first, second = order.lines[:2]
        quantities = {first.uuid: first.quantity}
        if second.quantity > 1:
            quantities[second.uuid] = 1
        self._ship(order, first.supplier, quantities)

    def _ship(self, order: Order, supplier: Organization, quantities: dict[str, int]) -> None:
        shipped = self._after(order.created)
        carrier, method = order.shipping
        order.packages.append(
            Package(
                uuid=self.world.ids.uuid(),
                supplier=supplier,
                tracking_number=f"1Z{self.dice.randrange(10**16):016d}",
                created=shipped,
                quantities=quantities,
                carrier=carrier,
                method=method,
                weight=round(self.dice.uniform(0.5, 9), 1),
                cost=round(self.dice.uniform(5, 15), 2),
                ship_date=shipped.date().isoformat(),
            )
        )

    # ---- requests --------------------------------------------------------------------------------------------

    def _ask(self, order: Order, line: Line | None = None) -> None:
        asked = self._after(order.created)
        for supplier in [line.supplier] if line else order.suppliers:
            self._request(order, supplier, line, asked, PENDING)

    def _settled(self, order: Order, line: Line | None, verdict: str) -> None:
        for supplier in [line.supplier] if line else order.suppliers:
            request = self._request(order, supplier, line, self._after(order.created), verdict)
            request.settled = self._after(request.asked)
            for each in request.lines:
                each.cancelled = verdict == CONFIRMED

    def _request(
        self, order: Order, supplier: Organization, line: Line | None, asked: datetime, state: str
    ) -> CancelRequest:
        request = CancelRequest(self.world.ids.uuid(), order, supplier, line, asked, state)
        order.requests.append(request)
        self.world.notify(supplier, cancelling.TITLE, asked)
        return request

    # ---- moments ---------------------------------------------------------------------------------------------

    def _ago(self, least_hours: int, most_hours: int) -> datetime:
        return self.start - timedelta(seconds=self.dice.uniform(least_hours, most_hours) * 3600)

    def _after(self, moment: datetime) -> datetime:
        """Some time between that moment and the start."""
        return moment + (self.start - moment) * self.dice.uniform(0.1, 0.6)
