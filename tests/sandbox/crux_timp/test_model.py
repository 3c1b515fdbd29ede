"""Whatever is asked, decided, allocated and shipped, and in whatever order, a few things always hold."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sandbox.crux_timp import cancelling, inspection, supplying
from sandbox.crux_timp.cancelling import Doer
from sandbox.crux_timp.records import Allocation, Line, Organization, Package
from sandbox.crux_timp.refusals import Refusal
from tests.sandbox.crux_timp.test_world import START, crux

places = st.integers(0, 3)
sides = st.integers(0, 1)
verdicts = st.sampled_from(["confirmed", "rejected"])


class OneOrder(RuleBasedStateMachine):
    """An order of two suppliers. What is refused has to leave everything as it was."""

    @initialize()
    def prepare(self) -> None:
        made = crux(orders=80)
        self.world, self.ledger = made.world, made.world.ledger
        self.order = next(
            order
            for order in self.world.orders.values()
            if len(order.suppliers) == 2 and not order.requests and not order.packages
        )
        self.moment = datetime.fromtimestamp(START, UTC)
        self.cancelled: set[str] = set()

    def attempt(self, act: Any, *arguments: Any) -> None:
        self.moment += timedelta(seconds=1)
        before = self.picture()
        try:
            act(self.world, *arguments, Doer("seller", self.moment))
        except Refusal:
            assert self.picture() == before

    def picture(self) -> str:
        return json.dumps([inspection.order(self.world, self.order.uuid), len(self.ledger.entries)])

    def line(self, place: int) -> Line:
        return self.order.lines[place % len(self.order.lines)]

    def supplier(self, side: int) -> Organization:
        return self.order.suppliers[side]

    @rule()
    def ask_for_the_order(self) -> None:
        self.attempt(cancelling.request_order, self.order)

    @rule(place=places)
    def ask_for_a_line(self, place: int) -> None:
        self.attempt(cancelling.request_line, self.line(place))

    @rule(side=sides, verdict=verdicts)
    def decide_the_order(self, side: int, verdict: str) -> None:
        self.attempt(cancelling.decide_order, self.order, self.supplier(side), verdict)

    @rule(place=places, verdict=verdicts)
    def decide_a_line(self, place: int, verdict: str) -> None:
        self.attempt(cancelling.decide_line, self.line(place), verdict)

    @rule(place=places, accepted=st.integers(0, 6), rejected=st.integers(0, 6))
    def allocate(self, place: int, accepted: int, rejected: int) -> None:
        line = self.line(place)
        wanted = {line.uuid: Allocation(accepted, rejected, max(0, line.quantity - accepted - rejected))}
        self.attempt(supplying.allocate, self.order, line.supplier, wanted)

    @rule(place=places, quantity=st.integers(1, 6), number=st.integers(1, 9))
    def ship(self, place: int, quantity: int, number: int) -> None:
        line = self.line(place)
        package = Package("", line.supplier, str(number), self.moment, {line.uuid: quantity})
        self.attempt(supplying.ship, self.order, package)

    @invariant()
    def a_scope_has_one_request_at_most_that_waits(self) -> None:
        scopes = [(each.supplier, each.line) for each in self.order.requests if each.state == "pending"]
        assert len(scopes) == len(set(scopes))

    @invariant()
    def what_is_cancelled_stays_so_and_was_confirmed(self) -> None:
        now = {line.uuid for line in self.order.lines if line.cancelled}
        assert self.cancelled <= now
        self.cancelled = now
        approved = [each for each in self.ledger.entries if each.effect == "cancellation.approved"]
        assert sorted(uuid for each in approved for uuid in each.line_item_ids) == sorted(now)

    @invariant()
    def no_line_ships_more_than_was_accepted(self) -> None:
        for line in self.order.lines:
            accepted = line.allocation.accepted if line.allocation else 0
            assert line.shipped <= accepted <= line.quantity


TestOneOrder = OneOrder.TestCase
TestOneOrder.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
